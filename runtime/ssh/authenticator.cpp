#include "runtime/ssh/authenticator.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "messages/printable.hpp"
#include "runtime/ssh/agent_signer.hpp"
#include "runtime/ssh/agent_talk.hpp"
#include "runtime/ssh/attempts.hpp"
#include "runtime/ssh/wire.hpp"

namespace moorage {

namespace {

/// Keys that nobody listed are tried at most so often when a password is to follow: with MaxAuthTries 6 the
/// server would cut us off before it.
constexpr int unlisted_tries_max = 3;
/// PAM asks one question a round and ends with an empty one; more rounds than this lead nowhere.
constexpr int rounds_max = 10;

/// A key file's private key, with or without its certificate.
struct file_key {
  ssh_key key = nullptr;
  std::string name;
  bool listed = false;
};

std::vector<file_key> keys_of_files(const credentials& with) {
  std::vector<file_key> keys;
  for (const auto& file : with.files) {
    if (file.certificate)
      keys.push_back(
          {file.certificate.get(),
           "publickey " + describe(file.certificate.get()) + " (" + file.path + " with its certificate)",
           file.listed});
    if (file.private_key)
      keys.push_back({file.private_key.get(),
                      "publickey " + describe(file.private_key.get()) + " (" + file.path + ")", file.listed});
  }
  return keys;
}

} // namespace

class authenticator::machine {
public:
  machine(ssh_session session, std::string user, credentials with)
      : session_(session), user_(std::move(user)), with_(std::move(with)),
        agent_(with_.agent, std::move(with_.connect)), files_(keys_of_files(with_)) {}

  state step(time_point now);

  int agent_fd() const { return over_ ? -1 : agent_.fd(); }
  bool agent_wants_write() const { return agent_.wants_write(); }
  time_point next_due() const { return over_ ? time_point::max() : agent_.deadline(); }
  const std::string& text() const { return text_; }
  const ssh_error& error() const { return error_; }
  std::string waiting_for() const;

private:
  enum class phase { none, choosing, file, agent_pass, agent_signature, password, questions };

  /// Does one thing. True: there is more to do at once.
  bool advance(time_point now);
  bool choose();
  bool choose_file();
  bool choose_agent_key();
  bool choose_password(int methods);
  bool step_file();
  bool step_agent(time_point now);
  bool step_questions();
  bool answer_questions();
  /// Folds in what the server said to the current try.
  bool decide(int result);
  bool set_aside(const std::string& why);
  bool link_broke();
  bool give_up();
  bool enter(phase next, std::string trying);
  bool unlisted_spent(bool listed) const;
  void finish();

  ssh_session session_;
  std::string user_;
  credentials with_;
  agent_talk agent_;
  std::vector<file_key> files_;
  std::size_t next_file_ = 0;
  std::optional<agent_signer> signer_;
  std::set<std::string> blobs_tried_;
  int unlisted_tries_ = 0;
  bool trying_unlisted_ = false;
  bool password_sent_ = false;
  bool questions_tried_ = false;
  int rounds_ = 0;

