// Why a pool does what it does: asked when somebody waits, when nothing is opened, when a connection is
// passed over. Values for programs, each with a sentence for people made of the pool's own state. Durations
// are as of the answer.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/ids.hpp"

#pragma GCC visibility push(default)

namespace moorage {

// clang-format off
/// What decides whether another connection is opened now, one row each: its name, which people, logs and JSON see as well, and what
/// it means. Where several hold, the first of them is told.
#define MOORAGE_OPENING_CAUSES(row) \
  row(not_serving, "The pool is paused, drains, is drained or ends.") \
  row(latched, "A log-in was denied for a cause that does not pass by itself.") \
  row(not_needed, "Nobody needs another connection.") \
  row(under_way, "As many are being opened as are needed.") \
  row(full, "The pool has pool_size connections, those that are closing counted.") \
  row(backing_off, "The latest opening failed, and the next waits for its time.") \
  row(on_trial, "After failures one opening at a time is tried, until one succeeds.") \
  row(at_once, "As many are being opened at once as connects_at_once allows.") \
  row(no_permit, "Leave to log in is awaited: others log in, or the site's budget is used up.")

/// Why somebody waits.
#define MOORAGE_WAITING_CAUSES(row) \
  row(not_serving, "The pool is paused, drains, is drained or ends.") \
  row(no_connection, "No connection is open; `opening` says why none is being opened, or that one is.") \
  row(no_slot, "All slots of the open connections are in use; `opening` says whether another comes.") \
  row(withheld, "There are slots, on connections that are closing, have failed or open channels too late.")

/// How a connection stands in the order of grants.
#define MOORAGE_STANDINGS(row) \
  row(opening, "It is being opened.") \
  row(closing, "It is being closed.") \
  row(condemned, "It takes no new lease, and closes once its leases have ended.") \
  row(full, "Its slots are in use: as many as channels_per_connection allows, or its server.") \
  row(late, "Its server opened no channel in time: it takes no new lease before it has answered, or failed to.") \
  row(failed, "It failed its latest checks: granted last of all, and only while it is idle.") \
  row(doubted, "Somebody doubts it, and it is being asked: granted after those that nobody doubts.") \
  row(slow, "It answers far slower than usual: granted after those that do not.") \
  row(outlived, "It is past its lifetime, and stays until its replacement is open: granted after the others.") \
  row(checked, "Its check is under way: granted after those that are not being checked.") \
  row(sound, "Nothing is known against it.")
// clang-format on

#define MOORAGE_NAME(name, meaning) name,
enum class opening_cause : std::uint8_t { MOORAGE_OPENING_CAUSES(MOORAGE_NAME) };
enum class waiting_cause : std::uint8_t { MOORAGE_WAITING_CAUSES(MOORAGE_NAME) };
enum class standing : std::uint8_t { MOORAGE_STANDINGS(MOORAGE_NAME) };
#undef MOORAGE_NAME

struct cause_row {
  const char* name;
  const char* meaning;
};
#define MOORAGE_ROW(name, meaning) cause_row{#name, meaning},
/// Each in the order of its enumeration.
inline constexpr std::array opening_cause_rows{MOORAGE_OPENING_CAUSES(MOORAGE_ROW)};
inline constexpr std::array waiting_cause_rows{MOORAGE_WAITING_CAUSES(MOORAGE_ROW)};
inline constexpr std::array standing_rows{MOORAGE_STANDINGS(MOORAGE_ROW)};
#undef MOORAGE_ROW

/// The names as above.
std::string to_string(opening_cause why);
std::string to_string(waiting_cause why);
std::string to_string(standing how);

struct opening_explanation {
  opening_cause why = opening_cause::not_needed;
  std::uint32_t needed = 0; ///< connections that waiters and the reserve (`min_idle`) lack
  std::uint32_t under_way = 0;
  std::string text = {};
};

struct connection_explanation {
  connection_id connection;
  standing stands = standing::sound;
  std::string text = {};
};

struct waiter_explanation {
  request_id request;
  waiting_cause why = waiting_cause::no_slot;
  std::uint32_t ahead = 0; ///< of it, if nobody comes or leaves
  std::string text = {};
};

/// As many waiters are explained, those who are served first.
inline constexpr std::size_t waiters_explained_max = 100;

/// In the order in which connections were made, and waiters will be served.
struct explanation {
  std::string cluster;
  opening_explanation opening;
  std::vector<connection_explanation> connections = {};
  std::vector<waiter_explanation> waiters = {};
  std::uint32_t waiters_left_out = 0; ///< beyond `waiters_explained_max`
};

/// Answered with an `explanation`.
struct get_explanation {
  std::string cluster;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, opening_explanation& x) {
  return f(x.why, x.needed, x.under_way, x.text);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_explanation& x) {
  return f(x.connection, x.stands, x.text);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, waiter_explanation& x) {
  return f(x.request, x.why, x.ahead, x.text);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, explanation& x) {
  return f(x.cluster, x.opening, x.connections, x.waiters, x.waiters_left_out);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_explanation& x) {
  return f(x.cluster);
}

} // namespace moorage

#pragma GCC visibility pop
