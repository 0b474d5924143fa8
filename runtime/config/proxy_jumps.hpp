// The hosts of ssh's ProxyJump as clusters, each of which its pool's connections lead to the next.
//
// ssh runs another ssh for each hop, which reads the same files for it: its user, port and keys are those
// that its own Host has, save what the ProxyJump says itself; and a first hop goes by its own ProxyJump.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "runtime/config.hpp"

namespace moorage {

class proxy_jumps {
public:
  /// Asks ssh, and so blocks, for each host once. `from` outlives it.
  proxy_jumps(const configuration& from, const std::stop_token& stop) : from_(from), stop_(stop) {}

  /// Has the cluster go by these hosts, the last the nearest to it.
  failure lead(cluster_config& cluster, const std::string& hops);
  /// The same in the place of its own way, so that it may be among them itself: no circle, since they are a
  /// list that ends.
  failure lead_by(cluster_config& cluster, const std::string& hops);

private:
  struct hop {
    cluster_config cluster;
    bool of_table = false; ///< the configuration has it
  };
  using hosts = std::vector<std::string>;

  failure lead(cluster_config& cluster, const std::string& who, const std::string& hops, hosts& followed);
  failure find(const std::string& text, const hop* before, const cluster_config& of, hosts& followed,
               hop& result);
  failure follow(cluster_config& jump, const hop* before, hosts& followed);
  bool table_of(const cluster_config& jump, const hop* before, hosts& followed, cluster_config& result);
  std::string name_of(const cluster_config& jump, const hop* before) const;

  const configuration& from_;
  const std::stop_token& stop_;
  std::map<std::string, hop> known_; ///< by what it was written as, the file, and how it is reached
  std::map<std::string, failure> failed_;
};

/// What a file is refused for (runtime/config/checks.cpp) can also come of what ssh says, or of a host's own
/// configuration: such clusters would wait for one another.
void leave_out_circles(configuration& of, std::vector<config_problem>& problems);

} // namespace moorage
