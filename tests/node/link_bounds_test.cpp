// Clients that do not read what they asked for, or ask for too much.
#include "runtime/node/network.hpp"
#include "runtime/node/servants.hpp"
#include "tests/node/frames.hpp"
#include "tests/node/other_process.hpp"
#include "tests/node/protocol.hpp"
#include "tests/node/raw_socket.hpp"

#include <catch2/catch.hpp>

#include <caf/io/basp_broker.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

using namespace node_tests;

namespace {

/// A node whose actor answers each word with so many bytes, and a client that has greeted it by hand.
struct answered_at_length {
  /// `rate`: messages a second that it reads from a client.
  explicit answered_at_length(std::size_t length, std::uint32_t rate = moorage::link_messages_a_second)
      : system(heartbeat::shipped, rate) {
    actor = system->spawn([this, length]() -> caf::behavior {
      return {[this, length](const std::string&) {
        ++asked;
        return std::string(length, 'x');
      }};
    });
    moorage::node_service service;
    service.open = [whom = caf::actor_cast<caf::strong_actor_ptr>(actor)](const std::string&) {
      return whom;
    };
    service.closed = [this](const caf::strong_actor_ptr&) { closed = true; };
    auto published = moorage::publish_node(*system, std::move(service), folder / "node.sock");
    REQUIRE(published);
    node.emplace(std::move(*published));
    peer.connect(node->path());
    peer.send(client_greeting(77));
  }
  ~answered_at_length() { caf::anon_send_exit(actor, caf::exit_reason::user_shutdown); }

  void ask(int times) {
    std::string all;
    while (times-- > 0)
      all += frame(frame_kind::direct_message, sequence_size(0) + message("@<>+@str", text("more")), ++last,
                   9, actor.id());
    peer.send(all);
  }

  own_folder folder;
  node_system system;
  caf::actor actor;
  std::optional<moorage::published_node> node;
  raw_connection peer = raw_connection::unconnected();
  std::uint64_t last = 0;
  std::atomic<int> asked = 0;
  std::atomic<bool> closed = false;
};

} // namespace

TEST_CASE("a client that does not read its answers is not read from, until it has read them") {
  constexpr std::size_t length = 64 << 10;
  constexpr int enough = 4 * static_cast<int>(moorage::unread_pause / length);
  answered_at_length world{length};
  auto sent = 0;
  for (auto heard = true; heard && sent < enough;) {
    world.ask(8);
    sent += 8;
    heard = eventually([&] { return world.asked == sent; }, 1s);
  }
  CHECK(world.asked < enough / 2);
  CHECK_FALSE(world.closed);
  // Now it reads: all that it asked for, and it is heard again.
  std::size_t taken = 0;
  auto all = [&] {
    taken += world.peer.taken();
    return taken > static_cast<std::size_t>(sent) * length;
  };
  CHECK(eventually(all));
  CHECK(world.asked == sent);
  world.ask(1);
  CHECK(eventually([&] { return world.asked == sent + 1; }));
}

TEST_CASE(
    "a client that leaves more unread than a node keeps for anybody is cut, with many questions at once") {
  constexpr std::size_t length = 2 << 20;
  answered_at_length world{length};
  world.ask(static_cast<int>(2 * moorage::unread_max / length));
  CHECK(eventually([&] { return world.closed.load(); }, 60s));
  CHECK(world.peer.ended());
}

TEST_CASE("a client's messages have a rate, beyond which it is read later and loses nothing") {
  using allowance = moorage::message_allowance;
  const auto begin = allowance::clock::now();
  allowance of{100};
  CHECK(of.took(100, begin) == 0s);
  CHECK(of.took(50, begin) == 500ms);
  CHECK(of.took(0, begin + 400ms) == 100ms);
  CHECK(of.took(0, begin + 495ms) == 0s); // too short a pause to be worth one
  CHECK(of.took(0, begin + 60s) == 0s);
  CHECK(of.took(100, begin + 60s) == 0s); // and no more than that is saved up
  CHECK(of.took(10, begin + 60s) == 100ms);
  CHECK(allowance{0}.took(1'000'000, begin) == 0s);
}

TEST_CASE("a node reads from a client as fast as it may speak, and answers others meanwhile") {
  constexpr int at_once = 100, more = 150;
  answered_at_length world{1, at_once};
  const auto begin = std::chrono::steady_clock::now();
  world.ask(at_once + more);
  node_system other;
  auto link = moorage::connect_node(*other, world.node->path(), 20s);
  REQUIRE(link);
  CHECK(eventually([&] { return world.asked == at_once + more; })); // what came with it is read with it
  world.ask(1);
  CHECK(eventually([&] { return world.asked == at_once + more + 1; }));
  CHECK(std::chrono::steady_clock::now() - begin > 1s);
  CHECK_FALSE(world.closed);
}

TEST_CASE("a client that has gone leaves a node nothing that it would keep for ever") {
  answered_at_length world{1};
  const auto net = moorage::network_of(*world.system);
  REQUIRE(net);
  auto known = [&net] { // the broker is the network thread's
    auto count = std::make_shared<std::promise<std::size_t>>();
    net->multiplexer->post([count, broker = net->broker] {
      auto self = static_cast<caf::io::basp_broker*>(caf::actor_cast<caf::abstract_actor*>(broker));
      count->set_value(self->spawn_servers.size());
    });
    return count->get_future().get();
  };
  REQUIRE(eventually([&] { return known() == 1; }));
  {
    std::vector<raw_connection> clients;
    for (std::uint32_t pid = 1'000; pid < 1'020; ++pid) {
      clients.emplace_back(world.node->path());
      clients.back().send(client_greeting(pid));
    }
    CHECK(eventually([&] { return known() == 21; })); // so many CAF remembers, and would for ever
  }
  CHECK(eventually([&] { return known() == 1; }));
}
