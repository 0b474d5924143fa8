// Many clients of a node, one after another, that stay for a moment each: a machine's cron jobs of a year.
#include <catch2/catch.hpp>

#include <chrono>
#include <cstdlib>
#include <string>

#include "tests/node/hand_client.hpp"
#include "tests/runtime/node_holdings.hpp"
#include "tests/runtime/visited_node.hpp"

using namespace moorage;
using namespace moorage::test;
using node_tests::hand_client;
using steady = std::chrono::steady_clock;

namespace {

/// A node in this process with a pool that nobody uses, and those who come to it.
struct often_visited_node : visited_node {
  often_visited_node()
      : visited_node(quiet_configuration({unreachable("here")}),
                     {.clusters = {"*"}, .allow = {access_right::use}}) {}
  /// Greets, asks how a pool does, hears it, and is gone: every third over TLS, every fifth without a word
  /// after its greeting, every seventh in the middle of a frame.
  void visit() {
    ++visits;
    hand_client client{dial(visits % 3 == 0), visits};
    REQUIRE(client.greet());
    if (visits % 7 == 0)
      client.say(node_tests::header(node_tests::frame_kind::direct_message, 100, 0, 9, client.session()));
    else if (visits % 5 != 0)
      REQUIRE(client.ask("moorage::get_pool", node_tests::text("here")));
  }
  void visit(std::uint32_t times) {
    for (; times > 0; --times)
      visit();
  }
  /// Waits until there is no more than there was.
  bool settles(const node_holdings& before) {
    auto deadline = steady::now() + 60s;
    while (!node_holdings::of(rt).within(before))
      if (steady::now() > deadline)
        return false;
    return true;
  }

  std::uint32_t visits = 0;
};

} // namespace

// MOORAGE_CLIENTS=100000 by hand.
TEST_CASE("of clients that come one after another and go nothing is left, whatever they were saying",
          "[long]") {
  const auto* more = std::getenv("MOORAGE_CLIENTS");
  auto clients = static_cast<std::uint32_t>(more == nullptr ? 2'000 : std::stoul(more));
  often_visited_node node;
  auto before = node_holdings::of(node.rt);
  node.visit(500); // what is made once is made
  node.settles(before);
  auto heap = bytes_on_the_heap();
  node.visit(clients);
  auto settled = node.settles(before);
  INFO("before: " << before << "; now: " << node_holdings::of(node.rt));
  CHECK(settled);
  auto grown = bytes_on_the_heap() - heap;
  if (more != nullptr)
    WARN("bytes more than before: " << grown);
  // A heap in use goes up and down by some of that; what CAF and monitors would keep is 3,600 bytes each.
  CHECK(grown < (std::int64_t{1} << 20) + std::int64_t{50} * clients);
}
