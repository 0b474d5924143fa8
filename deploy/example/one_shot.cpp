// One command on clusters, on all of them at the same time.
//   one_shot COMMAND [CLUSTER…]          without a name: every cluster of the configuration
#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <moorage/runtime.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: one_shot COMMAND [CLUSTER…]\n";
    return 2;
  }
  try {
    auto config = moorage::load_config(moorage::find_config_file());
    std::vector<std::string> clusters{argv + 2, argv + argc};
    if (clusters.empty())
      clusters = config.cluster_names();
    moorage::runtime rt{config};
    std::vector<std::pair<std::string, moorage::pending<moorage::exec_result>>> asked;
    for (const auto& cluster : clusters)
      asked.emplace_back(cluster, rt.async().run(cluster, {.command = argv[1], .timeout = 60s}, 30s));
    auto all_well = true;
    for (auto& [cluster, running] : asked) {
      auto result = running.get();
      all_well = all_well && result.ended.succeeded();
      std::cout << "== " << cluster << ": " << to_string(result.ended) << " ==\n"
                << result.output << result.error_output;
    }
    return all_well ? 0 : 1;
  } catch (const moorage::config_error& wrong) {
    std::cerr << wrong.what() << '\n';
  } catch (const moorage::error& refused) {
    std::cerr << refused.what() << '\n';
  }
  return 2;
}
