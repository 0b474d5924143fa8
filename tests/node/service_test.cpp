// What a node gives to each connection: an actor of its own, if it wants.
#include "tests/node/other_process.hpp"
#include "tests/node/protocol.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <mutex>
#include <vector>

using namespace node_tests;

namespace {

/// A service that makes an echo for each connection, and counts their ends.
struct echoes {
  explicit echoes(caf::actor_system& in) {
    service.open = [this, &in](const std::string&) {
      std::lock_guard guard{mutex};
      made.push_back(spawn_echo(in, [](const std::string&) {}));
      return caf::actor_cast<caf::strong_actor_ptr>(made.back());
    };
    service.closed = [this](const caf::strong_actor_ptr& whom) {
      ++closed;
      caf::anon_send_exit(caf::actor_cast<caf::actor>(whom), caf::exit_reason::user_shutdown);
    };
    service.interface = in.message_types<echo_actor>();
  }
  std::size_t count() {
    std::lock_guard guard{mutex};
    return made.size();
  }

  moorage::node_service service;
  std::atomic<std::size_t> closed = 0;
  std::mutex mutex;
  std::vector<echo_actor> made;
};

} // namespace

TEST_CASE("each connection is given an actor of its own, and when it ends the service is told, once") {
  own_folder folder;
  node_system server;
  echoes given{*server};
  auto node = moorage::publish_node(*server, given.service, folder / "node.sock");
  REQUIRE(node);
  node_system first, second;
  auto one = moorage::connect_node<echo_actor>(*first, node->path(), 5s);
  auto two = moorage::connect_node<echo_actor>(*second, node->path(), 5s);
  REQUIRE(one);
  REQUIRE(two);
  CHECK(given.count() == 2);
  CHECK(one->actor()->id() != two->actor()->id());
  CHECK(ask(*first, one->actor_as<echo_actor>(), std::string{"one"}) == "one");
  CHECK(ask(*second, two->actor_as<echo_actor>(), std::string{"two"}) == "two");
  one->close();
  CHECK(eventually([&] { return given.closed == 1; }));
  CHECK(ask(*second, two->actor_as<echo_actor>(), std::string{"still"}) == "still");
  two->close();
  CHECK(eventually([&] { return given.closed == 2; }));
  given.made.clear();
  CHECK(server.end() < 2s);
  CHECK(given.closed == 2);
}

TEST_CASE("whom a service gives nothing is turned away") {
  own_folder folder;
  node_system server, client;
  moorage::node_service service;
  service.open = [](const std::string&) { return caf::strong_actor_ptr{}; };
  auto node = moorage::publish_node(*server, service, folder / "node.sock");
  REQUIRE(node);
  auto link = moorage::connect_node(*client, node->path(), 5s);
  REQUIRE(!link);
  CHECK(moorage::to_failure(link.error()).code == moorage::errc::node_lost);
}
