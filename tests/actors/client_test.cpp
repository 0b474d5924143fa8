// The client, which asks for a host's threads, in virtual time.
#include <catch2/catch.hpp>

#include <ctime>
#include <optional>

#include "tests/actors/client_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

std::chrono::nanoseconds thread_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

} // namespace

TEST_CASE("a client asks again when its pool ends without having read the acquire, with the patience that is "
          "left") {
  client_world world{plain_cluster(2)};
  holder other{world};
  other.acquire();
  world.ask();
  REQUIRE(world.held.size() == 1); // the client knows the pool and asks it itself
  world.network->open_hangs = true;
  caf::anon_send_exit(other.heard->grants.at(0).pool, caf::exit_reason::kill);
  auto before = world.now();
  auto call = world.post_acquire(10s);
  world.one_message(); // the pool ends
  world.one_message(); // the client asks it
  world.sched.advance_time(4s);
  world.settle();
  CHECK(world.status().waiters == 1);
  world.pass(7s);
  CHECK(world.answered[call] == 1);
  CHECK(world.answers[call].code == errc::acquire_timeout);
  CHECK(world.answered_at[call] - before == 10s);
}

TEST_CASE("a cancel that comes while a client asks again is not lost") {
  client_world world{plain_cluster(2)};
  holder other{world};
  other.acquire();
  world.ask();
  world.network->open_hangs = true;
  caf::anon_send_exit(other.heard->grants.at(0).pool, caf::exit_reason::kill);
  auto call = world.post_acquire();
  world.one_message();
  world.one_message();
  world.post_cancel(call);
  world.settle();
  CHECK(world.answered[call] == 1);
  CHECK(world.answers[call].code == errc::cancelled);
  CHECK(world.status().waiters == 0);
}

TEST_CASE(
    "wherever a client's cancel crosses with the grant there is one answer, and no lease is left over") {
  for (auto known : {false, true})
    for (int steps = 0; steps < 14; ++steps) {
      INFO("after " << steps << " messages");
      client_world world{plain_cluster(2)};
      if (known)
        world.ask();
      auto call = world.post_acquire();
      for (int i = 0; i < steps && world.one_message(); ++i) {
      }
      world.post_cancel(call);
      world.settle();
      CHECK(world.answered[call] == 1);
      CHECK((world.answers[call].code == errc::none || world.answers[call].code == errc::cancelled));
      CHECK(world.status().leases == world.held.size());
      world.held.clear();
      world.settle();
      CHECK(world.status().leases + world.status().waiters == 0);
    }
}

TEST_CASE(
    "a client that is told of a removed cluster by its pool asks the manager, who may know another by now") {
  client_world world{plain_cluster(1)};
  world.ask();
  auto waiting = world.ask();
  CHECK(world.ask<done>(remove_cluster{"alpha"}));
  CHECK(world.answers[waiting].code == errc::cluster_removed);
  auto late = world.ask();
  CHECK(world.answers[late].code == errc::unknown_cluster);
  CHECK(world.ask<done>(register_cluster{world.cluster}));
  auto again = world.ask();
  CHECK(world.answers[again].code == errc::none);
  CHECK(world.answered[again] == 1);
}

TEST_CASE("a client has one code for one happening, the same that a message has") {
  auto told = [](auto order) {
    client_world world{plain_cluster(1)};
    world.ask();
    auto waiting = world.ask();
    CHECK(world.ask<done>(order));
    CHECK(world.answered[waiting] == 1);
    return world.answers[waiting].code;
  };
  CHECK(told(remove_cluster{"alpha"}) == errc::cluster_removed);
  CHECK(told(disconnect_pool{"alpha"}) == errc::disconnected);
  CHECK(told(stop_all{}) == errc::stopping);
}

TEST_CASE("fifty thousand waiters on one pool do not slow the same client's acquires on another") {
  auto cluster = plain_cluster(1);
  cluster.queue_depth = 100'000;
  client_world world{cluster};
  auto beta = plain_cluster(1);
  beta.name = "beta";
  CHECK(world.ask<done>(register_cluster{beta}));
  auto beta_time = [&world] {
    auto least = std::chrono::nanoseconds::max(); // the machine may be busy
    for (int block = 0; block < 10; ++block) {
      auto before = thread_time();
      for (int i = 0; i < 100; ++i) {
        world.ask(30s, "beta");
        world.held.pop_back();
        world.settle();
      }
      least = std::min(least, thread_time() - before);
    }
    return least;
  };
  world.ask();
  auto quiet = beta_time();
  for (int i = 0; i < 50'000; ++i)
    world.post_acquire(1h);
  world.settle();
  REQUIRE(world.status().waiters == 50'000);
  auto busy = beta_time();
  INFO("100 acquires and releases: " << quiet.count() << " ns quiet, " << busy.count() << " ns");
  CHECK(busy <= 3 * quiet);
}

TEST_CASE("a client's requests without an answer are bounded, and a place is free again with the answer") {
  auto gate = std::make_shared<client_gate>();
  std::vector<std::shared_ptr<void>> places;
  for (std::size_t i = 0; i < client_gate::outstanding_max; ++i)
    places.push_back(client_gate::enter(gate));
  CHECK(places.back() != nullptr);
  CHECK(client_gate::enter(gate) == nullptr);
  places.pop_back();
  CHECK(client_gate::enter(gate) != nullptr);
  CHECK(client_gate::too_many().text.find("200000") != std::string::npos);
}

TEST_CASE("a text speaks of a node only when there is one") {
  auto gate = std::make_shared<client_gate>();
  gate->open({}, false);
  CHECK(gate->no_answer().code == errc::request_timeout);
  CHECK(gate->no_answer().text.find("node") == std::string::npos);
  gate->open({}, true);
  CHECK(gate->no_answer().code == errc::node_lost);
}
