// Promises: so many probes are in flight at once, over all pools, and the others wait for their turn.
#include <catch2/catch.hpp>

#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// Two pools, each with so many idle connections, whose peers take 300 ms to answer a probe.
class probed_world {
public:
  explicit probed_world(std::uint32_t connections, std::uint32_t at_once)
      : world{settings(connections, "alpha"), false,
              [at_once](manager_world& handed) { handed.probes_at_once = at_once; }} {
    world.ask<done>(register_cluster{settings(connections, "beta")});
    world.pass(1s);
    REQUIRE(idle("alpha") == connections);
    REQUIRE(idle("beta") == connections);
    world.network->answer_takes = 300ms;
  }
  static cluster_settings settings(std::uint32_t connections, const std::string& name) {
    auto cluster = plain_cluster(connections);
    cluster.name = name;
    cluster.min_idle = cluster.connects_at_once = connections;
    cluster.probes_at_once = 0;
    cluster.probe_interval = cluster.probe_interval_max = 24h; // they are ordered
    return cluster;
  }
  std::uint32_t idle(const std::string& name) { return world.ask<pool_status>(get_pool{name})->idle; }
  std::uint64_t passed(const std::string& name) {
    return world.ask<pool_status>(get_pool{name})->counters.probes_passed;
  }
  void probe(const std::string& name) { world.ask<done>(probe_pool{name}); }
  int asked() const { return static_cast<int>(world.network->questions); }

  virtual_world world;
};

} // namespace

TEST_CASE("no more probes of all pools are in flight than there are turns, and pools take turns") {
  probed_world probed{3, 2};
  probed.probe("alpha");
  CHECK(probed.asked() == 1); // a pool has half of them at most
  probed.probe("beta");
  CHECK(probed.asked() == 2);
  probed.world.pass(310ms);
  CHECK(probed.asked() == 4);
  CHECK(probed.passed("alpha") == 1);
  CHECK(probed.passed("beta") == 1);
  probed.world.pass(1s);
  CHECK(probed.passed("alpha") == 3);
  CHECK(probed.passed("beta") == 3);
}

TEST_CASE("a pool whose peers are frozen leaves half of all probes to the others") {
  probed_world probed{4, 4};
  probed.world.network->answer_takes = 1h;
  probed.probe("alpha");
  CHECK(probed.asked() == 2);
  probed.world.network->answer_takes = 0ms;
  probed.probe("beta");
  probed.world.settle();
  CHECK(probed.passed("beta") == 4);
  CHECK(probed.passed("alpha") == 0);
}

TEST_CASE("without a limit no probe waits for another") {
  probed_world probed{5, 0};
  probed.probe("alpha");
  probed.probe("beta");
  CHECK(probed.asked() == 10);
}

TEST_CASE("a probe that has waited for its turn for 30 s begins without one, and has all its time") {
  probed_world probed{2, 2};
  auto settings = probed_world::settings(2, "alpha");
  settings.probe_timeout = 10min;
  probed.world.ask<done>(register_cluster{settings});
  probed.world.network->answer_takes = 6min;
  probed.probe("alpha");
  probed.world.pass(29s, 1s);
  CHECK(probed.asked() == 1);
  probed.world.pass(2s, 1s);
  CHECK(probed.asked() == 2);
  probed.world.pass(7min, 1s);
  CHECK(probed.passed("alpha") == 2);
}

TEST_CASE("an acquire is granted at once while its pool's probes wait for their turn") {
  probed_world probed{3, 2};
  probed.probe("alpha");
  holder host{probed.world};
  auto before = probed.world.now();
  host.acquire();
  CHECK(host.heard->grants.size() == 1);
  CHECK(probed.world.now() == before);
}

TEST_CASE("probes that wait begin when a bug ends who gives turns, and later ones ask whoever comes") {
  probed_world probed{3, 2};
  caf::anon_send(probed.world.manager, probe_pool{"alpha"}, order_sender{});
  auto giver = next_giver(probed.world); // by the first probe's question
  REQUIRE(giver);
  probed.world.settle();
  CHECK(probed.asked() == 1);
  caf::anon_send_exit(giver, caf::exit_reason::kill);
  probed.world.settle();
  CHECK(probed.asked() == 3);
  probed.world.pass(1s);
  CHECK(probed.passed("alpha") == 3);
  REQUIRE(probed.world.bugs.size() == 1);
  CHECK_THAT(probed.world.bugs[0], Catch::Contains("turns to probe"));
  probed.probe("beta");
  CHECK(probed.asked() == 4);
  probed.world.pass(2s);
  CHECK(probed.passed("beta") == 3);
}
