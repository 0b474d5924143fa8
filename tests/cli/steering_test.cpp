// What an administrator orders of a node's pools, from the command line to the pool and back.
#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "runtime/runtime.hpp"
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
        "here: 1 connection within 0 s to be replaced\n");
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
  CHECK_THAT(why["waiters"][0]["text"].get<std::string>(), Contains("paused by "));
  CHECK_THAT(home.moorage({"admin", "explain", "here"}).output, Contains("paused by "));
  CHECK(home.moorage({"admin", "resume", "here"}).code == 0);
  CHECK(waiting.wait().code == 0);
  home.sshd.kill_connections();
  REQUIRE(home.until([&] { return !home.ask({"admin", "errors", "here"})["errors"].empty(); }));
  CHECK(home.ask({"admin", "errors", "here"})["errors"][0]["event"] == "lost");
  CHECK_THAT(home.moorage({"admin", "errors", "here"}).output, Contains(" here lost "));
  CHECK(home.moorage({"admin", "explain", "nowhere"}).code == 3);
  CHECK(home.moorage({"admin", "errors"}).code == 2);
}

TEST_CASE("a pause of the command line is kept, named by who gave it, and ended by any resume") {
  node_home home;
  CHECK_THAT(home.moorage({"admin", "pause", "here"}).output, Contains("here is paused; resume with: "));
  auto pool = home.pool();
  CHECK(pool["state"] == "paused");
  CHECK(pool["paused"] == true);
  REQUIRE(pool["pauses"].size() == 1);
  CHECK(pool["pauses"][0]["keep"] == true);
  auto by = pool["pauses"][0]["by"].get<std::string>();
  CHECK_THAT(by, Contains("moorage admin pause, ") && Contains("(pid "));
  CHECK_THAT(home.moorage({"admin", "pools"}).output,
             Contains("paused by " + by) && Contains("until a resume"));
  CHECK_THAT(home.moorage({"exec", "here", "--wait", "10ms", "--", "true"}).error_output,
             Contains("paused by " + by));
  CHECK(home.moorage({"admin", "resume", "here"}).output == "here: 1 pause ended\n");
  CHECK(home.exec("true").code == 0);
}

TEST_CASE("a program's pause ends with it, or by a resume of all, of which the command line says how") {
  node_home home;
  auto other = moorage::runtime::connect(home.folder / "moorage/node.sock", 3s, {.name = "portal"});
  REQUIRE(other.pause("here"));
  auto resumed = home.moorage({"admin", "resume", "here"});
  CHECK_THAT(resumed.output, Contains("here: nothing of yours to resume; still paused by portal (pid ") &&
                                 Contains("end every pause with: moorage ") &&
                                 Contains(" admin resume --all here\n"));
  CHECK_THAT(home.moorage({"admin", "resume", "--all", "here"}).output, Contains("here: 1 pause ended"));
  REQUIRE(other.pause("here"));
  CHECK(home.pool()["pauses"].size() == 1);
  other.stop();
  CHECK(home.until([&] { return home.pool()["pauses"].empty(); }));
}

TEST_CASE("events are told of the clusters, the kinds and the severity that were asked for") {
  node_home home;
  program events{home.spec({"admin", "events", "here", "--kinds", "paused,drained", "--json"})};
  program serious{home.spec({"admin", "events", "--severity", "error"})};
  auto heard = [&] {
    home.moorage({"admin", "pause", "here"});
    home.moorage({"admin", "resume", "here"});
    return events.wrote("\"paused\"", 200ms);
  };
  REQUIRE(home.until(heard));
  home.moorage({"admin", "drain", "here", "0"});
  REQUIRE(events.wrote("\"drained\""));
  events.signal(SIGINT);
  auto said = events.wait(5s).output;
  CHECK_THAT(said, Contains("\"by\":\"moorage admin pause, ") && !Contains("\"resumed\"") &&
                       !Contains("\"draining\""));
  serious.signal(SIGINT);
  CHECK(serious.wait(5s).output.empty());
  auto wrong = home.moorage({"admin", "events", "--kinds", "opened,clsed"});
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.error_output, Contains("clsed") && Contains("closed"));
  auto level = home.moorage({"admin", "events", "--severity", "loud"});
  CHECK(level.code == 2);
  CHECK_THAT(level.error_output, Contains("warning"));
}

TEST_CASE(
    "a node ends when its leases have ended, or are ended at the deadline, and serves nobody meanwhile") {
  for (const auto* within : {"1s", "1h"}) {
    INFO(within);
    node_home home;
    auto spec = home.spec({"exec", "here", "--", "echo started; cat"});
    spec.keep_input_open = true;
    program running{spec};
    REQUIRE(running.wrote("started"));
    program stopping{home.spec({"admin", "stop", "--within", within})};
    auto ends = std::string{within} == "1h"; // by itself
    if (ends) {
      REQUIRE(home.until([&] { return home.pool()["state"] == "draining"; }));
      CHECK(home.exec("true").code == 255);
      running.close_input();
    }
    CHECK(running.wait(20s).code == (ends ? 0 : 255));
    CHECK(stopping.wait(20s).code == 0);
    CHECK(home.node.wait(20s).code == 0);
  }
}

TEST_CASE("a node's end that a resume calls off does not come") {
  node_home home;
  program running{home.spec({"exec", "here", "-n", "--", "echo started; exec sleep 600"})};
  REQUIRE(running.wrote("started"));
  program stopping{home.spec({"admin", "stop", "--within", "1h"})};
  REQUIRE(home.until([&] { return home.pool()["state"] == "draining"; }));
  CHECK(home.moorage({"admin", "resume", "here"}).code == 0);
  CHECK(stopping.wait(20s).code != 0);
  CHECK(home.exec("true").code == 0);
}

