// Clusters that come, change, go and fail.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("a cluster can be registered, changed and removed while the manager runs") {
  virtual_world world{plain_cluster(1)};
  auto beta = plain_cluster(3);
  beta.name = "beta";
  CHECK(world.ask<done>(register_cluster{beta})->text == "registered");
  CHECK(world.ask<pool_status>(get_pool{"beta"})->size == 3);
  beta.pool_size = 4;
  CHECK(world.ask<done>(register_cluster{beta}));
  CHECK(world.ask<pool_status>(get_pool{"beta"})->size == 4);
  CHECK(world.ask<pool_list>(get_pools{})->pools.size() == 2);
  CHECK(world.ask<done>(remove_cluster{"beta"}));
  CHECK_FALSE(world.ask<pool_status>(get_pool{"beta"}));
  CHECK(world.refused.code == errc::unknown_cluster);
  CHECK(world.refused.text.find("alpha") != std::string::npos);
}

TEST_CASE("of many pools a few are asked how they do, and then others have their turn") {
  virtual_world world{plain_cluster(1)};
  constexpr std::size_t many = 100;
  for (std::size_t i = 1; i < many; ++i) {
    auto cluster = plain_cluster(1);
    cluster.name = fmt::format("pool-{:02}", i);
    REQUIRE(world.ask<done>(register_cluster{cluster}));
  }
  caf::scoped_actor self{world.system};
  auto asked = [&] { return self->request(world.manager, caf::infinite, get_pools{}); };
  auto first = asked(), second = asked();
  world.settle();
  CHECK(self->mailbox().empty()); // it rests
  world.pass(20ms, 1ms);
  CHECK(self->mailbox().size() == 2);
  for (auto* each : {&first, &second})
    each->receive(
        [&](const pool_list& all) {
          REQUIRE(all.pools.size() == many);
          CHECK(all.pools.front().cluster == "alpha");
          CHECK(all.pools.back().cluster == "pool-99");
        },
        [](const caf::error& wrong) { FAIL(caf::to_string(wrong)); });
}

TEST_CASE("settings that make no sense are refused, and change nothing") {
  virtual_world world{plain_cluster(1)};
  auto changed = world.cluster;
  changed.pool_size = 0;
  CHECK_FALSE(world.ask<done>(register_cluster{changed}));
  CHECK(world.refused.code == errc::invalid_settings);
  CHECK_FALSE(world.ask<done>(resize_pool{"alpha", 0}));
  CHECK(world.refused.code == errc::invalid_settings);
  CHECK(world.status().size == 1);
}

TEST_CASE(
    "a pool that a bug ends tells its waiters, closes its connections, and is replaced by a fresh one") {
  virtual_world world{plain_cluster(1)};
  holder busy{world}, waiting{world};
  busy.acquire();
  waiting.acquire();
  REQUIRE(world.network->alive == 1);
  caf::anon_send_exit(busy.heard->grants.at(0).pool, caf::exit_reason::kill);
  world.settle();
  REQUIRE(waiting.heard->refusals.size() == 1);
  CHECK(waiting.heard->refusals.at(0).code == errc::internal);
  CHECK(world.network->alive == 0);
  REQUIRE(busy.heard->lost.size() == 1);
  CHECK(busy.heard->lost.at(0).reason.code == errc::internal);
  busy.run("under the old pool");
  CHECK(busy.heard->results.empty());
  waiting.acquire();
  REQUIRE(waiting.heard->grants.size() == 1);
  CHECK(waiting.heard->grants.at(0).lease > busy.heard->grants.at(0).lease);
}

TEST_CASE("a connection's actor that dies of a bug is a lost connection, no more") {
  virtual_world world{plain_cluster(1)};
  holder host{world};
  host.acquire();
  caf::anon_send_exit(host.heard->grants.at(0).connection, caf::exit_reason::kill);
  world.settle();
  REQUIRE(host.heard->lost.size() == 1);
  CHECK(world.status().total == 0);
  host.acquire();
  world.pass(2s); // it was of no use yet, so the next opening waits a second
  CHECK(host.heard->grants.size() == 2);
}

TEST_CASE("the failure of an opening that crosses the order to close leaves nothing behind") {
  virtual_world world{plain_cluster(1)};
  world.network->open_fails = {ssh_stage::connect, ssh_failure::refused, "nobody listens"};
  holder host{world};
  caf::scoped_actor self{world.system};
  caf::anon_send(world.manager, host.request());
  auto closed = self->request(world.manager, caf::infinite, disconnect_pool{"alpha"}, order_sender{});
  world.settle();
  REQUIRE(world.status().total == 0);
  closed.receive([](const done&) {}, [](const caf::error& error) { FAIL(to_failure(error).text); });
  REQUIRE(host.heard->refusals.size() == 1);
  CHECK(host.heard->refusals.at(0).code == errc::disconnected);
}

