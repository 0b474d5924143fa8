// What was never sent is sent once more, on another connection.
#include <catch2/catch.hpp>

#include "tests/actors/client_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// What became of commands, in the order of their ends.
struct outcomes {
  std::vector<outcome> all;
  auto take() {
    return [this](exec_result finished) { all.push_back(std::move(finished.ended)); };
  }
};

exec_request command(std::chrono::milliseconds timeout = {}) {
  return {"hello", {}, {}, timeout, 0};
}

} // namespace

TEST_CASE("a command whose connection ends before it was sent runs on another one, once") {
  client_world world{plain_cluster(1)};
  world.network->close_at_command = {0};
  world.ask();
  outcomes ended;
  world.held.at(0).async().run(command()).then(ended.take());
  world.held.at(0).async().run(command()).then(ended.take());
  world.pass(2s); // the pool backs off: the connection had not proved itself
  REQUIRE(ended.all.size() == 2);
  CHECK(to_string(ended.all.at(0)) == "exited 0");
  CHECK(to_string(ended.all.at(1)) == "exited 0");
  CHECK(world.network->made == 2);
  CHECK(world.status().leases == 1);
  world.held.clear();
  world.settle();
  CHECK(world.status().leases == 0);
  CHECK(world.status().idle == 1);
}

TEST_CASE("what people should know of the log-in that a command is sent once more after reaches the lease, "
          "as the first's") {
  client_world world{plain_cluster(1)};
  world.network->close_at_command = {0};
  world.network->banner = "maintenance at noon";
  world.network->warnings = {"the key could not be written down"};
  world.ask();
  auto& lease = world.held.at(0);
  CHECK(lease.banner() == "maintenance at noon");
  CHECK(lease.warnings() == std::vector<std::string>{"the key could not be written down"});
  world.network->banner = "maintenance now";
  world.network->warnings = {"the key could not be written down", "the disk is full"};
  std::string at_the_end;
  lease.async().run(command()).then([&](const exec_result&) { at_the_end = lease.banner(); });
  world.pass(2s);
  CHECK(world.network->made == 2);
  CHECK(at_the_end == "maintenance at noon\nmaintenance now");
  CHECK(lease.warnings() ==
        std::vector<std::string>{"the key could not be written down", "the disk is full"});
  REQUIRE(lease.log_ins().size() == 2);
  CHECK(lease.log_ins().at(1).banner == "maintenance now");
}

TEST_CASE("a command is sent once more, not for ever") {
  client_world world{plain_cluster(1)};
  world.network->close_at_command = {0, 1, 2, 3};
  world.ask();
  outcomes ended;
  world.held.at(0).async().run(command()).then(ended.take());
  world.pass(5s);
  REQUIRE(ended.all.size() == 1);
  CHECK(ended.all.at(0).kind == outcome_kind::never_sent);
  CHECK(ended.all.at(0).cause.code == errc::connection_lost);
  CHECK(world.network->made == 2);
}

TEST_CASE("what may have run is not sent again") {
  client_world world{plain_cluster(1)};
  world.network->run_takes = 1h;
  world.ask();
  outcomes ended;
  world.held.at(0).async().run(command()).then(ended.take());
  world.settle();
  world.network->broken = {0};
  world.pass(2min, 1s); // the connection looks after itself, and finds out
  REQUIRE(ended.all.size() == 1);
  CHECK(ended.all.at(0).kind == outcome_kind::maybe_ran);
  CHECK(world.network->made == 1);
}

TEST_CASE("a lease under which a command has run stays with its connection, and ends with it") {
  client_world world{plain_cluster(1)};
  world.ask();
  outcomes ended;
  world.held.at(0).async().run(command()).then(ended.take());
  world.settle();
  world.network->close_at_command = {0};
  world.held.at(0).async().run(command()).then(ended.take());
  world.pass(5s);
  REQUIRE(ended.all.size() == 2);
  CHECK(to_string(ended.all.at(0)) == "exited 0");
  CHECK(ended.all.at(1).kind == outcome_kind::never_sent);
  CHECK(world.network->made == 1);
}

TEST_CASE("a lease whose connection ended before its first command goes on with another one") {
  client_world world{plain_cluster(1)};
  world.ask();
  world.network->broken = {0};
  world.pass(2min, 1s); // the connection looks after itself, and finds out
  REQUIRE(world.status().leases == 0);
  outcomes ended;
  world.held.at(0).async().run(command()).then(ended.take());
  world.settle();
  REQUIRE(ended.all.size() == 1);
  CHECK(to_string(ended.all.at(0)) == "exited 0");
  CHECK(world.status().leases == 1);
}

