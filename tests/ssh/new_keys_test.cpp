// New keys that a server asks for on an open connection: what they may cost.
#include <atomic>
#include <catch2/catch.hpp>

#include "tests/ssh/hostile_driver.hpp"
#include "tests/support/scripted_sshd.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using support::scripted_peer;
using support::scripted_sshd;

TEST_CASE("new keys by a slower method than the log-in's are not agreed to, nor computed", "[transport]") {
  for (const char* slower : {"diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256"}) {
    INFO(slower);
    std::atomic<bool> computed = false; // set by the server's thread
    scripted_sshd server{[&computed, slower](scripted_peer& peer) {
      peer.welcome();
      peer.await_open(); // by then the client knows that it is in
      computed = peer.is_agreed_to(slower);
    }};
    world around;
    driven link{around, hostile_settings(around, server.host(), server.port())};
    REQUIRE(link.open());
    link.it->ask(1);
    CHECK(link.until([&] { return link.failed.has_value() || computed; }));
    CHECK_FALSE(computed);
    CHECK(link.failed);
  }
}

TEST_CASE("new keys are agreed on by the method of the log-in, whichever that was", "[transport]") {
  for (const char* method : {"curve25519-sha256@libssh.org", "ecdh-sha2-nistp521",
                             "diffie-hellman-group14-sha256", "diffie-hellman-group-exchange-sha256"}) {
    INFO(method);
    support::real_sshd_settings settings;
    settings.config = {"RekeyLimit 64K", std::string{"KexAlgorithms "} + method};
    support::real_sshd server{settings};
    world around;
    driven link{around, around.settings_for(server)};
    REQUIRE(link.open());
    std::string bytes(512u << 10, 'x');
    auto echoed = link.run({"cat", {}, bytes, 0ms, 0});
    CHECK(echoed.ended.succeeded());
    CHECK((echoed.output == bytes));
  }
}
