// What a pool tells those who subscribed to its life, as it happens.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/ids.hpp"
#include "messages/key_account.hpp"
#include "messages/ssh_error.hpp"
#include "messages/status.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// How much an event matters, which is the level that the log has it at.
enum class severity : std::uint8_t { debug, info, warning, error, critical };

// clang-format off
/// Every event, one row each: its name, which is also the word that people, logs and JSON see; how much it matters; what it
/// means. One more is a row, and the place where it happens.
#define MOORAGE_EVENTS(row) \
  row(opening, debug, "A connection is being opened, or tried again.") \
  row(opened, info, "A connection is open; its steps say how long each took.") \
  row(open_failed, warning, "One try to open a connection failed; its error says where and how.") \
  row(granted, debug, "A lease was granted.") \
  row(refused, info, "An acquire was refused.") \
  row(moved, info, "A command that its connection had not sent in time goes to another one; the text says why.") \
  row(released, debug, "A lease was given back by its holder.") \
  row(reclaimed, warning, "A lease ended without its holder's doing.") \
  row(leaked, warning, "A lease is held for longer than leak_threshold; the text says by whom.") \
  row(checking, info, "All idle connections are checked, as an administrator wanted, or all open ones, since the machine slept.") \
  row(probe_passed, debug, "A probe passed.") \
  row(probe_failed, warning, "A probe failed.") \
  row(silent, warning, "A connection in use owes an answer, which counts as a failed probe.") \
  row(condemned, info, "A connection takes no new lease, and closes once its leases have ended.") \
  row(closing, info, "A connection is being closed.") \
  row(closed, info, "A connection that was closed has gone.") \
  row(lost, warning, "An open connection broke; its error says how.") \
  row(learnt, info, "The pool learnt how long a connection may be idle, or how many leases one carries.") \
  row(latched, error, "The pool tries no log-in until the settings or the files at fault change, or it is reset.") \
  row(backing_off, warning, "The pool waits before it opens the next connection.") \
  row(delayed, info, "A log-in that is needed waits for leave; the text says why, and until when if that is known.") \
  row(turned_away, warning, "The server shows a sign of a ban, or of too many log-ins: none begins there for a while.") \
  row(overloaded, warning, "Waits have been too long for too long: who named no patience is refused, the oldest first.") \
  row(relieved, info, "The pool is overloaded no more.") \
  row(paused, info, "An administrator paused the pool.") \
  row(suspended, info, "An administrator suspended the pool: whoever comes is refused.") \
  row(resumed, info, "A pause, a suspension or a drain has ended; the text says whose pauses hold still.") \
  row(changed, info, "The pool has other settings, was reset, or files that log-ins use have changed.") \
  row(draining, info, "An administrator drains the pool: it serves nobody, and its connections close as they become free.") \
  row(drained, info, "A pool that was being drained has no connection left.") \
  row(reconnecting, info, "An administrator has the open connections replaced; the text says within what time.") \
  row(stopped, info, "The pool has ended.") \
  row(warned, warning, "An opening met what a person should mend, such as a host key that could not be written down.") \
  row(internal, critical, "A bug ended the pool; a fresh one takes its place.") \
  row(reloaded, info, "The configuration was read again, as an administrator ordered; the text says what has changed.") \
  row(ending, warning, "An administrator has ordered the end of all pools: they are drained, and the process ends.") \
  row(node_lost, warning, "The node has gone away, or something else was met where it was; told by its client itself.") \
  row(node_back, info, "The node is there again, and the subscription goes on; told by its client itself.") \
  row(handed_over, warning, "An administrator moves the cluster to another node, or from one; the text says which.") \
  row(asking, info, "A log-in waits for the agent's user, as for a touch of a hardware key, or for renew_command; the text says which.") \
  row(expiring, warning, "The certificate that log-ins use ends soon, or has ended; the text says which, whom it names and when.")
// clang-format on

#define MOORAGE_EVENT(name, matters, meaning) name,
enum class event_kind : std::uint8_t { MOORAGE_EVENTS(MOORAGE_EVENT) };
#undef MOORAGE_EVENT

struct event_row {
  const char* name;
  severity matters;
  const char* meaning;
};
#define MOORAGE_EVENT(name, matters, meaning) event_row{#name, severity::matters, meaning},
/// In the order of `event_kind`.
inline constexpr std::array event_rows{MOORAGE_EVENTS(MOORAGE_EVENT)};
#undef MOORAGE_EVENT

/// The name as above.
std::string to_string(event_kind what);
std::string to_string(severity how_much);

static_assert(event_rows.size() <= 64, "an event_filter has a bit for each");

/// Which events a subscriber wants to hear. Those that it does not want cost it no credit, and count as not
/// missed.
struct event_filter {
  severity least = severity::debug; ///< and what matters more
  std::uint64_t kinds = 0;          ///< those of `only`; 0: all

  /// This kind, and those that were named before.
  event_filter& only(event_kind what) {
    kinds |= bit(what);
    return *this;
  }
  bool lets(event_kind what) const {
    auto index = static_cast<std::size_t>(what);
    return index < event_rows.size() && event_rows[index].matters >= least &&
           (kinds == 0 || (kinds & bit(what)) != 0);
  }
  friend bool operator==(const event_filter&, const event_filter&) = default;

private:
  static std::uint64_t bit(event_kind what) {
    return std::uint64_t{1} << (static_cast<unsigned>(what) & 63u);
  }
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, event_filter& x) {
  return f(x.least, x.kinds);
}

struct event_record {
  std::string cluster;
  /// Wall-clock time since 1970, for people; nothing is decided by it.
  std::chrono::microseconds at{0};
  event_kind what{};
  connection_id connection; ///< 0: the event is about the pool
  lease_id lease;           ///< 0: none
  std::string text;
  std::vector<opening_step> steps; ///< of an opening that ended, well or not
  ssh_error error;                 ///< why an opening failed or a connection was lost; else kind `none`
  /// Why the connection leaves the pool: of `condemned`, `closing`, `closed` and `lost`; else `none`.
  removal_reason removed = removal_reason::none;
  /// Events that this subscriber missed before this one, because it had granted no credit for them.
  std::uint64_t missed = 0;
  /// Who ordered it, as messages/orders.hpp says; empty: nobody did, it came of itself.
  std::string by = {};
  /// Of an opening that ended, well or not: which keys it considered, in the order in which it did.
  std::vector<key_considered> keys = {};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, event_record& x) {
  return f(x.cluster, x.at, x.what, x.connection, x.lease, x.text, x.steps, x.error, x.removed, x.missed,
           x.by, x.keys);
}

} // namespace moorage

#pragma GCC visibility pop
