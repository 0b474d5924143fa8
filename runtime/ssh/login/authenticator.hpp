// Logs in over a session that has exchanged keys and whose host key is verified, without one blocking call.
//
// Order: "none" (it lists the methods), certificates that are named, key files, the agent's keys,
// keyboard-interactive or password; what the server does not offer is left out. A partial success goes on
// with what the server then asks for. Each key is tried with its signature at once: an offer first would cost
// a round trip more, and servers count both alike (MaxAuthTries 6). A listed key that is locked is asked of
// the agent; without listed keys all of the agent's are tried, the usual files before them. Unlisted keys
// stop at three when a password is to follow, so that the server does not cut us off first.
#pragma once

#include <libssh/libssh.h>

#include <functional>
#include <memory>
#include <string>

#include "actors/pool/protocol.hpp"
#include "messages/key_account.hpp"
#include "messages/ssh_error.hpp"
#include "runtime/ssh/opening/preparation.hpp"

namespace moorage {

/// Owned and called by one transport. The session outlives it, is non-blocking, and its socket has O_NONBLOCK
/// set.
class authenticator {
public:
  authenticator(ssh_session session, std::string user, credentials with);
  ~authenticator();
  authenticator(const authenticator&) = delete;
  authenticator& operator=(const authenticator&) = delete;

  enum class state {
    waiting,   ///< for the session's socket, for `agent_fd`, or until `next_due`; call `step` again then
    logged_in, ///< see `text`
    failed     ///< see `error`
  };

  /// Goes as far as can be gone at once.
  state step(time_point now);

  /// The descriptor to watch beside the session's own, level-triggered or armed anew after each step; -1:
  /// none. Ours: watch it only between one step and the next, and stop watching before this object goes.
  int agent_fd() const;
  bool agent_wants_write() const; ///< else it is watched for reading
  /// When to step at the latest; `time_point::max()`: only when woken.
  time_point next_due() const;

  /// "publickey ED25519 SHA256:… (~/.ssh/id_ed25519)"; for the opening's steps.
  const std::string& text() const;
  /// That the server took, once logged in.
  const certificate_used& certificate() const;
  /// `denied`: all that was tried and what the server still offers. `no_credentials`: what was missing; also
  /// when a signature that the agent was asked for did not come, whatever ended the log-in then: another try
  /// would have the agent ask its user once more. Others: the link broke. Never holds a secret.
  const ssh_error& error() const;
  /// The person who has something to do before it goes on. Step again by `next_due`, as ever.
  person_wait person(time_point now) const;
  /// What it is waiting for, in words.
  std::string waiting_for() const;
  /// The error when the opening's deadline has passed; `begun` begins its text.
  ssh_error overdue(const std::string& begun) const;
  /// Which keys were considered, and what has become of each so far.
  std::vector<key_considered> keys() const;
  /// What the agent had, for `files_used::credentials`; empty: it is not asked.
  std::string agent_state() const;
  /// Has what the server says read, by `poll` of its link, while only the agent is waited for: nothing else
  /// would.
  void hear(const std::function<void()>& poll);
  /// What the server said to people so far (RFC 4252, section 5.4), fit to be printed, with its lines. Errors
  /// end with it.
  std::string banner() const;

private:
  class machine;
  std::unique_ptr<machine> machine_;
};

} // namespace moorage
