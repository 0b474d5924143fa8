// Two processes that talk, and what each learns of the other's end.
#include "tests/node/other_process.hpp"
#include "tests/node/protocol.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <future>
#include <signal.h>
#include <vector>

using namespace node_tests;
using clock_type = std::chrono::steady_clock;

TEST_CASE("two processes ask each other, through typed actors, and open no TCP port") {
  linked_node node;
  node.client.say("callback");
  CHECK(node.client.line() == "friend of the client");
  node.client.say("tcp");
  CHECK(node.client.line() == "0");
  node.server.say("tcp");
  CHECK(node.server.line() == "0");
}

TEST_CASE("a link tells the interface and the process at the other end") {
  echo_node node;
  node_system system;
  auto link = moorage::connect_node<echo_actor>(*system, node.socket, 5s);
  REQUIRE(link);
  CHECK(link->pid() == node.server.pid());
  CHECK(link->interface() == system->message_types<echo_actor>());
  CHECK(ask(*system, link->actor_as<echo_actor>(), std::string{"hello"}) == "hello");
}

TEST_CASE("a wrong interface is a clear error, and leaves nothing behind") {
  echo_node node;
  node_system system;
  auto before = open_descriptors();
  auto link = moorage::connect_node<other_actor>(*system, node.socket, 5s);
  REQUIRE(!link);
  auto wrong = moorage::to_failure(link.error());
  CHECK(wrong.code == moorage::errc::node_lost);
  CHECK(wrong.text.find("does not offer what is expected of it") != std::string::npos);
  CHECK(wrong.text.find("double") != std::string::npos);
  CHECK(wrong.text.find(node.socket) != std::string::npos);
  CHECK(eventually([&] { return open_descriptors() == before; }));
  CHECK(system.end() < 5s);
}

TEST_CASE("when a client is killed, the server's monitor on its actor fires at once") {
  linked_node node;
  auto start = clock_type::now();
  node.client.kill();
  CHECK(node.server.line() == "down exit_reason(remote_link_unreachable)");
  CHECK(clock_type::now() - start < 2s); // not by a heartbeat that stays away
}

TEST_CASE("when the server is killed, the client's monitor on its actor fires at once") {
  linked_node node;
  auto start = clock_type::now();
  node.server.kill();
  CHECK(node.client.line() == "down exit_reason(remote_link_unreachable)");
  CHECK(clock_type::now() - start < 2s); // not by a heartbeat that stays away
  node.client.say("quit");
  CHECK(node.client.line() <= "ended 999");
}

TEST_CASE("a client that closes its link is noticed at once, on both sides") {
  linked_node node;
  node.client.say("close");
  CHECK(node.server.line() == "down exit_reason(remote_link_unreachable)");
  CHECK(node.client.line() == "down exit_reason(remote_link_unreachable)");
}

TEST_CASE("closing what is published keeps the links that exist, and lets nobody else in") {
  linked_node node;
  node.server.say("close");
  node.server.say("tcp");
  REQUIRE(node.server.line() == "0");
  node.client.say("callback");
  CHECK(node.client.line() == "friend of the client");
  other_process late{"connect", node.socket};
  CHECK(late.line().starts_with("error no_node: no node listens on"));
}

TEST_CASE("two clients at once are served apart, and one's death is nothing to the other") {
  echo_node node;
  other_process one{"connect", node.socket};
  other_process two{"connect", node.socket};
  REQUIRE(one.line() == "watched yes");
  REQUIRE(two.line() == "watched yes");
  one.kill();
  CHECK(node.server.line() == "down exit_reason(remote_link_unreachable)");
  two.say("callback");
  CHECK(two.line() == "friend of the client");
  two.say("quit");
  CHECK(two.line() < "ended 999");
}

TEST_CASE("clients that come and go leave no descriptor in the server") {
  echo_node node;
  node.server.say("descriptors");
  auto before = node.server.line();
  other_process one{"come and go", node.socket};
  other_process two{"come and go", node.socket};
  CHECK(one.line(60s) == "hello");
  CHECK(two.line(60s) == "hello");
  CHECK(eventually([&] {
    node.server.say("descriptors");
    return node.server.line() == before;
  }));
  node.server.say("quit");
  CHECK(node.server.line() <= "ended 999");
}

TEST_CASE("a server that stops says so by closing, and its client connects to its successor") {
  own_folder folder;
  auto server = std::make_unique<other_process>("serve", folder / "node.sock");
  REQUIRE(server->line() == "ready");
  node_system system;
  auto link = moorage::connect_node<echo_actor>(*system, folder / "node.sock", 5s);
  REQUIRE(link);
  awaited_line news;
  auto watcher = spawn_watcher(*system, link->actor(), news.teller());
  REQUIRE(ask(*system, link->actor_as<echo_actor>(), std::string{"one"}) == "one");
  server->say("quit");
  CHECK(server->line() <= "ended 999");
  CHECK(news.get().starts_with("down "));
  server = std::make_unique<other_process>("serve", folder / "node.sock");
  REQUIRE(server->line() == "ready");
  link = moorage::connect_node<echo_actor>(*system, folder / "node.sock", 5s);
  REQUIRE(link);
  CHECK(ask(*system, link->actor_as<echo_actor>(), std::string{"two"}) == "two");
}

