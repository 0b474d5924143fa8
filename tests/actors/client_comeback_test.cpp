// A client whose node goes away and comes back, in virtual time. Who connects again is the test.
#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "runtime/begin_call.hpp"
#include "runtime/node/schema.hpp"
#include "tests/actors/client_world.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace {

struct comeback_world : client_world {
  comeback_world() : client_world(plain_cluster(1), true) {}

  void node_goes() {
    caf::anon_send_exit(node, caf::exit_reason::kill);
    sched.run();
    caf::anon_send(manager, stop_all{});
    pass(1s);
    caf::anon_send_exit(manager, caf::exit_reason::kill);
    sched.run();
  }
  /// Another process, which numbers everything anew.
  void node_comes(vocabulary speaks = vocabulary::ours()) {
    manager_world world;
    world.transports = [network = network](const cluster_settings&, waker wake) {
      return std::make_unique<scripted_transport>(network, std::move(wake));
    };
    manager = system.spawn(moorage::manager, std::vector{cluster}, std::move(world));
    comes_as(system.spawn(session, manager, caf::strong_actor_ptr{}, session_bounds{}, std::string{},
                          access_rights::everything()),
             std::move(speaks));
  }
  void comes_as(session_actor whom, vocabulary speaks = vocabulary::ours()) {
    node = std::move(whom);
    gate->post([there = session_at_node{node, std::move(speaks)}](client_state& state) {
      state.node_is_back(there);
    });
    sched.run();
  }
  void try_in_vain(const failure& reason) {
    gate->post([reason](client_state& state) { state.node_is_away(reason); });
    sched.run();
  }
  /// The answer is `answers[call]`, once it has come.
  std::uint64_t acquire_when_ready(std::chrono::nanoseconds patience) {
    auto call = gate->next_call();
    gate->post([this, call, patience](client_state& state) {
      state.acquire_lease({acquire{"alpha", call, patience, "client", true}},
                          [this, call](result<lease> answer) {
                            ++answered[call];
                            answers[call] = answer.error();
                            answered_at[call] = now();
                            if (answer)
                              held.push_back(std::move(*answer));
                          });
    });
    sched.run();
    return call;
  }
  /// How it ended, once it has.
  std::shared_ptr<outcome> run(lease& under) {
    auto ended = std::make_shared<outcome>(outcome{outcome_kind::maybe_ran, 0, {}, {errc::internal, "none"}});
    under.async().run("hello").then([ended](const exec_result& done) { *ended = done.ended; });
    settle();
    return ended;
  }
  /// Its events are `heard`, as "kind text".
  void subscribe(std::uint64_t number) {
    gate->post([this, number](client_state& state) {
      auto to = [this](const event_record& record) {
        heard.push_back(to_string(record.what) + " " + record.text);
      };
      state.watch(number, "alpha", {to, std::make_shared<callback_strand>(callbacks)}, [](result<void>) {});
    });
    settle();
  }
  async_runtime calls() const { return pending_access::calls_of(gate); }

  std::vector<std::string> heard;
};

std::size_t count_of(const std::vector<std::string>& heard, const std::string& what) {
  return static_cast<std::size_t>(
      std::count_if(heard.begin(), heard.end(), [&](const auto& each) { return each.starts_with(what); }));
}

} // namespace

TEST_CASE(
    "while its node is away a client's calls are refused at once, and say since when and what was met") {
  comeback_world world;
  world.node_goes();
  world.pass(4s);
  world.try_in_vain({errc::no_node, "no node listens on /some/path"});
  auto refused = world.ask(10s);
  CHECK(world.answered[refused] == 1);
  CHECK(world.answers[refused].code == errc::node_lost);
  CHECK_THAT(world.answers[refused].text, Contains("the node went away") && Contains("5 s ago") &&
                                              Contains("moorage is trying to reach it again") &&
                                              Contains("no node listens on /some/path"));
  CHECK(world.calls().pools().ready() == false);
  auto asked = world.calls().pools();
  world.settle();
  CHECK(asked.get().error().code == errc::node_lost);
  world.node_comes();
  auto granted = world.ask();
  CHECK(world.answers[granted].code == errc::none);
}

