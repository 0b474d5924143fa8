// What a connection tells its pool of its peer's life, and what becomes of it, with every actor real and the
// network scripted.
#include <catch2/catch.hpp>

#include <set>
#include <string>

#include "actors/connection/connection.hpp"
#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// One connection, whose keep-alive is not what is tested.
cluster_settings one() {
  auto cluster = plain_cluster(1);
  cluster.keep_alive_interval = 0ms;
  cluster.probe_interval = 1h;
  return cluster;
}

std::uint64_t removed_by_probes(virtual_world& world) {
  return world.status().counters.removed.at(static_cast<std::size_t>(removal_reason::probe_failures));
}

std::uint32_t failures(virtual_world& world) {
  return world.connections().at(0).probe_failures;
}

/// A lease on the connection, with a command on it that does not end by itself.
struct at_work {
  explicit at_work(cluster_settings cluster = one()) : world(std::move(cluster)), user(world) {
    world.network->run_takes = 1h;
    user.acquire();
    user.run("long");
  }
  virtual_world world;
  holder user;
};

} // namespace

TEST_CASE("users with time-outs of 500 ms, one after another, find a dead peer out, and the next gets "
          "another link") {
  virtual_world world{one()};
  holder first{world};
  first.acquire();
  first.release();
  world.network->silent = {0};
  std::size_t users = 0;
  for (; removed_by_probes(world) == 0 && users < 60; ++users) {
    holder user{world};
    user.acquire();
    REQUIRE(user.heard->grants.size() == 1);
    user.run("true", 0, 500ms);
    world.pass(500ms);
    REQUIRE(user.heard->results.size() == 1);
    CHECK(user.heard->results.at(0).ended.kind == outcome_kind::never_sent);
    user.release();
  }
  CHECK(users <= 36); // three probes of 5 s, each begun as the one before had failed
  CHECK(removed_by_probes(world) == 1);
  holder next{world};
  next.acquire();
  world.pass(2s);
  REQUIRE(next.heard->grants.size() == 1);
  next.run("true", 0, 500ms);
  world.pass(10ms);
  CHECK(next.heard->results.at(0).ended.kind == outcome_kind::exited);
}

TEST_CASE("whoever cuts a command short, and however, has the peer asked at once") {
  at_work scene;
  auto& [world, user] = scene;
  world.pass(1s);
  CHECK(world.network->questions == 0);
  SECTION("by cancelling it") {
    user.cancel_run();
  }
  SECTION("by giving the lease back") {
    user.release();
  }
  SECTION("by a time-out of its own") {
    user.run("another", 0, 500ms);
    world.pass(490ms);
    CHECK(world.network->questions == 0);
    world.pass(20ms);
  }
  world.settle();
  CHECK(world.network->questions == 1);
  CHECK(world.status().counters.probes_passed == 1);
}

TEST_CASE("a command that its user gives up later than a probe would says nothing of the peer") {
  at_work scene;
  scene.world.pass(5s);
  scene.user.cancel_run();
  scene.world.pass(1s);
  CHECK(scene.world.network->questions == 0);
}

TEST_CASE("slow commands on a peer that answers are no failure, however many users lose patience") {
  virtual_world world{one()};
  world.network->run_takes = 1min;
  world.network->answer_takes = 4s; // a busy login node
  for (int i = 0; i < 60; ++i) {
    holder user{world};
    user.acquire();
    REQUIRE(user.heard->grants.size() == 1);
    user.run("slow", 0, 500ms);
    world.pass(500ms);
    user.release();
    world.settle();
  }
  CHECK(world.status().counters.probes_passed > 5);
  CHECK(world.status().counters.probes_failed == 0);
  CHECK(world.network->made == 1);
}

TEST_CASE("a command that says nothing for hours owes nothing") {
  at_work scene;
  scene.world.pass(50min, 1s);
  CHECK(scene.world.network->questions == 0);
  CHECK(failures(scene.world) == 0);
}

