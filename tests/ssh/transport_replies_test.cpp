// The replies that a command waits for before it runs: each is its own, and none is waited for without end.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/ssh/transport_driver.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;

TEST_CASE("commands with an environment that start at once on a fresh connection all run", "[transport]") {
  support::real_sshd_settings settings;
  settings.config = {"AcceptEnv ACCEPTED"};
  support::real_sshd server{settings};
  world around;
  for (int round = 0; round < 3; ++round) {
    driven link{around, around.settings_for(server)};
    REQUIRE(link.open());
    // The refusal of a name becomes known to all while some of them wait for their own reply about it.
    std::vector<stream_id> ids;
    for (int i = 0; i < 10; ++i) {
      exec_request request;
      request.command = "echo \"$ACCEPTED $FIRST $SECOND $THIRD\"";
      request.environment = {{"FIRST", "1"}, {"ACCEPTED", "0"}, {"SECOND", "2"}, {"THIRD", "3"}};
      std::rotate(request.environment.begin(), request.environment.begin() + i % 4,
                  request.environment.end());
      ids.push_back(link.start(std::move(request)));
    }
    for (auto id : ids) {
      REQUIRE(link.finish(id));
      auto& s = link.streams[id.value];
      CHECK(*s.ended == exited(0));
      CHECK(s.output == "0 1 2 3\n");
    }
  }
}

TEST_CASE("a reply that never comes ends the command after reply_timeout, and the connection serves on",
          "[transport]") {
  support::fake_sshd server;
  world around;
  auto settings = around.settings_for(server);
  settings.reply_timeout = 1500ms; // in which the other replies must come
  driven link{around, settings};
  REQUIRE(link.open());
  using support::fake_faults;
  auto [what, kind, fault] = GENERATE(table<const char*, outcome_kind, std::function<void(fake_faults&)>>({
      {"channel", outcome_kind::never_sent, [](auto& f) { f.channel_open = support::reply::never; }},
      {"variable", outcome_kind::never_sent, [](auto& f) { f.env_answered = false; }},
      {"command", outcome_kind::maybe_ran, [](auto& f) { f.exec = support::reply::never; }},
  }));
  CAPTURE(what);
  server.set(fault);
  exec_request request;
  request.command = "true";
  request.environment = {{"FIRST", "1"}};
  auto said = link.run(std::move(request));
  CHECK(said.ended.kind == kind);
  CHECK(said.ended.cause.code == errc::no_reply);
  CHECK(said.ended.cause.text.find(what) != std::string::npos);
  CHECK(said.ended.cause.text.find("reply_timeout") != std::string::npos);
  CHECK(said.took >= 1500ms);
  CHECK(said.took < 15s);
  server.set(fake_faults{});
  CHECK(!link.failed);
  CHECK(link.run("true").ended == exited(0));
}

TEST_CASE("a command whose time is up before it has a channel says that there was none, and for how long",
          "[transport]") {
  support::fake_faults faults;
  faults.channel_open = support::reply::never;
  support::fake_sshd server{faults};
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  exec_request request;
  request.command = "true";
  request.timeout = 1100ms;
  auto said = link.run(std::move(request));
  INFO(said.ended.cause.text);
  CHECK(said.ended.kind == outcome_kind::never_sent);
  CHECK(said.ended.cause.code == errc::command_timeout);
  CHECK(said.ended.cause.text.find("the server opened no channel for the command in 1") != std::string::npos);
  CHECK(said.ended.cause.text.find("nothing was sent") != std::string::npos);
  CHECK(said.ended.cause.text.find("its timeout of 1") != std::string::npos);
}

TEST_CASE("the wait for a reply ends with the reply, however slow the command is", "[transport]") {
  support::fake_sshd server;
  world around;
  auto settings = around.settings_for(server);
  settings.reply_timeout = 1500ms;
  driven link{around, settings};
  REQUIRE(link.open());
  exec_request request;
  request.command = "sleep 3000";
  request.environment = {{"FIRST", "1"}, {"SECOND", "2"}};
  CHECK(link.run(std::move(request)).ended == exited(0));
}

TEST_CASE("an answer that does not come is owed from its request on, whatever it was asked for",
          "[transport]") {
  using support::fake_counters;
  using support::fake_faults;
  auto [what, asked,
        fault] = GENERATE(table<const char*, int fake_counters::*, std::function<void(fake_faults&)>>({
      {"channel", &fake_counters::channel_requests, [](auto& f) { f.channel_open = support::reply::never; }},
      {"variable", &fake_counters::env_requests, [](auto& f) { f.env_answered = false; }},
      {"command", &fake_counters::execs, [](auto& f) { f.exec = support::reply::never; }},
  }));
  CAPTURE(what);
  support::fake_sshd server;
  server.set(fault);
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  REQUIRE(link.it->owed_since() == time_point::max());
  const time_point before = std::chrono::steady_clock::now();
  exec_request request;
  request.command = "hang";
  request.environment = {{"FIRST", "1"}};
  link.start(std::move(request));
  REQUIRE(link.until([&, asked = asked] { return server.counters().*asked == 1; }));
  const auto since = link.it->owed_since();
  const time_point now = std::chrono::steady_clock::now();
  CHECK(since >= before);
  CHECK(since <= now);
  // However long that is: since the same time.
  std::vector<transport_event> events;
  link.it->pump(now + 10s, events);
  CHECK(link.it->owed_since() == since);
}

TEST_CASE("nothing is owed any more when the answer has come, nor by a silent command that runs",
          "[transport]") {
  support::fake_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  const auto owes = [&] { return link.it->owed_since() != time_point::max(); };
  server.freeze();
  SECTION("a question's") {
    link.it->ask(1);
    link.pump();
    CHECK(owes());
    server.thaw();
    REQUIRE(link.until([&] { return !link.answered.empty(); }));
  }
  SECTION("a command's") {
    exec_request request;
    request.command = "hang";
    request.environment = {{"FIRST", "1"}};
    const auto before = link.it->answers();
    link.start(std::move(request));
    link.pump();
    CHECK(owes());
    server.thaw();
    REQUIRE(link.until(
        [&] { return link.it->answers() == before + 3; })); // the channel's, the variable's, its own
  }
  CHECK_FALSE(owes());
  std::vector<transport_event> events;
  link.it->pump(std::chrono::steady_clock::now() + 1h, events);
  CHECK_FALSE(owes());
  CHECK(events.empty());
}
