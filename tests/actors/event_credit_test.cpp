// How many events a subscriber is told: what it granted, from however many pools they come.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// Three pools, and one who writes down what it is told of them.
struct three_pools : virtual_world {
  three_pools() : virtual_world{plain_cluster(1)} {
    add("beta");
    add("gamma");
    actor = system.spawn(
        [this](caf::event_based_actor*, int) -> caf::behavior {
          return {[this](const event_record& record) { told.push_back(record); }};
        },
        0);
  }
  ~three_pools() {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    settle();
  }

  void add(const std::string& name) {
    auto more = plain_cluster(1);
    more.name = name;
    REQUIRE(ask<done>(register_cluster{more}));
  }
  void subscribe_to(const std::string& cluster, std::uint32_t credit) {
    REQUIRE(ask<done>(subscribe_for{{cluster, credit}, whom()}));
  }
  void grant(const std::string& cluster, std::uint32_t credit) {
    caf::anon_send(manager, grant_event_credit_for{{cluster, credit}, whom()});
    settle();
  }
  /// Two events.
  void pause_and_resume(const std::string& name) {
    REQUIRE(ask<done>(pause_pool{name}));
    REQUIRE(ask<done>(resume_pool{name}));
  }
  /// Six events.
  void round() {
    for (const auto* name : {"alpha", "beta", "gamma"})
      pause_and_resume(name);
  }
  caf::strong_actor_ptr whom() const { return caf::actor_cast<caf::strong_actor_ptr>(actor); }
  std::ptrdiff_t told_of(const std::string& name) const {
    return std::count_if(told.begin(), told.end(), [&](const auto& x) { return x.cluster == name; });
  }

  caf::actor actor;
  std::vector<event_record> told;
};

} // namespace

TEST_CASE(
    "who subscribed to every pool is told no more events than it granted, however many pools there are") {
  three_pools world;
  world.subscribe_to("", 4);
  world.round();
  world.round();
  REQUIRE(world.told.size() == 4);
  for (const auto& each : world.told)
    CHECK(each.missed == 0);
  CHECK(world.told.at(3).cluster == "beta");
  world.grant("", 2);
  world.round();
  REQUIRE(world.told.size() == 6);
  CHECK(world.told.at(4).missed == 8);
  CHECK(world.told.at(5).missed == 0);
}

TEST_CASE(
    "credit for every pool is one account, whichever pool a grant names and whoever comes or is replaced") {
  three_pools world;
  world.subscribe_to("", 2);
  world.round();
  CHECK(world.told.size() == 2);
  world.grant("beta", 1);
  world.add("delta");
  world.pause_and_resume("delta");
  CHECK(world.told.size() == 3);
  CHECK(world.told.back().cluster == "delta");
  holder host{world};
  host.acquire();
  REQUIRE(host.heard->grants.size() == 1);
  caf::anon_send_exit(host.heard->grants.at(0).pool, caf::exit_reason::kill);
  world.settle();
  world.pause_and_resume("alpha");
  CHECK(world.told.size() == 3);
  world.grant("", 10);
  world.pause_and_resume("alpha");
  CHECK(world.told.size() == 5);
}

TEST_CASE("a pool that is removed takes no credit with it") {
  three_pools world;
  world.subscribe_to("", 3);
  world.pause_and_resume("beta");
  REQUIRE(world.ask<done>(remove_cluster{"gamma"}));
  world.pause_and_resume("alpha");
  CHECK(world.told.size() == 3);
}

TEST_CASE("who subscribes to one pool and to every pool is told each event once, within what it granted") {
  for (auto one_first : {true, false}) {
    INFO("one pool first: " << one_first);
    three_pools world;
    world.subscribe_to(one_first ? "beta" : "", 3);
    world.subscribe_to(one_first ? "" : "beta", 3);
    world.pause_and_resume("beta");
    CHECK(world.told_of("beta") == 2);
    world.round();
    world.round();
    CHECK(world.told.size() == 6);
  }
}

TEST_CASE("credit that is granted without end does not wrap around") {
  for (const auto* cluster : {"", "alpha"}) {
    three_pools world;
    world.subscribe_to(cluster, 0xffff'fffe);
    world.grant(cluster, 3);
    world.round();
    CHECK(world.told_of("alpha") == 2);
  }
}
