// `moorage status`: what the pools of the node do.
#include <nlohmann/json.hpp>

#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/hops.hpp"
#include "deploy/moorage/present.hpp"
#include "deploy/moorage/reach.hpp"
#include "runtime/node/socket.hpp"

namespace moorage::cli {

ending run_status(const options& from) {
  if (from.embedded) {
    complain("status asks a node; pools of our own would be empty");
    return {wrong_usage, 0};
  }
  if (!from.settings.empty()) {
    complain("a node has its own settings; -o is for commands that can work embedded");
    return {wrong_usage, 0};
  }
  auto config = read_configuration(from);
  if (!config)
    return {wrong_config, 0};
  auto reached = reach_node(from, *config);
  if (!reached.pools)
    return refuse(reached.reason);
  auto names = ask_for_names(*reached.pools);
  std::vector<pool_status> pools;
  if (from.cluster.empty()) {
    auto all = reached.pools->pools();
    if (!all)
      return refuse(all.error());
    tell_unreachable(*reached.pools);
    pools = std::move(*all);
  } else {
    auto one = reached.pools->pool(names.meant_by(from.cluster));
    if (!one)
      return refuse(one.error());
    pools.push_back(std::move(*one));
  }
  auto socket = reached.distant ? distant_node(from, *config) : node_socket(from, *config);
  auto found = reached.distant ? caf::expected<pid_t>{0} : node_process(socket);
  auto process = found ? *found : 0;
  if (from.json) {
    nlohmann::ordered_json whole{{"pools", list_to_json(pools)}};
    whole["node"] = {{"process", process}, {reached.distant ? "address" : "socket", socket}};
    return say(json_text(whole));
  }
  for (auto& each : pools)
    name_as_written(each, names);
  return say(pools_text(pools, has_colours(1), from) + "\nnode: " +
             (process > 0 ? "process " + std::to_string(process) + ", " : "") + printable(socket) + "\n");
}

} // namespace moorage::cli
