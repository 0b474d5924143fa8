// Commands are answered by message, under their asker's own numbers, whatever becomes of their connection.
#include <catch2/catch.hpp>

#include "actors/connection/connection.hpp"
#include "tests/actors/client_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

auto into(std::vector<outcome>& all) {
  return [&all](exec_result finished) { all.push_back(std::move(finished.ended)); };
}

exec_request hello() {
  return {"hello", {}, {}, {}, 0};
}

/// The connection that the pool's first grant names.
caf::actor connection_of(holder& of) {
  return caf::actor_cast<caf::actor>(of.heard->grants.at(0).connection);
}

/// Before it reads what is in its mailbox already.
void kill_at_once(const caf::actor& victim) {
  caf::anon_send<caf::message_priority::high>(victim,
                                              caf::exit_msg{victim.address(), caf::exit_reason::kill});
}

} // namespace

TEST_CASE(
    "a command that its connection had not read when it ended was never sent, and runs on another one") {
  client_world world{plain_cluster(1)};
  holder spy{world};
  spy.acquire();
  auto connection = connection_of(spy);
  spy.release();
  world.ask();
  std::vector<outcome> ended;
  SECTION("it is in the mailbox of one that is killed") {
    world.held.at(0).async().run(hello()).then(into(ended));
    world.one_message(); // the client, which sends it
    kill_at_once(connection);
  }
  SECTION("the connection has ended, and nobody has heard of it") {
    caf::anon_send_exit(connection, caf::exit_reason::kill);
    world.one_message();
    world.held.at(0).async().run(hello()).then(into(ended));
  }
  connection = nullptr;
  world.pass(2s);
  REQUIRE(ended.size() == 1);
  CHECK(to_string(ended.at(0)) == "exited 0");
  CHECK(world.network->commands == std::vector<std::string>{"hello"});
  CHECK(world.network->made == 2);
}

TEST_CASE(
    "what a connection had begun when it was killed may have run, and is answered before its end is heard") {
  client_world world{plain_cluster(1)};
  world.network->run_takes = 1h;
  holder spy{world};
  spy.acquire();
  auto connection = connection_of(spy);
  spy.release();
  world.ask();
  std::vector<outcome> ended;
  for (int i = 0; i < 3; ++i)
    world.held.at(0).async().run(hello()).then(into(ended));
  world.settle();
  world.held.at(0).async().run(hello()).then(into(ended));
  world.one_message(); // the client; the connection does not come to read the fourth
  kill_at_once(connection);
  connection = nullptr;
  world.pass(2s);
  REQUIRE(ended.size() == 4);
  for (int i = 0; i < 3; ++i)
    CHECK(ended.at(i).kind == outcome_kind::maybe_ran);
  CHECK(ended.at(3).kind == outcome_kind::never_sent);
  CHECK(ended.at(3).cause.code == errc::connection_lost);
  CHECK(world.network->commands.size() == 3);
}

TEST_CASE("the end of the client answers every command") {
  client_world world{plain_cluster(1)};
  world.network->run_takes = 1h;
  world.ask();
  std::vector<outcome> ended;
  for (int i = 0; i < 3; ++i)
    world.held.at(0).async().run(hello()).then(into(ended));
  world.settle();
  caf::anon_send_exit(world.client, caf::exit_reason::kill);
  world.settle();
  REQUIRE(ended.size() == 3);
  for (const auto& each : ended) {
    CHECK(each.kind == outcome_kind::maybe_ran);
    CHECK(each.cause.code == errc::stopping);
  }
}

TEST_CASE(
    "a command that is cancelled while it waits for another connection ends, and none is opened for it") {
  client_world world{plain_cluster(1)};
  world.network->close_at_command = {0};
  world.ask();
  std::vector<outcome> ended;
  world.gate->post([&, key = lease_key{"alpha", world.held.at(0).id()}](client_state& client) {
    client.run(key, 77, hello(), into(ended));
  });
  // One message after another, the cancel at each place among them.
  auto place = GENERATE(range(0, 12));
  for (int i = 0; i < place; ++i)
    world.one_message();
  world.gate->post([](client_state& client) { client.cancel_run(77); });
  world.pass(5s);
  REQUIRE(ended.size() == 1);
  CHECK(world.status().leases + world.status().waiters <= 1);
  world.held.clear();
  world.settle();
  CHECK(world.status().leases + world.status().waiters == 0);
}

TEST_CASE("two askers under one lease do not meddle with each other's commands") {
  virtual_world world{plain_cluster(1)};
  world.network->run_takes = 1h;
  holder host{world}, other{world};
  host.acquire();
  other.heard->grants = host.heard->grants;
  host.run("first");
  other.run("second"); // under the same number
  CHECK(world.network->commands.size() == 2);
  other.cancel_run();
  CHECK(other.heard->results.size() == 1);
  CHECK(host.heard->results.empty());
}

TEST_CASE("a second command under the number of one that runs is refused, and the first goes on") {
  virtual_world world{plain_cluster(1)};
  world.network->run_takes = 1s;
  holder host{world};
  host.acquire();
  host.run("first");
  host.run_under(1, "second");
  REQUIRE(host.heard->results.size() == 1);
  CHECK(host.heard->results.at(0).ended.kind == outcome_kind::never_sent);
  CHECK(host.heard->results.at(0).ended.cause.code == errc::invalid_request);
  world.pass(2s);
  REQUIRE(host.heard->results.size() == 2);
  CHECK(to_string(host.heard->results.at(1).ended) == "exited 0");
  host.run_under(1, "third"); // free again
  world.pass(2s);
  CHECK(host.heard->results.size() == 3);
  CHECK(world.network->commands == std::vector<std::string>{"first", "third"});
}

TEST_CASE("one connection is given a bounded number of commands, and the next is refused unsent") {
  virtual_world world{plain_cluster(1)};
  world.network->run_takes = 1h;
  holder host{world};
  host.acquire();
  for (std::size_t i = 0; i < commands_max; ++i)
    host.run("long");
  CHECK(host.heard->results.empty());
  host.run("one too many");
  REQUIRE(host.heard->results.size() == 1);
  CHECK(host.heard->results.at(0).ended.kind == outcome_kind::never_sent);
  CHECK(host.heard->results.at(0).ended.cause.code == errc::too_many_requests);
  CHECK(world.network->commands.size() == commands_max);
}
