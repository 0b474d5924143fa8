// Questions about one pool or all, and events; orders are in messages/orders.hpp. Who takes which, and what
// answers: messages/interfaces.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "messages/events.hpp"
#include "messages/ids.hpp"
#include "messages/status.hpp"

#pragma GCC visibility push(default)

namespace moorage {

struct get_pools {};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_pools&) {
  return f();
}

struct pool_list {
  std::vector<pool_status> pools;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, pool_list& x) {
  return f(x.pools);
}

struct get_pool {
  std::string cluster;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_pool& x) {
  return f(x.cluster);
}

struct get_connections {
  std::string cluster;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_connections& x) {
  return f(x.cluster);
}

struct connection_list {
  std::vector<connection_status> connections;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_list& x) {
  return f(x.connections);
}

struct get_leases {
  std::string cluster;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_leases& x) {
  return f(x.cluster);
}

struct lease_list {
  std::vector<lease_status> leases;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_list& x) {
  return f(x.leases);
}

struct get_waiters {
  std::string cluster;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_waiters& x) {
  return f(x.cluster);
}

struct waiter_list {
  std::vector<waiter_status> waiters;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, waiter_list& x) {
  return f(x.waiters);
}

/// Answered with an `error_list`.
struct get_errors {
  std::string cluster;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_errors& x) {
  return f(x.cluster);
}

/// As many are kept a pool, since it began; and as many bytes of each text.
inline constexpr std::size_t errors_kept = 100;
inline constexpr std::size_t error_text_kept = 1'000;

/// The latest events that matter as much as a warning or more, the oldest first, without their steps.
struct error_list {
  std::vector<event_record> errors;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, error_list& x) {
  return f(x.errors);
}

/// Events of a cluster's pool (empty: of every pool, also those to come) as `event_record` messages, `credit`
/// of them at first; when the credit is used up events are counted as missed instead of queued. The credit is
/// one account, also for every pool. Who subscribes again adds to it, and is told each event once, as the
/// newest filter says; who hears every pool has one filter, and an account, for all of them. 0xffffffff is
/// without limit. The sender is the subscriber.
struct subscribe {
  std::string cluster;
  std::uint32_t credit = 0;
  event_filter wanted = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, subscribe& x) {
  return f(x.cluster, x.credit, x.wanted);
}

/// More of it. `cluster`: as in the subscription; who hears every pool may name any.
struct grant_event_credit {
  std::string cluster;
  std::uint32_t credit = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, grant_event_credit& x) {
  return f(x.cluster, x.credit);
}

} // namespace moorage

#pragma GCC visibility pop
