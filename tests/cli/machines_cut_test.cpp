// The network between a client and its node is cut, without a word to either. Each is a row of
// tests/machines.md.
#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <string>

#include "tests/cli/machines.hpp"
#include "tests/support/watched_process.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::errc;
using moorage::outcome_kind;
using steady = std::chrono::steady_clock;
using moorage::support::own_machine;
using moorage::support::own_machines;

namespace {

using severing = std::function<void(own_machines&, const own_machine& client, const own_machine& node)>;

/// Of the pool's three slots the client that is cut off holds two, by a command and by a program, and another
/// client the third; more of the first wait in the queue.
void cut_and_mend(bool one_way, const severing& cut, const severing& mend) {
  site here{{.ordinary_user = true, .settings = "pool_size = 3\n"}};
  if (!here)
    return;
  auto& node = here.nodes[0];
  auto other_words = here.spec(here.jobs, node, {"exec", "lumi", "--", "echo begun; cat; echo ended"});
  other_words.keep_input_open = true;
  auto other = here.start(here.jobs, other_words);
  REQUIRE(other.wrote("begun\n"));
  auto command = here.start(here.portal, node, {"exec", "lumi", "-n", "--", "echo $$ begun; exec sleep 600"});
  REQUIRE(command.wrote("begun\n"));
  moorage::support::watched_process at_the_cluster{std::stoi(command.output())};
  auto rt = here.connect(here.portal, node);
  auto lease = rt.acquire("lumi", 60s);
  auto running = lease.async().run("exec sleep 600");
  auto waiting = rt.async().acquire("lumi", 1h);
  auto unsent = rt.async().run("lumi", "true", 1h);
  auto late = here.start(here.portal, node, {"exec", "lumi", "-n", "--wait", "10min", "--", "true"});
  REQUIRE(becomes_true([&] { return rt.waiters("lumi").value_or(nobody).size() == 3; }, 60s));
  REQUIRE(node.has_leases(3, 0s));

  const auto resets = here.network.resets();
  cut(here.network, *here.portal.at, *node.at);
  auto began = steady::now();
  CHECK(node.has_leases(1, silence_over + slack));
  CHECK(steady::now() - began > 5s); // the silence bears a pause for breath
  CHECK(at_the_cluster.ends(3s + slack));
  CHECK(running.get().ended.kind == outcome_kind::maybe_ran);
  CHECK(waiting.get().error().code == errc::node_lost);
  CHECK(unsent.get().ended.kind == outcome_kind::never_sent);
  auto lost = command.wait(slack);
  CHECK(lost.code == 255);
  CHECK_THAT(lost.error_output, Contains("the command may have run"));
  auto never = late.wait(slack);
  CHECK(never.code == 255);
  CHECK_THAT(never.error_output, Contains("the command did not run: it is safe to run it again"));
  CHECK(steady::now() - began < silence_over + slack);
  CHECK(here.network.dropped() > 0);
  // Who hears nothing gives the links up first, and who does hear is told at once.
  CHECK((here.network.resets() > resets) == one_way);

  mend(here.network, *here.portal.at, *node.at);
  CHECK(rt.run("lumi", "true", riding_out()).ended.succeeded());
  CHECK(steady::now() - began < silence_over + comeback_max + 2 * slack);
  other.close_input();
  CHECK(other.wait(slack).output == "begun\nended\n");
  CHECK(here.logins() == 3);
}

} // namespace

TEST_CASE("a client that is cut off from its node is told within the silence, gives all back, and comes back "
          "by itself",
          "[long]") {
  cut_and_mend(
      false, [](auto& network, auto& client, auto& node) { network.cut_both(client, node); },
      [](auto& network, auto& client, auto& node) { network.mend_both(client, node); });
}

TEST_CASE("a client whose node does not hear it is told within the silence, gives all back, and comes back "
          "by itself",
          "[long]") {
  cut_and_mend(
      true, [](auto& network, auto& client, auto& node) { network.cut(client, node); },
      [](auto& network, auto& client, auto& node) { network.mend(client, node); });
}

TEST_CASE("a client that does not hear its node is told within the silence, gives all back, and comes back "
          "by itself",
          "[long]") {
  cut_and_mend(
      true, [](auto& network, auto& client, auto& node) { network.cut(node, client); },
      [](auto& network, auto& client, auto& node) { network.mend(node, client); });
}

TEST_CASE("a network that is gone for four seconds, between client and node as between node and cluster, "
          "costs nothing",
          "[long]") {
  site here;
  if (!here)
    return;
  auto& node = here.nodes[0];
  auto& cluster = *here.clusters[0].at;
  auto rt = here.connect(here.portal, node);
  auto lease = rt.acquire("lumi", 60s);
  auto counting = here.start(
      here.portal, node,
      {"exec", "lumi", "-n", "--", "i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo $i; sleep 0.1; done"});
  REQUIRE(counting.wrote("\n3\n"));
  here.network.cut_both(*here.portal.at, *node.at);
  here.network.cut_both(*node.at, cluster);
  CHECK_FALSE(counting.wrote("\n60\n", 4s));
  here.network.mend_both(*here.portal.at, *node.at);
  here.network.mend_both(*node.at, cluster);
  CHECK(here.network.dropped() > 0);
  std::string all;
  for (int i = 1; i <= 60; ++i)
    all += std::to_string(i) + "\n";
  auto counted = counting.wait(60s);
  CHECK(counted.output == all);
  CHECK(counted.code == 0);
  CHECK_FALSE(rt.wait_for_loss(0s));
  CHECK(lease.run("true").ended.succeeded());
  CHECK(here.logins() == 2);
}
