// Promises: the pool's shell keeps handles, promises and names beside the core, and nothing that disagrees
// with it. After each message of seeded runs, in which everything happens that the network, holders and
// admins can do, the books of both are compared.
#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "actors/pool/seeded_random.hpp"
#include "actors/pool/shell.hpp"
#include "messages/ensure.hpp"
#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

using pool_self = pool_actor::stateful_pointer<pool_actor_state>;

/// The pool whose message is next; none: it is another actor's.
pool_self next_pool(virtual_world& world) {
  auto* actor = dynamic_cast<caf::local_actor*>(world.sched.jobs.front());
  if (actor == nullptr || std::string_view{actor->name()} != pool_actor_state::name)
    return nullptr;
  return dynamic_cast<pool_self>(actor);
}

struct compared_run {
  explicit compared_run(std::uint64_t seed) : random(seed), world(settings()) {
    for (int i = 0; i < 3; ++i)
      holders.push_back(std::make_unique<holder>(world));
  }

  static cluster_settings settings() {
    auto settings = plain_cluster(3);
    settings.channels_per_connection = 2;
    settings.min_idle = 1;
    settings.queue_depth = 5;
    settings.acquire_timeout = 3s;
    settings.probe_interval = 5s;
    settings.idle_timeout = 4s;
    settings.connection_lifetime = 40s;
    settings.probe_failures_max = 2;
    return settings;
  }

  std::uint64_t below(std::uint64_t limit) { return random.next() % limit; }

  /// Every message there is, the books compared after each of a pool's.
  void drain() {
    while (!world.sched.jobs.empty()) {
      auto pool = next_pool(world);
      auto kept = pool != nullptr ? caf::strong_actor_ptr{pool->ctrl()} : nullptr;
      world.one_message();
      if (pool == nullptr || pool->getf(caf::abstract_actor::is_terminated_flag))
        continue;
      pool->state.verify();
      ++compared;
    }
  }

  void pass(std::chrono::nanoseconds time) {
    for (drain(); time > 0ns; time -= 20ms) {
      world.sched.advance_time(20ms);
      drain();
    }
  }

  template <class Request>
  void order(Request request) {
    auto whom = below(3) == 0 ? caf::strong_actor_ptr{} : holders[below(holders.size())]->request().holder;
    if constexpr (requires { Request::name; })
      asker->send(world.manager, std::move(request), order_sender{std::move(whom)});
    else
      asker->send(world.manager, std::move(request));
    drain();
  }

  void do_something() {
    auto& who = *holders[below(holders.size())];
    auto& memory = *who.heard;
    auto number = below(std::max<std::size_t>(world.network->made, 1));
    switch (below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
      caf::anon_send(world.manager,
                     who.request(below(3) == 0 ? default_patience : below(6) * 1s, below(3) == 0));
      break;
    case 4:
      caf::anon_send(world.manager, who.cancellation(1 + below(memory.answers.size() + 2)));
      break;
    case 5:
    case 6:
    case 7:
      if (!memory.grants.empty())
        for (const auto& grant : {memory.grants.back(), memory.grants[below(memory.grants.size())]})
          caf::anon_send(caf::actor_cast<pool_actor>(grant.pool),
                         release_lease_for{grant.lease, who.request().holder, below(4) == 0});
      break;
    case 8:
      memory.confirms = below(4) != 0;
      break;
    case 9:
      world.network->open_fails =
          below(2) == 0 ? ssh_error{ssh_stage::connect, ssh_failure::refused, "no"} : ssh_error{};
      break;
    case 10:
      world.network->open_takes = below(5) * 300ms;
      break;
    case 11:
      world.network->broken.push_back(number);
      break;
    case 12:
      world.network->silent.push_back(number);
      break;
    case 13:
      if (below(4) == 0) {
        auto place = below(holders.size());
        holders[place] = std::make_unique<holder>(world);
      }
      break;
    default:
      administrate();
    }
    drain();
  }

  void administrate() {
    auto name = world.cluster.name;
    switch (below(10)) {
    case 0:
      return order(pause_pool{name, below(3) == 0});
    case 1:
    case 2:
      return order(resume_pool{name});
    case 3:
      return order(evict_connection{name, connection_id{1 + below(world.network->made + 1)}});
    case 4:
      return order(resize_pool{name, static_cast<std::uint32_t>(below(4))}); // 0 is refused
    case 5:
      return order(disconnect_pool{name});
    case 6:
      return order(reset_pool{name});
    case 8:
      return order(set_setting{name, "pool_size", std::to_string(below(4))}); // 0 is refused
    case 7:
      return order(drain_pool{name, below(3) * 1000ms});
    default:
      auto changed = settings();
      changed.host = below(2) == 0 ? "beta" : "gamma";
      changed.probe_timeout = (1 + below(3)) * 1000ms;
      return order(register_cluster{changed});
    }
  }

  seeded_random random;
  virtual_world world;
  caf::scoped_actor asker{world.system};
  std::vector<std::unique_ptr<holder>> holders;
  std::size_t compared = 0;
};

} // namespace

TEST_CASE("what a pool's shell keeps agrees with its core after every message") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    compared_run run{seed};
    INFO("seed " << seed);
    try {
      for (int i = 0; i < 150; ++i) {
        run.do_something();
        run.pass(run.below(8) * 100ms);
      }
    } catch (const broken_invariant& broken) {
      FAIL(broken.what());
    }
    CHECK(run.compared > 50);
    CHECK(run.world.bugs.empty());
  }
}

TEST_CASE("an acquire without a patience of its own has the cluster's, as it is when the pool reads it") {
  virtual_world world{plain_cluster(1)};
  holder busy{world}, waiting{world};
  busy.acquire();
  auto changed = world.cluster;
  changed.acquire_timeout = 7s;
  world.ask<done>(register_cluster{changed});
  auto before = world.now();
  waiting.acquire(default_patience);
  world.pass(10s);
  REQUIRE(waiting.heard->refusals.size() == 1);
  CHECK(waiting.heard->answered_at.at(0) - before == 7s);
}
