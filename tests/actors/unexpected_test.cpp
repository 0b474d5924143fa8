// Messages that an actor's protocol does not have. A typed sender cannot send them; a peer on a link can.
#include <iostream>
#include <sstream>

#include <catch2/catch.hpp>

#include "tests/actors/virtual_world.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("what no actor expects is dropped without a word, whatever is in it") {
  std::ostringstream said;
  auto* before = std::cout.rdbuf(said.rdbuf()); // where CAF would print it
  {
    virtual_world world{plain_cluster(1)};
    holder host{world};
    host.acquire();
    REQUIRE(host.heard->grants.size() == 1);
    const auto& grant = host.heard->grants.front();
    for (auto each : {caf::actor_cast<caf::actor>(world.manager), caf::actor_cast<caf::actor>(grant.pool),
                      caf::actor_cast<caf::actor>(grant.connection)})
      caf::anon_send(each, support::hostile_text);
    world.settle();
    CHECK(world.status().leased == 1);
  } // which waits for what prints
  std::cout.rdbuf(before);
  CHECK(said.str() == "");
}
