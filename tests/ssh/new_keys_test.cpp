// New keys that a server asks for on an open connection: what they may cost.
#include <atomic>
#include <catch2/catch.hpp>

#include "runtime/ssh/libssh_session.hpp"
#include "tests/ssh/hostile_driver.hpp"
#include "tests/support/scripted_sshd.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using support::scripted_peer;
using support::scripted_sshd;

TEST_CASE("new keys by a slower method than the log-in's are not agreed to, nor computed", "[transport]") {
  const std::string of_the_log_in = "curve25519-sha256";
  for (const auto& method : {of_the_log_in, std::string{"diffie-hellman-group18-sha512"},
                             std::string{"diffie-hellman-group14-sha256"}}) {
    INFO(method);
    std::atomic<bool> computed = false; // set by the server's thread
    scripted_sshd server{[&computed, &method](scripted_peer& peer) {
      peer.welcome();
      peer.await_open(); // by then the client knows that it is in
      computed = peer.is_agreed_to(method.c_str());
      peer.await_open(); // for ever
    }};
    world around;
    driven link{around, hostile_settings(around, server.host(), server.port())};
    REQUIRE(link.open());
    link.it->ask(1);
    CHECK(link.until([&] { return link.failed.has_value() || computed; }));
    const bool slower = method != of_the_log_in;
    CHECK(computed == !slower);
    REQUIRE(link.failed.has_value() == slower);
    CHECK((no_costlier_than(of_the_log_in).find(method) == std::string::npos) == slower);
    if (slower) { // the kind differs: libssh may write an older error over its words
      INFO(link.failed->text);
      CHECK(link.failed->stage == ssh_stage::session);
      CHECK(link.failed->kind != ssh_failure::timed_out);
    }
  }
}

TEST_CASE("after a log-in by group exchange no large group of a fixed size is agreed to", "[transport]") {
  const std::string method = "diffie-hellman-group-exchange-sha256";
  CHECK(no_costlier_than(method) == "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
                                    "ecdh-sha2-nistp384,ecdh-sha2-nistp521," +
                                        method + ",diffie-hellman-group14-sha256");
  support::real_sshd_settings settings;
  settings.config = {"RekeyLimit 64K", "KexAlgorithms " + method, "LogVerbose kex.c:*:*"};
  support::real_sshd server{settings};
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  CHECK(link.warnings.empty());
  CHECK(link.steps.at(3).text.starts_with(method));
  CHECK(link.run({"cat", {}, std::string(512u << 10, 'x'), 0ms, 0}).ended.succeeded());
  CHECK(server.log_count("peer client KEXINIT proposal") > 1);
  CHECK(server.log_count("diffie-hellman-group18-sha512") == 1); // offered for the log-in itself
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
