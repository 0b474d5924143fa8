// Promises: what is ordered of every pool at once, the end of all of them among it, and its one answer.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/actors/session_world.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace {

cluster_settings named(const std::string& name, std::uint32_t size = 1) {
  auto cluster = plain_cluster(size);
  cluster.name = name;
  return cluster;
}

/// One request was answered, and was not refused.
const std::vector<failure> well(1);

struct world_of_three : virtual_world {
  explicit world_of_three(const std::function<void(manager_world&)>& change = {})
      : virtual_world{named("alpha"), false, change} {
    ask<done>(register_cluster{named("beta")});
    ask<done>(register_cluster{named("gamma")});
  }
  pool_status of(const std::string& name) { return ask<pool_status>(get_pool{name}).value(); }
};

/// Whose host is told when its pools were shut down.
struct ending_world : world_of_three {
  ending_world()
      : world_of_three{[this](manager_world& handed) {
          handed.shut_down = [this](const std::string& by) { told.push_back(by); };
        }} {}
  std::vector<std::string> told;
};

} // namespace

TEST_CASE("an order to every pool is carried out by each, and answered once with what each has said") {
  world_of_three world;
  CHECK(world.ask<done>(pause_pool{every_pool, true})->text.starts_with("alpha, beta, gamma: "));
  for (const auto* name : {"alpha", "beta", "gamma"})
    CHECK(world.of(name).state == pool_state::paused);
  world.ask<done>(resume_pool{"beta", true});
  auto text = world.ask<done>(resume_pool{every_pool, true})->text;
  CHECK_THAT(text, Contains("alpha, gamma: ") && Contains("; beta: "));
  CHECK(world.ask<done>(resize_pool{every_pool, 7}));
  auto registered = world.ask<cluster_list>(list_clusters{}).value();
  for (const auto& each : registered.clusters)
    CHECK(each.pool_size == 7); // also in a next life
  CHECK(world.ask<done>(set_setting{every_pool, "pool_size", "8"}));
  CHECK(world.of("gamma").size == 8);
}

TEST_CASE("who orders something of every pool hears where it could not be done, and where it was") {
  world_of_three world;
  holder host{world};
  host.acquire(); // alpha's drain lasts until it is given back
  caf::anon_send(world.manager, drain_pool{"alpha", 1h}, order_sender{});
  world.settle();
  CHECK_FALSE(world.ask<done>(pause_pool{every_pool, true}));
  CHECK(world.refused.code == errc::invalid_request);
  CHECK_THAT(world.refused.text, Contains("alpha: ") && Contains("; done: beta, gamma"));
  CHECK(world.of("beta").state == pool_state::paused);
  CHECK_FALSE(world.ask<done>(resize_pool{every_pool, 0}));
  CHECK(world.refused.code == errc::invalid_settings);
  CHECK_THAT(world.refused.text, Contains("alpha, beta, gamma: "));
}

TEST_CASE("what is about one connection or one lease is not ordered of every pool") {
  world_of_three world;
  CHECK_FALSE(world.ask<done>(evict_connection{every_pool, connection_id{1}}));
  CHECK(world.refused.code == errc::invalid_request);
  CHECK_FALSE(world.ask<done>(revoke_lease{every_pool, lease_id{1}}));
  CHECK(world.refused.code == errc::invalid_request);
  CHECK_THAT(world.refused.text, Contains("name its cluster"));
}

TEST_CASE("without pools an order to every pool is done, and none can take its name") {
  virtual_world world{plain_cluster(1)};
  world.ask<done>(remove_cluster{"alpha"});
  CHECK(world.ask<done>(probe_pool{every_pool})->text == "there is no pool");
  CHECK_FALSE(world.ask<done>(register_cluster{named(every_pool)}));
  CHECK(world.refused.code == errc::invalid_settings);
}

TEST_CASE("the answer of a thousand pools is no longer than that of a few") {
  virtual_world world{plain_cluster(1)};
  for (int i = 0; i < 1'000; ++i)
    world.ask<done>(register_cluster{named("cluster" + std::to_string(i))});
  auto text = world.ask<done>(probe_pool{every_pool})->text;
  CHECK_THAT(text, Contains(" and 991 more: "));
  CHECK(text.size() < 500);
}

TEST_CASE("a pool that is removed while all are drained holds the answer up no longer") {
  world_of_three world;
  holder host{world};
  host.acquire();
  guest admin{world};
  admin.ask<done>(drain_pool{every_pool, 1h});
  CHECK(admin.heard->answers.empty());
  world.ask<done>(remove_cluster{"alpha"});
  world.pass(5s);
  CHECK(admin.heard->answers == well);
}

// --- the end of all --------------------------------------------------------------------------------------------------

TEST_CASE("pools that are shut down serve nobody, end with their leases, and then the process is told") {
  ending_world world;
  holder host{world};
  host.acquire();
  guest watcher{world}, admin{world, session_bounds{}, "pid 7"};
  watcher.ask<done>(subscribe{{}, 1'000});
  admin.ask<done>(shut_down_pools{1h, "alice"});
  CHECK(admin.heard->answers.empty());
  host.acquire();
  CHECK(host.heard->refusals.size() == 1);
  CHECK(host.heard->refusals[0].code == errc::drained);
  CHECK_FALSE(world.ask<done>(register_cluster{named("delta")}));
  CHECK(world.refused.code == errc::stopping);
  world.pass(10min);
  CHECK(world.told.empty());
  host.release();
  world.pass(1s);
  CHECK(admin.heard->answers == well);
  CHECK(world.told == std::vector<std::string>{"alice (pid 7)"});
  auto& events = watcher.heard->events;
  auto ending = std::find_if(events.begin(), events.end(),
                             [](const auto& each) { return each.what == event_kind::ending; });
  REQUIRE(ending != events.end());
  CHECK(ending->by == "alice (pid 7)");
}

TEST_CASE("a shut-down ends leases when its time is over") {
  ending_world world;
  holder host{world};
  host.acquire();
  guest admin{world};
  admin.ask<done>(shut_down_pools{1min});
  world.pass(59s, 1s);
  CHECK(world.told.empty());
  world.pass(10s);
  CHECK(world.told.size() == 1);
  CHECK(admin.heard->answers == well);
}

TEST_CASE("a shut-down is called off by a resume, which its sender hears, and clusters may come again") {
  ending_world world;
  holder host{world};
  host.acquire();
  guest admin{world};
  admin.ask<done>(shut_down_pools{1h});
  world.ask<done>(resume_pool{every_pool, true});
  world.settle();
  REQUIRE(admin.heard->answers.size() == 1);
  CHECK(admin.heard->answers[0].code == errc::cancelled);
  world.pass(2min, 1s);
  CHECK(world.told.empty());
  CHECK(world.ask<done>(register_cluster{named("delta")}));
}

TEST_CASE("pools whose host does not say how to end it end for good, and what is asked of them is refused") {
  world_of_three world;
  guest admin{world};
  admin.ask<done>(shut_down_pools{});
  world.pass(2s);
  CHECK(admin.heard->answers == well);
  CHECK(admin.session_over());
}
