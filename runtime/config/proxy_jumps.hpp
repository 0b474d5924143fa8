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
  /// Asks ssh, and so blocks, for each host once. All outlive it.
  proxy_jumps(const configuration& from, openssh_answers& answers, const std::stop_token& stop)
      : from_(from), answers_(answers), stop_(stop) {}

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
  /// Why a way cannot be gone.
  struct no_way : failure {
    bool circle = false; ///< of hosts, which depends on where one comes from, and names all who are in it
  };

  static no_way cannot_go(const std::string& text, const std::string& why, bool circle = false);
  static no_way needed_by(const std::string& who, no_way wrong);
  static no_way parse_hop(const std::string& text, cluster_config& result);
  no_way lead(cluster_config& cluster, const std::string& who, const std::string& hops, hosts& followed);
  no_way find(const std::string& text, const hop* before, const cluster_config& of, hosts& followed,
              hop& result);
  no_way follow(cluster_config& jump, const hop* before, hosts& followed);
  bool table_of(const cluster_config& jump, const hop* before, hosts& followed, cluster_config& result);
  std::string name_of(const cluster_config& jump, const hop* before) const;

  const configuration& from_;
  openssh_answers& answers_;
  const std::stop_token& stop_;
  std::map<std::string, hop> known_; ///< by what it was written as, the file, and how it is reached
  std::map<std::string, no_way> failed_;
};

/// What a file is refused for (runtime/config/checks.cpp) can also come of what ssh says, or of a host's own
/// configuration: such clusters would wait for one another.
void leave_out_circles(configuration& of, std::vector<config_problem>& problems);

} // namespace moorage
