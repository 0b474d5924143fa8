// A session, the one door of an outsider: what goes through it, in whose name, and whose numbers.
#include <catch2/catch.hpp>

#include "tests/actors/session_world.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

TEST_CASE("an outsider acquires, runs and gives back through its session, and hears of nobody else") {
  virtual_world world{plain_cluster(1)};
  guest host{world};
  host.acquire(7);
  REQUIRE(host.heard->grants.size() == 1);
  CHECK(host.heard->grants.at(0).call == 7);
  world.pass(1min); // confirmed: else it is reclaimed
  host.run(9, "hello");
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(host.heard->runs.at(0).call == 9);
  CHECK(host.heard->runs.at(0).result.output == "hello");
  host.release();
  CHECK(host.heard->answers.at(0).code == errc::none);
  CHECK(world.status().idle == 1);
  host.acquire(1, 0s);
  host.acquire(2, 0s);
  CHECK(host.heard->refusals.at(0).call == 2);
  world.ask<done>(disconnect_pool{"alpha"});
  CHECK(host.heard->lost.at(0).lease == host.heard->grants.at(1).lease);
  CHECK(host.heard->senders == std::set<caf::actor_addr>{host.session.address()});
}

TEST_CASE("the answer to a request comes from the session, and not from who gave it") {
  virtual_world world{plain_cluster(1)};
  guest host{world};
  host.acquire();
  const auto& grant = host.heard->grants.at(0);
  std::set<caf::actor_addr> senders;
  auto asker = world.system.spawn(
      [&](caf::event_based_actor* self, session_actor session) -> caf::behavior {
        auto note = [&senders, self](auto answer) {
          return [&senders, self](const decltype(answer)&) {
            senders.insert(caf::actor_cast<caf::actor_addr>(self->current_sender()));
          };
        };
        auto wrong = [](const caf::error& error) { FAIL(to_failure(error).text); };
        self->request(session, caf::infinite, get_pool{"alpha"}).then(note(pool_status{}), wrong);
        self->request(session, caf::infinite, pause_pool{"alpha"}).then(note(done{}), wrong);
        self->request(session, caf::infinite, probe_lease{grant.cluster, grant.lease})
            .then(note(probe_answer{}), wrong);
        self->request(session, caf::infinite, release_lease{grant.cluster, grant.lease})
            .then(note(done{}), wrong);
        self->request(session, caf::infinite, subscribe{"alpha", 1}).then(note(done{}), wrong);
        return {[](const event_record&) {}};
      },
      host.session);
  world.settle();
  CHECK(senders == std::set<caf::actor_addr>{host.session.address()});
  caf::anon_send_exit(asker, caf::exit_reason::kill);
}

