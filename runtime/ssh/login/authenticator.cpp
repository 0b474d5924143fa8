#include <algorithm>

#include "messages/printable.hpp"
#include "runtime/ssh/login/accepted.hpp"
#include "runtime/ssh/login/authenticator_machine.hpp"

namespace moorage {

namespace {

/// Keys that nobody listed are tried at most so often: with MaxAuthTries 6 the server would cut us off, and
/// down a failure more against our address, with the sixth.
constexpr int unlisted_tries_max = 5;
/// And when a password is to follow.
constexpr int unlisted_before_password_max = 3;

} // namespace

authenticator::state authenticator::machine::step(time_point now) {
  stepped_ = now;
  if (!over_) {
    {
      banner_collector::listening listen{banner_};
      // From the start, so that a slow agent is asked while the server is.
      agent_.pump(now);
      while (!over_ && advance(now)) {
      }
      // After the server's DISCONNECT libssh says "again" for ever.
      if (!over_ && !ssh_is_connected(session_))
        link_broke();
    }
    if (error_)
      error_.text += banner_.quoted();
  }
  if (!over_)
    return state::waiting;
  return error_ ? state::failed : state::logged_in;
}

void authenticator::machine::hear(const std::function<void()>& poll) {
  if (over_ || (phase_ != phase::choosing && phase_ != phase::agent_signature))
    return;
  banner_collector::listening listen{banner_};
  poll();
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
  takes_keys_ = takes_keys_ || (methods & SSH_AUTH_METHOD_PUBLICKEY) != 0;
  for (const auto& each : with_.methods) {
    bool awaited = false;
    if (each == "publickey"  ? (methods & SSH_AUTH_METHOD_PUBLICKEY) && choose_key(awaited)
        : each == "password" ? choose_password(methods)
                             : choose_questions(methods))
      return true;
    if (awaited)
      return false;
  }
  return give_up();
}

/// `awaited`: the agent's keys are worth waiting for, up to its deadline.
bool authenticator::machine::choose_key(bool& awaited) {
  // A certificate that was named comes before all keys, as by ssh, and its key may be the agent's.
  if (names_certificate_of_agent(with_)) {
    awaited = agent_.waiting();
    if (awaited)
      return false;
    if (choose_agent_key(true))
      return true;
  }
  if (choose_file())
    return true;
  awaited = agent_.waiting() && !unlisted_spent(with_.any_listed());
  return !awaited && choose_agent_key(false);
}

bool authenticator::machine::unlisted_spent(bool listed) const {
  const bool before_password = with_.password && !password_sent_;
  return !listed && unlisted_tries_ >= (before_password ? unlisted_before_password_max : unlisted_tries_max);
}

time_point authenticator::machine::next_due() const {
  if (over_)
    return time_point::max();
  return std::min(agent_.deadline(), agent_.told_at() > stepped_ ? agent_.told_at() : time_point::max());
}

person_wait authenticator::machine::person(time_point now) const {
  return over_ || (phase_ != phase::choosing && phase_ != phase::agent_signature)
             ? person_wait{}
             : agent_.person(now, trying_, trying_touch_);
}

/// "; 2 keys more were not offered …": what the one needs to know whose right key is among them.
std::string authenticator::machine::not_offered() const {
  std::size_t left = 0;
  for (std::size_t i = next_file_; i < files_.size(); ++i)
    left += blobs_tried_.count(public_blob(files_[i].key)) == 0;
  if (!with_.any_listed())
    for (const auto& key : agent_.keys())
      left += blobs_tried_.count(key.blob) == 0;
  if (left == 0 || unlisted_tries_ < unlisted_before_password_max)
    return {};
  return "; " + std::to_string(left) + (left == 1 ? " key more was" : " keys more were") +
         " not offered, since servers cut off whoever tries many: name the right one in key_files, or by "
         "IdentityFile in ~/.ssh/config";
}

bool authenticator::machine::choose_file() {
  while (next_file_ < files_.size()) {
    const auto& file = files_[next_file_];
    if (unlisted_spent(file.listed))
      return false;
    if (blobs_tried_.insert(public_blob(file.key)).second) {
      trying_unlisted_ = !file.listed;
      allow_signatures(public_blob(file.key));
      certificate_ = file.certificate;
      shown_ = public_blob(file.key);
      considered_.shown(file.from, describe(file.key));
      return enter(phase::file, file.name);
    }
    ++next_file_;
  }
  return false;
}

bool authenticator::machine::choose_agent_key(bool named_certificates_alone) {
  const bool listed_only = with_.any_listed();
  if (agent_keys_.empty())
    agent_keys_ = most_likely_first(agent_.keys(), with_, user_);
  for (const auto& key : agent_keys_) {
    for (auto& offer : offers_of_agent(key.blob, with_)) {
      if (unlisted_spent(listed_only))
        return false;
      if (named_certificates_alone && (!offer.listed || !parse_certificate(offer.shown)))
        continue;
      if ((listed_only && !offer.listed) || !blobs_tried_.insert(offer.shown).second)
        continue;
      auto known = import_blob(offer.shown);
      const auto from = from_agent(with_.agent_socket) + offer.from;
      if (!known) {
        considered_.not_offered(from, printable(key.comment, 80), "it is of a kind not known here");
        continue;
      }
      if (auto why = why_not_accepted(with_.accepted, offer.shown); !why.empty()) {
        considered_.not_offered(from, describe(known.get()), why,
                                "use a key of another kind, or let pubkey_accepted_algorithms have this one");
        with_.problems.push_back(describe(known.get()) + " (agent" + offer.from + ") is not offered: " + why);
        continue;
      }
      // A server would deny it, and count that; the key by itself is another offer.
      const auto valid = validity_of(offer.shown);
      if (auto why = why_not_valid(offer.shown, valid); !why.empty()) {
        considered_.not_offered(from, describe(known.get()), "the certificate " + why,
                                valid == validity::later
                                    ? "wait until it is valid, or set this machine's clock right"
                                    : "ask for a new one");
        with_.problems.push_back(describe(known.get()) + " (agent" + offer.from +
                                 ") is not offered: the certificate " + why);
        continue;
      }
      if (!signer_)
        signer_.emplace(session_, user_);
      if (!signer_->usable())
        return false;
      trying_unlisted_ = !offer.listed;
      allow_signatures(offer.shown);
      trying_touch_ = wants_touch(offer.shown);
      certificate_ = std::move(offer.certificate);
      shown_ = offer.shown;
      considered_.shown(from, describe(known.get()));
      signer_->begin({std::move(offer.shown), key.comment}, key.blob);
      return enter(phase::agent_pass, "publickey " + describe(known.get()) + " (agent" + offer.from + ")");
    }
  }
  return false;
}

/// How the key that is tried next may sign.
void authenticator::machine::allow_signatures(std::string_view blob) {
  auto names = signatures_for(with_.accepted, blob);
  if (!names.empty())
    ssh_options_set(session_, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, names.c_str());
}

bool authenticator::machine::choose_password(int methods) {
  // A password that was denied is not sent again by the other method: servers ban after a few failures.
  if (with_.password && !password_sent_ && (methods & SSH_AUTH_METHOD_PASSWORD)) {
    password_sent_ = true;
    return enter(phase::password, "password");
  }
  return false;
}

bool authenticator::machine::choose_questions(int methods) {
  // After a partial success even without a password: a second factor may ask nothing, or only on a telephone.
  if ((methods & SSH_AUTH_METHOD_INTERACTIVE) && !questions_tried_ &&
      (attempts_.any_accepted() || (with_.password && !password_sent_))) {
    questions_tried_ = true;
    rounds_ = 0;
    return enter(phase::questions, "keyboard-interactive");
  }
  return false;
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

const certificate_used& authenticator::certificate() const {
  return machine_->certificate();
}

const ssh_error& authenticator::error() const {
  return machine_->error();
}

person_wait authenticator::person(time_point now) const {
  return machine_->person(now);
}

std::string authenticator::waiting_for() const {
  return machine_->waiting_for();
}

ssh_error authenticator::overdue(const std::string& begun) const {
  return machine_->overdue(begun);
}

void authenticator::hear(const std::function<void()>& poll) {
  machine_->hear(poll);
}

std::vector<key_considered> authenticator::keys() const {
  return machine_->keys();
}

std::string authenticator::agent_state() const {
  return machine_->agent_state();
}

std::string authenticator::banner() const {
  return machine_->banner();
}

} // namespace moorage
