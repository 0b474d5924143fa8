// Commands on a real sshd.
#include <catch2/catch.hpp>

#include "tests/ssh/transport_driver.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;

namespace {

outcome exited(int code) {
  return {outcome_kind::exited, code, {}, {}};
}

} // namespace

TEST_CASE("a connection opens step by step and says what each step found", "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  std::string stages;
  for (const auto& step : link.steps) {
    stages += to_string(step.stage) + " ";
    CHECK(step.took >= 0ns);
    CAPTURE(step.stage);
    CHECK(!step.text.empty());
  }
  CHECK(stages == "prepare look_up connect key_exchange host_key authenticate ");
  CHECK(link.steps[2].text == "127.0.0.1:" + std::to_string(server.port()));
  CHECK(link.steps[3].text.find("OpenSSH") != std::string::npos);
  CHECK(link.steps[4].text.find(server.host_key_fingerprint()) != std::string::npos);
  CHECK(link.close() < 250ms);
  CHECK(link.closed);
  CHECK(server.wait_for_connections(0, 5s));
}

TEST_CASE("a command's exit code is its own", "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  CHECK(link.run("true").ended == exited(0));
  CHECK(link.run("false").ended == exited(1));
  CHECK(link.run("exit 77").ended == exited(77));
  auto said = link.run("echo out; echo err >&2");
  CHECK(said.ended == exited(0));
  CHECK(said.output == "out\n");
  CHECK(said.error_output == "err\n");
  auto killed = link.run("kill -TERM $$").ended;
  CHECK(killed.kind == outcome_kind::signalled);
  CHECK(killed.signal == "TERM");
}
