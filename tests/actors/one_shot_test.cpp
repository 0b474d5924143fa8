// A lease for one command, in virtual time.
#include <catch2/catch.hpp>

#include <vector>

#include "runtime/begin_call.hpp"
#include "tests/actors/client_world.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("wherever one call's cancel crosses with its grant or its command there is one answer, and nothing "
          "is left") {
  for (int steps = 0; steps < 30; ++steps) {
    INFO("after " << steps << " messages");
    client_world world{plain_cluster(1)};
    world.network->run_takes = 1h;
    world.ask();
    world.held.clear(); // its connection is idle
    world.settle();
    std::vector<outcome> ended;
    auto running = pending_access::calls_of(world.gate).run("alpha", "for ever", 30s);
    for (int i = 0; i < steps && world.one_message(); ++i) {
    }
    running.cancel();
    running.then([&ended](exec_result finished) { ended.push_back(std::move(finished.ended)); });
    world.settle();
    world.pass(10s);
    REQUIRE(ended.size() == 1);
    CHECK(ended.at(0).kind != outcome_kind::exited);
    CHECK(ended.at(0).cause.code == errc::cancelled);
    if (world.network->commands.empty())
      CHECK(ended.at(0).kind == outcome_kind::never_sent);
    CHECK(world.status().leases + world.status().waiters == 0);
  }
}
