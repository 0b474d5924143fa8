// What the pool promises of acquires and leases, with every actor real and the network scripted.
#include <catch2/catch.hpp>

#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("waiters are served first come, first served, without asking again") {
  virtual_world world{plain_cluster(1)};
  holder first{world}, second{world}, third{world};
  first.acquire();
  second.acquire();
  third.acquire();
  REQUIRE(first.heard->grants.size() == 1);
  CHECK(world.status().waiters == 2);
  first.release();
  CHECK(second.heard->grants.size() == 1);
  CHECK(third.heard->grants.empty());
  second.release();
  CHECK(third.heard->grants.size() == 1);
  CHECK(world.network->made == 1);
}

TEST_CASE("a waiter is refused at its deadline, not later, and told what the pool was doing") {
  virtual_world world{plain_cluster(1)};
  holder busy{world, "sync"}, waiting{world};
  busy.acquire();
  world.pass(40s);
  auto before = world.now();
  waiting.acquire(2s);
  world.pass(1990ms);
  CHECK(waiting.heard->refusals.empty());
  world.pass(10ms);
  REQUIRE(waiting.heard->refusals.size() == 1);
  CHECK(waiting.heard->answered_at.at(0) - before == 2s);
  auto refusal = waiting.heard->refusals.at(0);
  CHECK(refusal.code == errc::acquire_timeout);
  INFO(refusal.text);
  CHECK(refusal.text.find("1 of 1") != std::string::npos);
  CHECK(refusal.text.find("'sync'") != std::string::npos);
}

TEST_CASE("a cancelled acquire is answered once, and leaves the queue") {
  virtual_world world{plain_cluster(1)};
  holder busy{world}, waiting{world};
  busy.acquire();
  waiting.acquire();
  waiting.cancel(1);
  REQUIRE(waiting.heard->refusals.size() == 1);
  CHECK(waiting.heard->refusals.at(0).code == errc::cancelled);
  busy.release();
  CHECK(waiting.heard->grants.empty());
  CHECK(world.status().idle == 1);
}

TEST_CASE("double and late releases are told apart, and harmless") {
  virtual_world world{plain_cluster(1)};
  holder host{world}, other{world};
  host.acquire();
  auto lease = host.heard->grants.at(0).lease;
  host.release();
  host.release();
  REQUIRE(host.heard->releases.size() == 2);
  CHECK(host.heard->releases.at(0).code == errc::none);
  CHECK(host.heard->releases.at(1).code == errc::already_released);
  host.acquire();
  world.ask<done>(revoke_lease{"alpha", host.heard->grants.at(1).lease});
  REQUIRE(host.heard->lost.size() == 1);
  host.release(1);
  CHECK(host.heard->releases.at(2).code == errc::lease_ended);
  CHECK(lease != host.heard->grants.at(1).lease);
  other.acquire();
  CHECK(other.heard->grants.size() == 1);
}

TEST_CASE("the connection refuses work under a lease that has ended") {
  virtual_world world{plain_cluster(1)};
  holder host{world};
  host.acquire();
  host.release();
  host.run("late");
  REQUIRE(host.heard->results.size() == 1);
  CHECK(host.heard->results.at(0).ended.kind == outcome_kind::never_sent);
  CHECK(host.heard->results.at(0).ended.cause.code == errc::lease_ended);
}

TEST_CASE(
    "a holder that dies in mid-command loses its lease, and its connection is not used again unless the "
    "command was seen to end") {
  virtual_world world{plain_cluster(1)};
  world.network->run_takes = 1h;
  holder doomed{world}, next{world};
  doomed.acquire();
  doomed.run("for ever");
  next.acquire();
  doomed.die();
  world.settle();
  CHECK(next.heard->grants.size() == 1);
  CHECK(world.network->made == 2);
  CHECK(world.network->alive == 1);
  CHECK(world.status().counters.removed.at(static_cast<std::size_t>(removal_reason::abandoned)) == 1);
}

