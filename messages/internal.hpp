// What our own actors say to each other. Some of it is what an outsider says, with the handles that only we
// know: its session is the holder.
#pragma once

#include <caf/actor_control_block.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "messages/admin.hpp"
#include "messages/connection_life.hpp"
#include "messages/evidence.hpp"
#include "messages/ids.hpp"
#include "messages/leases.hpp"

#pragma GCC visibility push(default)

namespace moorage {

class carriage;

/// Beside an order, on its way from a session to its pool: whose it is. Nothing that an outsider can say.
struct order_sender {
  /// With whom its pauses end; none: they are kept.
  caf::strong_actor_ptr whom;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, order_sender& x) {
  return f(x.whom);
}

/// From a holder, to the manager or to the pool. The answer is a `lease_granted` or an `acquire_refused`, to
/// the holder. The manager sees to it that a pool's end loses none that it passed on; who asks a pool
/// directly monitors it, and asks again what was not answered before it ended. What the manager itself had
/// not read when it ended has no answer.
struct acquire_for : acquire {
  /// Whose life the lease shares: it is monitored, it must confirm, it hears of the lease's end by
  /// `lease_lost`.
  caf::strong_actor_ptr holder;
  /// What of the patience is used up: it waited in another pool of this cluster, which ended.
  std::chrono::nanoseconds waited{0};
  std::string machine = {}; ///< as of `acquire_machine`
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, acquire_for& x) {
  return f(static_cast<acquire&>(x), x.holder, x.waited, x.machine);
}

struct cancel_acquire_for : cancel_acquire {
  std::string cluster;
  caf::strong_actor_ptr holder;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cancel_acquire_for& x) {
  return f(static_cast<cancel_acquire&>(x), x.cluster, x.holder);
}

/// To the holder. Confirm to `pool` within 5 s, work with `connection`, then release to `pool`.
struct lease_granted : machine_grant {
  caf::strong_actor_ptr pool;       ///< a pool_actor
  caf::strong_actor_ptr connection; ///< a connection_actor
  std::uint64_t output_max = 0;     ///< the cluster's setting
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_granted& x) {
  return f(static_cast<machine_grant&>(x), x.pool, x.connection, x.output_max);
}

struct confirm_lease {
  lease_id lease;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, confirm_lease& x) {
  return f(x.lease);
}

struct release_lease_for {
  lease_id lease;
  caf::strong_actor_ptr holder;
  /// Who used it has died: its slot stays in use until nothing runs under it, as if its holder had.
  bool abandoned = false;
  bool discard = false; ///< as in `release_lease`, with the reason
  std::string reason = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, release_lease_for& x) {
  return f(x.lease, x.holder, x.abandoned, x.discard, x.reason);
}

struct subscribe_for : subscribe {
  caf::strong_actor_ptr subscriber; ///< monitored
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, subscribe_for& x) {
  return f(static_cast<subscribe&>(x), x.subscriber);
}

struct grant_event_credit_for : grant_event_credit {
  caf::strong_actor_ptr subscriber;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, grant_event_credit_for& x) {
  return f(static_cast<grant_event_credit&>(x), x.subscriber);
}

/// It hears no more events of any pool.
struct end_subscriptions {
  caf::strong_actor_ptr subscriber;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, end_subscriptions& x) {
  return f(x.subscriber);
}

/// To a session: the link to its outsider has ended. It waits for what was still on its way, and ends with
/// its senders.
struct outsider_gone {};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, outsider_gone&) {
  return f();
}

/// From the manager to a pool, which says that it has read it: what a pool had not read when it ended is
/// asked again.
struct passed_acquire {
  std::uint64_t number = 0;
  acquire_for request;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, passed_acquire& x) {
  return f(x.number, x.request);
}

/// From a connection that is to be carried, through its pool and the manager, to the pool of its jump.
/// Nothing answers it but what becomes of the carriage, and a message that is lost ends that. Never leaves
/// the process.
struct carry_for {
  std::string cluster;          ///< the jump
  caf::strong_actor_ptr holder; ///< who is to be carried, with whose end it is not wanted any more
  std::string label;            ///< whose connection that is, for people
  std::string host;             ///< where to, as the jump host knows it
  std::uint16_t port = 22;
  std::chrono::nanoseconds patience{0};
  std::shared_ptr<carriage> what;
};

/// From a pool to one of its connections, which tells it by `carriage_ended` when that is over.
struct carry_connection {
  request_id request;
  std::string host;
  std::uint16_t port = 22;
  std::shared_ptr<carriage> what;
};

struct acquire_taken {
  std::uint64_t number = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, acquire_taken& x) {
  return f(x.number);
}

struct begin_lease {
  lease_id lease;
  /// What is collected of a command that does not say it: the cluster's setting of now.
  std::size_t output_max = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, begin_lease& x) {
  return f(x.lease, x.output_max);
}

/// Asks whether the connection is well.
struct probe_request {
  /// In the pool's own way; else by a channel that opens and closes, whatever the pool's way is.
  bool as_pool = false;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_request& x) {
  return f(x.as_pool);
}

/// The socket is ready, the time that an actor set itself has come, or what it had others do is done.
struct wake_up {
  std::uint64_t generation = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, wake_up& x) {
  return f(x.generation);
}

struct stop_all {};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stop_all&) {
  return f();
}

} // namespace moorage

#pragma GCC visibility pop
