// Settings of the transport on OpenSSH's own sshd: where connections come from, compression, new keys.
#include <catch2/catch.hpp>

#include <random>

#include "tests/ssh/transport_driver.hpp"

namespace moorage::test {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::real_sshd;
using support::real_sshd_settings;

real_sshd_settings talkative() {
  real_sshd_settings settings;
  settings.config = {"LogVerbose kex.c:*:*"};
  return settings;
}

} // namespace

TEST_CASE("connections come from bind_address, and the error names it where they cannot", "[transport]") {
  real_sshd server;
  world around;
  auto settings = around.settings_for(server);
  settings.bind_address = "127.0.0.9";
  driven link{around, settings};
  REQUIRE(link.open());
  CHECK(server.log_count("Connection from 127.0.0.9 port") == 1);
  struct wrong {
    const char* address;
    const char* told;
  };
  for (auto [address, told] : {wrong{"192.0.2.7", "Cannot assign requested address"},
                               wrong{"::1", "Address family not supported"}}) {
    settings.bind_address = address;
    driven other{around, settings};
    REQUIRE_FALSE(other.open());
    REQUIRE(other.failed);
    CHECK(other.failed->stage == ssh_stage::connect);
    CHECK_THAT(other.failed->text, Contains(std::string{"not from bind_address "} + address + ": " + told) &&
                                       Contains("bind_address must be an address of this machine"));
  }
  CHECK(server.connects() == 1);
}

TEST_CASE("an address of another kind than bind_address is passed over for the next", "[transport]") {
  real_sshd server;
  world around;
  around.resolve = resolves_to({"::1", "127.0.0.1"});
  auto settings = around.settings_for(server);
  settings.host_key_alias = "known";
  settings.strict_host_keys = host_key_policy::off;
  settings.host = "login.example";
  settings.bind_address = "127.0.0.9";
  driven link{around, settings};
  REQUIRE(link.open());
  CHECK(server.log_count("Connection from 127.0.0.9 port") == 1);
}

TEST_CASE("with compression what goes both ways is compressed once we are let in, and whole", "[transport]") {
  real_sshd server{talkative()};
  world around;
  auto settings = around.settings_for(server);
  std::string much(8u << 20, 'x');
  for (bool compressed : {false, true}) {
    INFO(compressed);
    settings.compression = compressed;
    driven link{around, settings};
    REQUIRE(link.open());
    auto echoed = link.run({"cat", {}, much, 0ms, 0});
    CHECK(echoed.ended.succeeded());
    CHECK((echoed.output == much));
    CHECK((server.log_count("compression: zlib@openssh.com") > 0) == compressed);
    if (!compressed)
      continue;
    // New keys, which begin compression anew, in the middle of what cannot be compressed.
    server.reconfigure({"RekeyLimit 256K"});
    std::minstd_rand chance{1};
    for (auto& c : much)
      c = static_cast<char>(chance());
    driven again{around, settings};
    REQUIRE(again.open());
    CHECK((again.run({"cat", {}, much, 0ms, 0}).output == much));
  }
}

TEST_CASE("new keys are asked for after rekey_data and rekey_interval", "[transport]") {
  real_sshd server{talkative()};
  world around;
  auto settings = around.settings_for(server);
  auto asked = [&] { return server.log_count("peer client KEXINIT proposal"); };
  SECTION("by bytes") {
    settings.rekey_data = 1u << 20;
    driven link{around, settings};
    REQUIRE(link.open());
    CHECK(asked() == 1);
    auto echoed = link.run({"cat", {}, std::string(4u << 20, 'x'), 0ms, 0});
    CHECK(echoed.output.size() == 4u << 20);
    CHECK(asked() >= 3);
  }
  SECTION("by time") {
    settings.rekey_interval = 1s;
    driven link{around, settings};
    REQUIRE(link.open());
    CHECK(link.run("sleep 1.5; echo one; sleep 0.1; echo two").output == "one\ntwo\n");
    CHECK(link.run("echo three").output == "three\n");
    CHECK(asked() >= 2);
  }
}

} // namespace moorage::test