TEST_CASE("stopping closes every connection, refuses the waiters, and ends every actor") {
  virtual_world world{plain_cluster(2)};
  holder busy{world}, waiting{world};
  busy.acquire();
  busy.acquire();
  waiting.acquire();
  CHECK(world.ask<done>(stop_all{}));
  CHECK(waiting.heard->refusals.at(0).code == errc::stopping);
  CHECK(busy.heard->lost.size() == 2);
  CHECK(world.network->alive == 0);
}

TEST_CASE("a resized pool stays so, in the settings that are listed and in a next life") {
  virtual_world world{plain_cluster(1)};
  CHECK(world.ask<done>(resize_pool{"alpha", 3}));
  CHECK(world.ask<cluster_list>(list_clusters{})->clusters.at(0).pool_size == 3);
  holder host{world};
  host.acquire();
  caf::anon_send_exit(host.heard->grants.at(0).pool, caf::exit_reason::kill);
  world.settle();
  CHECK(world.status().size == 3);
}

TEST_CASE(
    "a setting that was set stays so, in what is listed and in a next life, until the cluster is registered "
    "anew") {
  virtual_world world{plain_cluster(1)};
  auto listed = [&world] { return world.ask<cluster_list>(list_clusters{})->clusters.at(0); };
  CHECK_FALSE(world.ask<done>(set_setting{"alpha", "pool_size", "0"}));
  CHECK_FALSE(world.ask<done>(set_setting{"nowhere", "pool_size", "3"}));
  CHECK(listed().pool_size == 1);
  CHECK(world.ask<done>(set_setting{"alpha", "pool_size", "3"})->text == "pool_size is 3, was 1");
  CHECK(listed().pool_size == 3);
  holder host{world};
  host.acquire();
  caf::anon_send_exit(host.heard->grants.at(0).pool, caf::exit_reason::kill);
  world.settle();
  CHECK(world.status().size == 3);
  CHECK(world.ask<done>(register_cluster{plain_cluster(1)}));
  CHECK(listed().pool_size == 1);
  CHECK(world.status().size == 1);
}

TEST_CASE("a paused pool grants nothing and loses nobody, and resumed it serves its queue") {
  virtual_world world{plain_cluster(1)};
  CHECK(world.ask<done>(pause_pool{"alpha"}));
  CHECK(world.ask<done>(pause_pool{"alpha"}));
  holder host{world};
  host.acquire();
  world.pass(1s);
  CHECK(host.heard->grants.empty());
  CHECK(world.network->made == 0);
  CHECK(world.ask<done>(resume_pool{"alpha"}));
  CHECK(host.heard->grants.size() == 1);
}

TEST_CASE("admins see connections, leases and waiters, and evict by number") {
  virtual_world world{plain_cluster(1)};
  holder busy{world, "sync"}, waiting{world, "list"};
  busy.acquire();
  waiting.acquire();
  auto leases = world.ask<lease_list>(get_leases{"alpha"})->leases;
  REQUIRE(leases.size() == 1);
  CHECK(leases.at(0).label == "sync");
  CHECK(leases.at(0).confirmed);
  auto waiters = world.ask<waiter_list>(get_waiters{"alpha"})->waiters;
  REQUIRE(waiters.size() == 1);
  CHECK(waiters.at(0).label == "list");
  CHECK_FALSE(world.ask<done>(evict_connection{"alpha", connection_id{999}}));
  CHECK(world.refused.code == errc::unknown_connection);
  CHECK(world.ask<done>(evict_connection{"alpha", leases.at(0).connection}));
  busy.release();
  world.settle();
  CHECK(waiting.heard->grants.size() == 1);
  CHECK(world.network->made == 2);
}

TEST_CASE("events reach subscribers within their credit, and what they missed is counted") {
  virtual_world world{plain_cluster(1)};
  std::vector<event_record> events;
  auto subscriber = world.system.spawn(
      [&events](caf::event_based_actor*, int) -> caf::behavior {
        return {[&events](const event_record& record) { events.push_back(record); }};
      },
      0);
  auto whom = caf::actor_cast<caf::strong_actor_ptr>(subscriber);
  CHECK(world.ask<done>(subscribe_for{{"", 2}, whom}));
  holder host{world};
  for (int i = 0; i < 3; ++i) {
    host.acquire();
    host.release(static_cast<std::size_t>(i));
  }
  CHECK(events.size() == 2);
  caf::anon_send(world.manager, grant_event_credit_for{{"", 10}, whom});
  host.acquire();
  world.settle();
  REQUIRE(events.size() > 2);
  CHECK(events.at(2).missed > 0);
  caf::anon_send_exit(subscriber, caf::exit_reason::kill);
  world.settle();
}
