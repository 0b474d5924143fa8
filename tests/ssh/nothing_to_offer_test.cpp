// Who has nothing to log in with: servers count unfinished log-ins, and ban who makes many.
#include <catch2/catch.hpp>

#include "tests/ssh/transport_driver.hpp"

namespace moorage::test {

using Catch::Matchers::Contains;
using support::fake_sshd;

TEST_CASE("who has nothing to log in with is told so before the server is asked", "[transport]") {
  fake_sshd server;
  world around;
  auto settings = around.settings_for(server);
  std::string missing = around.home / "gone";
  settings.key_files = {missing};
  SECTION("the only key file has gone") {}
  SECTION("nor would an agent be asked for its key, which nothing names any more") {
    settings.agent = true;
    around.around.agent_socket = around.home / "agent";
  }
  SECTION("nor is there a password") {
    settings.password_secret = "lost entry";
  }
  SECTION("nothing was listed, and none of the usual is there") {
    settings.key_files = {};
    missing = "there is nothing to log in with: no key file or key in an agent";
  }
  driven link{around, settings};
  REQUIRE_FALSE(link.open());
  REQUIRE(link.failed);
  INFO(link.failed->text);
  CHECK(link.failed->stage == ssh_stage::prepare);
  CHECK(link.failed->kind == ssh_failure::no_credentials);
  CHECK_THAT(link.failed->text,
             Contains("tester@") && Contains("there is nothing to log in with: ") && Contains(missing));
  CHECK(server.counters().connects == 0);
}

} // namespace moorage::test
