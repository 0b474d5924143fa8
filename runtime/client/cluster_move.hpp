// The move of a cluster from one node of a site to another, as whoever orders it carries it out: see
// messages/placement.hpp.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messages/placement.hpp"
#include "runtime/client/known_nodes.hpp"
#include "runtime/result.hpp"

namespace moorage {

/// Step by step, on the thread that waits for it.
class cluster_move {
public:
  cluster_move(std::shared_ptr<known_nodes> nodes, std::string cluster, std::string to,
               std::chrono::milliseconds within)
      : nodes_(std::move(nodes)), cluster_(std::move(cluster)), to_(std::move(to)), within_(within) {}

  result<std::string> carry_out();

private:
  using way = result<std::shared_ptr<client_gate>>;
  way reach(const std::string& address) const;
  failure unreached(const std::string& address, const failure& why) const;
  failure find();
  std::vector<std::string> others() const;
  failure hand_over();
  failure undone(failure why);

  const std::shared_ptr<known_nodes> nodes_;
  const std::string cluster_;
  const std::string to_;
  const std::chrono::milliseconds within_;
  std::string from_; ///< the address of the node that has it
  cluster_place place_;
  std::string target_;   ///< that of the node that is to have it
  bool awaited_ = false; ///< there, by this move or one that was broken off
  std::chrono::nanoseconds budget_full_in_{0};
};

} // namespace moorage
