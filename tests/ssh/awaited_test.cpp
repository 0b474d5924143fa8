// What an opening says that it waits for, while it does: the cause, for who gives up before it has failed.
#include <catch2/catch.hpp>

#include <future>

#include "tests/ssh/jump_driver.hpp"
#include "tests/ssh/transport_driver.hpp"
#include "tests/support/listener.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::breakage;
using support::fake_faults;
using support::fake_sshd;
using support::phase;

namespace {

/// The first that the opening says with these words in it; none: it was over before. Asked once more it may
/// say nothing: what the server sent meanwhile is ours to read.
std::string comes_to_say(driven& link, const std::string& words) {
  std::string said;
  link.it->open();
  link.until([&] {
    said = link.it->awaited();
    return said.find(words) != std::string::npos || link.opened || link.failed;
  });
  INFO("it waits for: " << said);
  CHECK_FALSE((link.opened || link.failed));
  return said;
}

} // namespace

TEST_CASE("an opening says what it waits for at each stage, and of which server", "[transport]") {
  auto [at, words] = GENERATE(table<phase, const char*>({
      {phase::accepted, "the server took the connection and has said nothing since"},
      {phase::key_exchange, "fell silent in the key exchange"},
      {phase::authentication, "waiting for the server's answer to "},
  }));
  fake_faults faults;
  faults.break_at = at;
  faults.break_how = breakage::silence;
  fake_sshd server{faults};
  world around;
  driven link{around, around.settings_for(server)};
  auto name = "tester@[127.0.0.1]:" + std::to_string(server.port());
  CHECK_THAT(comes_to_say(link, words),
             Contains(words) && Contains(name + " (127.0.0.1:" + std::to_string(server.port()) + "): "));
}

TEST_CASE("an opening says which steps it has made, and for how long the one under way has lasted",
          "[transport]") {
  using stages = std::vector<ssh_stage>;
  auto [at, words, made] = GENERATE(table<phase, const char*, stages>({
      {phase::accepted,
       "said nothing",
       {ssh_stage::prepare, ssh_stage::look_up, ssh_stage::connect, ssh_stage::key_exchange}},
      {phase::authentication,
       "waiting for",
       {ssh_stage::prepare, ssh_stage::look_up, ssh_stage::connect, ssh_stage::key_exchange,
        ssh_stage::host_key, ssh_stage::authenticate}},
  }));
  fake_faults faults;
  faults.break_at = at;
  faults.break_how = breakage::silence;
  fake_sshd server{faults};
  world around;
  driven link{around, around.settings_for(server)};
  const auto now = std::chrono::steady_clock::now();
  CHECK(link.it->steps(now).empty());
  comes_to_say(link, words);
  auto steps = link.it->steps(now + 1h);
  stages told;
  for (const auto& each : steps)
    told.push_back(each.stage);
  CHECK(told == made);
  CHECK_THAT(steps.at(2).text, Contains("127.0.0.1"));
  CHECK(steps.back().took > 59min);
  CHECK(steps.back().text.empty());
}

TEST_CASE("an opening says while it is prepared that a name is being looked up, and what is done",
          "[transport]") {
  std::promise<void> go_on;
  world around;
  fake_sshd server;
  auto settings = around.settings_for(server);
  settings.host = "far.example.org";
  around.resolve = [wait = go_on.get_future().share()](const std::string&, std::uint16_t) {
    wait.wait();
    return resolution{};
  };
  driven link{around, settings};
  link.it->open();
  CHECK(link.until([&] { return link.it->steps(std::chrono::steady_clock::now()).size() == 2; }));
  auto steps = link.it->steps(std::chrono::steady_clock::now());
  CHECK(steps.at(0).stage == ssh_stage::prepare);
  CHECK_THAT(steps.at(0).text, Contains("1 key file"));
  CHECK(steps.at(1).stage == ssh_stage::look_up);
  go_on.set_value();
  link.until([&] { return link.failed.has_value(); });
}

TEST_CASE("an opening says of which address it awaits an answer", "[transport]") {
  support::listener deaf{"127.0.0.2", 0}; // its backlog is full: further connects get no answer
  unique_fd fillers[4];
  for (auto& each : fillers)
    each = deaf.connect();
  world around;
  fake_sshd server;
  auto settings = around.settings_for(server);
  settings.host = deaf.host();
  settings.port = deaf.port();
  driven link{around, settings};
  auto words = "127.0.0.2:" + std::to_string(deaf.port()) + ": no answer yet";
  CHECK_THAT(comes_to_say(link, words), Contains(words));
}

TEST_CASE("an opening says that a name is not looked up yet", "[transport]") {
  std::promise<void> answered;
  world around;
  around.resolve = [gate = answered.get_future().share()](const std::string&, std::uint16_t) {
    gate.wait();
    return resolution{};
  };
  fake_sshd server;
  auto settings = around.settings_for(server);
  settings.host = "login.example";
  {
    driven link{around, settings};
    auto words = "the name 'login.example' is being looked up";
    CHECK_THAT(comes_to_say(link, words), Contains(words));
  }
  answered.set_value();
}

TEST_CASE("an opening says that its jump host has no answer from there yet", "[transport]") {
  support::listener deaf{"127.0.0.2", 0};
  unique_fd fillers[4];
  for (auto& each : fillers)
    each = deaf.connect();
  support::real_sshd gate;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  auto settings = trip.around.settings_for(gate);
  settings.host = deaf.host();
  settings.port = deaf.port();
  settings.jump = "gate";
  auto& inner = trip.add(settings, &outer);
  inner.it->open();
  CHECK(trip.until([&] {
    return inner.it->awaited().find("the jump host 'gate' has been asked for it, and has no answer yet") !=
           std::string::npos;
  }));
  CHECK_FALSE(inner.failed);
}

TEST_CASE("what is open waits for nothing", "[transport]") {
  fake_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  CHECK(link.it->awaited() == "");
  REQUIRE(link.open());
  CHECK(link.it->awaited() == "");
}