TEST_CASE("an order for @all is for every pool, and what each has said is told") {
  node_home home;
  home.write_config(home.cluster("there"));
  CHECK(home.moorage({"admin", "reload"}).code == 0);
  CHECK_THAT(home.moorage({"admin", "pause", "@all"}).output, Contains("here, there: ") &&
                                                                  Contains("; resume with: moorage ") &&
                                                                  Contains(" admin resume @all\n"));
  auto status = home.ask({"status"});
  for (const auto& pool : status["pools"])
    CHECK(pool["state"] == "paused");
  CHECK_THAT(home.moorage({"admin", "resume", "@all"}).output, Contains("here, there: "));
  CHECK_THAT(home.moorage({"admin", "resize", "@all", "3"}).output, Contains("here, there: "));
  CHECK_THAT(home.moorage({"admin", "evict", "@all", "c1"}).error_output, Contains("name its cluster"));
  CHECK_THAT(home.moorage({"admin", "drain", "@all", "0"}).output, Contains("; resume with: moorage "));
  CHECK_THAT(home.exec("true").error_output, Contains("drained"));
}

TEST_CASE("a reload takes over jump hosts that change places, whichever stands first") {
  node_home home;
  auto there = home.cluster("there"), far = home.cluster("far");
  home.write_config(far + "jump = \"there\"\n" + there);
  CHECK(home.moorage({"admin", "reload"}).code == 0);
  home.write_config(far + there + "jump = \"far\"\n");
  CHECK(home.moorage({"admin", "reload"}).code == 0);
  home.write_config(far + "jump = \"there\"\n" + there);
  auto told = home.moorage({"admin", "reload"});
  INFO(told.error_output);
  CHECK(told.code == 0);
  CHECK_THAT(told.output, Contains("2 clusters new or changed"));
}

TEST_CASE("a reload by order tells what has changed, what cannot, or what is wrong with the file") {
  node_home home;
  home.write_config(home.cluster("there") + "[limits]\nprobes_at_once = 7\n");
  auto told = home.moorage({"admin", "reload"});
  CHECK(told.code == 0);
  CHECK(told.output == "1 cluster new or changed, 0 clusters removed; not before the node is started anew: "
                       "probes_at_once of [limits]\n");
  CHECK(home.ask({"status"})["pools"].size() == 2);
  auto good = home.folder / "good.toml"; // of who orders it: the node reads its own
  std::filesystem::copy(home.config(), good);
  home.write_config("[clusters.there]\nnonsense = 1\n");
  auto refused = home.moorage({"admin", "reload", "--config", good});
  CHECK(refused.code == 3);
  CHECK_THAT(refused.error_output, Contains("the configuration in force stays as it is") &&
                                       Contains("clusters.there.nonsense: there is no such setting"));
  home.write_config();
  CHECK(home.ask({"status"})["pools"].size() == 2);
  program watching{home.spec({"admin", "events", "--kinds", "reloaded", "--json"})};
  REQUIRE(home.until([&] { // until it listens
    CHECK(home.moorage({"admin", "reload"}).code == 0);
    return watching.wrote("\"reloaded\"", 200ms);
  }));
  CHECK(watching.wrote("moorage admin reload"));
}

TEST_CASE("a node that is given time to end serves nobody more, lets what runs end, and ends itself") {
  node_home home;
  auto spec = home.spec({"exec", "here", "--", "echo started; cat; echo ended"});
  spec.keep_input_open = true;
  program running{spec};
  REQUIRE(running.wrote("started"));
  program stopping{home.spec({"admin", "stop", "--within", "1h"})};
  REQUIRE(home.until([&] { return home.pool()["state"] == "draining"; }));
  CHECK_THAT(home.exec("true").error_output, Contains("drained"));
  CHECK(home.moorage({"admin", "pools"}).code == 0); // an administrator reaches it still
  running.close_input();
  auto ended = running.wait(20s);
  CHECK(ended.code == 0);
  CHECK_THAT(ended.output, Contains("ended"));
  auto told = stopping.wait(20s);
  CHECK(told.code == 0);
  CHECK_THAT(told.output, Contains("serves no more"));
  auto node = home.node.wait(20s);
  CHECK(node.code == 0);
  CHECK_THAT(node.error_output, Contains("ends, as moorage admin stop"));
}

TEST_CASE("a cluster that a reload could not register is tried again by the next one") {
  node_home home;
  auto spec = home.spec({"exec", "here", "--", "echo started; cat"});
  spec.keep_input_open = true;
  program running{spec};
  REQUIRE(running.wrote("started"));
  program stopping{home.spec({"admin", "stop", "--within", "1h"})};
  REQUIRE(home.until([&] { return home.pool()["state"] == "draining"; }));
  home.write_config(home.cluster("there"));
  auto refused = home.moorage({"admin", "reload"});
  CHECK(refused.code != 0);
  CHECK_THAT(refused.error_output, Contains("0 clusters new or changed") && Contains("there: ") &&
                                       Contains("no new cluster is taken"));
  CHECK(home.moorage({"admin", "resume", "@all"}).code == 0);
  auto called_off = stopping.wait(20s);
  CHECK(called_off.code != 0);
  CHECK_THAT(called_off.error_output, Contains("not shut down: "));
  CHECK_THAT(home.moorage({"admin", "reload"}).output, Contains("1 cluster new or changed"));
  CHECK(home.ask({"status"})["pools"].size() == 2);
}
