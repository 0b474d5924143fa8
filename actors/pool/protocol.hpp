// What goes into the pool core and what comes out: the page a maintainer of the pool reads.
//
// Events are past participles: something happened. Effects are imperatives: the shell (actors/pool) carries
// them out, in order, and decides nothing. Both are plain values, so that a test can write a pool's whole
// life down as text.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "messages/errors.hpp"
#include "messages/events.hpp"
#include "messages/evidence.hpp"
#include "messages/ids.hpp"
#include "messages/orders.hpp"
#include "messages/settings.hpp"
#include "messages/ssh_error.hpp"
#include "messages/status.hpp"

namespace moorage {

/// Steady time, as the shell's clock gives it; the core has no clock of its own.
using time_point = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

// --- events

/// Someone wants a lease by `deadline`. `request` is fresh and is answered exactly once: grant or refuse.
struct acquire_requested {
  request_id request;
  holder_id holder;
  time_point deadline;
  std::string label;
  /// Not refused for a passing failure before its deadline.
  bool wait_for_ready = false;
  /// Before it came here, for the text of a refusal.
  std::chrono::nanoseconds waited{0};
};
/// The asker no longer wants it. A waiter is refused `cancelled`; anything else is ignored: what was granted is the
/// holder's to give back, whether it has heard of it yet or not.
struct acquire_cancelled {
  request_id request;
};
/// The holder has the grant in hand. Unknown leases are ignored: they were reclaimed, and the connection is
/// fenced.
struct lease_confirmed {
  lease_id lease;
};
/// Given back. With a `request`, the answer is acknowledge or refuse (already_released, lease_ended,
/// unknown_lease). `holder` must be the one it was granted to, else it is refused `unknown_lease`. `abandoned`: who used it
/// died, and it ends as if its holder had.
struct lease_released {
  request_id request;
  lease_id lease;
  holder_id holder;
  bool abandoned = false;
};
/// The holder died or its node went away: all its leases end, and its waiters are refused `cancelled`, so
/// that whoever keeps their promises can forget them.
struct holder_lost {
  holder_id holder;
};
/// The connection answers `end_lease`: nothing runs under it any more; `was_running`: a command was cut off and not
/// seen to end.
struct lease_ended {
  connection_id connection;
  lease_id lease;
  bool was_running = false;
};
struct connection_opened {
  connection_id connection;
};
/// One try to open has failed; the connection actor has released everything and waits or ends as told next.
struct connection_failed {
  connection_id connection;
  ssh_error error;
};
/// The connection is gone, and no `connection_closed` follows: an open one broke, or its actor ended (in any
/// state).
struct connection_lost {
  connection_id connection;
  ssh_error error;
};
/// The answer to `close_connection`.
struct connection_closed {
  connection_id connection;
};
struct probe_passed {
  probe_id probe;
  connection_id connection;
  std::chrono::nanoseconds rtt{0};
};
struct probe_failed {
  probe_id probe;
  connection_id connection;
  std::string text;
};
// `connection_doubted` and `connection_answered` are in messages/evidence.hpp: what a connection tells is the event. Either may
// come of a connection that has gone, and is ignored then.

/// The time that `next_due` named has come (or any other: a spurious one is harmless).
struct time_passed {};

// What admins do; each with a `request` (0: nobody waits) that is acknowledged or refused once.
struct settings_changed {
  request_id request;
  cluster_settings settings;
};
/// One of messages/orders.hpp, as it came.
template <class Order>
struct ordered {
  request_id request = {};
  Order order = {};
};
/// For good: as disconnect, with `stopping`, or `cluster_removed` when it is the cluster that ends and not the
/// runtime; later acquires are refused, `stopping` or `unknown_cluster`. Acknowledged when nothing is left.
struct stop_requested {
  request_id request;
  bool removed = false;
};

#define MOORAGE_ORDERED(order) ordered<order>
using pool_event =
    std::variant<acquire_requested, acquire_cancelled, lease_confirmed, lease_released, holder_lost,
                 lease_ended, connection_opened, connection_failed, connection_lost, connection_closed,
                 probe_passed, probe_failed, connection_doubted, connection_answered, time_passed,
                 settings_changed, MOORAGE_ORDERS(MOORAGE_ORDERED, MOORAGE_COMMA), stop_requested>;
#undef MOORAGE_ORDERED

// --- effects

/// Try to open this connection: a new one when `attempt` is 1, the same id again otherwise.
struct open_connection {
  connection_id connection;
  std::uint32_t attempt = 1;
};
/// Close it, whatever it is doing; `connection_closed` must follow (for one that is opening, too).
struct close_connection {
  connection_id connection;
  removal_reason reason;
};
/// Tell the connection of the lease (which must happen before the holder hears of it), then answer the
/// acquire.
struct grant {
  request_id request;
  lease_id lease;
  connection_id connection;
  holder_id holder;
};
/// Answer a request with an error.
struct refuse {
  request_id request;
  failure reason;
};
/// Answer any request but an acquire with "done".
struct acknowledge {
  request_id request;
};
/// From now on the connection must refuse work under this lease. `ask`: it must answer `lease_ended`.
struct end_lease {
  connection_id connection;
  lease_id lease;
  bool ask = false;
  failure reason; ///< for whoever still works under it
};
/// A holder must be told that its lease ended without its doing.
struct notify_holder {
  holder_id holder;
  lease_id lease;
  failure reason;
};
struct start_probe {
  probe_id probe;
  connection_id connection;
  /// The pool's command is run; else a channel is opened and closed.
  bool run = false;
};
/// For those who watch: event subscribers and the log. Never changes anything.
struct announce {
  event_kind what;
  connection_id connection; ///< 0: about the pool
  lease_id lease;           ///< 0: none
  std::string text;         ///< for people; may be empty
  removal_reason removed = removal_reason::none;
};

using pool_effect = std::variant<open_connection, close_connection, grant, refuse, acknowledge, end_lease,
                                 notify_holder, start_probe, announce>;

using pool_effects = std::vector<pool_effect>;

/// One line each, such as "grant r1 l1 c1 h1"; tests compare transcripts of these, logs show them.
std::string to_string(const pool_effect& effect);
std::string to_string(const pool_event& event);

} // namespace moorage