TEST_CASE("another connection is waited for with what is left of the acquire's patience") {
  client_world world{plain_cluster(1)};
  world.network->open_takes = 4s;
  auto call = world.ask(10s);
  world.pass(4s);
  REQUIRE(world.answered[call] == 1);
  world.network->open_hangs = true;
  world.network->close_at_command = {0};
  outcomes ended;
  world.held.at(0).async().run(command()).then(ended.take());
  world.pass(5900ms);
  CHECK(ended.all.empty());
  world.pass(200ms);
  REQUIRE(ended.all.size() == 1);
  CHECK(ended.all.at(0).kind == outcome_kind::never_sent);
  INFO(ended.all.at(0).cause.text);
  CHECK(ended.all.at(0).cause.text.find("no lease for 'alpha' after 10 s") != std::string::npos);
}

TEST_CASE("a command's own time-out bounds the wait for another connection") {
  client_world world{plain_cluster(1)};
  world.ask(1h);
  world.network->open_hangs = true;
  world.network->close_at_command = {0};
  outcomes ended;
  world.held.at(0).async().run(command(2s)).then(ended.take());
  world.pass(2200ms);
  REQUIRE(ended.all.size() == 1);
  CHECK(ended.all.at(0).kind == outcome_kind::never_sent);
}

TEST_CASE(
    "a command that waits for another connection can be cancelled, and so can its lease be given back") {
  for (auto give_back : {false, true}) {
    client_world world{plain_cluster(1)};
    world.ask(1h);
    world.network->open_hangs = true;
    world.network->close_at_command = {0};
    outcomes ended;
    auto call = world.gate->next_call() + 1;
    world.held.at(0).async().run(command()).then(ended.take());
    world.pass(50ms);
    REQUIRE(world.status().waiters == 1);
    if (give_back)
      world.held.clear();
    else
      world.gate->post([call](client_state& client) { client.cancel_run(call); });
    world.settle();
    REQUIRE(ended.all.size() == 1);
    CHECK(ended.all.at(0).kind == outcome_kind::never_sent);
    world.held.clear();
    world.settle();
    CHECK(world.status().waiters == 0);
  }
}

TEST_CASE("a runtime that stops answers a command that waits for another connection") {
  client_world world{plain_cluster(1)};
  world.ask(1h);
  world.network->open_hangs = true;
  world.network->close_at_command = {0};
  outcomes ended;
  world.held.at(0).async().run(command()).then(ended.take());
  world.pass(50ms);
  CHECK(world.ask<done>(stop_all{}));
  REQUIRE(ended.all.size() == 1);
  CHECK(ended.all.at(0).kind == outcome_kind::never_sent);
}

TEST_CASE("a stream goes on another connection too, with all of the input that was written meanwhile") {
  for (int steps = 0; steps < 12; ++steps) {
    INFO("input after " << steps << " messages");
    client_world world{plain_cluster(1)};
    world.network->run_takes = 1s;
    world.network->close_at_command = {0};
    world.ask();
    auto call = world.gate->next_call() + 1;
    auto stream = world.held.at(0).open(command());
    for (int i = 0; i < steps && world.one_message(); ++i) {
    }
    world.gate->post([call](client_state& client) {
      client.send_input(call, "abc");
      client.end_input(call);
    });
    world.pass(5s);
    REQUIRE(world.network->input[1] == "abc");
    moorage::stream::chunk chunk;
    CHECK(stream.read(chunk));
    CHECK_FALSE(stream.read(chunk));
    CHECK(to_string(stream.ended()) == "exited 0");
    CHECK(world.network->made == 2);
  }
}

TEST_CASE("a command that its connection has no channel for goes to another one, and the outcome says so") {
  for (auto through_node : {false, true}) {
    auto settings = plain_cluster(2);
    settings.channels_per_connection = 2;
    client_world world{settings, through_node};
    world.network->channels_max = 1;
    world.network->run_takes = 1s;
    world.ask();
    world.ask();
    REQUIRE(world.network->made == 1);
    outcomes ended;
    for (auto& each : world.held)
      each.async().run(command()).then(ended.take());
    world.pass(3s);
    REQUIRE(ended.all.size() == 2);
    CHECK(to_string(ended.all.at(0)) == "exited 0");
    CHECK(to_string(ended.all.at(1)) == "exited 0");
    CHECK(ended.all.at(0).moves == 0);
    CHECK(ended.all.at(1).moves == 1);
    CHECK(world.network->made == 2);
    CHECK(world.status().leases == 2);
    world.held.clear();
    world.settle();
    CHECK(world.status().leases == 0);
  }
}

