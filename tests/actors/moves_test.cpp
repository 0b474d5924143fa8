// How long what was never sent goes from one connection to the next: the same for a lease's commands,
// embedded and through a node, and for those that bring no lease.
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <numeric>

#include "actors/session/moves.hpp"
#include "tests/actors/client_world.hpp"
#include "tests/actors/session_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// What became of one command, and when.
struct end_of_command {
  std::optional<outcome> ended;
  std::chrono::nanoseconds took{0};
};

exec_request order_to_run(std::chrono::milliseconds timeout = {}) {
  return {"hello", {}, {}, timeout, 0};
}

/// A server that lets in and then opens no channel on any connection.
void hang_after_log_in(scripted_network& network) {
  network.silent.resize(100);
  std::iota(network.silent.begin(), network.silent.end(), std::size_t{0});
}

end_of_command ran(client_world& world, std::chrono::milliseconds timeout = {},
                   std::chrono::nanoseconds time = 3min) {
  auto result = std::make_shared<end_of_command>();
  auto began = world.now();
  world.held.back().async().run(order_to_run(timeout)).then([&world, result, began](exec_result finished) {
    *result = {std::move(finished.ended), world.now() - began};
  });
  world.pass(time);
  return *result;
}

/// The same of a command without a lease.
end_of_command ran_once(virtual_world& world, std::chrono::nanoseconds patience,
                        std::chrono::milliseconds timeout = {}) {
  guest host{world};
  auto began = world.now();
  run_once order{{"alpha", 7, patience, "guest"}, order_to_run(timeout)};
  host.tell(order);
  for (int i = 0; i < 1800 && host.heard->runs.empty(); ++i)
    world.pass(100ms);
  if (host.heard->runs.empty())
    return {};
  return {host.heard->runs.at(0).result.ended, world.now() - began};
}

void check_never_sent(const end_of_command& what, std::chrono::nanoseconds least,
                      std::chrono::nanoseconds most) {
  REQUIRE(what.ended);
  INFO(to_string(*what.ended) << " after " << to_text(what.took));
  CHECK(what.ended->kind == outcome_kind::never_sent);
  CHECK(what.took >= least);
  CHECK(what.took <= most);
}

} // namespace

TEST_CASE("a command whose every connection hangs is told so within the patience of its lease") {
  for (auto through_node : {false, true}) {
    client_world world{plain_cluster(50), through_node};
    hang_after_log_in(*world.network);
    world.ask(10s);
    auto what = ran(world);
    check_never_sent(what, 8s, 13s);
    CHECK(what.ended->cause.code == errc::channel_late);
    CHECK(what.ended->cause.text.find("other connections before") != std::string::npos);
    CHECK(what.ended->moves <= 5);
    CHECK(world.network->made <= 6);
  }
}

TEST_CASE("a command without a lease whose every connection hangs is told so within its patience") {
  virtual_world world{plain_cluster(50)};
  holder crowd{world};
  for (int i = 0; i < 20; ++i)
    crowd.acquire(); // so that there is always one that is free at once
  for (std::size_t i = 0; i < 20; ++i)
    crowd.release(i);
  hang_after_log_in(*world.network);
  auto what = ran_once(world, 10s);
  check_never_sent(what, 8s, 13s);
  CHECK(what.ended->cause.text.find("other connections before") != std::string::npos);
  CHECK(what.ended->moves <= 5);
}

TEST_CASE("a connection that a command was sent on more than once is told as one") {
  for (auto through_node : {false, true}) {
    client_world world{plain_cluster(2), through_node};
    hang_after_log_in(*world.network);
    world.ask(60s);
    auto what = ran(world);
    check_never_sent(what, 50s, 70s);
    INFO(what.ended->cause.text);
    const auto made = world.network->made;
    CHECK(what.ended->moves > made);
    CHECK(what.ended->cause.text.find(
              "it had been on " + std::to_string(made - 1) + " other connections before, for " +
              std::to_string(what.ended->moves + 1) + " tries and ") != std::string::npos);
  }
}

TEST_CASE("a cluster's own patience bounds the moves of a command as one that was named does") {
  for (auto through_node : {false, true}) {
    client_world world{plain_cluster(50), through_node};
    hang_after_log_in(*world.network);
    world.ask(default_patience);
    check_never_sent(ran(world), 28s, 33s);
  }
  // And where that is another than usual, its wait for one more connection.
  for (std::chrono::seconds own : {10s, 120s}) {
    auto cluster = plain_cluster(1);
    cluster.acquire_timeout = own;
    client_world world{cluster};
    world.ask(default_patience);
    world.network->close_at_command = {0};
    world.network->open_hangs = true;
    check_never_sent(ran(world), own - 1s, own + 2s);
  }
  virtual_world world{plain_cluster(50)};
  hang_after_log_in(*world.network);
  check_never_sent(ran_once(world, default_patience), 28s, 33s);
}

