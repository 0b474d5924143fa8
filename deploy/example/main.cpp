// One command on every cluster of the configuration, all at the same time.
//   squeue_everywhere [--config FILE] [COMMAND]
#include <chrono>
#include <future>
#include <iostream>
#include <string>
#include <vector>

#include <moorage/runtime.hpp>

using namespace std::chrono_literals;

namespace {

moorage::exec_result run_on(moorage::runtime& runtime, const std::string& cluster,
                            const std::string& command) {
  auto lease = runtime.try_acquire(cluster, {30s, "squeue_everywhere", {}});
  if (!lease) {
    moorage::exec_result refused;
    refused.ended.cause = lease.reason();
    return refused;
  }
  return lease->run(command); // the lease is given back at the end of this function
}

} // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words{argv + 1, argv + argc};
  auto file = moorage::find_config_file();
  if (words.size() >= 2 && words[0] == "--config") {
    file = words[1];
    words.erase(words.begin(), words.begin() + 2);
  }
  try {
    auto config = moorage::load_config(file);
    moorage::runtime runtime{config};
    std::vector<std::future<moorage::exec_result>> running;
    for (const auto& cluster : config.cluster_names())
      running.push_back(std::async(std::launch::async, run_on, std::ref(runtime), cluster,
                                   words.empty() ? std::string{"squeue --me"} : words[0]));
    auto all_well = true;
    auto each = running.begin();
    for (const auto& cluster : config.cluster_names()) {
      auto result = (each++)->get();
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