TEST_CASE("an acquire that rides out an outage waits for its node, within its patience") {
  comeback_world world;
  world.ask();
  auto queued = world.acquire_when_ready(30s); // behind the one lease that there is
  auto other = world.ask(30s);
  world.node_goes();
  CHECK(world.answers[other].code == errc::stopping); // it said so before it went
  auto later = world.acquire_when_ready(30s);
  auto short_one = world.acquire_when_ready(5s);
  auto withdrawn = world.acquire_when_ready(30s);
  world.post_cancel(withdrawn);
  world.pass(6s);
  CHECK(world.answers[withdrawn].code == errc::cancelled);
  CHECK(world.answers[short_one].code == errc::node_lost);
  CHECK(world.answered[queued] + world.answered[later] == 0);
  world.held.clear();
  world.node_comes();
  world.pass(1s);
  REQUIRE(world.held.size() == 1); // and the other waits behind it, with what is left of its patience
  auto before = world.now();
  world.pass(30s);
  CHECK(world.answered[queued] == 1);
  CHECK(world.answered[later] == 1);
  auto last = world.answers[queued].code == errc::none ? later : queued;
  CHECK(world.answers[last].code == errc::acquire_timeout);
  CHECK(world.answered_at[last] - before < 24s);
  CHECK(world.status().waiters == 0);
}

TEST_CASE("a lease of a lost link is not the one of the next link that has its number") {
  comeback_world world;
  world.ask();
  REQUIRE(world.held.size() == 1);
  auto old = std::move(world.held.at(0));
  world.held.clear();
  world.node_goes();
  auto meanwhile = world.run(old);
  CHECK(meanwhile->kind == outcome_kind::never_sent);
  CHECK(meanwhile->cause.code == errc::lease_ended);
  world.node_comes();
  world.ask();
  REQUIRE(world.held.size() == 1);
  REQUIRE(world.held.at(0).id() == old.id());
  auto under_old = world.run(old);
  CHECK(under_old->kind == outcome_kind::never_sent);
  CHECK(under_old->cause.code == errc::lease_ended);
  CHECK_THAT(under_old->cause.text, Contains("the node went away"));
  auto released = old.async().release();
  world.settle();
  CHECK(released.get().error().code == errc::lease_ended);
  { auto dropped = std::move(old); }
  world.settle();
  CHECK(world.status().leased == 1);
  CHECK(to_string(*world.run(world.held.at(0))) == "exited 0");
}

TEST_CASE(
    "a subscription goes on when the node is back, told of the loss and of the return, with its credit") {
  comeback_world world;
  world.subscribe(1);
  auto rounds = [&](int times) {
    for (int i = 0; i < times; ++i) {
      world.client_world::ask<done>(pause_pool{"alpha"});
      world.client_world::ask<done>(resume_pool{"alpha"});
    }
  };
  rounds(50);
  REQUIRE(world.heard.size() == 100);
  for (auto loss = 1u; loss < 4; ++loss) {
    world.node_goes();
    CHECK(count_of(world.heard, "node_lost the node went away") == loss);
    world.try_in_vain({errc::no_node, "nobody there"});
    world.try_in_vain({errc::node_lost, "a node of another version"});
    world.try_in_vain({errc::node_lost, "a node of another version"});
    CHECK(count_of(world.heard, "node_lost a node of another version") == loss);
    world.node_comes();
    CHECK(count_of(world.heard, "node_back") == loss);
    rounds(300); // more than the credit: it is granted anew
    CHECK(count_of(world.heard, "paused") == 50 + 300 * loss);
  }
  world.gate->post([](client_state& client) { client.unwatch(1); });
  world.settle();
  auto before = world.heard.size();
  world.node_goes();
  CHECK(world.heard.size() == before);
}

TEST_CASE("what a node of another version lacks is refused without asking it, and what both have is asked") {
  comeback_world world;
  world.subscribe(1);
  auto schema = outsiders_schema();
  auto drop = [&schema](std::string_view line) { schema.erase(schema.find(line), line.size()); };
  drop("record_pool(s,s)\n");
  schema.replace(schema.find("event_record("), std::string_view{"event_record("}.size(), "event_record(b,");
  world.node_goes();
  world.node_comes(vocabulary{"0.0.1", schema});
  CHECK_THAT(world.heard.back(), Contains("node_lost the node is moorage 0.0.1, which is older") &&
                                     Contains("has another 'event_record'"));
  auto recorded = world.calls().record("alpha");
  auto listed = world.calls().pools();
  world.settle();
  REQUIRE(recorded.ready());
  CHECK(recorded.get().error().code == errc::other_version);
  CHECK(listed.get());
  auto granted = world.ask();
  CHECK(world.answers[granted].code == errc::none);
  // Until it is of this version again.
  world.node_goes();
  world.node_comes();
  auto once_more = world.calls().record("alpha");
  world.settle();
  CHECK(once_more.get().error().code != errc::other_version);
}

