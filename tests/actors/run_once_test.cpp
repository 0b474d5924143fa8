// One message that acquires, runs and gives back, through a session.
#include <catch2/catch.hpp>

#include "tests/actors/session_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

run_once shot(std::uint64_t call, std::string text, std::chrono::nanoseconds patience = 30s) {
  run_once order{{"alpha", call, patience, "guest"}, {}};
  order.what.command = std::move(text);
  return order;
}

const outcome& ended(const guest& host, std::size_t index = 0) {
  return host.heard->runs.at(index).result.ended;
}

} // namespace

TEST_CASE("one message acquires, runs and gives back, and one answers it") {
  virtual_world world{plain_cluster(1)};
  guest host{world};
  host.tell(shot(7, "hello"));
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(host.heard->runs.at(0).call == 7);
  CHECK(host.heard->runs.at(0).result.output == "hello");
  CHECK(host.heard->grants.empty());
  CHECK(world.status().leases == 0);
  CHECK(world.status().idle == 1);
  host.tell(shot(7, "again")); // its number is free
  CHECK(host.heard->runs.at(1).result.output == "again");
}

TEST_CASE("commands without a lease take turns with the leases, and more than there are slots wait") {
  virtual_world world{plain_cluster(1)};
  world.network->run_takes = 1s;
  guest host{world};
  host.tell(shot(1, "first"));
  host.tell(shot(2, "second"));
  CHECK(world.status().waiters == 1);
  CHECK(world.network->commands == std::vector<std::string>{"first"});
  world.pass(1500ms);
  CHECK(world.network->commands == std::vector<std::string>{"first", "second"});
  world.pass(1s);
  CHECK(host.heard->runs.size() == 2);
}

TEST_CASE("a command that gets no lease was never sent, for the reason that an acquire would be told") {
  virtual_world world{plain_cluster(1)};
  guest busy{world}, host{world};
  busy.acquire();
  host.tell(shot(1, "hello", 0s));
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(ended(host).kind == outcome_kind::never_sent);
  CHECK(ended(host).cause.code == errc::acquire_timeout);
  auto elsewhere = shot(2, "hello");
  elsewhere.from.cluster = "nowhere";
  host.tell(elsewhere);
  CHECK(ended(host, 1).cause.code == errc::unknown_cluster);
  CHECK(host.heard->refusals.empty());
}

TEST_CASE(
    "wherever a cancel crosses with a command without a lease there is one answer, and nothing is left") {
  for (int steps = 0; steps < 25; ++steps) {
    INFO("after " << steps << " messages");
    virtual_world world{plain_cluster(1)};
    world.network->run_takes = 1h;
    guest host{world};
    host.say(shot(3, "for ever"));
    for (int i = 0; i < steps && world.one_message(); ++i) {
    }
    host.tell(cancel_command{"alpha", {}, 4}); // names nothing
    host.tell(cancel_command{"alpha", {}, 3});
    host.tell(cancel_command{"alpha", {}, 3});
    world.pass(10s);
    REQUIRE(host.heard->runs.size() == 1);
    CHECK(ended(host).kind ==
          (world.network->commands.empty() ? outcome_kind::never_sent : outcome_kind::maybe_ran));
    CHECK(ended(host).cause.code == errc::cancelled);
    CHECK(world.status().leases + world.status().waiters == 0);
  }
}

TEST_CASE("wherever a sender ends, what it ran without a lease ends, and the lease is given back") {
  for (int steps = 0; steps < 25; ++steps) {
    INFO("after " << steps << " messages");
    virtual_world world{plain_cluster(1)};
    world.network->run_takes = 1h;
    guest host{world};
    guest other{world, host};
    other.say(shot(3, "for ever"));
    for (int i = 0; i < steps && world.one_message(); ++i) {
    }
    other.die();
    world.pass(10s);
    CHECK(world.status().leases + world.status().waiters == 0);
    host.tell(shot(1, "hello"));
    world.pass(5s);
    REQUIRE(world.network->commands.back() == "hello");
  }
}

TEST_CASE("a command without a lease that was never sent goes to another connection, once") {
  virtual_world world{plain_cluster(1)};
  world.network->close_at_command = {0};
  guest host{world};
  host.tell(shot(1, "hello"));
  world.pass(2s);
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(host.heard->runs.at(0).result.output == "hello");
  CHECK(world.network->made == 2);

  virtual_world worse{plain_cluster(1)};
  worse.network->close_at_command = {0, 1, 2};
  guest unlucky{worse};
  unlucky.tell(shot(1, "hello"));
  worse.pass(20s);
  REQUIRE(unlucky.heard->runs.size() == 1);
  CHECK(ended(unlucky).kind == outcome_kind::never_sent);
  CHECK(ended(unlucky).cause.code == errc::connection_lost);
  CHECK(worse.network->made == 2);
}