TEST_CASE("a lease that was held for long has the whole of its patience for another connection") {
  for (auto hangs : {true, false}) {
    client_world world{plain_cluster(hangs ? 50 : 1)};
    world.network->open_takes = 9s;
    world.ask(10s);
    world.pass(9500ms);
    REQUIRE(world.held.size() == 1);
    world.pass(1h, 1s);
    if (hangs)
      hang_after_log_in(*world.network);
    else
      world.network->close_at_command = {0};
    world.network->open_hangs = !hangs;
    check_never_sent(ran(world), 9s, 11s);
  }
}

TEST_CASE("however little patience a lease had, its command goes to a connection that is free at once") {
  client_world world{plain_cluster(2)};
  world.ask();
  world.ask();
  world.held.clear();
  world.settle();
  world.ask(0s);
  REQUIRE(world.held.size() == 1);
  auto on = world.connections().at(0).leases > 0 ? std::size_t{0} : std::size_t{1};
  world.network->silent = {on};
  auto what = ran(world);
  REQUIRE(what.ended);
  CHECK(to_string(*what.ended) == "exited 0");
  CHECK(what.ended->moves == 1);
}

TEST_CASE("a command is told its whole time-out, whatever of it was left on its last connection") {
  for (auto through_node : {false, true}) {
    client_world world{plain_cluster(50), through_node};
    hang_after_log_in(*world.network);
    world.ask(1h);
    auto what = ran(world, 7s);
    check_never_sent(what, 6900ms, 7500ms);
    CHECK(what.ended->moves == 3);
    CHECK(what.ended->cause.code == errc::command_timeout);
    INFO(what.ended->cause.text);
    CHECK(what.ended->cause.text.find("its timeout of 7s") != std::string::npos);
  }
  virtual_world world{plain_cluster(50)};
  hang_after_log_in(*world.network);
  auto what = ran_once(world, 1h, 7s);
  check_never_sent(what, 6900ms, 7500ms);
  CHECK(what.ended->cause.text.find("its timeout of 7s") != std::string::npos);
}

TEST_CASE("a command's own time-out bounds its wait for another connection, with a lease or without") {
  for (auto brings_lease : {true, false}) {
    client_world world{plain_cluster(2)};
    world.network->close_at_command = {0};
    end_of_command what;
    if (brings_lease) {
      world.ask(1h);
      world.network->open_hangs = true;
      what = ran(world, 5s);
    } else {
      world.ask(1h);
      world.held.clear();
      world.settle();
      world.network->open_hangs = true;
      what = ran_once(world, 1h, 5s);
    }
    check_never_sent(what, 4900ms, 5300ms);
    CHECK(what.ended->cause.code == errc::command_timeout);
  }
}

TEST_CASE("one command's short time-out is no bound of the others that wait with it") {
  client_world world{plain_cluster(1)};
  world.ask(10s);
  world.network->close_at_command = {0};
  world.network->open_hangs = true;
  std::map<std::chrono::nanoseconds, end_of_command> all;
  auto began = world.now();
  for (std::chrono::milliseconds timeout : {0ms, 1000ms})
    world.held.back().async().run(order_to_run(timeout)).then([&, timeout](exec_result finished) {
      all[timeout] = {std::move(finished.ended), world.now() - began};
    });
  world.pass(1min);
  check_never_sent(all[1s], 900ms, 1300ms);
  check_never_sent(all[0s], 9s, 12s);
}

TEST_CASE("a patience without end is no time that has passed") {
  client_world world{plain_cluster(50)};
  hang_after_log_in(*world.network);
  world.ask(std::chrono::nanoseconds::max());
  auto what = ran(world, {}, 20s);
  CHECK_FALSE(what.ended);
  world.held.back().async().release().detach();
  world.pass(10s);
}

TEST_CASE("what a command is refused that goes to no other connection has the code of what keeps it") {
  client_world world{plain_cluster(1)};
  world.ask();
  world.network->close_at_command = {0};
  world.network->open_fails = {ssh_stage::authenticate, ssh_failure::denied, "the key was denied"};
  auto what = ran(world);
  REQUIRE(what.ended);
  CHECK(what.ended->kind == outcome_kind::never_sent);
  CHECK(what.ended->cause.code == errc::auth_denied);
}

TEST_CASE("what a lease was waited for counts less the longer it has been held") {
  const time_point start{1h};
  auto until = [&](std::chrono::nanoseconds waited, std::chrono::nanoseconds held) {
    return command_moves{start, 10s, waited, held, {}}.waits_until() - start;
  };
  CHECK(until(0s, 0s) == 10s);
  CHECK(until(4s, 0s) == 6s);
  CHECK(until(4s, 3s) == 9s);
  CHECK(until(4s, 1h) == 10s);
  CHECK(until(20s, 0s) == 0s);
}
