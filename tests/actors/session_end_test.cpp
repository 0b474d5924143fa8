// What a session takes back, and what it may have: senders that die, its outsider's end, the manager's, and
// bounds.
#include <catch2/catch.hpp>

#include "tests/actors/session_world.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

TEST_CASE("what a sender held that has died goes back, and nothing of the others' does") {
  virtual_world world{plain_cluster(2)};
  world.network->run_takes = 1h;
  guest first{world};
  auto doomed = std::make_unique<guest>(world, first);
  first.acquire(1);
  doomed->acquire(1);
  doomed->acquire(2);
  REQUIRE(doomed->heard->grants.size() == 1);
  REQUIRE(world.status().waiters == 1);
  doomed->die();
  CHECK(world.status().waiters == 0);
  CHECK(world.status().counters.cancelled == 1); // and did not get what was given back
  CHECK(world.status().leases == 1);
  CHECK(world.status().idle == 1);
  CHECK_FALSE(first.session_over());
  world.network->run_takes = 0s;
  first.run(1, "still here");
  CHECK(first.heard->runs.at(0).result.ended.succeeded());
}

TEST_CASE("a sender that dies in mid-command loses its lease as a holder does: the connection is used again "
          "only if "
          "the command was seen to end") {
  for (auto seen : {false, true}) {
    virtual_world world{plain_cluster(1)};
    world.network->run_takes = 1h;
    world.network->cancel_is_seen = seen;
    guest first{world};
    guest doomed{world, first};
    doomed.acquire();
    doomed.run(1, "for ever");
    first.acquire();
    doomed.die();
    world.pass(5s);
    CHECK(first.heard->grants.size() == 1);
    CHECK(world.network->made == (seen ? 1 : 2));
  }
}

TEST_CASE("a session that has ended leaves nothing of its memory with those that it watched") {
  virtual_world world{plain_cluster(1)};
  caf::weak_actor_ptr ended;
  {
    guest host{world};
    host.acquire();
    host.run(1, "watches a connection, too");
    ended = caf::actor_cast<caf::weak_actor_ptr>(host.session);
  }
  world.settle();
  REQUIRE(ended.get() != nullptr);
  CHECK(ended.get()->strong_refs == 0);
  CHECK(ended.get()->weak_refs == 1); // ours: each of theirs would keep it whole
}

