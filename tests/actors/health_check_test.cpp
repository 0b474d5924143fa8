// What the pool promises of its health checks, with every actor real and the network scripted.
#include <catch2/catch.hpp>

#include "actors/connection/connection.hpp"
#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// Opens `count` connections and gives their leases back, so that they are idle.
void warm_up(virtual_world& world, std::uint32_t count) {
  holder host{world};
  for (std::uint32_t i = 0; i < count; ++i)
    host.acquire();
  world.settle();
  for (std::uint32_t i = 0; i < count; ++i)
    host.release(i);
  world.settle();
  REQUIRE(world.status().idle == count);
}

} // namespace

TEST_CASE("an acquire during a health check is answered at once") {
  virtual_world world{plain_cluster(2)};
  warm_up(world, 2);
  world.network->silent = {0, 1};
  world.ask<done>(probe_pool{"alpha"});
  REQUIRE(world.status().probing == 2);
  holder host{world};
  auto before = world.now();
  host.acquire();
  REQUIRE(host.heard->grants.size() == 1);
  CHECK(host.heard->answered_at.at(0) == before);
}

TEST_CASE("checks of 200 ms each take 200 ms together, however many") {
  auto cluster = plain_cluster(20);
  cluster.connects_at_once = 20;
  cluster.probes_at_once = 0;
  virtual_world world{cluster};
  warm_up(world, 20);
  world.network->answer_takes = 200ms;
  world.ask<done>(probe_pool{"alpha"});
  world.pass(190ms);
  CHECK(world.status().counters.probes_passed == 0);
  world.pass(20ms);
  CHECK(world.status().counters.probes_passed == 20);
  CHECK(world.status().probing == 0);
}

TEST_CASE("the unhealthy connection is removed at the threshold, and the healthy one stays") {
  auto cluster = plain_cluster(2);
  cluster.keep_alive_interval = 0ms; // this is about probes
  virtual_world world{cluster};
  warm_up(world, 2);
  auto all = world.connections();
  world.network->silent = {0};
  auto probes_of = [&] { return world.status().counters.probes_failed; };
  world.ask<done>(probe_pool{"alpha"});
  world.pass(5s + 20ms, 20ms);
  CHECK(probes_of() == 1);
  CHECK(world.status().idle == 2);
  world.pass(17s + 100ms, 20ms); // probed again 8 to 12 s after a failure, not an interval later
  CHECK(probes_of() == 2);
  CHECK(world.status().idle == 2);
  world.pass(17s, 20ms);
  CHECK(probes_of() == 3);
  auto left = world.connections();
  REQUIRE(left.size() == 1);
  CHECK(left.at(0).connection == all.at(1).connection);
  CHECK(left.at(0).state == moorage::connection_state::idle);
  CHECK(world.status().counters.removed.at(static_cast<std::size_t>(removal_reason::probe_failures)) == 1);
}

TEST_CASE("a stale connection goes without a check, and so does one that idled too long") {
  SECTION("lifetime") {
    auto cluster = plain_cluster(1);
    cluster.connection_lifetime = 30s;
    virtual_world world{cluster};
    warm_up(world, 1);
    world.pass(31s);
    CHECK(world.status().counters.removed.at(static_cast<std::size_t>(removal_reason::lifetime)) == 1);
    CHECK(world.network->questions == 0);
  }
  SECTION("idle") {
    auto cluster = plain_cluster(1);
    cluster.idle_timeout = 20s;
    virtual_world world{cluster};
    warm_up(world, 1);
    world.pass(21s);
    CHECK(world.status().counters.removed.at(static_cast<std::size_t>(removal_reason::idle)) == 1);
    CHECK(world.network->questions == 0);
  }
}

TEST_CASE("a leased connection is skipped by the health check") {
  virtual_world world{plain_cluster(2)};
  warm_up(world, 2);
  holder host{world};
  host.acquire();
  world.ask<done>(probe_pool{"alpha"});
  world.settle();
  CHECK(world.network->questions == 1);
}

