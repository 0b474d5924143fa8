// Clients and nodes that die or freeze, each on a machine of its own. Each is a row of tests/machines.md.
#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <string>

#include "tests/cli/machines.hpp"
#include "tests/support/watched_process.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::errc;
using moorage::outcome_kind;
using steady = std::chrono::steady_clock;

TEST_CASE(
    "a client that is killed on another machine gives its lease back within a second, and its command ends",
    "[long]") {
  site here{{.ordinary_user = true}};
  if (!here)
    return;
  auto& node = here.nodes[0];
  auto client = here.start(here.jobs, node, {"exec", "lumi", "-n", "--", "echo $$ begun; exec sleep 600"});
  REQUIRE(client.wrote("begun\n"));
  moorage::support::watched_process at_the_cluster{std::stoi(client.output())};
  REQUIRE(node.has_leases(1, 0s));
  client.signal(SIGKILL);
  auto began = steady::now();
  CHECK(node.has_leases(0, 1s + slack));
  CHECK(steady::now() - began < 5s); // not by the silence, which takes ten at least
  CHECK(at_the_cluster.ends(3s + slack));
  CHECK(here.run(here.jobs, node, {"exec", "lumi", "-n", "--", "true"}).code == 0);
  CHECK(here.logins() == 1);
}

TEST_CASE(
    "when a node is killed its clients on other machines are told at once, and come back to the next one",
    "[long]") {
  site here{{.nodes = 2, .settings = "pool_size = 2\n"}};
  if (!here)
    return;
  auto &node = here.nodes[0], &living = here.nodes[1];
  auto command = here.start(here.jobs, node, {"exec", "lumi", "-n", "--", "echo begun; exec sleep 600"});
  REQUIRE(command.wrote("begun\n"));
  auto rt = here.connect(here.portal, node), elsewhere = here.connect(here.portal, living);
  auto lease = rt.acquire("lumi", 60s), kept = elsewhere.acquire("lumi", 60s);
  auto running = lease.async().run("exec sleep 600");
  auto unsent = rt.async().run("lumi", "true", 1h);
  REQUIRE(becomes_true([&] { return rt.waiters("lumi").value_or(nobody).size() == 1; }, 60s));
  node.kill();
  auto began = steady::now();
  CHECK(running.get().ended.kind == outcome_kind::maybe_ran);
  CHECK(unsent.get().ended.kind == outcome_kind::never_sent);
  auto lost = command.wait(slack);
  CHECK(lost.code == 255);
  CHECK_THAT(lost.error_output, Contains("the node went away") && Contains("the command may have run"));
  CHECK(steady::now() - began < 5s); // not by the silence
  CHECK(here.logins() == 3);
  node.begin();
  CHECK(rt.run("lumi", "true", riding_out()).ended.succeeded());
  CHECK(lease.run("true").ended.cause.code == errc::lease_ended);
  CHECK(node.has_leases(0, slack));
  CHECK(kept.run("true").ended.succeeded()); // who is at the other node has noticed nothing
  CHECK_FALSE(elsewhere.wait_for_loss(0s));
  CHECK(here.logins() == 4);
}

TEST_CASE("when a node freezes its clients on other machines are told within the silence, and come back when "
          "it thaws",
          "[long]") {
  site here{{.nodes = 2, .settings = "pool_size = 2\n"}};
  if (!here)
    return;
  auto &node = here.nodes[0], &living = here.nodes[1];
  auto command = here.start(here.jobs, node, {"exec", "lumi", "-n", "--", "echo begun; exec sleep 600"});
  REQUIRE(command.wrote("begun\n"));
  auto rt = here.connect(here.portal, node), elsewhere = here.connect(here.portal, living);
  auto lease = rt.acquire("lumi", 60s), kept = elsewhere.acquire("lumi", 60s);
  auto running = lease.async().run("exec sleep 600");
  auto unsent = rt.async().run("lumi", "true", 1h);
  REQUIRE(becomes_true([&] { return rt.waiters("lumi").value_or(nobody).size() == 1; }, 60s));
  node.process->signal(SIGSTOP);
  auto began = steady::now();
  CHECK(running.get().ended.kind == outcome_kind::maybe_ran);
  CHECK(steady::now() - began > 5s);
  CHECK(unsent.get().ended.kind == outcome_kind::never_sent);
  auto lost = command.wait(silence_over + slack);
  CHECK(lost.code == 255);
  CHECK_THAT(lost.error_output, Contains("the command may have run"));
  CHECK(steady::now() - began < silence_over + slack);
  CHECK(kept.run("true").ended.succeeded());
  auto again = rt.async().acquire("lumi", riding_out());
  node.process->signal(SIGCONT);
  CHECK(again.get().has_value());
  CHECK(node.has_leases(0, slack)); // those of the lost links have gone back as well
  CHECK_FALSE(elsewhere.wait_for_loss(0s));
}