TEST_CASE("silence while an answer is owed is a failure, whatever owes it") {
  auto cluster = one();
  SECTION("a channel or a request") {
    at_work scene{cluster};
    scene.world.network->silent = {0};
    scene.user.run("another");
    scene.world.pass(5s - 10ms);
    CHECK(failures(scene.world) == 0);
    scene.world.pass(20ms);
    CHECK(failures(scene.world) == 1);
    scene.world.pass(9s);
    CHECK(failures(scene.world) == 1); // one silence counts once
  }
  SECTION("a keep-alive question") {
    cluster.keep_alive_interval = 10s;
    at_work scene{cluster};
    scene.world.network->silent = {0};
    scene.world.pass(14s);
    CHECK(failures(scene.world) == 0);
    scene.world.pass(2s);
    CHECK(failures(scene.world) == 1);
  }
  SECTION("what nobody waits for any more") {
    at_work scene{cluster};
    scene.world.network->silent = {0};
    scene.user.run("another", 0, 6s);
    scene.world.pass(4s);
    scene.user.release();
    scene.world.pass(6s);
    CHECK(scene.world.status().counters.probes_failed + failures(scene.world) >= 1);
  }
}

TEST_CASE(
    "a peer that falls silent under a lease is asked there, and takes no more leases at the threshold") {
  at_work scene;
  auto& [world, user] = scene;
  world.network->silent = {0};
  user.run("another");
  world.pass(40s, 100ms);
  CHECK(failures(world) == 3);
  CHECK(world.connections().at(0).condemned);
  CHECK(user.heard->lost.empty()); // the lease is its holder's as long as the link may live
  user.release();
  world.pass(1s);
  CHECK(removed_by_probes(world) == 1);
}

TEST_CASE("any answer clears the failures") {
  at_work scene;
  auto& [world, user] = scene;
  world.network->silent = {0};
  user.run("another");
  world.pass(6s);
  REQUIRE(failures(world) == 1);
  world.network->silent.clear();
  SECTION("to a request that came late") {
    user.run("a third"); // the transport is pumped, and all is answered
  }
  SECTION("to a probe") {
    world.pass(12s); // at the latest after the failure
  }
  world.pass(10ms);
  CHECK(failures(world) == 0);
}

TEST_CASE("a probe's answer that comes after its time still clears the failures") {
  at_work scene;
  auto& [world, user] = scene;
  world.network->answer_takes = 7s;
  user.cancel_run();
  world.pass(5s + 20ms);
  CHECK(failures(world) == 1);
  world.pass(2s);
  CHECK(failures(world) == 0);
}

TEST_CASE("the pool keeps what a connection answered, by what was asked") {
  auto cluster = one();
  cluster.keep_alive_interval = 10s;
  virtual_world world{cluster};
  world.network->answer_takes = 5ms;
  holder user{world};
  user.acquire();
  world.pass(2s);
  user.run("true");
  world.pass(11s);
  user.release();
  world.ask<done>(probe_pool{"alpha"});
  world.pass(1s);
  std::multiset<std::string> of;
  auto shown = world.connections();
  for (const auto& each : shown.at(0).outcomes) {
    of.insert(to_string(each.of));
    CHECK(each.answered);
    CHECK((each.rtt >= 5ms) == (each.of == evidence_kind::keep_alive || each.of == evidence_kind::probe));
  }
  CHECK(of == std::multiset<std::string>{"channel", "command", "keep_alive", "probe"});
}

// --- what a probe may run ---------------------------------------------------------------------------------------------

TEST_CASE("a probe runs what the pool says, and nothing that its asker brings") {
  auto cluster = one();
  cluster.probe = probe_method::exec;
  cluster.probe_command = "test -w /scratch";
  virtual_world world{cluster};
  holder user{world};
  user.acquire();
  user.probe(true);
  world.pass(10ms);
  REQUIRE(user.heard->probes.size() == 1);
  CHECK(user.heard->probes.at(0).text == "the command test -w /scratch succeeded");
  CHECK(world.network->commands == std::vector<std::string>{"test -w /scratch"});
  user.probe(false);
  world.pass(10ms);
  CHECK(user.heard->probes.at(1).text == "a channel opened and closed");
  CHECK(world.network->commands.size() == 1);
}