  phase phase_ = phase::none;
  std::string trying_ = "none";
  attempts attempts_;
  bool over_ = false;
  std::string text_;
  ssh_error error_;
};

authenticator::state authenticator::machine::step(time_point now) {
  if (!over_) {
    // From the start, so that a slow agent is asked while the server is.
    agent_.pump(now);
    while (!over_ && advance(now)) {
    }
    // After the server's DISCONNECT libssh says "again" for ever.
    if (!over_ && !ssh_is_connected(session_))
      link_broke();
  }
  if (!over_)
    return state::waiting;
  return error_ ? state::failed : state::logged_in;
}

bool authenticator::machine::advance(time_point now) {
  switch (phase_) {
  case phase::none:
    return decide(ssh_userauth_none(session_, user_.c_str()));
  case phase::choosing:
    return choose();
  case phase::file:
    return step_file();
  case phase::agent_pass:
  case phase::agent_signature:
    return step_agent(now);
  case phase::password:
    return decide(ssh_userauth_password(session_, user_.c_str(), with_.password->reveal()));
  case phase::questions:
    return step_questions();
  }
  return false;
}

bool authenticator::machine::enter(phase next, std::string trying) {
  phase_ = next;
  trying_ = std::move(trying);
  return true;
}

bool authenticator::machine::choose() {
  const int methods = ssh_userauth_list(session_, nullptr);
  if (methods & SSH_AUTH_METHOD_PUBLICKEY) {
    if (choose_file())
      return true;
    const bool waiting = agent_.deadline() != time_point::max();
    if (waiting && !unlisted_spent(with_.any_listed()))
      return false; // its keys are worth waiting for, up to its deadline
    if (choose_agent_key())
      return true;
  }
  return choose_password(methods) || give_up();
}

bool authenticator::machine::unlisted_spent(bool listed) const {
  return !listed && with_.password && !password_sent_ && unlisted_tries_ >= unlisted_tries_max;
}

bool authenticator::machine::choose_file() {
  while (next_file_ < files_.size()) {
    const auto& file = files_[next_file_];
    if (unlisted_spent(file.listed))
      return false;
    if (blobs_tried_.insert(public_blob(file.key)).second) {
      trying_unlisted_ = !file.listed;
      return enter(phase::file, file.name);
    }
    ++next_file_;
  }
  return false;
}

bool authenticator::machine::choose_agent_key() {
  const bool listed_only = with_.any_listed();
  for (const auto& key : agent_.keys()) {
    if (unlisted_spent(listed_only))
      return false;
    auto certified = parse_certificate(key.blob);
    const auto& plain = certified ? certified->key_blob : key.blob;
    bool listed = std::any_of(with_.files.begin(), with_.files.end(), [&](const key_file& file) {
      return file.listed && !file.blob.empty() && file.blob == plain;
    });
    if ((listed_only && !listed) || !blobs_tried_.insert(key.blob).second)
      continue;
    auto known = import_blob(key.blob);
    if (!known)
      continue; // of a kind that libssh cannot name
    if (!signer_)
      signer_.emplace(session_, user_);
    if (!signer_->usable())
      return false;
    signer_->begin(key);
    trying_unlisted_ = !listed;
    return enter(phase::agent_pass, "publickey " + describe(known.get()) + " (agent)");
  }
  return false;
}

bool authenticator::machine::choose_password(int methods) {
  // A password that was denied is not sent again by the other method: servers ban after a few failures.
  if (with_.password && !password_sent_ && (methods & SSH_AUTH_METHOD_PASSWORD)) {
    password_sent_ = true;
    return enter(phase::password, "password");
  }
  // After a partial success even without a password: a second factor may ask nothing, or only on a telephone.
  if ((methods & SSH_AUTH_METHOD_INTERACTIVE) && !questions_tried_ &&
      (attempts_.any_accepted() || (with_.password && !password_sent_))) {
    questions_tried_ = true;
    rounds_ = 0;
    return enter(phase::questions, "keyboard-interactive");
  }
  return false;
}

bool authenticator::machine::step_file() {
  auto result = ssh_userauth_publickey(session_, user_.c_str(), files_[next_file_].key);
  if (result == SSH_AUTH_AGAIN)
    return false;
  ++next_file_;
  return decide(result);
}

bool authenticator::machine::step_agent(time_point now) {
  if (phase_ == phase::agent_pass) {
    switch (signer_->step()) {
    case agent_signer::state::waiting:
      return false;
    case agent_signer::state::decided:
      return decide(signer_->result());
    case agent_signer::state::signature_wanted:
      agent_.ask_signature(signer_->request(), now);
      phase_ = phase::agent_signature;
    }
  }
  switch (agent_.pump(now)) {
  case agent_talk::state::waiting:
    return false;
  case agent_talk::state::none:
    return set_aside(agent_.problem());
  case agent_talk::state::ready:
    break;
  }
  if (agent_signer::refuses(agent_.signature_answer()))
    return set_aside("the agent refused to sign");
  signer_->answer(agent_.signature_answer());
  phase_ = phase::agent_pass;
  return true;
}

bool authenticator::machine::step_questions() {
  int result = ssh_userauth_kbdint(session_, user_.c_str(), nullptr);
  return result == SSH_AUTH_INFO ? answer_questions() : decide(result);
}

bool authenticator::machine::answer_questions() {
  const int questions = ssh_userauth_kbdint_getnprompts(session_);
  if (++rounds_ > rounds_max)
    return set_aside("it asks without end");
  if (questions <= 0)
    return true; // PAM's last round has none, and wants an answer all the same
  char echo = 0;
  const char* prompt = ssh_userauth_kbdint_getprompt(session_, 0, &echo);
  if (questions == 1 && echo == 0 && with_.password && !password_sent_) {
    password_sent_ = true;
    return ssh_userauth_kbdint_setanswer(session_, 0, with_.password->reveal()) >= 0 || link_broke();
  }
  return set_aside("it asks '" + printable(prompt != nullptr ? prompt : "", 80) +
                   "', which a program cannot answer");
}

/// Nothing was sent that the server would count: the next one.
bool authenticator::machine::set_aside(const std::string& why) {
  attempts_.not_completed(trying_, why);
  return enter(phase::choosing, {});
}

bool authenticator::machine::decide(int result) {
  switch (result) {
  case SSH_AUTH_AGAIN:
    return false;
  case SSH_AUTH_SUCCESS:
    text_ = attempts_.success(trying_);
    finish();
    return false;
  case SSH_AUTH_PARTIAL:
    attempts_.partly_accepted(trying_);
    return enter(phase::choosing, {});
  case SSH_AUTH_DENIED:
    if (phase_ != phase::none) {
      attempts_.denied(trying_);
      unlisted_tries_ += trying_unlisted_ && (phase_ == phase::file || phase_ == phase::agent_pass);
    }
    return enter(phase::choosing, {});
  default:
    return ssh_is_connected(session_) && phase_ != phase::none ? set_aside(printable(ssh_get_error(session_)))
                                                               : link_broke();
  }
}

bool authenticator::machine::link_broke() {
  const std::string said = printable(ssh_get_error(session_));
  // sshd counts failures, MaxAuthTries at most, and then hangs up: that is a denial, not a broken link.
  if (said.find("Too many authentication failures") != std::string::npos) {
    attempts_.denied(
        trying_ + ", and the server cut us off after too many failures (list the right key in key_files):");
    return give_up();
  }
  error_ = {ssh_stage::authenticate, ssh_failure::reset,
            "the link broke while waiting for the answer to " + trying_ + ": " + said};
  finish();
  return false;
}

bool authenticator::machine::give_up() {
  error_ = attempts_.failure(user_, ssh_userauth_list(session_, nullptr), hindrances(with_, agent_.problem()),
                             ssh_get_issue_banner(session_));
  finish();
  return false;
}

/// Keys and password go as soon as they are of no more use. The agent's socket stays until its watcher has let go.
void authenticator::machine::finish() {
  over_ = true;
  signer_.reset();
  files_.clear();
  with_ = {};
}

std::string authenticator::machine::waiting_for() const {
  if (phase_ == phase::choosing || phase_ == phase::agent_signature)
    return agent_.waiting_for();
  return "the server's answer to " + trying_;
}

authenticator::authenticator(ssh_session session, std::string user, credentials with)
    : machine_(std::make_unique<machine>(session, std::move(user), std::move(with))) {}

authenticator::~authenticator() = default;

authenticator::state authenticator::step(time_point now) {
  return machine_->step(now);
}

int authenticator::agent_fd() const {
  return machine_->agent_fd();
}

bool authenticator::agent_wants_write() const {
  return machine_->agent_wants_write();
}

time_point authenticator::next_due() const {
  return machine_->next_due();
}

const std::string& authenticator::text() const {
  return machine_->text();
}

const ssh_error& authenticator::error() const {
  return machine_->error();
}

std::string authenticator::waiting_for() const {
  return machine_->waiting_for();
}

} // namespace moorage