TEST_CASE("who watches for losses is called once for each, and at once if the node is away already") {
  comeback_world world;
  std::vector<std::string> early, late;
  auto watch = [&](std::uint64_t number, std::vector<std::string>& into) {
    auto call = [&into](const event_record& lost) { into.push_back(lost.text); };
    world.gate->post([&world, number, call](client_state& state) {
      state.watch_loss(number, {call, std::make_shared<callback_strand>(world.callbacks)});
    });
    world.settle();
  };
  watch(1, early);
  CHECK(early.empty());
  world.node_goes();
  world.try_in_vain({errc::node_lost, "a node of another version"});
  watch(2, late);
  CHECK(early.size() == 1);
  CHECK(late.size() == 1);
  world.node_comes();
  world.node_goes();
  CHECK(early.size() == 2);
  CHECK(late.size() == 2);
  CHECK_THAT(late.back(), Contains("the node went away"));
}

TEST_CASE("a call that no thread waits for is given up 1 s after its deadline when its node is silent") {
  comeback_world world;
  world.node_goes();
  world.comes_as(
      caf::actor_cast<session_actor>(world.system.spawn([](caf::event_based_actor* self) -> caf::behavior {
        self->set_default_handler(caf::skip);
        return {[](caf::unit_t) {}};
      })));
  errc acquired = errc::none, ran = errc::none, asked = errc::none;
  world.calls().acquire("alpha", 5s).then([&](const result<lease>& answer) {
    acquired = answer.error().code;
  });
  world.calls().run("alpha", {.command = "x", .timeout = 2s}, 5s).then([&](const exec_result& answer) {
    ran = answer.ended.cause.code;
  });
  world.calls().pools().then([&](const auto& answer) { asked = answer.error().code; });
  world.pass(800ms);
  CHECK(asked == errc::none);
  world.pass(400ms);
  CHECK(asked == errc::node_lost);
  world.pass(4600ms);
  CHECK(acquired == errc::none);
  world.pass(400ms);
  CHECK(acquired == errc::node_lost);
  CHECK(ran == errc::none);
  world.pass(5s);
  CHECK(ran == errc::node_lost);
}

TEST_CASE("a client that stops while its node is away answers what waits for it") {
  comeback_world world;
  world.node_goes();
  auto call = world.acquire_when_ready(1h);
  world.pass(1s);
  CHECK(world.answered[call] == 0);
  caf::anon_send_exit(world.client, caf::exit_reason::user_shutdown);
  world.settle();
  CHECK(world.answered[call] == 1);
  CHECK(world.answers[call].code == errc::stopping);
}

TEST_CASE("an acquire that leaves its patience to the cluster has as much again for an outage, and no more") {
  comeback_world world;
  world.ask(); // the one lease that there is
  auto queued = world.acquire_when_ready(default_patience);
  auto usual = std::chrono::duration_cast<std::chrono::seconds>(cluster_settings{}.acquire_timeout);
  world.pass(usual / 2);
  world.node_goes();
  world.pass(usual - 3s);
  CHECK(world.answered[queued] == 0);
  world.pass(4s);
  REQUIRE(world.answered[queued] == 1);
  CHECK(world.answers[queued].code == errc::node_lost);
}

TEST_CASE("a subscription that is withdrawn while its node is silent hears nothing more") {
  comeback_world world;
  world.subscribe(1);
  world.node_goes();
  auto silent = world.system.spawn([](caf::event_based_actor* self) -> caf::behavior {
    self->set_default_handler(caf::skip);
    return {[](caf::unit_t) {}};
  });
  world.comes_as(caf::actor_cast<session_actor>(silent));
  REQUIRE(count_of(world.heard, "node_back") == 1);
  world.gate->post([](client_state& client) { client.unwatch(1); });
  world.settle();
  auto before = world.heard.size();
  caf::anon_send_exit(silent, caf::exit_reason::kill);
  world.settle();
  world.node_comes();
  world.client_world::ask<done>(pause_pool{"alpha"});
  CHECK(world.heard.size() == before);
}
