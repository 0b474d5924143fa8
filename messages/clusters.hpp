// The clusters that the manager knows.
#pragma once

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
