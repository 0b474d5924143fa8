#include "tests/cli/service.hpp"

namespace moorage::cli_tests {

program_spec service_home::node_with(const std::vector<const unique_fd*>& sockets,
                                     std::map<std::string, std::string> variables) const {
  variables.emplace("LISTEN_PID", "$$");
  variables.emplace("LISTEN_FDS", std::to_string(sockets.size()));
  std::string script;
  for (auto number = 3; const auto* each : sockets)
    script += "exec " + std::to_string(number++) + "<&" + std::to_string(each->get()) + "; ";
  for (const auto& [name, value] : variables)
    script += "export " + name + "=" + value + "; ";
  auto node = spec({"-c", script + "exec \"$0\" serve", MOORAGE_PROGRAM});
  node.executable = "bash";
  return node;
}

} // namespace moorage::cli_tests
