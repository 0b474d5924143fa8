// The one answer of every acquire by message: its number, its code, and what becomes of it when its pool
// ends.
#include <catch2/catch.hpp>

#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

caf::actor pool_of(const lease_granted& grant) {
  return caf::actor_cast<caf::actor>(grant.pool);
}

/// Codes of what holders were told, whatever they had asked.
errc only_refusal(const holder& of) {
  REQUIRE(of.heard->refusals.size() == 1);
  return of.heard->refusals.at(0).code;
}

} // namespace

TEST_CASE("every acquire has one answer, under its asker's own number") {
  virtual_world world{plain_cluster(2)};
  holder host{world}, other{world};
  for (int i = 0; i < 3; ++i)
    host.acquire(2s);
  other.acquire(1s);
  world.pass(3s);
  CHECK(host.heard->answers == std::map<std::uint64_t, int>{{1, 1}, {2, 1}, {3, 1}});
  CHECK(other.heard->answers == std::map<std::uint64_t, int>{{1, 1}});
  CHECK(host.heard->grants.size() == 2);
  CHECK(host.heard->grants.at(1).call == 2);
}

TEST_CASE("an acquire that is asked twice while it waits is the same one") {
  virtual_world world{plain_cluster(1)};
  holder busy{world}, host{world};
  busy.acquire();
  auto request = host.request();
  caf::anon_send(world.manager, request);
  caf::anon_send(world.manager, request);
  world.settle();
  CHECK(world.status().waiters == 1);
  busy.release();
  world.settle();
  CHECK(host.heard->answers == std::map<std::uint64_t, int>{{1, 1}});
}

TEST_CASE(
    "an acquire that a pool had not read when it ended is asked again of the next, with what it has waited") {
  virtual_world world{plain_cluster(1)};
  holder busy{world}, host{world};
  busy.acquire();
  world.network->open_hangs = true;
  auto before = world.now();
  caf::anon_send(world.manager, host.request(10s));
  caf::anon_send_exit(pool_of(busy.heard->grants.at(0)), caf::exit_reason::kill);
  world.one_message(); // the manager passes it on, behind the order to end
  world.one_message(); // the pool ends
  world.sched.advance_time(3s);
  world.settle();
  CHECK(world.status().waiters == 1);
  world.pass(8s);
  CHECK(only_refusal(host) == errc::acquire_timeout);
  CHECK(host.heard->answered_at.at(0) - before == 10s);
}

TEST_CASE("an acquire that is asked again because its pool ended keeps its cancel") {
  virtual_world world{plain_cluster(1)};
  holder busy{world}, host{world};
  busy.acquire();
  caf::anon_send(world.manager, host.request());
  caf::anon_send(world.manager, host.cancellation(1));
  caf::anon_send_exit(pool_of(busy.heard->grants.at(0)), caf::exit_reason::kill);
  world.settle();
  CHECK(only_refusal(host) == errc::cancelled);
  CHECK(host.heard->answers.at(1) == 1);
  CHECK(world.status().waiters == 0);
}

TEST_CASE(
    "what crosses with the end of a removed cluster's pool is asked of the cluster that has its name now") {
  virtual_world world{plain_cluster(1)};
  holder busy{world}, host{world};
  busy.acquire();
  auto old = pool_of(busy.heard->grants.at(0));
  CHECK(world.ask<done>(remove_cluster{"alpha"}));
  CHECK(world.ask<done>(register_cluster{world.cluster}));
  caf::anon_send(world.manager, host.request());
  caf::anon_send_exit(old, caf::exit_reason::kill);
  world.settle();
  CHECK(host.heard->grants.size() == 1);
}

