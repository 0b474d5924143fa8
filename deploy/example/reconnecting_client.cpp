// Runs a command through the node over and over, whatever becomes of the node meanwhile: the runtime comes
// back by itself.
//   reconnecting_client CLUSTER COMMAND TIMES
#include <chrono>
#include <iostream>
#include <string>

#include <moorage/runtime.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) try {
  if (argc != 4)
    return std::cerr << "usage: reconnecting_client CLUSTER COMMAND TIMES\n", 2;
  auto node = moorage::runtime::connect();
  node.on_loss([](const moorage::failure& why) { std::cerr << why.text << std::endl; });
  for (auto left = std::stoi(argv[3]); left > 0;) {
    // Waits for the node, too, for as long as its patience.
    auto result = node.run(argv[1], argv[2], {.patience = 60s, .wait_for_ready = true});
    std::cout << to_string(result.ended.kind) << ' ' << result.output << std::flush;
    // What may have run is not repeated unseen: here it counts as done. What was never sent is, if it was for
    // the node.
    using enum moorage::errc;
    auto why = result.ended.cause.code;
    if (result.ended.kind != moorage::outcome_kind::never_sent)
      --left;
    else if (why != node_lost && why != stopping && why != lease_ended)
      return std::cerr << to_string(result.ended) << '\n', 1;
  }
  return 0;
} catch (const moorage::error& refused) {
  std::cerr << refused.what() << '\n';
  return 2;
}
