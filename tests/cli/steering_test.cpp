// What an administrator orders of a node's pools, from the command line to the pool and back.
#include <catch2/catch.hpp>

#include <chrono>

#include "tests/cli/node_home.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;

TEST_CASE("a drain is waited for beyond its deadline, ends what runs by then, and holds until a resume") {
  node_home home;
  program running{home.spec({"exec", "here", "-n", "--", "echo started; exec sleep 600"})};
  REQUIRE(running.wrote("started"));
  auto before = std::chrono::steady_clock::now();
  auto drained = home.moorage({"admin", "drain", "here", "2s"});
  CHECK(std::chrono::steady_clock::now() - before >= 2s);
  CHECK(drained.code == 0);
  CHECK_THAT(drained.output,
             Contains("here is drained; resume with: moorage ") && Contains(" admin resume here\n"));
  auto ended = running.wait(5s);
  CHECK(ended.code == 255);
  CHECK_THAT(ended.error_output, Contains("drained by an administrator"));
  auto pool = home.pool();
  CHECK(pool["state"] == "drained");
  CHECK(pool["total"] == 0);
  CHECK_THAT(home.moorage({"admin", "pools"}).output,
             Contains("here: drained; moorage ") && Contains(" admin resume here\n"));
  auto refused = home.exec("true");
  CHECK(refused.code == 255);
  CHECK_THAT(refused.error_output, Contains(" admin resume here\n"));
  CHECK(home.moorage({"admin", "resume", "here"}).code == 0);
  CHECK(home.exec("true").code == 0);
  CHECK(home.moorage({"admin", "drain", "here", "soon"}).code == 2);
}

TEST_CASE("a drain that is undone says so to whoever waits for it") {
  node_home home;
  program running{home.spec({"exec", "here", "-n", "--", "echo started; exec sleep 600"})};
  REQUIRE(running.wrote("started"));
  program draining{home.spec({"admin", "drain", "here", "1h"})};
  REQUIRE(home.until([&] { return home.pool()["state"] == "draining"; }));
  CHECK(home.moorage({"admin", "resume", "here"}).code == 0);
  auto told = draining.wait(5s);
  CHECK(told.code != 0);
  CHECK_THAT(told.error_output, Contains("resumed before it was drained"));
  CHECK(home.pool()["leased"] == 1);
}

TEST_CASE("a suspended cluster says so to whoever comes, and how it is resumed") {
  node_home home;
  CHECK_THAT(home.moorage({"admin", "suspend", "here"}).output, Contains("here is suspended; resume with: "));
  CHECK(home.pool()["state"] == "suspended");
  auto refused = home.exec("true");
  CHECK(refused.code == 255);
  CHECK_THAT(refused.error_output,
             Contains("suspended by an administrator") && Contains(" admin resume here\n"));
  CHECK(home.moorage({"admin", "resume", "here"}).code == 0);
  CHECK(home.exec("true").code == 0);
}

TEST_CASE("a reconnect replaces the open connection, and what runs on it runs to its end") {
  node_home home;
  auto spec = home.spec({"exec", "here", "--", "echo started; cat"});
  spec.keep_input_open = true;
  program running{spec};
  REQUIRE(running.wrote("started"));
  CHECK(home.moorage({"admin", "reconnect", "here", "0"}).output ==
        "the connections of here are being replaced\n");
  CHECK(home.ask({"admin", "connections", "here"})["connections"][0]["condemned"] == true);
  running.close_input();
  CHECK(running.wait(10s).code == 0);
  CHECK(home.until([&] { return home.pool()["counters"]["removed"]["reconnected"] == 1; }));
  CHECK(home.exec("true").code == 0);
}

TEST_CASE("an administrator sees a node's settings and sets one") {
  node_home home;
  auto settings = [&home] { return home.ask({"admin", "settings", "here"})["settings"]; };
  auto before = settings()["probe_timeout_seconds"];
  CHECK(before["default"] == 5.0);
  CHECK(before["changeable"] == true);
  CHECK(before["change_holds"] == "at_once");
  CHECK(settings()["port"]["change_holds"] == "reopens");
  CHECK(home.moorage({"admin", "set", "here", "probe_timeout", "7s"})
            .output.starts_with("probe_timeout is \"7s\", was "));
  CHECK(settings()["probe_timeout_seconds"]["value"] == 7.0);
  CHECK_THAT(home.moorage({"admin", "settings", "here"}).output,
             Contains("probe_timeout") && Contains("\"7s\""));
  auto wrong = home.moorage({"admin", "set", "here", "probe_timeout", "soon"});
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.error_output, Contains("10ms to 10min"));
  CHECK(home.moorage({"admin", "set", "here", "name", "there"}).code == 2);
  CHECK(home.moorage({"admin", "settings", "nowhere"}).code == 3);
  CHECK(settings()["probe_timeout_seconds"]["value"] == 7.0);
}

TEST_CASE("an administrator is told why somebody waits, and what went wrong lately") {
  node_home home;
  CHECK(home.moorage({"admin", "errors", "here"}).output == "no errors\n");
  CHECK_THAT(home.moorage({"admin", "explain", "here"}).output,
             Contains("nobody needs another connection") && Contains("nobody waits"));
  CHECK(home.moorage({"admin", "pause", "here"}).code == 0);
  program waiting{home.spec({"exec", "here", "-n", "--label", "sync", "--", "true"})};
  REQUIRE(home.until([&] { return home.pool()["waiters"] == 1; }));
  auto why = home.ask({"admin", "explain", "here"});
  CHECK(why["opening"]["why"] == "not_serving");
  REQUIRE(why["waiters"].size() == 1);
  CHECK(why["waiters"][0]["why"] == "not_serving");
  CHECK_THAT(why["waiters"][0]["text"].get<std::string>(), Contains("the pool is paused"));
  CHECK_THAT(home.moorage({"admin", "explain", "here"}).output, Contains("the pool is paused"));
  CHECK(home.moorage({"admin", "resume", "here"}).code == 0);
  CHECK(waiting.wait().code == 0);
  home.sshd.kill_connections();
  REQUIRE(home.until([&] { return !home.ask({"admin", "errors", "here"})["errors"].empty(); }));
  CHECK(home.ask({"admin", "errors", "here"})["errors"][0]["event"] == "lost");
  CHECK_THAT(home.moorage({"admin", "errors", "here"}).output, Contains(" here lost "));
  CHECK(home.moorage({"admin", "explain", "nowhere"}).code == 3);
  CHECK(home.moorage({"admin", "errors"}).code == 2);
}
