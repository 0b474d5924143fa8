// A failure of the world on the way to a cluster: what was being done, what kind of failure it was, and what
// the other side or the system said. Made only in runtime/ssh/, which alone interprets libssh's returns.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/errors.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// What was being done. The order is the order in which a connection goes through them.
enum class ssh_stage : std::uint8_t {
  prepare,
  look_up,
  connect,
  key_exchange,
  host_key,
  authenticate,
  session
};

enum class ssh_failure : std::uint8_t {
  none = 0,
  timed_out,              ///< nothing came by the deadline
  refused,                ///< the address refuses connections
  reset,                  ///< the peer closed or reset the link
  unreachable,            ///< no route, host or network down
  name_not_found,         ///< the name does not resolve
  protocol,               ///< the peer does not speak SSH as we do
  host_key_unknown,       ///< no known_hosts entry
  host_key_changed,       ///< a known_hosts entry says another key
  denied,                 ///< every credential we may use was denied
  no_credentials,         ///< a key file is missing or locked and nothing else is left to try
  descriptor_limit,       ///< this machine is in the way for now: short of something
  silent,                 ///< keep-alive questions stayed unanswered
  closed,                 ///< it was closed, by us or by itself
  host_key_revoked,       ///< a known_hosts entry revokes the key
  known_hosts_unreadable, ///< a known_hosts file cannot be read whole
  turned_away,            ///< it hung up before it said what it is: too many log-ins at once, or a ban
  denied_too_often        ///< denied, and cut off for the number of credentials tried
};

struct ssh_error {
  ssh_stage stage = ssh_stage::prepare;
  ssh_failure kind = ssh_failure::none;
  std::string text;

  explicit operator bool() const { return kind != ssh_failure::none; }
  friend bool operator==(const ssh_error&, const ssh_error&) = default;
};

/// One step of opening a connection, as `moorage check` shows it.
struct opening_step {
  ssh_stage stage = ssh_stage::prepare;
  std::chrono::nanoseconds took{0};
  std::string text; ///< such as the address, the cipher, the key's fingerprint, the method that let us in

  friend bool operator==(const opening_step&, const opening_step&) = default;
};

/// May pass by itself: worth another try in the same opening.
bool is_transient(ssh_failure kind);
/// Trying again without a change on our side would be denied again and looks like an attack: latched.
bool is_latching(ssh_failure kind);
/// The refusal that waiters are given for this failure.
errc refusal_for(ssh_failure kind);

std::string to_string(ssh_stage stage);
std::string to_string(ssh_failure kind);
/// "key_exchange: timed_out: …"
std::string to_string(const ssh_error& error);

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, ssh_error& x) {
  return f(x.stage, x.kind, x.text);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, opening_step& x) {
  return f(x.stage, x.took, x.text);
}

} // namespace moorage

#pragma GCC visibility pop
