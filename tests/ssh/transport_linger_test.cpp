// What a command leaves behind may go on writing: how long that is waited for, and that it is told.
#include <catch2/catch.hpp>

#include "tests/ssh/transport_driver.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;

namespace {

outcome exited_with_output_open(int code) {
  auto ended = exited(code);
  ended.output_open = true;
  return ended;
}

exec_request lingering(std::string command, std::chrono::milliseconds linger) {
  exec_request request;
  request.command = std::move(command);
  request.linger = linger;
  return request;
}

struct lingering_link {
  explicit lingering_link(std::chrono::milliseconds linger) : link(around, settings(linger)) {
    REQUIRE(link.open());
  }
  cluster_settings settings(std::chrono::milliseconds linger) {
    auto result = around.settings_for(server);
    result.linger = linger;
    return result;
  }
  support::real_sshd server;
  world around;
  driven link;
};

} // namespace

TEST_CASE("output that a descendant writes after the command's exit is not lost", "[transport]") {
  lingering_link o{20s};
  auto sorted = o.link.run("bash -c 'exec > >(sleep 0.6; sort); echo b; echo a'");
  CHECK(sorted.ended == exited(0));
  CHECK(sorted.output == "a\nb\n");
  auto late = o.link.run("(sleep 0.8; echo late; echo err >&2) & echo early; exit 3");
  CHECK(late.ended == exited(3));
  CHECK(late.output == "early\nlate\n");
  CHECK(late.error_output == "err\n");
  CHECK(late.took < 20s);
}

TEST_CASE("a background child that holds the pipes holds up the command's end for the linger time, and that "
          "is told",
          "[transport]") {
  lingering_link o{500ms};
  auto said = o.link.run("sleep 60 & echo started; exit 4");
  CHECK(said.ended == exited_with_output_open(4));
  CHECK(said.output == "started\n");
  CHECK(said.took >= 500ms);
  CHECK(said.took < 30s);
  auto chatty = o.link.run("(while :; do echo x; sleep 0.05; done) & echo started");
  CHECK(chatty.ended == exited_with_output_open(0));
  CHECK(chatty.output.find("started\n") != std::string::npos); // the child may be first
  CHECK(chatty.took < 30s);
  CHECK(o.link.run("echo next").output == "next\n");
  // A child that lets go of the pipes holds up nothing, and leaves nothing open.
  auto daemon = o.link.run("sleep 60 >/dev/null 2>&1 & echo started");
  CHECK(daemon.ended == exited(0));
  CHECK(daemon.output == "started\n");
}

TEST_CASE("a request's own linger time counts, and the cluster's where it has none", "[transport]") {
  lingering_link o{300ms};
  auto patient = o.link.run(lingering("(sleep 1.5; echo late) & echo early", 20s));
  CHECK(patient.ended == exited(0));
  CHECK(patient.output == "early\nlate\n");
  auto hasty = o.link.run(lingering("sleep 60 & echo early", 0s));
  CHECK(hasty.ended == exited_with_output_open(0));
  auto usual = o.link.run("(sleep 20; echo late) & echo early");
  CHECK(usual.ended == exited_with_output_open(0));
  CHECK(usual.output == "early\n");
  CHECK(hasty.took < 15s);
  CHECK(usual.took < 15s);
}

TEST_CASE("who waits for the close gets all output, however late", "[transport]") {
  lingering_link o{0s};
  auto request = lingering("(sleep 1.2; echo late) & echo early", 0s);
  request.wait_for_close = true;
  auto said = o.link.run(request);
  CHECK(said.ended == exited(0));
  CHECK(said.output == "early\nlate\n");
  // A timeout is an end of this patience, too; how the command ended is known all the same.
  request.command = "sleep 60 & echo early; exit 5";
  request.timeout = 4s; // a busy machine needs some of it for the shell to start and exit
  auto given_up = o.link.run(request);
  CHECK(given_up.ended.kind == outcome_kind::exited);
  CHECK(given_up.ended.code == 5);
  CHECK(given_up.ended.output_open);
  CHECK(given_up.ended.cause.code == errc::command_timeout);
  CHECK(given_up.output == "early\n");
  CHECK(given_up.took < 30s);
}

TEST_CASE("a slow reader loses no output to the linger time", "[transport]") {
  support::fake_faults faults;
  faults.end = support::ending::no_close;
  support::fake_sshd server{faults};
  world around;
  auto settings = around.settings_for(server);
  settings.linger = 200ms;
  driven link{around, settings};
  REQUIRE(link.open());
  auto id = link.start("flood 100000", 50'000);
  auto& s = link.streams[id.value];
  REQUIRE(link.until([&] { return s.received == 50'000; }));
  REQUIRE(server.wait_until([](const auto& c) { return c.commands_ended == 1; }));
  link.until([&] { return s.ended.has_value(); }, 1s); // far longer than it lingers
  CHECK(!s.ended);
  link.it->grant_credit(id, 1'000'000);
  REQUIRE(link.finish(id));
  CHECK(s.received == 100'000);
  CHECK(*s.ended == exited_with_output_open(0));
}
