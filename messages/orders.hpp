// What may be ordered of one pool. An order is one message on its whole way, and the pool core's event; it is
// answered `done`, or refused once.
//
// MOORAGE_ORDERS lists them, and nothing else does: the registration with CAF, the interfaces of session,
// manager and pool, the way from each to the next and the core's events come of it. One that is in the list
// and not in the core, or not in the program's table (deploy/moorage/orders.cpp), does not link or fails a
// test.
#pragma once

#include <cstdint>
#include <string>

#include "messages/ids.hpp"

#pragma GCC visibility push(default)

// clang-format off
/// `each` of them, with `between` between them.
#define MOORAGE_ORDERS(each, between) \
  each(pause_pool) between each(resume_pool) between each(probe_pool) between each(evict_connection) between \
  each(revoke_lease) between each(resize_pool) between each(reset_pool) between each(disconnect_pool)
#define MOORAGE_COMMA ,
// clang-format on

namespace moorage {

/// No grants and no new openings until resumed; waiters queue, leases go on. Pausing twice is pausing once.
struct pause_pool {
  static constexpr const char* name = "pause";
  std::string cluster = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, pause_pool& x) {
  return f(x.cluster);
}

/// The end of a pause.
struct resume_pool {
  static constexpr const char* name = "resume";
  std::string cluster = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, resume_pool& x) {
  return f(x.cluster);
}

/// A health check now.
struct probe_pool {
  static constexpr const char* name = "probe";
  std::string cluster = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_pool& x) {
  return f(x.cluster);
}

/// Closes this connection: at once if idle or opening, when its leases end otherwise.
struct evict_connection {
  static constexpr const char* name = "evict";
  std::string cluster = {};
  connection_id connection = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, evict_connection& x) {
  return f(x.cluster, x.connection);
}

/// Ends a lease against its holder's will.
struct revoke_lease {
  static constexpr const char* name = "revoke";
  std::string cluster = {};
  lease_id lease = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, revoke_lease& x) {
  return f(x.cluster, x.lease);
}

/// Another `pool_size`, until the cluster is registered anew or the node ends; refused `invalid_settings`
/// outside that setting's range.
struct resize_pool {
  static constexpr const char* name = "resize";
  std::string cluster = {};
  std::uint32_t size = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, resize_pool& x) {
  return f(x.cluster, x.size);
}

/// Forgets the latch, the back-off, the failures, what was learnt of idleness, and the signs of a ban that
/// the cluster's host and port has shown, to other clusters there as well. What log-ins cost there is not
/// forgotten.
struct reset_pool {
  static constexpr const char* name = "reset";
  std::string cluster = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reset_pool& x) {
  return f(x.cluster);
}

/// Closes every connection, ending its leases, and refuses the waiters `disconnected`; the cluster stays
/// registered, and later acquires open anew. Answered when the last of the connections there were is gone.
struct disconnect_pool {
  static constexpr const char* name = "disconnect";
  std::string cluster = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, disconnect_pool& x) {
  return f(x.cluster);
}

} // namespace moorage

#pragma GCC visibility pop
