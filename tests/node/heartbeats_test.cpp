// A frozen process keeps its sockets open: only its silence tells.
#include "tests/node/other_process.hpp"
#include "tests/node/protocol.hpp"

#include <catch2/catch.hpp>

#include <signal.h>

using namespace node_tests;
using clock_type = std::chrono::steady_clock;

namespace {

/// On a busy machine, everything comes late.
constexpr auto noticed_max = quick_silence_max + 3s;

} // namespace

TEST_CASE("a frozen server is given up after the longest silence, and not before") {
  echo_node node{" with quick heartbeats"};
  node_system system{heartbeat::quick};
  auto link = moorage::connect_node<echo_actor>(*system, node.socket, 5s);
  REQUIRE(link);
  awaited_line news;
  auto watcher = spawn_watcher(*system, link->actor(), news.teller());
  REQUIRE(ask(*system, link->actor_as<echo_actor>(), std::string{"awake"}) == "awake");
  auto start = clock_type::now();
  node.server.send_signal(SIGSTOP);
  CHECK(news.get().starts_with("down "));
  CHECK(clock_type::now() - start > quick_silence_max - 2 * quick_heartbeat);
  CHECK(clock_type::now() - start < noticed_max);
}

TEST_CASE("a frozen client is given up after the longest silence, and learns of it when it thaws") {
  linked_node node{" with quick heartbeats"};
  auto start = clock_type::now();
  node.client.send_signal(SIGSTOP);
  CHECK(node.server.line().starts_with("down "));
  CHECK(clock_type::now() - start < noticed_max);
  node.client.send_signal(SIGCONT);
  CHECK(node.client.line().starts_with("down "));
}

TEST_CASE("an idle link lives on, and so does one whose end was frozen for less than the longest silence") {
  linked_node node{" with quick heartbeats"};
  CHECK(node.client.line(2 * quick_silence_max) == "(silence)");
  node.client.send_signal(SIGSTOP);
  let_pass(quick_silence_max / 4);
  node.client.send_signal(SIGCONT);
  node.client.say("callback");
  CHECK(node.client.line() == "friend of the client");
}

TEST_CASE("a connect that meets a heartbeat does not fail for it") {
  echo_node node{" with quick heartbeats"};
  node.server.send_signal(SIGSTOP); // so that the handshake lasts for several heartbeats
  node_system system{heartbeat::quick};
  auto attempt = std::async(std::launch::async,
                            [&] { return moorage::connect_node<echo_actor>(*system, node.socket, 10s); });
  let_pass(5 * quick_heartbeat);
  node.server.send_signal(SIGCONT);
  CHECK(attempt.get());
}

TEST_CASE(
    "a peer that never greets is cut off by a system's heartbeats, and not before its silence is too long") {
  echo_node node{" with quick heartbeats"};
  node_system system{heartbeat::quick};
  node.server.send_signal(SIGSTOP);
  auto start = clock_type::now();
  auto link = moorage::connect_node<echo_actor>(*system, node.socket, 10s);
  REQUIRE(!link);
  CHECK(clock_type::now() - start > quick_silence_max - quick_heartbeat);
  CHECK(clock_type::now() - start < noticed_max);
  CHECK(moorage::to_failure(link.error()).code == moorage::errc::node_lost);
}

TEST_CASE("a system that ends in the middle of a heartbeat leaves nothing behind") {
  int left_behind = 0;
  for (int i = 0; i < 50; ++i) {
    node_config config{heartbeat::quick};
    config.set("middleman.heartbeat-interval", caf::timespan{50us});
    auto* system = new caf::actor_system{config};
    auto broker = caf::actor_cast<caf::weak_actor_ptr>(
        system->middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP")));
    moorage::end_node_system(system);
    left_behind += broker.lock() != nullptr;
  }
  CHECK(left_behind == 0);
}