TEST_CASE("what commands without a lease bring with them has a bound in bytes") {
  virtual_world world{plain_cluster(1)};
  guest busy{world}, host{world, session_bounds{.bytes_max = 100}};
  busy.acquire();
  auto large = [](std::uint64_t call, std::size_t bytes) {
    auto order = shot(call, "cat");
    order.what.input = std::string(bytes, 'x');
    return order;
  };
  host.tell(large(1, 200)); // one always may
  host.tell(large(2, 1));
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(host.heard->runs.at(0).call == 2);
  CHECK(ended(host).cause.code == errc::too_many_requests);
  busy.release();
  host.tell(large(2, 1));
  CHECK(host.heard->runs.size() == 3);
}

TEST_CASE("a number names one of a sender's commands, with a lease or without, and they share the bounds") {
  virtual_world world{plain_cluster(2)};
  world.network->run_takes = 1s;
  guest host{world, session_bounds{.leases_max = 2}};
  host.acquire();
  host.run(5, "under a lease");
  host.tell(shot(5, "same number"));
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(ended(host).cause.code == errc::invalid_request);
  host.tell(shot(6, "fits"));
  host.tell(shot(7, "too many"));
  REQUIRE(host.heard->runs.size() == 2);
  CHECK(host.heard->runs.at(1).call == 7);
  CHECK(ended(host, 1).cause.code == errc::too_many_requests);
  host.acquire(8);
  CHECK(host.heard->refusals.at(0).reason.code == errc::too_many_requests);
  world.pass(2s);
  CHECK(host.heard->runs.size() == 4);
}

TEST_CASE("a command without a lease goes to another connection where the first has no channel for it") {
  auto settings = plain_cluster(2);
  settings.channels_per_connection = 2;
  virtual_world world{settings};
  world.network->channels_max = 1;
  world.network->run_takes = 1s;
  guest host{world};
  host.tell(shot(1, "first"));
  host.tell(shot(2, "second"));
  world.pass(3s);
  REQUIRE(host.heard->runs.size() == 2);
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(to_string(ended(host, i)) == "exited 0");
  CHECK(ended(host, 0).moves + ended(host, 1).moves == 1);
  CHECK(world.network->made == 2);
  CHECK(world.status().leases == 0);
}

TEST_CASE("commands with no channel go from connection to connection until each has run") {
  auto settings = plain_cluster(3);
  settings.channels_per_connection = 3;
  virtual_world world{settings};
  world.network->channels_max = 1;
  world.network->run_takes = 1s;
  guest host{world};
  for (std::uint64_t i = 1; i <= 9; ++i)
    host.tell(shot(i, "number " + std::to_string(i), 1min));
  world.pass(20s);
  REQUIRE(host.heard->runs.size() == 9);
  std::uint32_t moves = 0;
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(to_string(ended(host, i)) == "exited 0");
    moves += ended(host, i).moves;
  }
  CHECK(moves > 0);
  CHECK(world.network->made == 3);
}

TEST_CASE("a command that finds no channel and then no lease says how often it was moved") {
  auto settings = plain_cluster(1);
  settings.channels_per_connection = 2;
  virtual_world world{settings};
  world.network->channels_max = 1;
  world.network->run_takes = 1h;
  guest host{world};
  host.tell(shot(1, "first"));
  host.tell(shot(2, "second", 5s));
  world.pass(10s);
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(ended(host).cause.code == errc::acquire_timeout);
  CHECK(ended(host).moves == 1);
}

TEST_CASE("a command without a lease goes to another connection where the first opens no channel in time") {
  virtual_world world{plain_cluster(2)};
  guest host{world};
  host.tell(shot(1, "first"));
  world.network->silent = {0};
  host.tell(shot(2, "second"));
  world.pass(3s);
  REQUIRE(host.heard->runs.size() == 2);
  CHECK(to_string(ended(host, 1)) == "exited 0");
  CHECK(ended(host, 1).moves == 1);
  CHECK(world.network->made == 2);
  CHECK(world.status().leases == 0);
}
