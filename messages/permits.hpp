// Leave to log in. A pool asks for it before each try, since what sites count is shared by pools: see
// actors/permits.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "messages/ids.hpp"
#include "messages/ssh_error.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// What became of a permit: what a site has seen of it.
enum class permit_use : std::uint8_t {
  unused,           ///< no log-in was tried
  unreached,        ///< no TCP connection came about, which costs the site nothing
  let_in,           ///< it was of use
  cut_short,        ///< the connection ended before the log-in did, whoever ended it
  denied,           ///< the server said no
  denied_too_often, ///< it said so for the last time: too many keys were offered
  turned_away       ///< it did not even say what it is: too many log-ins, or a ban
};

std::string to_string(permit_use use);
/// What a try to open that failed looked like from the other side.
permit_use use_of(const ssh_error& error);

/// From a pool. Asked again with the same id when no answer has come: the answer is then given again.
struct permit_request {
  permit_id permit;
  /// It was given by a predecessor, and the log-in is under way.
  bool held = false;
  /// An administrator wants a fresh start: signs of a ban at this host and port are forgotten.
  bool anew = false;
  /// Log-ins of other clusters, which hold permits, wait for this one: it is their jump.
  bool carries = false;
  // The cluster's settings: who counts is found by host and port.
  std::string host;
  std::uint16_t port = 0;
  std::uint32_t pool_size = 0;
  std::uint32_t log_ins_per_minute = 0;
  std::chrono::milliseconds penalty_max{0};
  std::chrono::milliseconds log_in_max{0}; ///< how long one may last
};

/// From a pool: it needs the permit no more, or the log-in has ended. It ends with its pool, too.
struct return_permit {
  permit_id permit;
  permit_use use = permit_use::unused;
  std::chrono::nanoseconds lasted{0}; ///< the log-in
};

/// To a pool: one log-in may begin, at once.
struct permit_given {
  permit_id permit;
};
/// To a pool: it has to wait, and keeps its place.
struct permit_delayed {
  permit_id permit;
  /// Not before; `max()`: that depends on others.
  std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds> until;
  std::string why; ///< for people
};
/// From the manager, of a cluster that moves to another node or from one: the log-in budget of its site.
struct get_budget {
  std::string host;
  std::uint16_t port = 0;
};
struct site_budget {
  std::chrono::nanoseconds full_in{0}; ///< how long until it is full again
};
/// Its log-ins elsewhere count here: the budget is not full again before that either.
struct join_budget {
  permit_request of; ///< the cluster's settings; nothing is asked for
  std::chrono::nanoseconds full_in{0};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_budget& x) {
  return f(x.host, x.port);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, site_budget& x) {
  return f(x.full_in);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, join_budget& x) {
  return f(x.of, x.full_in);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, permit_request& x) {
  return f(x.permit, x.held, x.anew, x.carries, x.host, x.port, x.pool_size, x.log_ins_per_minute,
           x.penalty_max, x.log_in_max);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, return_permit& x) {
  return f(x.permit, x.use, x.lasted);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, permit_given& x) {
  return f(x.permit);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, permit_delayed& x) {
  return f(x.permit, x.until, x.why);
}

} // namespace moorage

#pragma GCC visibility pop
