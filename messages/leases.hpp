// Acquires and leases: what an outsider asks its session, hears of it and gives back. Who sends is who is
// answered: none of this names an actor.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/errors.hpp"
#include "messages/ids.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// What names a lease: ids are a pool's own.
struct lease_key {
  std::string cluster;
  lease_id lease;
  /// Of a client whose node came back: to which of its links in turn the lease belongs, from 0, since the new
  /// node counts anew. No message carries it.
  std::uint64_t link = 0;
  friend auto operator<=>(const lease_key&, const lease_key&) = default;
};

/// Patience that asks for the cluster's own `acquire_timeout`.
constexpr std::chrono::nanoseconds default_patience{-1};

/// Asks for a lease, whose life is the sender's: it is given back when the sender ends. One message to the
/// sender answers it, under the sender's own number: `lease_grant`, or `acquire_refused`, at the latest when
/// the patience ends. (Not CAF's response to a request: CAF searches a list of all that are outstanding for
/// each, which with thousands of waiters slows everything that the asker does.) A pool's end loses none: it
/// is asked again, with what it has waited.
struct acquire {
  std::string cluster = {};
  /// The sender's own number for this request: the answer carries it, and it cancels. While it waits, a
  /// second acquire under the same number is the same one, asked again. 0: cannot be cancelled.
  std::uint64_t call = 0;
  /// From the arrival at the pool; 0: now or not at all; `default_patience`: the cluster's `acquire_timeout`,
  /// or less when the pool is overloaded (`overload_target`).
  std::chrono::nanoseconds patience = default_patience;
  /// Who this is, for people who wonder who holds the leases.
  std::string label = {};
  /// Rides out an outage: while the cluster cannot be reached for a cause that may pass, it stays in the
  /// queue and is told the last error at its deadline. Without it the waiters are told as soon as an opening
  /// is given up.
  bool wait_for_ready = false;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, acquire& x) {
  return f(x.cluster, x.call, x.patience, x.label, x.wait_for_ready);
}

/// The same, and asks on which machine the lease is, or for one on this machine: the answer is a
/// `machine_grant`, or an `acquire_refused` (`unknown_machine` where the cluster has no such machine). What
/// withdraws an acquire withdraws it.
struct acquire_machine {
  acquire what = {};
  /// As the cluster's machines are named (messages/machines.hpp); a connection there is opened if need be,
  /// and waited for if the pool is full. Empty: any.
  std::string machine = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, acquire_machine& x) {
  return f(x.what, x.machine);
}

/// Withdraws an acquire of the sender's, which is then answered `cancelled`. One that was answered already is
/// not touched, so who has a grant for it, or still gets one, gives it back.
struct cancel_acquire {
  std::uint64_t call = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cancel_acquire& x) {
  return f(x.call);
}

/// To the asker, in answer to `acquire`. The cluster's name and the lease's id name it from now on.
struct lease_grant {
  std::string cluster;
  std::uint64_t call = 0;
  lease_id lease;
  connection_id connection_number;
  /// What the server said to people (RFC 4252, section 5.4) in the log-in that this acquire waited for, fit
  /// to be printed, with its lines. Empty: nothing, or the connection was open already.
  std::string banner;
  /// Of the same log-in, for people, a line each: that its host key could not be written down, and what to
  /// do.
  std::vector<std::string> warnings;
  /// The cluster's settings of these names: what is run under the lease has the variables of `set_env` by
  /// itself, and of the asker's own environment those that `send_env` names, which only the asker knows.
  std::string set_env;
  std::string send_env;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_grant& x) {
  return f(x.cluster, x.call, x.lease, x.connection_number, x.banner, x.warnings, x.set_env, x.send_env);
}

/// To the asker, in answer to `acquire_machine`.
struct machine_grant : lease_grant {
  std::string machine = {}; ///< that the lease's connection is on; empty: unknown
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, machine_grant& x) {
  return f(static_cast<lease_grant&>(x), x.machine);
}

/// To the asker, in answer to `acquire` or `acquire_machine`: there is no lease.
struct acquire_refused {
  std::string cluster;
  std::uint64_t call = 0;
  failure reason;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, acquire_refused& x) {
  return f(x.cluster, x.call, x.reason);
}

/// Gives it back. Answered when the pool has it; what still runs under it is ended.
struct release_lease {
  std::string cluster;
  lease_id lease;
  /// Its connection is bad, as only its user can see: it takes no new lease, and closes when the last one
  /// ends. One that had not proved itself (`proving_time`) counts as an opening that failed, so that the pool
  /// backs off.
  bool discard = false;
  /// Why, for people; 200 bytes of it are kept. Of use with `discard` alone.
  std::string reason = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, release_lease& x) {
  return f(x.cluster, x.lease, x.discard, x.reason);
}

/// To who acquired it: this lease ended without your doing, and further work under it is refused.
struct lease_lost {
  std::string cluster;
  lease_id lease;
  failure reason;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_lost& x) {
  return f(x.cluster, x.lease, x.reason);
}

} // namespace moorage

#pragma GCC visibility pop
