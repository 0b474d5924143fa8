// The clusters that the manager knows.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "messages/settings.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// Registers a cluster, or changes the settings of the one with this name; connections opened under other
/// transport settings are closed when their leases end.
struct register_cluster {
  cluster_settings settings;
  std::string by = {}; ///< as of an order, messages/orders.hpp
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, register_cluster& x) {
  return f(x.settings, x.by);
}

/// Closes its connections, refuses its waiters `cluster_removed`, forgets it.
struct remove_cluster {
  std::string cluster;
  std::string by = {}; ///< the same
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, remove_cluster& x) {
  return f(x.cluster, x.by);
}

/// Drains every pool, as `drain_pool` does, registers no new cluster meanwhile, and then ends the process, if
/// its host says how (`runtime_options::shut_down`), as a node's does; otherwise the pools end for good and
/// the host goes on without them. Answered when no connection is left. Whoever resumes a pool meanwhile calls
/// it off: it is refused `cancelled`, once the other pools are drained, and those stay so until they are
/// resumed too.
struct shut_down_pools {
  std::chrono::milliseconds within{0}; ///< for leases to end by themselves; 0 or less: they end now
  std::string by = {};                 ///< as of an order
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, shut_down_pools& x) {
  return f(x.within, x.by);
}

/// Has the host read its configuration again, if it has one to read (`runtime_options::reload`), as a node's
/// does. The answer's text says what has changed, and what could not; a file with an error is refused
/// `invalid_settings` with what is wrong, and changes nothing. `too_many_requests` while it is being read by
/// order of another.
struct reload_configuration {
  std::string by = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, reload_configuration& x) {
  return f(x.by);
}

struct list_clusters {};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, list_clusters&) {
  return f();
}

struct cluster_list {
  std::vector<cluster_settings> clusters;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cluster_list& x) {
  return f(x.clusters);
}

} // namespace moorage

#pragma GCC visibility pop
