// The network between a node and a cluster is cut, and networks that are slow or lose packets. Each is a row
// of tests/machines.md.
#include <catch2/catch.hpp>

#include <chrono>
#include <string>

#include "tests/cli/machines.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::outcome_kind;
using steady = std::chrono::steady_clock;

TEST_CASE("a cluster that is cut off from its node ends what ran there honestly, hurts no other, and is back "
          "once it is mended",
          "[long]") {
  site here{
      {.clusters = {"lumi", "mahti"}, .settings = "keep_alive_interval = \"1s\"\nprobe_timeout = \"1s\"\n"}};
  if (!here)
    return;
  auto& node = here.nodes[0];
  auto& lumi = *here.clusters[0].at;
  auto command = here.start(here.jobs, node, {"exec", "lumi", "-n", "--", "echo begun; exec sleep 600"});
  REQUIRE(command.wrote("begun\n"));
  REQUIRE(here.run(here.jobs, node, {"exec", "mahti", "-n", "--", "true"}).code == 0);
  auto rt = here.connect(here.portal, node);
  here.network.cut_both(*node.at, lumi);
  auto began = steady::now();
  auto lost = command.wait(60s);
  CHECK(steady::now() - began < 5s + slack); // a second's silence and three unanswered questions
  CHECK(lost.code == 255);
  CHECK_THAT(lost.error_output, Contains("the command may have run"));
  CHECK(node.has_leases(0, slack));
  auto never = here.run(here.jobs, node, {"exec", "lumi", "-n", "--wait", "1s", "--", "true"});
  CHECK(never.code == 255);
  CHECK_THAT(never.error_output, Contains("the command did not run"));
  CHECK(here.run(here.jobs, node, {"exec", "mahti", "-n", "--", "true"}).code == 0);
  auto waiting = rt.async().run("lumi", "true", riding_out());
  CHECK(here.logins(0) == 1);
  here.network.mend_both(*node.at, lumi);
  began = steady::now();
  CHECK(waiting.get().ended.succeeded());
  CHECK(steady::now() - began < 25s + slack); // a try that hangs takes 10 s, the pause behind it 15 s at most
  CHECK(here.logins(0) == 2);
  CHECK(here.logins(1) == 1);
  CHECK(here.network.dropped() > 0);
}

TEST_CASE("over a network that is far away or loses packets all that is said comes whole", "[long]") {
  site_plan plan;
  SECTION("a tenth of a second either way") {
    plan.far_away = 100ms;
  }
  SECTION("every eighth packet on each wire is lost") {}
  site here{plan};
  if (!here)
    return;
  auto& node = here.nodes[0];
  const auto loses = plan.far_away == 0ms;
  if (loses)
    here.network.lose_some();
  auto rt = here.connect(here.portal, node);
  auto began = steady::now();
  auto lease = rt.acquire("lumi", 60s);
  for (int i = 0; i < 5; ++i)
    CHECK(lease.run({"cat", {}, "word " + std::to_string(i)}).output == "word " + std::to_string(i));
  auto large = lease.run("head -c 300000 /dev/zero");
  CHECK(large.ended.succeeded());
  CHECK(large.output.size() == 300'000);
  // There and back for the acquire and each command.
  CHECK(steady::now() - began >= 14 * plan.far_away);
  auto command = here.run(here.portal, node, {"exec", "lumi", "-n", "--", "echo there; exit 3"});
  CHECK(command.output == "there\n");
  CHECK(command.code == 3);
  CHECK_FALSE(rt.wait_for_loss(0s));
  CHECK(here.logins() == 2);
  CHECK((here.network.dropped() > 0) == loses);
}
