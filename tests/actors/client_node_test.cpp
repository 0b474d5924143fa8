// A client whose pools are a node's: it knows its session there and nothing else, and promises the same.
#include <catch2/catch.hpp>

#include "tests/actors/client_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

struct node_world : client_world {
  explicit node_world(std::uint32_t size = 1) : client_world(plain_cluster(size), true) {}

  /// Runs it under the first lease; the outcome is the last of `ended`, once it has come.
  void run(const std::string& text) {
    held.at(0).async().run(text).then([this](exec_result finished) {
      outputs.push_back(finished.output);
      ended.push_back(std::move(finished.ended));
    });
    settle();
  }

  std::vector<outcome> ended;
  std::vector<std::string> outputs;
};

} // namespace

TEST_CASE("a client of a node acquires, runs and gives back through its session there") {
  node_world world;
  world.ask();
  REQUIRE(world.held.size() == 1);
  world.run("hello");
  CHECK(world.outputs == std::vector<std::string>{"hello"});
  auto refused = world.ask(0s);
  CHECK(world.answers[refused].code == errc::acquire_timeout);
  world.held.clear();
  world.settle();
  CHECK(world.status().idle == 1);
}

TEST_CASE("a lease ends with its last command, without a word more, through a node or not") {
  auto through_node = GENERATE(false, true);
  client_world world{plain_cluster(1), through_node};
  world.network->run_takes = 1s;
  world.ask();
  auto last = world.held.at(0).open_last({.command = "hello"});
  world.settle();
  CHECK(world.status().leased == 1);
  auto next = world.ask();
  world.pass(2s);
  CHECK(last.ended().succeeded());
  CHECK(world.answered[next] == 1);
  REQUIRE(world.held.size() == 2); // and the first has not been given back
  std::vector<errc> told;
  world.held.at(0).async().release().then(
      [&told](const result<void>& answer) { told.push_back(answer ? errc::none : answer.error().code); });
  world.settle();
  CHECK(told == std::vector<errc>{errc::lease_ended});
  CHECK(world.status().leased == 1);
}

TEST_CASE("the lease of a last command that was never sent stays its holder's, through a node or not") {
  auto through_node = GENERATE(false, true);
  client_world world{plain_cluster(1), through_node};
  world.ask();
  world.network->silent = {0};
  auto last = world.held.at(0).open_last({.command = "hello"});
  world.settle();
  last.cancel();
  world.settle();
  CHECK(last.ended().kind == outcome_kind::never_sent);
  CHECK(world.status().leased == 1);
  world.network->silent = {};
  world.held.clear();
  world.settle();
  CHECK(world.status().leased == 0);
}

TEST_CASE("a lease that is discarded is given back, and its connection closes, through a node or not") {
  auto through_node = GENERATE(false, true);
  client_world world{plain_cluster(1), through_node};
  world.ask();
  std::vector<errc> told;
  auto take = [&told](const result<void>& answer) {
    told.push_back(answer ? errc::none : answer.error().code);
  };
  auto& lease = world.held.at(0);
  lease.async().discard("no /scratch").then(take);
  world.settle();
  CHECK(told == std::vector<errc>{errc::none});
  CHECK_FALSE(lease);
  CHECK(world.status().total == 0);
  CHECK(world.status().counters.removed[static_cast<std::size_t>(removal_reason::discarded)] == 1);
  CHECK(world.status().backing_off.text.find("no /scratch") != std::string::npos);
  lease.async().discard().then(take);
  world.settle();
  CHECK(told.back() == errc::already_released);
}

TEST_CASE("wherever the cancel of a node's client crosses with the grant there is one answer, and no lease "
          "is left") {
  for (int steps = 0; steps < 18; ++steps) {
    INFO("after " << steps << " messages");
    node_world world;
    auto call = world.post_acquire();
    for (int i = 0; i < steps && world.one_message(); ++i) {
    }
    world.post_cancel(call);
    world.settle();
    CHECK(world.answered[call] == 1);
    CHECK(world.status().leases == world.held.size());
    world.held.clear();
    world.settle();
    CHECK(world.status().leases + world.status().waiters == 0);
  }
}

TEST_CASE("what was never sent is sent once more for a node's client, too") {
  node_world world;
  world.network->close_at_command = {0};
  world.ask();
  world.run("hello");
  world.pass(2s);
  REQUIRE(world.ended.size() == 1);
  CHECK(to_string(world.ended.at(0)) == "exited 0");
  CHECK(world.network->made == 2);
}

TEST_CASE("a stream of a node's client takes its input and gives its output") {
  node_world world;
  world.network->run_takes = 1s;
  world.ask();
  auto call = world.gate->next_call() + 1;
  auto stream = world.held.at(0).open({"hello", {}, {}, {}, 0});
  world.settle();
  world.gate->post([call](client_state& client) {
    client.send_input(call, "abc");
    client.end_input(call);
  });
  world.pass(2s);
  CHECK(world.network->input[0] == "abc");
  moorage::stream::chunk chunk;
  CHECK(stream.read(chunk));
  CHECK(to_string(stream.ended()) == "exited 0");
}

TEST_CASE("a node's client hears events, and no more of them than its callbacks take") {
  node_world world;
  std::vector<event_record> heard;
  errc answer = errc::internal;
  auto subscribe = [&](std::uint64_t number, const std::string& cluster) {
    auto strand = std::make_shared<callback_strand>(world.callbacks);
    world.gate->post([&, number, cluster, strand](client_state& client) {
      client.watch(number, cluster, {[&](const event_record& record) { heard.push_back(record); }, strand},
                   [&](result<void> taken) { answer = taken.error().code; });
    });
    world.settle();
  };
  subscribe(1, "alpha");
  CHECK(answer == errc::none);
  for (int i = 0; i < 300; ++i) { // more than the first credit: it is granted anew
    world.ask<done>(pause_pool{"alpha"});
    world.ask<done>(resume_pool{"alpha"});
  }
  CHECK(heard.size() == 600);
  CHECK(heard.back().missed == 0);
  world.gate->post([](client_state& client) { client.unwatch(1); });
  world.settle();
  world.ask<done>(pause_pool{"alpha"});
  CHECK(heard.size() == 600);
  subscribe(2, "nowhere");
  CHECK(answer == errc::unknown_cluster);
}

TEST_CASE("when its session at the node ends, each call of a client has its answer: the node was lost") {
  node_world world;
  world.network->run_takes = 1h;
  world.ask();
  auto waiting = world.ask();
  world.run("for ever");
  errc asked = errc::none;
  caf::anon_send_exit(world.node, caf::exit_reason::kill);
  world.gate->post([&](client_state& client) {
    client.ask_manager<pool_status>(caf::make_message(get_pool{"alpha"}),
                                    [&](result<pool_status> answer) { asked = answer.error().code; });
  });
  world.settle();
  CHECK(world.answered[waiting] == 1);
  CHECK(world.answers[waiting].code != errc::none);
  REQUIRE(world.ended.size() == 1);
  CHECK(world.ended.at(0).kind == outcome_kind::maybe_ran);
  CHECK(asked != errc::none);
  auto late = world.ask();
  CHECK(world.answers[late].code == errc::node_lost);
  errc subscribed = errc::none;
  world.gate->post([&](client_state& client) {
    client.watch(1, "alpha", {[](const event_record&) {}, std::make_shared<callback_strand>(world.callbacks)},
                 [&](result<void> taken) { subscribed = taken.error().code; });
  });
  world.settle();
  CHECK(subscribed == errc::node_lost);
}