TEST_CASE("wherever a cancel crosses with the grant there is one answer, and nothing is lost") {
  for (int steps = 0; steps < 14; ++steps) {
    INFO("after " << steps << " messages");
    virtual_world world{plain_cluster(1)};
    holder host{world};
    caf::anon_send(world.manager, host.request());
    for (int i = 0; i < steps && world.one_message(); ++i) {
    }
    caf::anon_send(world.manager, host.cancellation(1));
    world.settle();
    CHECK(host.heard->answers == std::map<std::uint64_t, int>{{1, 1}});
    // It was answered before the cancel came: the lease is the holder's, until it gives it back.
    CHECK(world.status().leases == host.heard->grants.size());
    if (!host.heard->grants.empty())
      host.release();
    world.settle();
    CHECK(world.status().leases + world.status().waiters == 0);
    // What had leave to log in is opened all the same, and kept; before that there is nothing to keep.
    CHECK(world.status().idle == world.status().counters.openings);
    CHECK((world.status().idle == 1 || host.heard->grants.empty()));
  }
}

TEST_CASE("waiters, holders and what runs hear one code for one happening: removed, disconnected, stopping") {
  auto told = [](auto order) {
    virtual_world world{plain_cluster(1)};
    holder busy{world}, waiting{world};
    world.network->run_takes = 1h;
    busy.acquire();
    busy.run("long");
    waiting.acquire();
    CHECK(world.ask<done>(order));
    REQUIRE(busy.heard->results.size() == 1);
    CHECK(busy.heard->results.at(0).ended.cause.code == only_refusal(waiting));
    REQUIRE(busy.heard->lost.size() == 1);
    CHECK(busy.heard->lost.at(0).reason.code == only_refusal(waiting));
    return only_refusal(waiting);
  };
  CHECK(told(remove_cluster{"alpha"}) == errc::cluster_removed);
  CHECK(told(disconnect_pool{"alpha"}) == errc::disconnected);
  CHECK(told(stop_all{}) == errc::stopping);
}

TEST_CASE("who comes after the end hears that there is no such cluster, from the manager and from the pool "
          "itself") {
  virtual_world world{plain_cluster(1)};
  holder busy{world}, late{world};
  busy.acquire();
  auto old = pool_of(busy.heard->grants.at(0));
  caf::anon_send(world.manager, remove_cluster{"alpha"});
  world.one_message(); // the manager: the pool is told next
  world.one_message();
  caf::anon_send(old, late.request());
  caf::anon_send(world.manager, late.request());
  world.settle();
  REQUIRE(late.heard->refusals.size() == 2);
  for (const auto& each : late.heard->refusals)
    CHECK(each.code == errc::unknown_cluster);
}

TEST_CASE(
    "a request to an actor that has ended is receiver_gone, one that its asker gave up is request_timeout") {
  auto cluster = plain_cluster(1);
  cluster.probe = probe_method::exec;
  virtual_world world{cluster};
  holder host{world};
  host.acquire();
  auto connection = caf::actor_cast<connection_actor>(host.heard->grants.at(0).connection);
  auto ask = [&](auto... how) {
    failure told;
    caf::scoped_actor self{world.system};
    auto asked = self->request(connection, how..., probe_request{true});
    world.pass(2s);
    asked.receive([](const probe_answer&) {}, [&](caf::error& error) { told = to_failure(error); });
    return told;
  };
  world.network->run_takes = 1h;
  CHECK(ask(caf::duration{1s}).code == errc::request_timeout);
  caf::anon_send_exit(connection, caf::exit_reason::kill);
  world.settle();
  auto gone = ask(caf::infinite);
  CHECK(gone.code == errc::receiver_gone);
  INFO(gone.text);
  CHECK(gone.text.find("report") == std::string::npos);
}

TEST_CASE("an acquire that waits until its cluster is ready rides out an outage") {
  virtual_world world{plain_cluster(1)};
  world.network->open_fails = {ssh_stage::connect, ssh_failure::refused, "nobody listens"};
  holder patient{world}, other{world};
  patient.acquire(40s, true);
  other.acquire(40s);
  world.pass(20s, 100ms);
  CHECK(only_refusal(other) == errc::connect_failed);
  CHECK(patient.heard->answers.empty());
  world.network->open_fails = {};
  world.pass(15s, 100ms);
  CHECK(patient.heard->grants.size() == 1);
}
