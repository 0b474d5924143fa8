// Promises: a pool's last life is written down when somebody asks, and when a bug ends it, by others than the
// pool, and what is written can be replayed.
#include <catch2/catch.hpp>

#include <string_view>

#include "actors/pool/shell.hpp"
#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace moorage {

class pool_core_surgeon {
public:
  /// From now on whoever has to wait is taken for one who waits already.
  static void forget_who_waits(const pool_core& core) {
    auto& waiters = const_cast<pool_core&>(core).waiters_;
    for (std::uint64_t i = 1; i < 100; ++i)
      waiters.by_request_.emplace(request_id{i}, 1);
  }
};

} // namespace moorage

namespace {

using pool_self = pool_actor::stateful_pointer<pool_actor_state>;

/// The pool, between two of its messages.
const pool_core& core_in(virtual_world& world) {
  caf::anon_send(world.manager, get_pool{world.cluster.name});
  while (!world.sched.jobs.empty()) {
    auto* actor = dynamic_cast<caf::local_actor*>(world.sched.jobs.front());
    if (actor != nullptr && std::string_view{actor->name()} == pool_actor_state::name)
      return dynamic_cast<pool_self>(actor)->state.core();
    world.one_message();
  }
  throw std::logic_error{"the pool was not asked"};
}

/// An order to record, and what came of it.
struct order {
  explicit order(virtual_world& world) : asker(world.system) {
    asker->send(world.manager, record_pool{world.cluster.name}, order_sender{});
    world.settle();
  }
  std::string answer() {
    std::string text = "no answer";
    asker->receive([&](const done& d) { text = d.text; },
                   [&](const caf::error& e) { text = "refused: " + to_failure(e).text; },
                   caf::after(0s) >> [] {});
    return text;
  }
  caf::scoped_actor asker;
};

/// How it ends when it is replayed.
std::string replayed(const recording& what) {
  recording read;
  if (auto wrong = read_recording(to_bytes(what), {}, read); wrong.code != errc::none)
    return wrong.text;
  replay player{read};
  replayed_step step;
  while (player.next(step))
    if (!step.difference.empty())
      return step.difference;
  return player.fault().empty() ? std::to_string(player.steps() > 0) : player.fault();
}

} // namespace

TEST_CASE("who orders a recording is answered with its path once it is written, and the pool goes on") {
  virtual_world world{plain_cluster()};
  holder user{world};
  user.acquire();
  order first{world}, second{world};
  CHECK(first.answer() == "no answer");
  CHECK(second.answer() == "refused: a recording of 'alpha' is being written already; wait for that");
  user.acquire();
  CHECK(user.heard->grants.size() == 2);
  CHECK(first.answer() == "no answer");
  world.recordings->finish();
  world.settle();
  CHECK(first.answer() == "/recordings/1");
  REQUIRE(world.recordings->begun.size() == 1);
  CHECK(world.recordings->begun[0].header.cluster == "alpha");
  CHECK(replayed(world.recordings->begun[0]) == "1");
}

TEST_CASE("a long banner leaves a recording its room, which can be replayed all the same") {
  virtual_world world{plain_cluster(1)};
  world.network->banner = std::string(100'000, 'x');
  holder user{world};
  user.acquire();
  REQUIRE(user.heard->grants.size() == 1);
  CHECK(user.heard->grants.at(0).banner == world.network->banner);
  order any{world};
  REQUIRE(world.recordings->begun.size() == 1);
  const auto& written = world.recordings->begun[0];
  std::size_t bytes = 0;
  for (const auto& leg : written.legs)
    bytes += leg.events.size();
  CHECK(bytes < 4'000);
  CHECK(replayed(written) == "1");
}

TEST_CASE("who orders a recording is told when it cannot be written, and may order another") {
  virtual_world world{plain_cluster()};
  world.recordings->fails = {errc::local_failure, "the disk is full"};
  order failing{world};
  world.recordings->finish();
  world.settle();
  CHECK(failing.answer() == "refused: the disk is full");
  world.recordings->fails = {};
  order another{world};
  world.recordings->finish();
  world.settle();
  CHECK(another.answer() == "/recordings/2");
}

TEST_CASE("a pool whose recording hangs in the file system ends all the same, and tells who waits") {
  virtual_world world{plain_cluster()};
  order waiting{world};
  world.ask<done>(remove_cluster{"alpha"});
  world.pass(1s);
  CHECK_THAT(waiting.answer(), Contains("refused: "));
}

TEST_CASE("a bug that ends a pool leaves a recording, and the report says where") {
  virtual_world world{plain_cluster(1)};
  holder user{world}, waiting{world};
  user.acquire();
  pool_core_surgeon::forget_who_waits(core_in(world));
  world.settle();
  waiting.acquire();
  world.settle();
  REQUIRE(world.bugs.size() == 1);
  CHECK_THAT(world.bugs[0], Contains("a request is made once") && Contains(" /recordings/1)"));
  REQUIRE(world.recordings->begun.size() == 1);
  const auto& written = world.recordings->begun[0];
  CHECK(written.header.why == "a request is made once");
  // It was not the core's own: that is what a replay shows.
  CHECK(replayed(written) == "the pool ended here, of a broken invariant, and this core did not: a request "
                             "is made once");
  CHECK(waiting.heard->refusals.size() == 1);
}