TEST_CASE(
    "a command beside another of its lease stays, and its lease too, where there is no channel for it") {
  client_world world{plain_cluster(2)};
  world.network->channels_max = 1;
  world.network->run_takes = 1s;
  world.ask();
  outcomes ended;
  for (int i = 0; i < 2; ++i)
    world.held.at(0).async().run(command()).then(ended.take());
  world.pass(3s);
  REQUIRE(ended.all.size() == 2);
  CHECK(ended.all.at(0).kind == outcome_kind::never_sent);
  CHECK(ended.all.at(0).cause.code == errc::channel_refused);
  CHECK(to_string(ended.all.at(1)) == "exited 0");
  CHECK(world.network->made == 1);
  world.held.at(0).async().run(command()).then(ended.take());
  world.pass(3s);
  CHECK(to_string(ended.all.at(2)) == "exited 0");
}

TEST_CASE("a server that opens no channel at all is not asked for another connection") {
  client_world world{plain_cluster(2)};
  world.network->channels_max = 0;
  world.ask();
  outcomes ended;
  world.held.at(0).async().run(command()).then(ended.take());
  world.pass(3s);
  REQUIRE(ended.all.size() == 1);
  CHECK(ended.all.at(0).kind == outcome_kind::never_sent);
  CHECK(ended.all.at(0).cause.code == errc::exec_refused);
  CHECK(world.network->made == 1);
}

TEST_CASE("a lease that is given back while its command looks for another connection is given back") {
  auto settings = plain_cluster(1);
  settings.channels_per_connection = 2;
  outcomes ended; // longer than the world, in which one still runs
  client_world world{settings};
  world.network->channels_max = 1;
  world.network->run_takes = 10s;
  world.ask();
  world.ask();
  for (auto& each : world.held)
    each.async().run(command()).then(ended.take());
  world.settle(); // the second one waits: there is no other connection, nor will there be
  CHECK(world.status().waiters == 1);
  auto released = world.held.at(1).async().release();
  world.settle();
  CHECK(released.get());
  CHECK(world.status().waiters == 0);
  CHECK(world.status().leases == 1);
  REQUIRE(ended.all.size() == 1);
  CHECK(ended.all.at(0).kind == outcome_kind::never_sent);
}

// --- channels that are late

TEST_CASE(
    "a command whose connection opens no channel in time goes to another one, and the outcome says so") {
  for (auto through_node : {false, true}) {
    client_world world{plain_cluster(2), through_node};
    world.ask();
    world.network->silent = {0};
    outcomes ended;
    world.held.at(0).async().run(command()).then(ended.take());
    world.pass(1900ms);
    CHECK(ended.all.empty());
    world.pass(1s);
    REQUIRE(ended.all.size() == 1);
    CHECK(to_string(ended.all.at(0)) == "exited 0");
    CHECK(ended.all.at(0).moves == 1);
    CHECK(world.network->made == 2);
    CHECK(world.status().leases == 1);
    world.held.clear();
    world.settle();
    CHECK(world.status().leases == 0);
  }
}

TEST_CASE("a command whose channel is late waits on where it is while no other connection can be had") {
  client_world world{plain_cluster(1)};
  world.ask();
  world.network->silent = {0};
  outcomes ended;
  world.held.at(0).async().run(command()).then(ended.take());
  world.pass(4s);
  CHECK(ended.all.empty());
  world.network->silent.clear();
  world.pass(1s);
  REQUIRE(ended.all.size() == 1);
  CHECK(to_string(ended.all.at(0)) == "exited 0");
  CHECK(ended.all.at(0).moves == 0);
  CHECK(world.network->made == 1);
}

TEST_CASE("wherever a channel that is late after all opens, the command runs once") {
  for (int steps = 0; steps < 25; ++steps) {
    INFO("after " << steps << " messages");
    client_world world{plain_cluster(2)};
    world.ask();
    world.network->silent = {0};
    outcomes ended;
    world.held.at(0).async().run(command()).then(ended.take());
    world.pass(1990ms);
    world.sched.advance_time(20ms);
    for (int i = 0; i < steps && world.one_message(); ++i) {
    }
    world.network->silent.clear();
    world.pass(5s);
    REQUIRE(ended.all.size() == 1);
    CHECK(to_string(ended.all.at(0)) == "exited 0");
    CHECK(ended.all.at(0).moves <= 1);
    CHECK(world.status().leases == 1);
  }
}
