// Clusters that are on other nodes of a site, and those that move: two managers, and the messages of whoever
// moves between them.
#include <catch2/catch.hpp>

#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace {

std::function<void(manager_world&)> called(const std::string& own) {
  return [own](manager_world& world) {
    world.nodes = {own, {{"gw1", "gw1.example.org:4422"}, {"gw2", "gw2.example.org:4422"}}};
  };
}

cluster_settings on(const std::string& node, std::uint32_t size = 2) {
  auto settings = plain_cluster(size);
  settings.node = node;
  return settings;
}

/// The two nodes of a site, of which the first has the cluster.
struct site {
  explicit site(const cluster_settings& settings)
      : one{settings, false, called("gw1")}, two{settings, false, called("gw2")} {}
  /// As whoever moves it begins, and ends.
  std::optional<done> await() { return two.ask<done>(take_over_cluster{"alpha"}); }
  std::optional<cluster_handed_over> hand_over(std::chrono::milliseconds within = 0ms) {
    return one.ask<cluster_handed_over>(hand_over_cluster{"alpha", "gw2", within});
  }
  std::optional<done> begin(const cluster_handed_over& left) {
    return two.ask<done>(take_over_cluster{"alpha", true, left.budget_full_in});
  }
  std::optional<cluster_place> place(virtual_world& at) {
    return at.ask<cluster_place>(locate_cluster{"alpha"});
  }

  virtual_world one, two;
};

} // namespace

TEST_CASE("a cluster that is on another node is refused by name, and where it is can be asked") {
  virtual_world world{on("gw2"), false, called("gw1")};
  holder host{world};
  host.acquire();
  REQUIRE(host.heard->refusals.size() == 1);
  CHECK(host.heard->refusals.at(0).code == errc::elsewhere);
  CHECK_THAT(host.heard->refusals.at(0).text, Contains("'alpha' is on node 'gw2' (gw2.example.org:4422)"));
  CHECK_FALSE(world.ask<done>(drain_pool{"alpha", 0ms}));
  CHECK(world.refused.code == errc::elsewhere);
  auto place = world.ask<cluster_place>(locate_cluster{"alpha"});
  REQUIRE(place);
  CHECK(place->node == "gw2");
  CHECK(place->address == "gw2.example.org:4422");
  CHECK(world.ask<cluster_place>(locate_cluster{"alpha", "gw1"})->address.empty()); // that is here
  CHECK_FALSE(world.ask<cluster_place>(locate_cluster{"alpha", "gw9"}));
  CHECK_THAT(world.refused.text, Contains("gw9") && Contains("gw1, gw2"));
  CHECK(world.ask<pool_list>(get_pools{})->pools.empty());
  CHECK(world.network->made == 0);
}

TEST_CASE("a node without a name has every cluster, and one with a name those that are nobody's") {
  virtual_world nameless{on("gw2")};
  CHECK(nameless.status().size == 2);
  virtual_world named{on(""), false, called("gw1")};
  CHECK(named.status().size == 2);
  CHECK(named.ask<cluster_place>(locate_cluster{"alpha"})->address.empty());
  CHECK_FALSE(named.ask<done>(take_over_cluster{"alpha"}));
  CHECK_THAT(named.refused.text, Contains("on every node of the site"));
  CHECK_FALSE(nameless.ask<cluster_handed_over>(hand_over_cluster{"alpha", "gw2", 0ms}));
  CHECK_THAT(nameless.refused.text, Contains("has no name"));
}

TEST_CASE("a cluster moves with what its log-in budget has left, and at no time do both nodes open") {
  auto settings = on("gw1");
  settings.log_ins_per_minute = 2;
  site nodes{settings};
  holder busy{nodes.one}, also{nodes.one};
  busy.acquire();
  also.acquire();
  REQUIRE(nodes.one.network->opened == 2); // the whole budget
  REQUIRE(nodes.await());
  holder early{nodes.two};
  early.acquire(1h);
  nodes.two.pass(5s);
  CHECK(nodes.two.network->made == 0);
  CHECK_FALSE(nodes.place(nodes.two)->begun);
  auto left = nodes.hand_over();
  REQUIRE(left);
  CHECK(left->budget_full_in > 50s);
  CHECK(nodes.one.network->alive == 0);
  CHECK(busy.heard->lost.size() == 1);
  CHECK(nodes.place(nodes.one)->node == "gw2");
  CHECK(nodes.two.network->made == 0);
  REQUIRE(nodes.begin(*left));
  nodes.two.pass(20s);
  CHECK(nodes.two.network->made == 0); // as it would have been where it was
  nodes.two.pass(15s);
  CHECK(nodes.two.network->opened == 1);
  CHECK(early.heard->grants.size() == 1);
  CHECK(nodes.place(nodes.two)->address.empty());
}

