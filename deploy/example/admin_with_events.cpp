// An administrator who looks on: has each pool check its connections and tells what happens meanwhile.
//   admin_with_events [SECONDS]          of the node's pools; it must be running (moorage serve)
#include <chrono>
#include <iostream>
#include <string>

#include <moorage/runtime.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) try {
  auto watch_for = std::chrono::seconds{argc > 1 ? std::stoi(argv[1]) : 10};
  auto node = moorage::runtime::connect();
  // One call at a time, in order; what happens faster than this takes it in is counted, and never held up.
  auto events = node.subscribe({},
                               [](const moorage::event_record& event) {
                                 if (event.missed > 0)
                                   std::cout << event.missed << " events missed\n";
                                 std::cout << event.cluster << ": " << to_string(event.what) << ' '
                                           << event.text << std::endl;
                               })
                    .value();
  for (const auto& pool : *node.pools()) {
    if (auto refused = node.probe(pool.cluster).error(); refused.code != moorage::errc::none)
      std::cerr << pool.cluster << ": " << refused.text << '\n';
    for (const auto& lease : *node.leases(pool.cluster))
      std::cout << pool.cluster << ": " << to_string(lease.lease) << " held by " << lease.label << '\n';
  }
  auto lost = node.wait_for_loss(watch_for);
  events.unsubscribe(); // from here on no call begins, and none is under way
  for (const auto& pool : node.pools().value_or(std::vector<moorage::pool_status>{}))
    std::cout << pool.cluster << ": " << pool.idle << " idle, " << pool.leased << " leased, "
              << pool.counters.probes_passed << " probes passed\n";
  return lost ? 1 : 0;
} catch (const moorage::error& refused) {
  std::cerr << refused.what() << '\n';
  return 2;
}
