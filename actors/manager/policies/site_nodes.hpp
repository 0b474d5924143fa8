// Which of a site's nodes has a cluster.
#pragma once

#include <map>
#include <string>

#include "messages/placement.hpp"
#include "messages/settings.hpp"

namespace moorage {

/// The nodes of a site as their configurations name them, the same in each, and which of them this is. Who
/// decides on which node a cluster is at first is `node_of`, and nobody else: whoever is to decide otherwise,
/// such as a coordinator of all nodes, takes its place, and moves clusters later by messages/placement.hpp.
struct site_nodes {
  std::string own = {}; ///< empty: it is no node with a name, and has every cluster
  std::map<std::string, std::string> addresses = {}; ///< by name, "HOST:PORT"

  /// By its name; empty: this one, which has no name.
  std::string node_of(const cluster_settings& cluster) const {
    return own.empty() || cluster.node.empty() ? own : cluster.node;
  }
  bool has(const cluster_settings& cluster) const { return node_of(cluster) == own; }

  cluster_place place(const std::string& cluster, const std::string& node) const;
  /// "node 'gw2' (gw2.example.org:4422)"
  std::string in_words(const std::string& node) const;
  /// What is wrong with a move to that node, or code `none`.
  failure check_target(const std::string& node) const;
};

} // namespace moorage