TEST_CASE("who comes while a cluster is handed over is sent on, and leases may end by themselves") {
  site nodes{on("gw1")};
  holder busy{nodes.one}, late{nodes.one};
  busy.acquire();
  REQUIRE(nodes.await());
  caf::scoped_actor mover{nodes.one.system};
  auto handed = mover->request(nodes.one.manager, caf::infinite, hand_over_cluster{"alpha", "gw2", 1h});
  nodes.one.settle();
  late.acquire();
  REQUIRE(late.heard->refusals.size() == 1);
  CHECK(late.heard->refusals.at(0).code == errc::elsewhere);
  CHECK(nodes.place(nodes.one)->node == "gw2");
  CHECK(nodes.one.status().leases == 1); // it can be asked about still
  busy.release();
  nodes.one.settle();
  bool over = false;
  handed.receive([&](const cluster_handed_over&) { over = true; }, [](const caf::error&) {});
  CHECK(over);
  CHECK(nodes.one.network->alive == 0);
  CHECK(busy.heard->lost.empty());
}

TEST_CASE("a hand-over that is called off leaves the cluster where it was") {
  site nodes{on("gw1")};
  holder busy{nodes.one}, late{nodes.one};
  busy.acquire();
  caf::scoped_actor mover{nodes.one.system};
  auto handed = mover->request(nodes.one.manager, caf::infinite, hand_over_cluster{"alpha", "gw2", 1h});
  nodes.one.settle();
  CHECK(nodes.one.ask<done>(resume_pool{"alpha"}));
  failure why;
  handed.receive([](const cluster_handed_over&) {},
                 [&](const caf::error& error) { why = to_failure(error); });
  CHECK(why.code == errc::cancelled);
  CHECK(nodes.place(nodes.one)->address.empty());
  late.acquire();
  CHECK(late.heard->grants.size() == 1);
}

TEST_CASE("what is awaited opens nothing, whoever resumes it, and after a bug of its pool neither") {
  auto settings = on("gw1");
  settings.min_idle = 1;
  site nodes{settings};
  REQUIRE(nodes.await());
  holder early{nodes.two};
  auto wanted = early.request(1h);
  caf::anon_send(nodes.two.manager, wanted);
  nodes.two.settle();
  CHECK_FALSE(nodes.two.ask<done>(resume_pool{"alpha", true}));
  CHECK_THAT(nodes.two.refused.text, Contains("awaited from another node"));
  caf::scoped_actor killer{nodes.two.system};
  REQUIRE(nodes.await()); // harmless twice
  nodes.two.pass(1min, 100ms);
  CHECK(nodes.two.network->made == 0);
  REQUIRE(nodes.begin(*nodes.hand_over()));
  nodes.two.pass(5s);
  CHECK(nodes.two.network->opened >= 1);
  CHECK(early.heard->grants.size() == 1);
  CHECK(nodes.one.network->alive == 0);
}

TEST_CASE("a move that was broken off is ordered again, and what was done is answered at once") {
  site nodes{on("gw1")};
  REQUIRE(nodes.await());
  REQUIRE(nodes.hand_over());
  REQUIRE(nodes.await());
  auto left = nodes.hand_over();
  REQUIRE(left);
  REQUIRE(nodes.begin(*left));
  CHECK(nodes.two.status().state == pool_state::running);
  REQUIRE(nodes.begin(*left)); // as if its answer had been lost
  // And back again.
  CHECK(nodes.one.ask<done>(take_over_cluster{"alpha"}));
  CHECK(nodes.two.ask<cluster_handed_over>(hand_over_cluster{"alpha", "gw1", 0ms}));
  CHECK(nodes.one.ask<done>(take_over_cluster{"alpha", true}));
  holder host{nodes.one};
  host.acquire();
  CHECK(host.heard->grants.size() == 1);
}

TEST_CASE("who awaited a cluster in vain sends those who wait there back") {
  site nodes{on("gw1")};
  REQUIRE(nodes.await());
  holder early{nodes.two};
  early.acquire(1h);
  REQUIRE(nodes.two.ask<cluster_handed_over>(hand_over_cluster{"alpha", "gw1", 0ms}));
  REQUIRE(early.heard->refusals.size() == 1);
  CHECK(early.heard->refusals.at(0).code == errc::drained);
  CHECK(nodes.place(nodes.two)->node == "gw1");
}

TEST_CASE("a reload moves no cluster: its settings are noted for when it comes") {
  site nodes{on("gw1", 2)};
  CHECK_THAT(nodes.two.ask<done>(register_cluster{on("gw2", 3)})->text, Contains("it is on node 'gw1'"));
  CHECK(nodes.place(nodes.two)->node == "gw1");
  CHECK(nodes.one.ask<done>(register_cluster{on("gw2", 1)}));
  CHECK(nodes.one.status().size == 1);
  REQUIRE(nodes.await());
  REQUIRE(nodes.begin(*nodes.hand_over()));
  CHECK(nodes.two.status().size == 3);
  CHECK(nodes.one.ask<done>(remove_cluster{"alpha"})); // gone from its file
  CHECK_FALSE(nodes.place(nodes.one));
  CHECK(nodes.one.refused.code == errc::unknown_cluster);
}
