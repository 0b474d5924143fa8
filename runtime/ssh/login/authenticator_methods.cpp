// The methods by which a log-in tries to get in, and what comes of each.
#include "messages/printable.hpp"
#include "runtime/ssh/login/authenticator_machine.hpp"
#include "runtime/ssh/wording.hpp"

namespace moorage {

namespace {

/// PAM asks one question a round and ends with an empty one; more rounds than this lead nowhere.
constexpr int question_rounds_max = 10;

} // namespace

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
    return no_signature(agent_.fault());
  case agent_talk::state::ready:
    break;
  }
  if (agent_signer::refuses(agent_.signature_answer()))
    return no_signature("refused to sign: it asked and was denied (a key of ssh-add -c), or is locked",
                        "allow it when it asks, or unlock it by ssh-add -X");
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
  if (++rounds_ > question_rounds_max)
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
  considered_.became(key_fate::not_offered, why);
  attempts_.not_completed(trying_, why);
  return enter(phase::choosing, {});
}

/// `fault`: the agent's. The account of the keys says which agent that is.
bool authenticator::machine::no_signature(const std::string& fault, const std::string& advice) {
  if (unsigned_.empty() && !agent_.turn_missed())
    unsigned_ = trying_;
  considered_.became(key_fate::not_signed, "the agent " + fault, advice);
  attempts_.not_completed(trying_, agent_.name() + " " + fault + (advice.empty() ? "" : "; " + advice));
  return enter(phase::choosing, {});
}

bool authenticator::machine::decide(int result) {
  switch (result) {
  case SSH_AUTH_AGAIN:
    return false;
  case SSH_AUTH_SUCCESS:
    text_ = attempts_.success(trying_);
    considered_.became(key_fate::accepted);
    note_certificate();
    finish();
    return false;
  case SSH_AUTH_PARTIAL:
    attempts_.partly_accepted(trying_);
    considered_.became(key_fate::accepted, "and the server wants more than that");
    note_certificate();
    return enter(phase::choosing, {});
  case SSH_AUTH_DENIED:
    if (std::string_view{ssh_get_error(session_)}.find(libssh_no_signature) != std::string_view::npos)
      return set_aside("the server takes none of the signatures that pubkey_accepted_algorithms allows; " +
                       std::string{"ssh-rsa, with SHA-1, is left out unless it is named there"});
    if (phase_ != phase::none) {
      note_denied();
      attempts_.denied(trying_ + certificate_.doubt(user_));
      unlisted_tries_ += trying_unlisted_ && (phase_ == phase::file || phase_ == phase::agent_pass);
    }
    return enter(phase::choosing, {});
  default:
    return ssh_is_connected(session_) && phase_ != phase::none ? set_aside(printable(ssh_get_error(session_)))
                                                               : link_broke();
  }
}

/// A password or a key without one, which may follow, leaves it as what the log-in rests on.
void authenticator::machine::note_certificate() {
  if (phase_ == phase::file || phase_ == phase::agent_pass)
    let_in_with_ = certificate_.used();
}

bool authenticator::machine::link_broke() {
  const std::string said = printable(ssh_get_error(session_));
  // sshd counts failures, MaxAuthTries at most, and then hangs up: that is a denial, not a broken link.
  if (said.find("Too many authentication failures") != std::string::npos) {
    attempts_.denied(
        trying_ + ", and the server cut us off after too many failures (list the right key in key_files):");
    attempts_.denied_for_good();
    cut_off_ = true;
    note_denied();
    return give_up();
  }
  auto doing = "the link broke while waiting for " + waiting_for() + ": " +
               printable(link_end_in_words(ssh_get_error(session_)));
  if (!unsigned_.empty())
    doing += "; " + agent_.name() + " had not signed with " + unsigned_;
  error_ = {ssh_stage::authenticate, signature_owed() ? ssh_failure::no_credentials : ssh_failure::reset,
            std::move(doing)};
  finish();
  return false;
}

bool authenticator::machine::give_up() {
  const bool lists_nothing =
      with_.agent && agent_.problem().empty() && agent_.listed() && agent_.keys().empty();
  const std::string nothing = with_.files.empty() ? "no key file is there, and " : "";
  error_ = attempts_.failure(ssh_userauth_list(session_, nullptr),
                             hindrances(with_, lists_nothing ? nothing + agent_.name() + agent_holds_nothing
                                               : unsigned_.empty() ? agent_.problem()
                                                                   : std::string{}) +
                                 not_offered(), // what was not signed says why
                             with_.nothing_else);
  // The next try may have its turn.
  if (error_.kind == ssh_failure::no_credentials && agent_.turn_missed())
    error_.kind = ssh_failure::timed_out;
  // And what it holds may be what the server wants. But what was denied stays denied, since servers count
  // that; once the agent can be asked, what it holds is news to the pool.
  if (error_.kind == ssh_failure::no_credentials && agent_.passing())
    error_.kind = ssh_failure::descriptor_limit;
  finish();
  return false;
}

/// Keys and password go as soon as they are of no more use. The agent's socket stays until its watcher has
/// let go.
void authenticator::machine::finish() {
  note_rest(considered_);
  over_ = true;
  signer_.reset();
  files_.clear();
  agent_keys_.clear();
  agent_.leave();
  with_ = {};
}

std::string authenticator::machine::waiting_for() const {
  if (phase_ == phase::agent_signature)
    return agent_.waiting_for() + " with " + trying_ + " (it may be asking for a touch or a passphrase)";
  if (phase_ == phase::choosing)
    return agent_.waiting_for();
  return "the server's answer to " + trying_;
}

ssh_error authenticator::machine::overdue(const std::string& begun) const {
  auto text = begun + waiting_for() +
              (phase_ == phase::agent_signature
                   ? "; answer it in time, or raise connect_timeout or agent_timeout"
                   : "; log-in on busy login nodes can take long: raise connect_timeout") +
              banner_.quoted();
  return {ssh_stage::authenticate, signature_owed() ? ssh_failure::no_credentials : ssh_failure::timed_out,
          std::move(text)};
}

} // namespace moorage
