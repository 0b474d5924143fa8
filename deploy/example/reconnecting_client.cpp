// Runs a command through the node over and over, and comes back when the node does.
//   reconnecting_client CLUSTER COMMAND TIMES
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include <moorage/runtime.hpp>

using namespace std::chrono_literals;

/// The node, sooner or later. Others wait for it too: they should not all come back at the same moment, nor without end.
moorage::runtime node_again() {
  for (auto pause = 50ms;; pause = std::min<std::chrono::milliseconds>(2 * pause, 5s)) {
    auto node = moorage::runtime::try_connect();
    if (node)
      return *std::move(node);
    std::cerr << node.error().text << std::endl;
    std::this_thread::sleep_for(pause + std::chrono::milliseconds{std::rand() % 50});
  }
}

int main(int argc, char** argv) try {
  if (argc != 4)
    return std::cerr << "usage: reconnecting_client CLUSTER COMMAND TIMES\n", 2;
  auto node = node_again();
  for (auto left = std::stoi(argv[3]); left > 0;) {
    auto result = node.run(argv[1], argv[2], 30s);
    std::cout << to_string(result.ended.kind) << ' ' << result.output << std::flush;
    // What may have run is not repeated unseen: here it counts as done.
    if (result.ended.kind != moorage::outcome_kind::never_sent)
      --left;
    using enum moorage::errc;
    auto why = result.ended.cause.code;
    if (why == node_lost || why == stopping ||
        why == lease_ended) // killed, restarted, or both in the middle of a call
      node = node_again();
    else if (result.ended.kind == moorage::outcome_kind::never_sent)
      return std::cerr << to_string(result.ended) << '\n', 1;
  }
  return 0;
} catch (const moorage::error& refused) {
  std::cerr << refused.what() << '\n';
  return 2;
}