TEST_CASE("a stream goes through the session: room, input, output, end") {
  virtual_world world{plain_cluster(1)};
  world.network->run_takes = 1s;
  guest host{world};
  host.acquire();
  const auto& grant = host.heard->grants.at(0);
  open_stream order{grant.cluster, grant.lease, 5, {}, 1'000};
  order.what.command = "cat";
  host.tell(order);
  REQUIRE(host.heard->rooms.size() == 1);
  host.tell(send_stream_input{grant.cluster, grant.lease, 5, "abc"});
  host.tell(send_stream_input{grant.cluster, grant.lease, 6, "no such stream"});
  host.tell(send_stream_input{"beta", grant.lease, 5, "no such lease"});
  CHECK(world.network->input[0] == "abc");
  world.pass(2s);
  REQUIRE(host.heard->ends.size() == 1);
  CHECK(host.heard->ends.at(0).call == 5);
  CHECK(host.heard->ends.at(0).ended.succeeded());
  REQUIRE(host.heard->chunks.size() == 1);
  CHECK(host.heard->chunks.at(0).call == 5);
}

TEST_CASE("who hears of the end of a lease's last stream finds the lease given back") {
  virtual_world world{plain_cluster(1)};
  world.network->run_takes = 1s;
  guest host{world}, next{world};
  host.acquire();
  const auto& grant = host.heard->grants.at(0);
  open_last_stream order{{grant.cluster, grant.lease, 5, {}, 1'000}};
  order.what.what.command = "echo";
  host.tell(order);
  next.acquire();
  world.pass(2s);
  REQUIRE(host.heard->ends.size() == 1);
  CHECK(host.heard->ends.at(0).ended.succeeded());
  CHECK(next.heard->grants.size() == 1);
  host.tell(open_stream{grant.cluster, grant.lease, 6, {}, 1'000});
  REQUIRE(host.heard->ends.size() == 2);
  CHECK(host.heard->ends.at(1).ended.kind == outcome_kind::never_sent);
  CHECK(host.heard->ends.at(1).ended.cause.code == errc::lease_ended);
}

TEST_CASE("senders of one session may use the same numbers, and none can end what another runs") {
  virtual_world world{plain_cluster(2)};
  world.network->run_takes = 1s;
  guest one{world};
  guest two{world, one};
  one.acquire(1);
  two.acquire(1);
  REQUIRE(two.heard->grants.size() == 1);
  one.run(1, "of one");
  two.tell(cancel_command{"alpha", one.heard->grants.at(0).lease, 1});
  two.run(1, "of two");
  world.pass(2s);
  CHECK(one.heard->runs.at(0).result.output == "of one");
  CHECK(two.heard->runs.at(0).result.output == "of two");
}

TEST_CASE("a number that is in use names no second command") {
  virtual_world world{plain_cluster(1)};
  world.network->run_takes = 1s;
  guest host{world};
  host.acquire();
  host.run(1, "first");
  host.run(1, "second");
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(host.heard->runs.at(0).result.ended.kind == outcome_kind::never_sent);
  CHECK(host.heard->runs.at(0).result.ended.cause.code == errc::invalid_request);
  world.pass(2s);
  CHECK(host.heard->runs.at(1).result.output == "first");
}

TEST_CASE("an acquire that a sender asks twice while it waits is the same one for the session") {
  virtual_world world{plain_cluster(1)};
  guest busy{world}, host{world};
  busy.acquire();
  host.acquire(3);
  host.acquire(3);
  CHECK(world.status().waiters == 1);
  busy.release();
  CHECK(host.heard->grants.size() == 1);
}

TEST_CASE("wherever an outsider's cancel crosses with the grant there is one answer, and no lease is lost") {
  for (int steps = 0; steps < 16; ++steps) {
    INFO("after " << steps << " messages");
    virtual_world world{plain_cluster(1)};
    guest host{world};
    host.say(acquire{"alpha", 1, 30s, "guest"});
    for (int i = 0; i < steps && world.one_message(); ++i) {
    }
    host.tell(cancel_acquire{1});
    CHECK(host.heard->grants.size() + host.heard->refusals.size() == 1);
    if (!host.heard->refusals.empty())
      CHECK(host.heard->refusals.at(0).reason.code == errc::cancelled);
    CHECK(world.status().leases == host.heard->grants.size());
    CHECK(world.status().waiters == 0);
  }
}

TEST_CASE("what is asked under a lease that is not held is refused, with the reason of its end") {
  virtual_world world{plain_cluster(1)};
  guest host{world};
  host.acquire();
  host.release();
  host.release();
  REQUIRE(host.heard->answers.size() == 2);
  CHECK(host.heard->answers.at(1).code == errc::lease_ended);
  host.acquire(2);
  world.ask<done>(revoke_lease{"alpha", host.heard->grants.at(1).lease});
  host.run(1, "late", 1);
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(host.heard->runs.at(0).result.ended.kind == outcome_kind::never_sent);
  CHECK_THAT(host.heard->runs.at(0).result.ended.cause.text, Contains("revoked by an administrator"));
  host.ask<probe_answer>(probe_lease{"alpha", host.heard->grants.at(1).lease});
  CHECK(host.heard->answers.at(2).code == errc::lease_ended);
}

TEST_CASE("a command that its connection had not read when it ended was never sent, by message as well") {
  virtual_world world{plain_cluster(1)};
  guest host{world};
  holder spy{world}; // knows the connection, as an outsider does not
  spy.acquire();
  spy.release();
  host.acquire();
  REQUIRE(host.heard->grants.size() == 1);
  caf::anon_send_exit(spy.heard->grants.at(0).connection, caf::exit_reason::kill);
  host.tell(host.command(1, "never"));
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(host.heard->runs.at(0).result.ended.kind == outcome_kind::never_sent);
  CHECK(world.network->commands.empty());
}

TEST_CASE("an acquire whose pool ended is asked again by the session, with what it has waited") {
  virtual_world world{plain_cluster(1)};
  guest host{world};
  holder spy{world};
  spy.acquire();
  auto pool = spy.heard->grants.at(0).pool;
  spy.release();
  host.acquire(1); // from now on the session knows the pool, and asks it itself
  world.network->open_hangs = true;
  auto before = world.now();
  caf::anon_send_exit(pool, caf::exit_reason::kill);
  host.say(acquire{"alpha", 2, 10s, "guest"});
  world.one_message(); // the pool ends
  world.one_message(); // the session asks it
  world.sched.advance_time(4s);
  world.settle();
  CHECK(world.status().waiters == 1);
  world.pass(5900ms);
  CHECK(host.heard->refusals.empty());
  world.pass(100ms);
  REQUIRE(host.heard->refusals.size() == 1);
  CHECK(host.heard->refusals.at(0).reason.code == errc::acquire_timeout);
  CHECK(world.now() - before == 10s);
}
