// A lease that ends without its holder's doing, as whoever asked to be told hears of it.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "tests/actors/client_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

struct loss_world : client_world {
  explicit loss_world(bool through_node = false) : client_world(plain_cluster(1), through_node) {
    ask();
    watch();
  }
  void watch() {
    held.at(0).on_lost([this](const failure& why) { told.push_back(why); });
    settle();
  }
  void revoke() {
    ask<done>(revoke_lease{"alpha", lease_id{1}});
    settle();
  }
  using client_world::ask;

  std::vector<failure> told;
};

} // namespace

TEST_CASE("whoever asked is told once that a lease is lost, and why, also one who asks later") {
  auto through_node = GENERATE(false, true);
  loss_world world{through_node};
  CHECK(world.told.empty());
  world.revoke();
  REQUIRE(world.told.size() == 1);
  CHECK(world.told.at(0).code == errc::lease_ended);
  CHECK(world.told.at(0).text.find("revoked by an administrator") != std::string::npos);
  world.watch();
  REQUIRE(world.told.size() == 2);
  CHECK(world.told.at(1).text == world.told.at(0).text);
  world.held.clear();
  world.settle();
  CHECK(world.told.size() == 2);
}

TEST_CASE(
    "when the client ends, or its session at the node, its leases are lost, and whoever asked is told") {
  auto session_ends = GENERATE(true, false);
  loss_world world{session_ends};
  caf::anon_send_exit(session_ends ? caf::actor_cast<caf::actor>(world.node) : world.client,
                      caf::exit_reason::kill);
  world.settle();
  REQUIRE(world.told.size() == 1);
  CHECK(world.told.at(0).code == errc::stopping);
}

TEST_CASE("of a lease that was given back or let go nobody is told that it is lost") {
  auto how = GENERATE(0, 1, 2);
  loss_world world;
  auto lease = std::move(world.held.at(0));
  if (how == 0)
    lease.async().release().detach();
  else if (how == 1)
    lease.async().discard().detach();
  else
    lease = {};
  world.settle();
  world.revoke();
  CHECK(world.ask<done>(stop_all{}));
  CHECK(world.told.empty());
}

TEST_CASE("a word of a lease's loss that is still to be said is not said once the lease was given back") {
  loss_world world;
  world.keeps_callbacks = true;
  world.revoke();
  REQUIRE(world.kept.size() == 1);
  world.held.clear();
  for (auto& call : world.kept)
    call();
  CHECK(world.told.empty());
}

TEST_CASE("a lease that goes on with another connection is not lost, and is when there is none") {
  auto there_is = GENERATE(true, false);
  loss_world world;
  world.network->close_at_command = {0};
  if (!there_is)
    world.network->open_fails = {ssh_stage::connect, ssh_failure::refused, "nobody listens"};
  world.held.at(0).async().run("hello").detach();
  world.pass(10s);
  if (there_is) {
    CHECK(world.network->made == 2);
    CHECK(world.told.empty());
    world.ask<done>(revoke_lease{"alpha", lease_id{2}});
    world.settle();
    REQUIRE(world.told.size() == 1);
    CHECK(world.told.at(0).text.find("revoked") != std::string::npos);
  } else {
    REQUIRE(world.told.size() == 1);
    CHECK(world.told.at(0).code == errc::connection_lost);
    CHECK(world.told.at(0).text.find("nor was there another connection") != std::string::npos);
    CHECK(world.told.at(0).text.find("nobody listens") != std::string::npos);
  }
}
