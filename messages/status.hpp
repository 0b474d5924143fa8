// What a pool says of itself when asked: values for admins, metrics and tests. Durations are as of the
// answer.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/errors.hpp"
#include "messages/evidence.hpp"
#include "messages/ids.hpp"
#include "messages/machines.hpp"
#include "messages/ssh_error.hpp"

#pragma GCC visibility push(default)

namespace moorage {

enum class connection_state : std::uint8_t { opening, idle, leased, closing };

std::string to_string(connection_state state);

/// Whom a pool serves, as administrators have ordered. Until it is resumed only these orders change it.
enum class pool_state : std::uint8_t {
  running,
  paused,    ///< grants and opens nothing; whoever comes waits
  suspended, ///< serves those who wait, unless somebody pauses it as well; whoever comes is refused
  draining,  ///< serves nobody; connections close as they become free
  drained    ///< serves nobody, and no connection is left
};

std::string to_string(pool_state state);

// clang-format off
/// Why connections leave a pool, one row each: its name, which people, logs and JSON see as well, and what it means.
#define MOORAGE_REMOVALS(row) \
  row(probe_failures, "As many probes in a row failed as probe_failures_max allows.") \
  row(flapping, "Half of its last ten checks failed, or probe_failures_max of them if that is more, though not in a row.") \
  row(lost, "The link broke, or its keep-alives stayed unanswered.") \
  row(lifetime, "It was older than connection_lifetime.") \
  row(idle, "It was idle for longer than idle_timeout.") \
  row(evicted, "An administrator asked for it.") \
  row(shrunk, "The pool was made smaller.") \
  row(abandoned, "Its holder died in mid-command.") \
  row(discarded, "A holder gave its lease back with word that the connection is bad.") \
  row(settings, "It was opened under settings that no longer hold.") \
  row(disconnected, "The cluster was disconnected or removed, or the runtime stops.") \
  row(drained, "The pool was drained.") \
  row(reconnected, "An administrator had the cluster's connections replaced.") \
  row(not_opened, "It could not be opened, or nobody needed it any more when the next try was due.") \
  row(made_room, "The pool was full, and somebody needs a connection on another machine.")
// clang-format on

#define MOORAGE_REMOVAL(name, meaning) name,
// clang-format off
enum class removal_reason : std::uint8_t {
  MOORAGE_REMOVALS(MOORAGE_REMOVAL)
  none,         ///< it has not left
  count_ = none ///< how many reasons there are
};
// clang-format on
#undef MOORAGE_REMOVAL

struct removal_row {
  const char* name;
  const char* meaning;
};
#define MOORAGE_REMOVAL(name, meaning) removal_row{#name, meaning},
/// In the order of `removal_reason`, without `none`.
inline constexpr std::array removal_rows{MOORAGE_REMOVALS(MOORAGE_REMOVAL)};
#undef MOORAGE_REMOVAL

std::string to_string(removal_reason reason);

struct connection_status {
  connection_id connection;
  connection_state state = connection_state::opening;
  std::uint32_t leases = 0;
  std::uint32_t carried = 0;        ///< connections of other clusters
  std::uint32_t probe_failures = 0; ///< in a row
  bool probing = false;
  bool condemned = false; ///< takes no new lease, and closes when the last one ends
  std::uint64_t leases_served = 0;
  std::chrono::nanoseconds age{0};      ///< since it was opened; for an opening one, since the opening began
  std::chrono::nanoseconds idle{0};     ///< since the last lease ended
  std::chrono::nanoseconds last_rtt{0}; ///< of the last probe that passed; 0: none yet
  /// Exponentially weighted, of the kind that was measured last; 0: none yet.
  std::chrono::nanoseconds usual_rtt{0};
  /// Of what it was asked, lately, percent of what it answered: exponentially weighted.
  std::uint32_t success_percent = 100;
  /// From 0 to 100, the best: its success, half of it while its round trip is far above the usual. The best
  /// are granted first.
  std::uint32_t score = 100;
  /// A check is outstanding or failed, somebody doubts it, or its round trip is far above the usual: granted
  /// last.
  bool suspect = false;
  std::string waits_for; ///< of an opening that waits for a person: "a touch (…)"; else empty
  /// Of an opening: what keeps it from being open, once that has lasted half a second; else empty.
  std::string hindered;
  std::string machine;                      ///< that it is on, or heads for; empty: unknown
  std::vector<connection_outcome> outcomes; ///< the last 20, the oldest first
  /// Of an opening that has lasted half a second: the steps of its present try, and last the one under way,
  /// with its time until now; what that waits for is `waits_for` or `hindered`.
  std::vector<opening_step> steps = {};
};

struct lease_status {
  lease_id lease;
  connection_id connection;
  holder_id holder;
  std::string label;
  bool confirmed = false;
  std::chrono::nanoseconds age{0};
};

struct waiter_status {
  request_id request;
  holder_id holder;
  std::string label;
  std::string machine;     ///< that it asks for; empty: any
  std::uint32_t ahead = 0; ///< waiters before this one
  std::chrono::nanoseconds waited{0};
  std::chrono::nanoseconds left{0}; ///< until its deadline
};

/// One of the pauses that hold.
struct pause_status {
  holder_id holder;  ///< whose it is; 0: nobody knew
  std::string by;    ///< who that is, as messages/orders.hpp says
  bool keep = false; ///< it outlives its sender, and any resume ends it
  std::chrono::nanoseconds age{0};
};

// clang-format off
/// What a pool counts since it began, one row each: its name, also in JSON, and what is counted. One more is a row, and the place
/// where it grows.
#define MOORAGE_COUNTERS(row) \
  row(acquires, "Acquires that came.") \
  row(grants, "Leases granted.") \
  row(timeouts, "Acquires refused at their deadline.") \
  row(cancelled, "Acquires withdrawn, or whose holder had gone.") \
  row(refusals, "Acquires refused otherwise.") \
  row(overload_refusals, "Of these, those refused since the pool was overloaded.") \
  row(releases, "Leases given back by their holders.") \
  row(discards, "Of these, those with word that the connection is bad.") \
  row(carriages, "Connections of other clusters that were carried, as their jump.") \
  row(reclaimed, "Leases ended otherwise: never confirmed, holder died, revoked, connection lost.") \
  row(leaks, "Leases held for longer than leak_threshold.") \
  row(openings, "Tries to open a connection, each.") \
  row(opened, "Connections opened.") \
  row(open_failures, "Tries to open that failed.") \
  row(probes, "Probes started.") \
  row(probes_passed, "Probes that passed.") \
  row(probes_failed, "Probes that failed.")
// clang-format on

#define MOORAGE_COUNTER(name, meaning) std::uint64_t name = 0;
/// They only grow.
struct pool_counters {
  MOORAGE_COUNTERS(MOORAGE_COUNTER)
  /// Connections that left, by reason, indexed by `removal_reason`.
  std::array<std::uint64_t, static_cast<std::size_t>(removal_reason::count_)> removed{};

