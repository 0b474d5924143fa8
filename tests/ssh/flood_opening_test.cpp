// Servers that send and send before they have logged us in: they cost a bounded piece of work and a bounded
// number of bytes, whatever they send.
#include <catch2/catch.hpp>
#include <sys/socket.h>

#include "tests/ssh/hostile_driver.hpp"
#include "tests/support/listener.hpp"
#include "tests/support/raw_peer.hpp"
#include "tests/support/scripted_sshd.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using support::clear_packet;
using support::raw_peer;
using support::scripted_peer;
using support::scripted_sshd;

namespace {

constexpr const char* banner = "SSH-2.0-flood\r\n";

} // namespace

TEST_CASE("a server that sends without end before the log-in is cut off after 1 MiB, in short pumps",
          "[transport][flood]") {
  struct flood {
    const char* name;
    std::string first;
    std::string again;
  };
  const flood floods[] = {
      {"lines before the banner", "", "welcome to this machine\r\n"},
      {"empty lines", "", "\r\n"},
      {"SSH_MSG_IGNORE, small", banner, clear_packet(support::ignore_payload(0))},
      {"SSH_MSG_IGNORE, large", banner, clear_packet(support::ignore_payload(30'000))},
      {"SSH_MSG_DEBUG", banner, clear_packet(support::debug_payload("attend to me"))},
      {"a message that nobody knows", banner, clear_packet("\xc8 and some words")},
  };
  for (const auto& one : floods) {
    INFO(one.name);
    raw_peer peer{one.first, one.again};
    world around;
    auto settings = hostile_settings(around, peer.host(), peer.port());
    driven link{around, settings};
    auto before = resident();
    REQUIRE_FALSE(link.open(settings.connect_timeout + 10s));
    REQUIRE(link.failed);
    INFO(link.failed->text);
    CHECK(link.failed->stage == ssh_stage::key_exchange);
    CHECK(link.failed->kind == ssh_failure::protocol);
    CHECK(link.failed->text.find("1 MiB") != std::string::npos);
    CHECK(link.failed->text.find(peer.host() + ":" + std::to_string(peer.port())) != std::string::npos);
    CHECK(link.busiest_pump < pump_max);
    CHECK(link.longest_pump < stuck_pump);
    CHECK(resident() < before + growth_max(4u << 20));
    CHECK(around.loop.watched() == 0);
  }
}

TEST_CASE("a server that keeps sending is given up at the deadline, not when it pauses",
          "[transport][flood]") {
  // One pump after another is worked off: the deadline is looked at between them, however much has come.
  raw_peer peer{"", "welcome to this machine\r\n"};
  world around;
  auto settings = hostile_settings(around, peer.host(), peer.port());
  driven link{around, settings};
  link.it->open();
  bool more = false;
  // The first pumps look up, connect, and read: stop at the first that has more to do than it may do at once.
  REQUIRE(link.until([&] { return more || (more = link.pump()) || link.failed; }));
  REQUIRE_FALSE(link.failed);
  std::vector<transport_event> events;
  CHECK_FALSE(link.it->pump(std::chrono::steady_clock::now() + settings.connect_timeout, events));
  REQUIRE(events.size() == 1);
  REQUIRE(std::holds_alternative<transport_failed>(events[0]));
  CHECK(std::get<transport_failed>(events[0]).error.text.find("not open within") != std::string::npos);
}

TEST_CASE("a server that dribbles before the log-in may do so in a bounded number of pieces",
          "[transport][flood]") {
  world around;
  support::listener listener;
  auto settings = hostile_settings(around, listener.host(), listener.port());
  settings.connect_timeout = 10min;
  {
    driven link{around, settings};
    link.it->open();
    REQUIRE(link.until([&] { return listener.asked(); }));
    auto server = listener.accept();
    // On a busy machine several may arrive as one: as many are sent as it takes, but fewer than the cap in
    // bytes.
    int pieces = 0;
    for (; pieces < 500'000 && !link.failed; ++pieces) {
      REQUIRE(::send(server.get(), pieces % 2 ? "\n" : "a", 1, MSG_NOSIGNAL) == 1);
      link.pump();
    }
    CHECK(pieces > 10'000);
    REQUIRE(link.failed);
    CHECK(link.failed->kind == ssh_failure::protocol);
    CHECK(link.failed->text.find("20000 pieces") != std::string::npos);
  }
}

TEST_CASE("a server that sends without end while we log in is cut off after 1 MiB, in short pumps",
          "[transport][flood]") {
  struct flood {
    const char* name;
    std::string payload;
  };
  const flood floods[] = {
      {"SSH_MSG_IGNORE", support::ignore_payload(100)},
      {"SSH_MSG_DEBUG", support::debug_payload("attend to me")},
      {"banners", "\x35" + support::text(std::string(20'000, 'b')) + support::text("")},
      {"extensions", "\x07" + support::number(1) + support::text("colour") + support::text("blue")},
      {"a message that nobody knows", "\xc8 and some words"},
  };
  for (const auto& one : floods) {
    INFO(one.name);
    scripted_sshd server{[&](scripted_peer& peer) {
      peer.greet();
      peer.exchange_keys();
      peer.drop_what_comes(true);
      peer.flood(one.payload);
    }};
    world around;
    auto settings = hostile_settings(around, server.host(), server.port());
    driven link{around, settings};
    auto before = resident();
    REQUIRE_FALSE(link.open(settings.connect_timeout + 10s));
    REQUIRE(link.failed);
    INFO(link.failed->text);
    CHECK(link.failed->stage == ssh_stage::authenticate);
    CHECK(link.failed->kind == ssh_failure::protocol);
    CHECK(link.failed->text.find("1 MiB") != std::string::npos);
    CHECK(link.busiest_pump < pump_max);
    CHECK(link.longest_pump < stuck_pump);
    CHECK(resident() < before + growth_max(4u << 20));
  }
}

TEST_CASE("a server that asks for new keys before it has logged us in is refused them",
          "[transport][flood]") {
  // Each exchange computes: one before the log-in is all there is.
  scripted_sshd server{[](scripted_peer& peer) {
    peer.greet();
    for (;;)
      peer.exchange_keys();
  }};
  world around;
  auto settings = hostile_settings(around, server.host(), server.port());
  driven link{around, settings};
  REQUIRE_FALSE(link.open(settings.connect_timeout + 10s));
  REQUIRE(link.failed);
  INFO(link.failed->text);
  CHECK(link.failed->stage == ssh_stage::authenticate);
  CHECK(link.failed->kind != ssh_failure::timed_out); // at once, not at the deadline
}