TEST_CASE("a probe of a connection that ends meanwhile touches no other") {
  virtual_world world{plain_cluster(2)};
  warm_up(world, 2);
  world.network->answer_takes = 300ms;
  world.ask<done>(probe_pool{"alpha"});
  world.network->broken = {0};
  world.pass(400ms);
  auto status = world.status();
  CHECK(status.counters.probes_passed == 1);
  CHECK(status.total == 1);
  CHECK(status.counters.removed.at(static_cast<std::size_t>(removal_reason::lost)) == 1);
}

TEST_CASE("the probe method exec runs the probe's command") {
  auto cluster = plain_cluster(1);
  cluster.probe = probe_method::exec;
  virtual_world world{cluster};
  warm_up(world, 1);
  world.network->run_takes = 50ms;
  world.ask<done>(probe_pool{"alpha"});
  world.pass(60ms);
  CHECK(world.status().counters.probes_passed == 1);
  CHECK(world.network->questions == 0);
}

TEST_CASE(
    "a link that falls silent under a lease is found by its keep-alive, and what ran on it may have run") {
  auto cluster = plain_cluster(1);
  cluster.keep_alive_interval = 10s;
  cluster.keep_alive_count_max = GENERATE(3u, 1u, 5u);
  virtual_world world{cluster};
  holder host{world};
  host.acquire();
  REQUIRE(host.heard->grants.size() == 1);
  world.network->run_takes = 1h;
  host.run("long");
  world.pass(1ms);
  world.network->silent = {0};
  world.pass(10s * cluster.keep_alive_count_max + 9s, 100ms);
  CHECK(world.network->questions >= cluster.keep_alive_count_max); // what the pool asks comes on top
  CHECK(host.heard->lost.empty());
  world.pass(2s, 100ms);
  REQUIRE(host.heard->lost.size() == 1);
  CHECK(host.heard->lost.at(0).reason.code == errc::connection_lost);
  REQUIRE(host.heard->results.size() == 1);
  CHECK(host.heard->results.at(0).ended.kind == outcome_kind::maybe_ran);
  CHECK(world.network->alive == 0);
}

TEST_CASE("a peer that answers its keep-alives under a lease is kept") {
  auto cluster = plain_cluster(1);
  cluster.keep_alive_interval = 10s;
  virtual_world world{cluster};
  holder host{world};
  host.acquire();
  world.pass(10min, 1s);
  CHECK(world.status().leased == 1);
  CHECK(host.heard->lost.empty());
  CHECK(world.network->questions >= 30);
}

TEST_CASE("an idle connection is asked by its check alone, not by a keep-alive") {
  auto cluster = plain_cluster(1);
  cluster.keep_alive_interval = 10s;
  cluster.idle_timeout = cluster.connection_lifetime = 2h;
  cluster.probe_interval = 1h;
  virtual_world world{cluster};
  warm_up(world, 1);
  world.pass(47min, 1s);
  CHECK(world.network->questions == 0);
  world.pass(26min, 1s);
  CHECK(world.network->questions == 1);
  CHECK(world.status().counters.probes_passed == 1);
}

TEST_CASE("a link that fell silent while it was idle is found under its next lease as soon as any") {
  auto cluster = plain_cluster(1);
  cluster.keep_alive_interval = 10s;
  cluster.idle_timeout = 2h;
  cluster.probe_interval = 1h;
  virtual_world world{cluster};
  warm_up(world, 1);
  world.network->silent = {0};
  world.pass(30min, 1s);
  holder host{world};
  host.acquire();
  host.run("long");
  world.pass(39s, 100ms);
  CHECK(host.heard->lost.empty()); // it has its three questions, however long it was idle
  world.pass(2s, 100ms);
  CHECK(host.heard->lost.size() == 1);
}

TEST_CASE("what its users were answered puts off a connection's check") {
  auto cluster = plain_cluster(1);
  cluster.keep_alive_interval = 0ms;
  cluster.probe_interval = cluster.probe_interval_max = 1min;
  cluster.idle_timeout = 2h;
  virtual_world world{cluster};
  holder host{world};
  for (std::size_t i = 0; i < 20; ++i) {
    host.acquire();
    host.run("true", i);
    host.release(i);
    world.pass(40s, 1s);
  }
  CHECK(host.heard->results.size() == 20);
  CHECK(world.network->questions == 0);
  world.pass(33s, 1s);
  CHECK(world.network->questions == 1);
}
