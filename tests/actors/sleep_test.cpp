// How pools notice that the machine was asleep, with every actor real and the network scripted.
#include <catch2/catch.hpp>

#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

cluster_settings with_reserve() {
  auto cluster = plain_cluster(2);
  cluster.min_idle = 2;
  return cluster;
}

std::uint64_t probes(virtual_world& world) {
  return world.status().counters.probes;
}

} // namespace

TEST_CASE("a pool that nobody asks anything notices within ten seconds that the machine slept") {
  virtual_world world{with_reserve(), true};
  world.pass(1s);
  REQUIRE(world.status().idle == 2);
  REQUIRE(probes(world) == 0);
  world.asleep += 8h;
  world.pass(10s);
  CHECK(probes(world) == 2);
  CHECK(world.status().counters.probes_passed == 2);
  world.pass(20s); // once is enough
  CHECK(probes(world) == 2);
}

TEST_CASE("who comes first after the machine slept finds it noticed, and is served at once") {
  virtual_world world{with_reserve(), true};
  world.pass(1s);
  world.network->silent = {0, 1};
  world.asleep += 8h;
  holder host{world};
  host.acquire();
  world.settle();
  CHECK(host.heard->grants.size() == 1);
  CHECK(world.status().probing == 2);
}

TEST_CASE("what is shorter than two seconds is no sleep, unless it adds up") {
  virtual_world world{with_reserve(), true};
  world.pass(1s);
  world.asleep += 1s;
  world.pass(10s);
  CHECK(probes(world) == 0);
  world.asleep += 1s;
  world.pass(10s);
  CHECK(probes(world) == 2);
}

TEST_CASE("a pool that has nothing open does not look whether the machine slept, and no timer of it runs") {
  virtual_world world{plain_cluster(2), true};
  world.asleep += 8h;
  CHECK(world.sched.clock().schedule().empty());
}