TEST_CASE("whoever connects again from the same system shares the link, which ends with the last of them") {
  echo_node node;
  node_system system;
  auto first = moorage::connect_node<echo_actor>(*system, node.socket, 5s);
  REQUIRE(first);
  auto connected = open_descriptors();
  auto second = moorage::connect_node<echo_actor>(*system, node.socket, 5s);
  REQUIRE(second);
  CHECK(open_descriptors() == connected);
  CHECK(second->actor() == first->actor());
  awaited_line news;
  auto watcher = spawn_watcher(*system, first->actor(), news.teller());
  first->close();
  CHECK(ask(*system, second->actor_as<echo_actor>(), std::string{"still here"}) == "still here");
  second->close();
  CHECK(news.get() == "down exit_reason(remote_link_unreachable)");
}

TEST_CASE("a link that was cut is not shared: the next connect makes a new one") {
  own_folder folder;
  auto server = std::make_unique<other_process>("serve", folder / "node.sock");
  REQUIRE(server->line() == "ready");
  node_system system;
  auto first = moorage::connect_node<echo_actor>(*system, folder / "node.sock", 5s);
  REQUIRE(first);
  server->kill();
  auto none = moorage::connect_node<echo_actor>(*system, folder / "node.sock", 5s);
  REQUIRE(!none);
  CHECK(moorage::to_failure(none.error()).code == moorage::errc::no_node);
  server = std::make_unique<other_process>("serve", folder / "node.sock");
  REQUIRE(server->line() == "ready");
  auto second = moorage::connect_node<echo_actor>(*system, folder / "node.sock", 5s);
  REQUIRE(second);
  CHECK(ask(*system, second->actor_as<echo_actor>(), std::string{"anew"}) == "anew");
}

TEST_CASE("two systems of one process are told apart") {
  own_folder folder;
  node_system server;
  node_system client;
  auto echo = spawn_echo(*server, [](const std::string&) {});
  auto node = moorage::publish_node(*server, echo, folder / "node.sock");
  REQUIRE(node);
  auto link = moorage::connect_node<echo_actor>(*client, folder / "node.sock", 5s);
  REQUIRE(link);
  CHECK(link->actor()->node() == server->node());
  CHECK(ask(*client, link->actor_as<echo_actor>(), std::string{"hello"}) == "hello");
  CHECK(client.end() < 5s);
  caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
}

TEST_CASE("a system that connects to itself reaches its own actor") {
  own_folder folder;
  node_system system;
  auto echo = spawn_echo(*system, [](const std::string&) {});
  auto node = moorage::publish_node(*system, echo, folder / "node.sock");
  REQUIRE(node);
  for (int i = 0; i < 3; ++i) {
    auto link = moorage::connect_node<echo_actor>(*system, folder / "node.sock", 5s);
    REQUIRE(link);
    CHECK(link->actor_as<echo_actor>() == echo);
  }
  caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
}

TEST_CASE("threads that connect at once from one system are all served") {
  echo_node node;
  node_system system;
  std::vector<std::future<caf::expected<moorage::node_link>>> attempts;
  for (int i = 0; i < 8; ++i)
    attempts.push_back(std::async(
        std::launch::async, [&] { return moorage::connect_node<echo_actor>(*system, node.socket, 5s); }));
  std::vector<moorage::node_link> links;
  for (auto& attempt : attempts) {
    auto link = attempt.get();
    REQUIRE(link);
    links.push_back(std::move(*link));
  }
  for (auto& link : links)
    CHECK(ask(*system, link.actor_as<echo_actor>(), std::string{"hello"}) == "hello");
}

TEST_CASE("two thousand messages of 64 KiB go back and forth whole, many at once") {
  echo_node node;
  node_system system;
  auto link = moorage::connect_node<echo_actor>(*system, node.socket, 5s);
  REQUIRE(link);
  auto echo = link->actor_as<echo_actor>();
  constexpr int total = 2'000;
  caf::scoped_actor self{*system, true};
  std::string text(64 << 10, 'x');
  int sent = 0;
  int intact = 0;
  std::function<void(caf::event_based_actor*)> next = [&](caf::event_based_actor* me) {
    if (++sent > total)
      return;
    me->request(echo, caf::infinite, text).then([&, me](const std::string& answer) {
      if (answer.size() == text.size() && ++intact == total)
        me->quit();
      else
        next(me);
    });
  };
  caf::actor asker = system->spawn([&](caf::event_based_actor* me) -> caf::behavior {
    for (int i = 0; i < 16; ++i)
      next(me);
    return {[](caf::unit_t) {}};
  });
  self->wait_for(asker);
  asker = nullptr;
  CHECK(intact == total);
}

TEST_CASE("a message of 32 MiB arrives whole") {
  echo_node node;
  node_system system;
  auto link = moorage::connect_node<echo_actor>(*system, node.socket, 5s);
  REQUIRE(link);
#ifdef __SANITIZE_THREAD__ // every byte of it is watched, for minutes
  std::string text(1 << 20, 'x');
#else
  std::string text(32 << 20, 'x');
#endif
  CHECK(ask(*system, link->actor_as<echo_actor>(), text) == text);
}
