// A name with several addresses: none of them can keep the others from being tried.
#include <catch2/catch.hpp>

#include <atomic>
#include <memory>

#include "tests/ssh/hostile_driver.hpp"
#include "tests/support/raw_peer.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using support::fake_sshd;
using support::raw_peer;

namespace {

cluster_settings settings_by_name(world& around, std::uint16_t port) {
  auto settings = hostile_settings(around, "login.example", port);
  settings.connect_timeout = 6s;
  return settings;
}

} // namespace

TEST_CASE(
    "an address that takes the connection and never exchanges keys leaves the next its share of the time",
    "[transport]") {
  struct first_server {
    const char* says;
    const char* told;
  };
  const first_server servers[] = {
      {"", "has said nothing since"},
      {"SSH-2.0-hung\r\n", "fell silent in the key exchange"},
      {"220 mail.example ESMTP\r\n", "does not speak SSH"},
  };
  for (const auto& [says, told] : servers) {
    CAPTURE(says);
    fake_sshd alive;
    raw_peer hung{says, "", "127.0.0.2", alive.port()};
    world around;
    around.resolve = resolves_to({hung.host(), alive.host()});
    auto settings = settings_by_name(around, alive.port());
    driven link{around, settings};
    REQUIRE(link.open());
    // Half of what was left was the first one's; the step tells of both.
    const auto& connect = link.steps[2];
    CHECK(connect.took >= 2s);
    CHECK(connect.text.find("127.0.0.1:") == 0);
    CHECK(connect.text.find("127.0.0.2:" + std::to_string(alive.port()) + ": no key exchange within ") !=
          std::string::npos);
    CHECK(connect.text.find(told) != std::string::npos);
    CHECK(link.run("echo well").output == "well\n");
    CHECK(hung.connects() == 1);
  }
}

TEST_CASE("each opening looks its host's name up anew, so that a host that has moved is found where it is",
          "[transport]") {
  fake_sshd here;
  raw_peer before{"", "", "127.0.0.2", here.port()};
  auto moved = std::make_shared<std::atomic<bool>>(false);
  world around;
  around.resolve = [moved, there = resolves_to({before.host()}),
                    now = resolves_to({here.host()})](const std::string& host, std::uint16_t port) {
    return (*moved ? now : there)(host, port);
  };
  auto settings = settings_by_name(around, here.port());
  settings.connect_timeout = 500ms;
  driven first{around, settings};
  CHECK_FALSE(first.open());
  *moved = true;
  settings.connect_timeout = patient;
  driven second{around, settings};
  CHECK(second.open());
}

TEST_CASE("of addresses that all hang each is tried once, and the error names them all", "[transport]") {
  raw_peer first{"", "", "127.0.0.2"};
  raw_peer second{"SSH-2.0-hung\r\n", "", "127.0.0.3", first.port()};
  raw_peer third{"", "", "127.0.0.4", first.port()};
  world around;
  around.resolve = resolves_to({first.host(), second.host(), third.host()});
  auto settings = settings_by_name(around, first.port());
  settings.connect_timeout = 1500ms;
  driven link{around, settings};
  REQUIRE_FALSE(link.open(settings.connect_timeout + 10s));
  REQUIRE(link.failed);
  INFO(link.failed->text);
  CHECK(link.failed->stage == ssh_stage::key_exchange);
  CHECK(link.failed->kind == ssh_failure::timed_out);
  for (const auto* peer : {&first, &second, &third}) {
    CHECK(link.until([&] { return peer->connects() == 1; })); // it may accept late
    CHECK(link.failed->text.find(peer->host()) != std::string::npos);
  }
  CHECK(link.failed->text.find("within 1s500ms") != std::string::npos);
  CHECK(around.loop.watched() == 0);
}

TEST_CASE("a hanging address before one that refuses is told with it", "[transport]") {
  raw_peer hung{"", "", "127.0.0.2"};
  world around;
  around.resolve = resolves_to({hung.host(), "127.0.0.3"});
  auto settings = settings_by_name(around, hung.port());
  settings.connect_timeout = 1s;
  driven link{around, settings};
  REQUIRE_FALSE(link.open(settings.connect_timeout + 10s));
  REQUIRE(link.failed);
  INFO(link.failed->text);
  CHECK(link.failed->kind == ssh_failure::refused);
  CHECK(link.failed->stage == ssh_stage::key_exchange); // a server was reached, and may count that
  CHECK(link.failed->text.find("127.0.0.2:") != std::string::npos);
  CHECK(link.failed->text.find("127.0.0.3:") != std::string::npos);
}
