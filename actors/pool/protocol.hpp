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

#include "messages/connection_life.hpp"
#include "messages/errors.hpp"
#include "messages/events.hpp"
#include "messages/evidence.hpp"
#include "messages/ids.hpp"
#include "messages/machines.hpp"
#include "messages/orders.hpp"
#include "messages/permits.hpp"
#include "messages/settings.hpp"
#include "messages/ssh_error.hpp"
#include "messages/status.hpp"

namespace moorage {

/// Steady time, as the shell's clock gives it; the core has no clock of its own.
using time_point = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

/// A deadline that leaves it to the cluster's settings.
constexpr time_point cluster_deadline = time_point::min();

// --- events

/// Someone wants a lease by `deadline`. `request` is fresh and is answered exactly once: grant or refuse.
struct acquire_requested {
  request_id request;
  holder_id holder;
  /// `cluster_deadline`: the cluster's `acquire_timeout` says, and it is refused before others when the pool
  /// is overloaded, unless it waits for readiness.
  time_point deadline;
  std::string label;
  /// Not refused for a passing failure before its deadline.
  bool wait_for_ready = false;
  /// Before it came here, for the text of a refusal.
  std::chrono::nanoseconds waited{0};
  /// Who asks, as far as it was proved and cannot be made up (a user, a certificate): identities take turns.
  /// Empty: the user whose process this is, which today is everybody that a node lets in.
  std::string identity = {};
  /// No lease is wanted: a connection of another cluster is to be carried, whose jump this is. Answered by
  /// `begin_carriage` or a refusal.
  bool carries = false;
  /// On this machine and no other; empty: on any.
  std::string machine = {};
};
/// The asker no longer wants it. A waiter is refused `cancelled`; anything else is ignored: what was granted
/// is the holder's to give back, whether it has heard of it yet or not.
struct acquire_cancelled {
  request_id request;
};
/// The holder has the grant in hand. Unknown leases are ignored: they were reclaimed, and the connection is
/// fenced.
struct lease_confirmed {
  lease_id lease;
};
/// Given back. With a `request`, the answer is acknowledge or refuse (already_released, lease_ended,
/// unknown_lease). `holder` must be the one it was granted to, else it is refused `unknown_lease`.
/// `abandoned`: who used it died, and it ends as if its holder had.
/// `discarded`: else its holder says that the connection is bad, and perhaps why.
struct lease_released {
  request_id request;
  lease_id lease;
  holder_id holder;
  bool abandoned = false;
  bool discarded = false;
  std::string reason = {};
};
/// The holder died or its node went away: all its leases end, and its pauses but those that are kept, and its
/// waiters are refused `cancelled`, so that whoever keeps their promises can forget them.
struct holder_lost {
  holder_id holder;
};
// What a connection or a probe tells is the event: see messages/connection_life.hpp and
// messages/evidence.hpp. Any may come of a connection that has gone, and is ignored then. A
// `connection_failed` may have crossed a `close_connection`, which it answers.

// `permit_given` and `permit_delayed` are in messages/permits.hpp, and so is the effect `return_permit`. Each
// may come of a permit that is not wanted any more: it is given back then, or ignored.
/// Who gives permits was replaced, and has heard of nobody.
struct permits_forgotten {};

/// What the files that log-ins use are like, in answer to `look_at_credentials`: a text to be compared.
struct credentials_seen {
  std::string state;
  bool machines = false; ///< as was asked
};

/// The time that `next_due` named has come (or any other: a spurious one is harmless).
struct time_passed {};

/// The machine was asleep, as a laptop is whose lid was closed: steady time stood still meanwhile, and peers,
/// or what is between them and us, may have given up what is open here. All of it is in doubt.
struct machine_slept {
  std::chrono::nanoseconds how_long{0};
};

// What admins do; each with a `request` (0: nobody waits) that is acknowledged or refused once.
struct settings_changed {
  request_id request;
  cluster_settings settings; ///< they have passed `check_settings`, with the manager
  bool whole = true;         ///< the cluster was registered anew; else one of them was set
  std::string by = {};       ///< who did it, as messages/orders.hpp says
};
/// One of messages/orders.hpp, as it came.
template <class Order>
struct ordered {
  request_id request = {};
  Order order = {};
  /// Of a pause and a resume: whose it is; 0: nobody's, whose pauses are kept.
  holder_id holder = {};
};
/// For good: as disconnect, with `stopping`, or `cluster_removed` when it is the cluster that ends and not
/// the runtime; later acquires are refused, `stopping` or `unknown_cluster`. Acknowledged when nothing is
/// left.
struct stop_requested {
  request_id request;
  bool removed = false;
  std::string by = {};
};

#define MOORAGE_ORDERED(order) ordered<order>
using pool_event =
    std::variant<acquire_requested, acquire_cancelled, lease_confirmed, lease_released, holder_lost,
                 lease_cleared, carriage_ended, connection_opened, connection_failed, connection_lost,
                 connection_closed, probe_passed, probe_failed, connection_doubted, connection_answered,
                 channel_refused, channel_late, connection_waits, connection_hindered, permit_given,
                 permit_delayed, permits_forgotten, credentials_seen, time_passed, machine_slept,
                 settings_changed, MOORAGE_ORDERS(MOORAGE_ORDERED, MOORAGE_COMMA), stop_requested>;
#undef MOORAGE_ORDERED

// --- effects

/// Ask for leave to try to open a connection, or ask again; `permit_given` follows, now or later. `held`: it
/// was given by one that was replaced, and is in use. `anew`: an administrator wants a fresh start, and signs
/// of a ban that the server has shown are to be forgotten.
struct request_permit {
  permit_id permit;
  bool held = false;
  bool anew = false;
};
/// Look at the files that log-ins use, or at those of known host keys; `credentials_seen` follows.
struct look_at_credentials {
  bool host_keys = false;
  bool machines =
      false; ///< those of machines that are not trusted, while others are; else the pool is latched
};
/// Try to open this connection: a new one when `attempt` is 1, the same id again otherwise. Its time begins
/// now.
struct open_connection {
  connection_id connection;
  std::uint32_t attempt = 1;
  permit_id permit = {}; ///< that it is tried with
  machine_choice where = {};
};
// `close_connection`, `end_lease` and `give_up_channel`, to one connection, and `change_probes`, to all, are
// in messages/connection_life.hpp.

/// Tell the connection of the lease (which must happen before the holder hears of it), then answer the
/// acquire.
struct grant {
  request_id request;
  lease_id lease;
  connection_id connection;
  holder_id holder;
  std::uint64_t output_max = 0; ///< what is collected of a command that does not say it
  /// Of the log-in that this acquire waited for: for the first whom the connection serves, since nobody
  /// waited longer.
  std::string banner = {};
  std::vector<std::string> warnings = {};
  std::string machine = {}; ///< that the connection is on; empty: unknown
};
/// Have the connection carry what the request brought.
struct begin_carriage {
  request_id request;
  connection_id connection;
};
/// Tell whoever waits to be carried that a person is waited for, or is not any more.
struct tell_of_wait {
  request_id request;
  std::string for_what;              ///< empty: nobody is waited for
  std::chrono::nanoseconds lasts{0}; ///< at most, from now on
};
/// Tell whoever waits to be carried why it waits.
struct tell_of_hindrance {
  request_id request;
  std::string why;     ///< empty: it does so no more
  bool failed = false; ///< something has failed; else it would be told "not yet"
};
/// Answer a request with an error.
struct refuse {
  request_id request;
  failure reason;
};
/// Answer any request but an acquire with "done".
struct acknowledge {
  request_id request;
  std::string text = {}; ///< what was done, for people, where an order does not say it all
};
/// Have what the flight recorder keeps written to a file; whether it was is told to whoever waits for the
/// request, without the core.
struct write_recording {
  request_id request; ///< 0: nobody waits
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
  std::chrono::milliseconds timeout{0}; ///< after which no answer is a failure
};
/// For those who watch: event subscribers and the log. Never changes anything.
struct announce {
  event_kind what;
  connection_id connection; ///< 0: about the pool
  lease_id lease;           ///< 0: none
  std::string text;         ///< for people; may be empty
  removal_reason removed = removal_reason::none;
  std::vector<opening_step> steps = {};  ///< of an opening that ended, well or not
  ssh_error error = {};                  ///< why an opening failed or a connection was lost
  std::string by = {};                   ///< who ordered it
  std::vector<key_considered> keys = {}; ///< of an opening that ended
};

using pool_effect =
    std::variant<request_permit, return_permit, look_at_credentials, open_connection, close_connection, grant,
                 begin_carriage, tell_of_wait, tell_of_hindrance, refuse, acknowledge, write_recording,
                 end_lease, give_up_channel, notify_holder, start_probe, change_probes, announce>;

using pool_effects = std::vector<pool_effect>;

/// One line each, such as "grant r1 l1 c1 h1"; tests compare transcripts of these, logs show them.
std::string to_string(const pool_effect& effect);
std::string to_string(const pool_event& event);

} // namespace moorage