  friend bool operator==(const pool_counters&, const pool_counters&) = default;
};
#undef MOORAGE_COUNTER

struct counter_row {
  const char* name;
  std::uint64_t pool_counters::*value;
  const char* meaning;
};
#define MOORAGE_COUNTER(name, meaning) counter_row{#name, &pool_counters::name, meaning},
/// In the order of `pool_counters`, without `removed`.
inline constexpr std::array counter_rows{MOORAGE_COUNTERS(MOORAGE_COUNTER)};
#undef MOORAGE_COUNTER

struct latency_quantiles {
  std::uint64_t count = 0;
  std::chrono::nanoseconds p50{0};
  std::chrono::nanoseconds p90{0};
  std::chrono::nanoseconds p99{0};
  std::chrono::nanoseconds max{0};
};

struct pool_status {
  std::string cluster;
  std::string destination; ///< user@host:port
  std::uint32_t size = 0;  ///< `pool_size` in force
  std::uint32_t total = 0; ///< always opening + idle + leased + closing
  std::uint32_t opening = 0;
  std::uint32_t idle = 0;
  std::uint32_t leased = 0; ///< connections with at least one lease, or that carry one of another cluster
  std::uint32_t closing = 0;
  std::uint32_t leases = 0;
  std::uint32_t waiters = 0;
  std::uint32_t probing = 0; ///< probes in flight
  pool_state state = pool_state::running;
  /// The oldest first. While there is one the pool serves nobody, whatever else its state says.
  std::vector<pause_status> pauses;
  /// What a latched pool refuses acquires with; code `none` when not latched.
  failure latched;
  /// The last failure to open, if the pool backs off; code `none` otherwise.
  failure backing_off;
  /// Why a log-in that is needed may not begin yet, and for how long; empty: none waits, 0: that depends on
  /// others.
  std::string log_ins_wait;
  std::chrono::nanoseconds log_ins_wait_for{0};
  /// Since when nobody was served in time, while the pool is overloaded; else empty.
  std::string overloaded;
  /// The certificate that the last log-in was let in with, whom it names, and when it ends; empty: there was
  /// none, or it has no end.
  std::string certificate;
  std::chrono::nanoseconds certificate_left{0}; ///< 0: it has ended
  std::chrono::nanoseconds average_age{0};      ///< of idle and leased connections
  std::chrono::nanoseconds average_idle{0};     ///< of idle connections
  /// No connection is left idle for longer without a check, since others did not survive it; fades. 0:
  /// nothing was learnt.
  std::chrono::nanoseconds idle_limit{0};
  /// From 0 to 100, the best: the mean of its open connections' scores, less what failed of its latest
  /// openings.
  std::uint32_t score = 100;
  std::vector<machine_status> machines; ///< that the cluster's name is known to stand for
  pool_counters counters;
  latency_quantiles acquire_latency; ///< request to grant, as the pool sees it
  latency_quantiles probe_rtt;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_status& x) {
  return f(x.connection, x.state, x.leases, x.carried, x.probe_failures, x.probing, x.condemned,
           x.leases_served, x.age, x.idle, x.last_rtt, x.usual_rtt, x.success_percent, x.score, x.suspect,
           x.waits_for, x.hindered, x.machine, x.outcomes, x.steps);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_status& x) {
  return f(x.lease, x.connection, x.holder, x.label, x.confirmed, x.age);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, waiter_status& x) {
  return f(x.request, x.holder, x.label, x.machine, x.ahead, x.waited, x.left);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, pause_status& x) {
  return f(x.holder, x.by, x.keep, x.age);
}

#define MOORAGE_COUNTER(name, meaning) x.name,
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, pool_counters& x) {
  return f(MOORAGE_COUNTERS(MOORAGE_COUNTER) x.removed);
}
#undef MOORAGE_COUNTER

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, latency_quantiles& x) {
  return f(x.count, x.p50, x.p90, x.p99, x.max);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, pool_status& x) {
  return f(x.cluster, x.destination, x.size, x.total, x.opening, x.idle, x.leased, x.closing, x.leases,
           x.waiters, x.probing, x.state, x.pauses, x.latched, x.backing_off, x.log_ins_wait,
           x.log_ins_wait_for, x.overloaded, x.certificate, x.certificate_left, x.average_age, x.average_idle,
           x.idle_limit, x.score, x.machines, x.counters, x.acquire_latency, x.probe_rtt);
}

} // namespace moorage

#pragma GCC visibility pop
