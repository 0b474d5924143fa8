// Acquires and leases: what a holder asks, hears and gives back.
#pragma once

#include <caf/actor_control_block.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/errors.hpp"
#include "messages/ids.hpp"

namespace moorage {

/// Patience that asks for the cluster's own `acquire_timeout`.
constexpr std::chrono::nanoseconds default_patience{-1};

/// Asks for a lease. One message to the holder answers it, under the holder's own number: `lease_grant`, or
/// `acquire_refused`, at the latest when the patience ends. (Not CAF's response to a request: CAF searches a
/// list of all that are outstanding for each, which with thousands of waiters slows everything that the asker does.)
/// The manager sees to it that a pool's end loses none that it passed on; who asks a pool directly monitors it, and
/// asks again what was not answered before it ended. What the manager itself had not read when it ended has no answer.
struct acquire {
  std::string cluster;
  /// Whose life the lease shares. It is monitored; it must confirm; it hears of the lease's end by
  /// `lease_lost`. None: the sender.
  caf::strong_actor_ptr holder;
  /// The holder's own number for this request: the answer carries it, and it cancels. While it waits, a second
  /// acquire under the same number is the same one, asked again. 0: cannot be cancelled.
  std::uint64_t call = 0;
  /// From the arrival at the pool; 0: now or not at all; `default_patience`: the cluster's `acquire_timeout`.
  std::chrono::nanoseconds patience = default_patience;
  /// Who this is, for people who wonder who holds the leases.
  std::string label;
  /// Rides out an outage: while the cluster cannot be reached for a cause that may pass, it stays in the queue and is
  /// told the last error at its deadline. Without it the waiters are told as soon as an opening is given up.
  bool wait_for_ready = false;
  /// What of the patience is used up: it waited in another pool of this cluster, which ended.
  std::chrono::nanoseconds waited{0};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, acquire& x) {
  return f(x.cluster, x.holder, x.call, x.patience, x.label, x.wait_for_ready, x.waited);
}

/// Withdraws an acquire, which is then answered `cancelled`. One that was answered already is not touched, so a
/// holder that has a grant for it, or still gets one, gives it back.
struct cancel_acquire {
  std::string cluster;
  caf::strong_actor_ptr holder;
  std::uint64_t call = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cancel_acquire& x) {
  return f(x.cluster, x.holder, x.call);
}

/// To the holder, in answer to `acquire`. Confirm to `pool` within 5 s, work with `connection`, then release to
/// `pool`.
struct lease_grant {
  std::string cluster;
  std::uint64_t call = 0;
  lease_id lease;
  connection_id connection_number;
  caf::strong_actor_ptr pool;       ///< a pool_actor
  caf::strong_actor_ptr connection; ///< a connection_actor
  /// What the server said to people (RFC 4252, section 5.4) in the log-in that this acquire waited for, fit to be
  /// printed, with its lines. Empty: nothing, or the connection was open already.
  std::string banner;
  /// Of the same log-in, for people, a line each: that its host key could not be written down, and what to do.
  std::vector<std::string> warnings;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_grant& x) {
  return f(x.cluster, x.call, x.lease, x.connection_number, x.pool, x.connection, x.banner, x.warnings);
}

/// To the holder, in answer to `acquire`: there is no lease.
struct acquire_refused {
  std::string cluster;
  std::uint64_t call = 0;
  failure reason;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, acquire_refused& x) {
  return f(x.cluster, x.call, x.reason);
}

struct confirm_lease {
  lease_id lease;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, confirm_lease& x) {
  return f(x.lease);
}

/// Gives it back. Without a holder the sender is taken for it.
struct release_lease {
  lease_id lease;
  caf::strong_actor_ptr holder;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, release_lease& x) {
  return f(x.lease, x.holder);
}

/// To the holder: this lease ended without your doing; the connection refuses further work under it.
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