TEST_CASE("a pool that changes how it probes does so on the connections that it has") {
  virtual_world world{one()};
  holder user{world};
  user.acquire();
  auto other = one();
  other.probe = probe_method::exec;
  other.probe_command = "id";
  world.ask<done>(register_cluster{other});
  user.probe(true);
  world.pass(10ms);
  CHECK(world.network->commands == std::vector<std::string>{"id"});
  user.release();
  world.settle();
  world.ask<done>(probe_pool{"alpha"});
  world.pass(10ms);
  CHECK(world.network->commands == std::vector<std::string>{"id", "id"});
  CHECK(world.status().counters.probes_passed == 1);
}

TEST_CASE("a channel that is refused is an answer, and said to be one") {
  virtual_world world{one()};
  world.network->refusal = "open failed";
  holder user{world};
  user.acquire();
  user.probe(true);
  world.pass(10ms);
  REQUIRE(user.heard->probes.size() == 1);
  CHECK(user.heard->probes.at(0).text == "the server answers, but opened no channel: open failed");
}

TEST_CASE("whoever asks a silent peer is answered within the probe's time") {
  virtual_world world{one()};
  holder user{world};
  user.acquire();
  world.network->silent = {0};
  user.probe(true);
  world.pass(5s + 10ms);
  REQUIRE(user.heard->probe_errors.size() == 1);
  CHECK(user.heard->probe_errors.at(0).text == "no answer within 5s");
}

// --- why -------------------------------------------------------------------------------------------------------------

TEST_CASE("when a link ends, everybody on it is told why") {
  auto cluster = one();
  cluster.keep_alive_interval = 1s;
  at_work scene{cluster};
  auto& [world, user] = scene;
  std::string cause;
  SECTION("it fell silent") {
    world.network->silent = {0};
    world.pass(5s);
    cause = "nothing heard for 4 s and 3 keep-alive questions unanswered";
  }
  SECTION("it was cut") {
    world.network->broken = {0};
    world.pass(1s);
    cause = "reset";
  }
  REQUIRE(user.heard->results.size() == 1);
  INFO(user.heard->results.at(0).ended.cause.text);
  CHECK(user.heard->results.at(0).ended.cause.text.find(cause) != std::string::npos);
  REQUIRE(user.heard->lost.size() == 1);
  CHECK(user.heard->lost.at(0).reason.text.find(cause) != std::string::npos);
  user.release();
  REQUIRE(user.heard->releases.size() == 1);
  INFO(user.heard->releases.at(0).text);
  CHECK(user.heard->releases.at(0).text.find(cause) != std::string::npos);
}

TEST_CASE("who works under a lease that has ended is told why it ended") {
  at_work scene;
  auto& [world, user] = scene;
  world.ask<done>(revoke_lease{"alpha", user.heard->grants.at(0).lease});
  REQUIRE(user.heard->results.size() == 1);
  CHECK(user.heard->results.at(0).ended.cause.text ==
        "the lease ended while the command ran: it was revoked by an administrator");
  user.release();
  CHECK(user.heard->releases.at(0).text ==
        "lease l1 had ended before it was given back: it was revoked by an administrator");
  virtual_world other{one()};
  holder late{other};
  late.acquire();
  other.ask<done>(revoke_lease{"alpha", late.heard->grants.at(0).lease});
  late.run("late");
  REQUIRE(late.heard->results.size() == 1);
  CHECK(late.heard->results.at(0).ended.cause.text ==
        "lease l1 on 'alpha' has ended (it was revoked by an "
        "administrator); the command was not sent: acquire anew");
}