TEST_CASE("a session ends with its outsider, and lets go of everything") {
  virtual_world world{plain_cluster(2)};
  guest host{world};
  guest other{world, host};
  host.acquire(1);
  other.acquire(1);
  other.acquire(2);
  other.ask<done>(subscribe{"", 1'000});
  REQUIRE(world.status().leases == 2);
  host.die();
  CHECK(other.session_over());
  CHECK(world.status().leases + world.status().waiters == 0);
  CHECK(other.heard->refusals.at(0).reason.code == errc::stopping);
  CHECK(other.heard->lost.size() == 1); // who lives on hears that its lease does not
  auto told = other.heard->events.size();
  world.ask<done>(pause_pool{"alpha"});
  CHECK(other.heard->events.size() == told);
}

TEST_CASE(
    "a session whose outsider's link has ended waits for what was on its way, and ends with its senders") {
  virtual_world world{plain_cluster(1)};
  auto door = world.system.spawn(session, world.manager, caf::strong_actor_ptr{}, session_bounds{},
                                 std::string{}, access_rights::everything());
  world.settle();
  guest far{world, door};
  far.acquire();
  caf::anon_send(door, outsider_gone{});
  world.settle();
  CHECK_FALSE(far.session_over());
  far.release(); // it was on its way
  CHECK(world.status().counters.releases == 1);
  far.die();
  CHECK(far.session_over());
  auto unused = world.system.spawn(session, world.manager, caf::strong_actor_ptr{}, session_bounds{},
                                   std::string{}, access_rights::everything());
  guest idle{world, unused};
  caf::anon_send(unused, outsider_gone{});
  world.settle();
  CHECK(idle.session_over());
}

TEST_CASE("a lease is given back also by a session that takes no more requests") {
  virtual_world world{plain_cluster(1)};
  guest host{world, session_bounds{.outstanding_max = 2}};
  for (std::uint64_t call : {1, 2, 3, 4})
    host.acquire(call);
  REQUIRE(host.heard->refusals.size() == 1);
  host.release();
  REQUIRE(host.heard->answers.size() == 1);
  CHECK(host.heard->answers.at(0).code == errc::none);
  CHECK(host.heard->grants.size() == 2);
}

TEST_CASE("a session ends with the manager, and each that waits has its answer") {
  virtual_world world{plain_cluster(1)};
  world.network->run_takes = 1h;
  guest host{world};
  host.acquire(1);
  host.acquire(2);
  host.run(1, "for ever");
  SECTION("that stops") {
    world.ask<done>(stop_all{});
    CHECK(host.heard->lost.size() == 1);
  }
  SECTION("that is killed with all that it was asked") {
    caf::anon_send_exit(world.manager, caf::exit_reason::kill);
    host.ask<pool_status>(get_pool{"alpha"});
    REQUIRE(host.heard->answers.size() == 1);
    CHECK(host.heard->answers.at(0).code != errc::none);
  }
  CHECK(host.session_over());
  REQUIRE(host.heard->refusals.size() == 1);
  CHECK(host.heard->refusals.at(0).reason.code == errc::stopping);
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(host.heard->runs.at(0).result.ended.kind == outcome_kind::maybe_ran);
}

TEST_CASE("a session lives until its outsider ends, whoever still knows it") {
  virtual_world world{plain_cluster(1)};
  guest host{world};
  host.acquire();
  auto weak = host.session.address();
  host.session = nullptr;
  world.settle();
  CHECK(world.status().leases == 1);
  host.die();
  CHECK(world.status().leases == 0);
  CHECK(caf::actor_cast<caf::strong_actor_ptr>(weak) == nullptr);
}

TEST_CASE("a session has bounds, and beyond them refuses clearly") {
  virtual_world world{plain_cluster(4)};
  world.network->run_takes = 1s;
  SECTION("of requests without an answer") {
    guest host{world, {3, 100, 100}};
    host.acquire(1);
    for (std::uint64_t call = 1; call <= 4; ++call)
      host.run(call, "one of four");
    REQUIRE(host.heard->runs.size() == 1);
    CHECK(host.heard->runs.at(0).call == 4);
    CHECK(host.heard->runs.at(0).result.ended.kind == outcome_kind::never_sent);
    CHECK(host.heard->runs.at(0).result.ended.cause.code == errc::too_many_requests);
    CHECK_THAT(host.heard->runs.at(0).result.ended.cause.text, Contains("3 requests without an answer"));
    host.acquire(2);
    CHECK(host.heard->refusals.at(0).reason.code == errc::too_many_requests);
    host.ask<pool_status>(get_pool{"alpha"});
    CHECK(host.heard->answers.at(0).code == errc::too_many_requests);
    world.pass(2s);
    host.run(5, "there is room again");
    world.pass(2s);
    CHECK(host.heard->runs.back().result.ended.succeeded());
  }
  SECTION("of leases, with those that are waited for") {
    guest host{world, {100, 2, 100}};
    for (std::uint64_t call = 1; call <= 3; ++call)
      host.acquire(call);
    CHECK(host.heard->grants.size() == 2);
    CHECK(host.heard->refusals.at(0).reason.code == errc::too_many_requests);
    host.release();
    host.acquire(4);
    CHECK(host.heard->grants.size() == 3);
  }
  SECTION("of senders, of which those that hold nothing make room") {
    guest host{world, {100, 100, 3}};
    guest second{world, host}, third{world, host}, fourth{world, host};
    second.acquire();
    third.acquire();
    fourth.acquire();
    CHECK(fourth.heard->refusals.at(0).reason.code == errc::too_many_requests);
    second.release();
    fourth.acquire(2);
    CHECK(fourth.heard->grants.size() == 1);
    third.die();
    CHECK(world.status().leases == 1);
  }
}

TEST_CASE("events reach an outsider within its credit, which its session passes on") {
  virtual_world world{plain_cluster(1)};
  guest host{world};
  host.ask<done>(subscribe{"alpha", 1});
  CHECK(host.heard->answers.at(0).code == errc::none);
  world.ask<done>(pause_pool{"alpha"});
  world.ask<done>(resume_pool{"alpha"});
  CHECK(host.heard->events.size() == 1);
  host.tell(grant_event_credit{"alpha", 1});
  world.ask<done>(pause_pool{"alpha"});
  REQUIRE(host.heard->events.size() == 2);
  CHECK(host.heard->events.at(1).missed == 1);
  host.ask<done>(subscribe{"nowhere", 1});
  CHECK(host.heard->answers.at(1).code == errc::unknown_cluster);
}
