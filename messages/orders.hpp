// What may be ordered of one pool. An order is one message on its whole way, and the pool core's event; it is
// answered `done`, whose text says what has changed, or refused once.
//
// Each order has in `by` who gives it, in the sender's own words, such as "moorage admin, alice@login1": the
// events that come of it tell them. Of what an outsider says there 100 bytes are kept, fit to be printed, and
// its session adds what it knows itself and nobody can make up.
//
// MOORAGE_ORDERS lists them, and nothing else does: the registration with CAF, the interfaces of session,
// manager and pool, the way from each to the next and the core's events come of it. One that is in the list
// and not in the core, or not in the program's table (deploy/moorage/orders.cpp), does not link or fails a
// test.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "messages/ids.hpp"

#pragma GCC visibility push(default)

// clang-format off
/// `each` of them, with `between` between them.
#define MOORAGE_ORDERS(each, between) \
  each(pause_pool) between each(resume_pool) between each(suspend_pool) between each(drain_pool) between each(probe_pool) between each(evict_connection) between \
  each(revoke_lease) between each(resize_pool) between each(set_setting) between each(reset_pool) between \
  each(reconnect_pool) between each(disconnect_pool) between each(record_pool)
#define MOORAGE_COMMA ,
// clang-format on

namespace moorage {

/// No grants and no new openings while anybody's pause holds; waiters queue, leases go on. A pause is its
/// sender's, and ends with the sender, by a resume of theirs, or by one of all. Pausing twice is pausing
/// once. 64 senders may pause a pool; the next is refused `too_many_requests`. Refused `invalid_request`
/// while the pool drains or is drained, which only `resume_pool` ends.
struct pause_pool {
  static constexpr const char* name = "pause";
  std::string cluster = {};
  /// It outlives its sender, and is nobody's in particular from then on: any resume ends it. For a sender
  /// that ends with its order, as a command does. Of two orders of one sender the latest says.
  bool keep = false;
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, pause_pool& x) {
  return f(x.cluster, x.keep, x.by);
}

/// Whoever comes is refused `suspended` until the pool is resumed; those who wait already are served, and
/// leases go on. Connections are opened for those who wait alone, not for the reserve (`min_idle`). It holds
/// beside pauses, and as long as somebody pauses the pool nobody is served; refused as a pause is while the
/// pool drains.
struct suspend_pool {
  static constexpr const char* name = "suspend";
  std::string cluster = {};
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, suspend_pool& x) {
  return f(x.cluster, x.by);
}

/// The end of the sender's own pause, and of all that is nobody's in particular: pauses that are kept, a
/// suspension, a drain under way or over. The answer says whose pauses hold still. What carries leases still
/// when a drain is cut short stays in service; whoever waits for that drain's end is refused `cancelled`.
struct resume_pool {
  static constexpr const char* name = "resume";
  std::string cluster = {};
  bool all = false; ///< ends every pause, whoever's it is
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, resume_pool& x) {
  return f(x.cluster, x.all, x.by);
}

/// For maintenance: waiters are refused `drained`, and so is whoever comes until the pool is resumed. Nothing
/// is opened, what is free is closed at once, the rest as it is given back. Leases go on until they end or
/// `within` is over; then they are ended as if revoked, so that what runs has 3 s. Answered when no
/// connection is left. It stays drained whatever else is ordered or set; drained anew it has the newest
/// deadline, and each order is answered.
struct drain_pool {
  static constexpr const char* name = "drain";
  std::string cluster = {};
  /// From when the pool reads it; 0 or less: leases end at once; more than a year: a year.
  std::chrono::milliseconds within{0};
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, drain_pool& x) {
  return f(x.cluster, x.within, x.by);
}

/// A health check now.
struct probe_pool {
  static constexpr const char* name = "probe";
  std::string cluster = {};
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_pool& x) {
  return f(x.cluster, x.by);
}

/// Closes this connection: at once if idle or opening, when its leases end otherwise.
struct evict_connection {
  static constexpr const char* name = "evict";
  std::string cluster = {};
  connection_id connection = {};
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, evict_connection& x) {
  return f(x.cluster, x.connection, x.by);
}

/// Ends a lease against its holder's will.
struct revoke_lease {
  static constexpr const char* name = "revoke";
  std::string cluster = {};
  lease_id lease = {};
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, revoke_lease& x) {
  return f(x.cluster, x.lease, x.by);
}

/// Another `pool_size`, until the cluster is registered anew or the node ends; refused `invalid_settings`
/// outside that setting's range.
struct resize_pool {
  static constexpr const char* name = "resize";
  std::string cluster = {};
  std::uint32_t size = 0;
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, resize_pool& x) {
  return f(x.cluster, x.size, x.by);
}

/// Another value of one setting, until the cluster is registered anew or the node ends: `value` as it is
/// written after `-o NAME=`. Refused `invalid_settings`, with what is allowed, where that or the settings
/// together are wrong, or for the name, which cannot change; then nothing has changed. The answer's text says
/// what the setting was, and what becomes of open connections. Where it is of how connections are opened, it
/// lifts the latch and the back-off, unless it is the value that it has.
struct set_setting {
  static constexpr const char* name = "set";
  std::string cluster = {};
  std::string key = {}; ///< a setting's name, such as `pool_size`
  std::string value = {};
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, set_setting& x) {
  return f(x.cluster, x.key, x.value, x.by);
}

/// Forgets the latch, the back-off, the failures, what was learnt of idleness, and the signs of a ban that
/// the cluster's host and port has shown, to other clusters there as well. What log-ins cost there is not
/// forgotten.
struct reset_pool {
  static constexpr const char* name = "reset";
  std::string cluster = {};
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reset_pool& x) {
  return f(x.cluster, x.by);
}

/// Replaces every open connection: at a time of its own within `spread`, the oldest first, each takes no new
/// lease any more, and closes, at once if it is idle, else when its leases have ended. What somebody needs is
/// opened anew as ever, the reserve (`min_idle`) included, so that log-ins come spread as well. Connections
/// that are being opened are new. Answered at once, since leases may last: events and `connection_status`
/// tell how far it is. Ordered again, each connection keeps the earlier of its times.
struct reconnect_pool {
  static constexpr const char* name = "reconnect";
  std::string cluster = {};
  /// 0 or less: all at once; more than a year: a year.
  std::chrono::milliseconds spread{0};
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reconnect_pool& x) {
  return f(x.cluster, x.spread, x.by);
}

/// Has what the pool did lately written to a file on the machine of the node, for `moorage replay`; the
/// answer's text is its path, and comes once it is written. Refused `local_failure` with the reason if it
/// cannot be, `invalid_request` while another is being written.
struct record_pool {
  static constexpr const char* name = "record";
  std::string cluster = {};
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, record_pool& x) {
  return f(x.cluster, x.by);
}

/// Closes every connection, ending its leases, and refuses the waiters `disconnected`; the cluster stays
/// registered, and later acquires open anew. Answered when the last of the connections there were is gone.
struct disconnect_pool {
  static constexpr const char* name = "disconnect";
  std::string cluster = {};
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, disconnect_pool& x) {
  return f(x.cluster, x.by);
}

} // namespace moorage

#pragma GCC visibility pop
