// Which of a site's nodes a cluster's pool is on, and its move to another one.
//
// A node that has a name (`[node] name`) has pools for the clusters that its configuration gives to it (the
// setting `node`) or to nobody. Asked for another it refuses `elsewhere`, and says where that is when it is
// asked to.
//
// To move a cluster is three messages of whoever orders it, since nodes do not talk to each other: the new
// node is told to await it (`take_over_cluster`), from when on acquires wait there and nothing is opened; the
// old one to hand it over (`hand_over_cluster`), which drains it; and the new one to begin. At no time do
// both open connections. Broken off anywhere, it is ordered again: what has been done already is answered at
// once.
#pragma once

#include <chrono>
#include <string>

#pragma GCC visibility push(default)

namespace moorage {

/// Where the cluster's pool is, as far as this node knows; or, with `node`, where the node of that name is,
/// for whoever is to move the cluster there. Refused `unknown_cluster`, `invalid_request`.
struct locate_cluster {
  std::string cluster = {};
  std::string node = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, locate_cluster& x) {
  return f(x.cluster, x.node);
}

struct cluster_place {
  std::string cluster = {};
  std::string node = {};    ///< by its name; empty: here, on a node without a name
  std::string address = {}; ///< "HOST:PORT"; empty: here
  /// False: it is here, and awaits being handed over, or the end of that.
  bool begun = true;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cluster_place& x) {
  return f(x.cluster, x.node, x.address, x.begun);
}

/// Gives the cluster up to the node of that name: acquires are refused `elsewhere` at once, the pool is
/// drained as by `drain_pool`, and when it has no connection left it ends. Refused as a drain is; then the
/// cluster stays. A node that has not got it notes where it goes, and is answered at once.
struct hand_over_cluster {
  std::string cluster = {};
  std::string to = {};
  std::chrono::milliseconds within{0}; ///< as of `drain_pool`
  std::string by = {};                 ///< as of an order, messages/orders.hpp
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, hand_over_cluster& x) {
  return f(x.cluster, x.to, x.within, x.by);
}

/// The cluster's log-in budget where it was: a bucket by value, so that a move never costs more log-ins than
/// it has.
struct cluster_handed_over {
  std::string cluster = {};
  /// How long it would be until the bucket is full again; what remains, never a time of day.
  std::chrono::nanoseconds budget_full_in{0};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cluster_handed_over& x) {
  return f(x.cluster, x.budget_full_in);
}

/// Takes the cluster, which this node's configuration must name (`unknown_cluster`); the settings are those
/// of its own files. Until `begin` is said its pool is paused: whoever comes waits, and nothing is opened.
/// Harmless twice.
struct take_over_cluster {
  std::string cluster = {};
  bool begin = false;
  std::chrono::nanoseconds budget_full_in{0}; ///< with `begin`, what the other node said
  std::string by = {};                        ///< as of an order
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, take_over_cluster& x) {
  return f(x.cluster, x.begin, x.budget_full_in, x.by);
}

} // namespace moorage

#pragma GCC visibility pop