TEST_CASE("a connection whose command was seen to end is kept, and granted no sooner") {
  auto by = GENERATE("death", "revocation");
  CAPTURE(by);
  virtual_world world{plain_cluster(1)};
  world.network->run_takes = 1h;
  world.network->cancel_hangs = true;
  world.network->cancel_is_seen = true;
  holder first{world}, next{world};
  first.acquire();
  first.run("for ever");
  first.run("for ever as well");
  next.acquire();
  if (by == std::string{"death"})
    first.die();
  else
    world.ask<done>(revoke_lease{"alpha", first.heard->grants.at(0).lease});
  world.pass(1s);
  CHECK(next.heard->grants.empty());
  world.network->cancel_hangs = false;
  world.pass(100ms);
  CHECK(next.heard->grants.size() == 1);
  CHECK(world.network->made == 1);
}

TEST_CASE("a holder that dies with nothing running gives its connection back to the pool") {
  virtual_world world{plain_cluster(1)};
  holder doomed{world}, next{world};
  doomed.acquire();
  next.acquire();
  doomed.die();
  world.settle();
  CHECK(next.heard->grants.size() == 1);
  CHECK(world.network->made == 1);
}

TEST_CASE("a grant that is never confirmed is reclaimed") {
  virtual_world world{plain_cluster(1)};
  holder silent{world}, next{world};
  silent.heard->confirms = false;
  silent.acquire();
  next.acquire();
  world.pass(4900ms);
  CHECK(next.heard->grants.empty());
  world.pass(200ms);
  CHECK(next.heard->grants.size() == 1);
  CHECK(world.network->made == 1);
  silent.run("too late");
  REQUIRE(silent.heard->results.size() == 1);
  CHECK(silent.heard->results.at(0).ended.cause.code == errc::lease_ended);
}

TEST_CASE("never more connections than the pool size, and waiters do not overtake") {
  auto cluster = plain_cluster(3);
  cluster.connects_at_once = 3;
  virtual_world world{cluster};
  world.network->open_takes = 1s;
  std::vector<std::unique_ptr<holder>> hosts;
  for (int i = 0; i < 20; ++i) {
    hosts.push_back(std::make_unique<holder>(world));
    hosts.back()->acquire();
  }
  world.pass(2s);
  CHECK(world.network->made == 3);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(hosts[i]->heard->grants.size() == 1);
    hosts[i]->release();
  }
  CHECK(world.network->made == 3);
}

TEST_CASE("a denied log-in is told to every waiter, latched, and not tried again until it is reset") {
  virtual_world world{plain_cluster(2)};
  world.network->open_fails = {ssh_stage::authenticate, ssh_failure::denied, "publickey denied"};
  holder host{world};
  host.acquire();
  world.settle();
  REQUIRE(host.heard->refusals.size() == 1);
  CHECK(host.heard->refusals.at(0).code == errc::auth_denied);
  host.acquire();
  world.pass(5min, 100ms);
  REQUIRE(host.heard->refusals.size() == 2);
  CHECK(world.network->made == 1);
  world.network->open_fails = {};
  world.ask<done>(reset_pool{"alpha"});
  host.acquire();
  world.settle();
  CHECK(host.heard->grants.size() == 1);
}

TEST_CASE(
    "a connection that cannot be opened is tried three times, then its waiters are told the last error") {
  virtual_world world{plain_cluster(1)};
  world.network->open_fails = {ssh_stage::connect, ssh_failure::refused, "connection refused"};
  holder host{world};
  host.acquire();
  world.pass(500ms);
  CHECK(host.heard->refusals.empty());
  world.pass(3s + 600ms);
  CHECK(world.network->made == 3);
  REQUIRE(host.heard->refusals.size() == 1);
  CHECK(host.heard->refusals.at(0).code == errc::connect_failed);
  CHECK(host.heard->refusals.at(0).text.find("connection refused") != std::string::npos);
}
