// `moorage serve`, and the commands that use the node.
#include <catch2/catch.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include "runtime/node/socket.hpp"
#include "runtime/runtime.hpp"
#include "tests/cli/node_home.hpp"
#include "tests/support/watched_process.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using nlohmann::json;

TEST_CASE("commands share the node's connection instead of logging in again") {
  node_home home;
  for (auto i = 0; i < 3; ++i)
    CHECK(home.exec("echo hello").output == "hello\n");
  CHECK(home.sshd.logins() == 1);
  auto pool = home.pool();
  CHECK(pool["cluster"] == "here");
  CHECK(pool["total"] == 1);
  CHECK(pool["counters"]["grants"] == 3);
  CHECK_THAT(home.moorage({"status"}).output, Contains("CLUSTER") && Contains("here") && Contains("ready"));
  CHECK_THAT(home.moorage({"check", "here"}).output, Contains("by the node, which was open already"));
  CHECK(home.moorage({"exec", "here", "--embedded", "--", "true"}).code == 0);
  CHECK(home.sshd.logins() == 2);
}

TEST_CASE("the node's socket is for its owner alone") {
  node_home home;
  struct stat status {};
  REQUIRE(stat((home.folder / "moorage/node.sock").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  auto second = home.moorage({"serve"});
  CHECK(second.code == 4);
  CHECK_THAT(second.error_output, Contains("already"));
}

TEST_CASE("a client that is killed loses its leases at once") {
  node_home home;
  program client{home.spec({"exec", "here", "--", "echo started; sleep 600"})};
  REQUIRE(client.wrote("started"));
  CHECK(home.pool()["leases"] == 1);
  auto leases = home.ask({"admin", "leases", "here"})["leases"];
  REQUIRE(leases.size() == 1);
  CHECK(leases[0]["label"] == "exec " + std::to_string(client.pid()));
  client.signal(SIGKILL);
  CHECK(client.wait().signal == SIGKILL);
  CHECK(home.until([&] { return home.pool()["leases"] == 0; }));
}

TEST_CASE("a frozen client on the node's own machine keeps its leases for most of a minute, and no longer",
          "[long]") {
  node_home home;
  program client{home.spec({"exec", "here", "-n", "--", "echo started; exec sleep 600"})};
  REQUIRE(client.wrote("started"));
  client.signal(SIGSTOP);
  auto began = std::chrono::steady_clock::now();
  while (home.pool()["leases"] > 0)
    REQUIRE(std::chrono::steady_clock::now() - began < moorage::node_silence_max + 20s);
  CHECK(std::chrono::steady_clock::now() - began > 40s); // a debugger, a Ctrl-Z and a second thought
  client.signal(SIGCONT);
  CHECK(client.wait().code == 255);
}

TEST_CASE("the command of a client that is killed, or interrupted, ends where it runs") {
  moorage::support::real_sshd_settings settings;
  settings.ordinary_user = true; // whose commands sshd signals
  node_home home{settings};
  for (auto number : {SIGKILL, SIGINT}) {
    program client{home.spec({"exec", "here", "-n", "--", "echo $$ started; exec sleep 600"})};
    REQUIRE(client.wrote("started\n"));
    moorage::support::watched_process command{std::stoi(client.output())};
    REQUIRE(!command.ends(0ms));
    client.signal(number);
    CHECK(client.wait().signal == number);
    CHECK(command.ends(20s));
  }
}

TEST_CASE(
    "whoever gives a command up before it has ended leaves no lease behind, and is not taken for dead") {
  moorage::support::real_sshd_settings settings;
  settings.ordinary_user = true;
  node_home home{settings};
  program client{
      home.spec({"exec", "here", "-n", "--", "trap '' TERM; echo started; while :; do sleep 1; done"})};
  REQUIRE(client.wrote("started\n"));
  client.signal(SIGINT);
  CHECK(client.wait().signal == SIGINT);
  auto pool = home.pool();
  CHECK(pool["leases"] == 0);
  CHECK(pool["leased"] == 0);
  CHECK(pool["counters"]["removed"]["abandoned"] == 0);
}

TEST_CASE("a node that goes away ends every command with an honest error") {
  node_home home;
  program client{home.spec({"exec", "here", "--", "echo started; sleep 600"})};
  REQUIRE(client.wrote("started"));
  home.node.signal(SIGKILL);
  auto ended = client.wait(10s);
  CHECK(ended.code == 255);
  CHECK(ended.error_output.find("may have run") == ended.error_output.rfind("may have run"));
  CHECK_THAT(ended.error_output, Contains("the command may have run") && Contains("the node went away") &&
                                     !Contains("exit_reason"));
  CHECK(home.moorage({"status"}).code == 4);
}

TEST_CASE("the loss of the node is told to whoever asks, however often, and ends `admin events`") {
  node_home home;
  auto rt = moorage::runtime::connect(home.folder / "moorage/node.sock");
  CHECK(!rt.wait_for_loss(1ms));
  program events{home.spec({"admin", "events"})};
  REQUIRE(home.until([&] { return home.exec("true").code == 0 && events.wrote("granted", 200ms); }));
  // It asks after every half a second without an event; after it has asked once, it must still hear of the
  // loss.
  CHECK(!events.wrote("never", 1200ms));
  home.node.signal(SIGKILL);
  CHECK(rt.wait_for_loss(10s));
  CHECK(rt.wait_for_loss(0ms));
  auto ended = events.wait(10s);
  CHECK(ended.code == 4);
  CHECK_THAT(ended.error_output, Contains("the node went away"));
}

TEST_CASE(
    "callbacks of a runtime that goes to a node may throw and wait, and go to the executor of its host") {
  node_home home;
  std::atomic<int> handed = 0;
  auto on_a_thread = [&handed](std::function<void()> call) {
    ++handed;
    std::thread{std::move(call)}.detach();
  };
  auto rt = moorage::runtime::connect(home.folder / "moorage/node.sock", 3s, {on_a_thread});
  using granted = moorage::result<moorage::lease>;
  rt.async().acquire("here", 20s).then([](granted) { throw std::runtime_error{"of the host"}; });
  std::promise<std::string> told;
  rt.async().acquire("here", 20s).then([&](granted lease) {
    told.set_value(lease->run("echo there").output);
  });
  CHECK(told.get_future().get() == "there\n");
  CHECK(handed == 2);
}

TEST_CASE("a cluster that a node drops and takes up again serves a client that was there before") {
  node_home home;
  auto rt = moorage::runtime::connect(home.folder / "moorage/node.sock");
  for (int i = 0; i < 3; ++i) {
    auto settings = rt.clusters().value().at(0);
    CHECK(rt.acquire("here", 20s).run("true").ended.succeeded());
    REQUIRE(bool{rt.remove_cluster("here")});
    CHECK(rt.try_acquire("here", {20s, {}, {}}).error().code == moorage::errc::unknown_cluster);
    REQUIRE(bool{rt.register_cluster(settings)});
  }
}

TEST_CASE("what does not fit into a message to a node is refused or cut, and the link lives on") {
  node_home home;
  auto rt = moorage::runtime::connect(home.folder / "moorage/node.sock");
  auto lease = rt.acquire("here", 20s);
  auto refused = lease.run({"wc -c", {}, std::string(moorage::remote_bytes_max + 1, 'x'), {}, 0});
  CHECK(refused.ended.kind == moorage::outcome_kind::never_sent);
  CHECK(refused.ended.cause.code == moorage::errc::invalid_request);
  auto cut = lease.run({"head -c 200000000 /dev/zero", {}, {}, {}, 1u << 30});
  CHECK(cut.output_cut);
  CHECK(cut.output.size() == moorage::remote_bytes_max);
  CHECK(lease.run("true").ended.succeeded());
}

TEST_CASE("a pending ends when its node is lost, whatever it asked and however it is taken") {
  node_home home;
  auto rt = moorage::runtime::connect(home.folder / "moorage/node.sock");
  REQUIRE(bool{rt.resize("here", 1)});
  auto held = rt.acquire("here", 20s);
  auto running = held.async().run("sleep 600");
  auto waiting = rt.async().acquire("here", 1h);
  auto once = rt.async().run("here", "true", 1h);
  std::promise<moorage::errc> called;
  rt.async().acquire("here", 1h).then([&](const auto& answer) { called.set_value(answer.error().code); });
  auto future = rt.async().acquire("here", 1h).to_future();
  REQUIRE(home.until([&] { return rt.waiters("here").value().size() == 4; }));
  home.node.signal(SIGKILL);
  CHECK(running.get().ended.kind == moorage::outcome_kind::maybe_ran);
  CHECK(waiting.get().error().code == moorage::errc::node_lost);
  auto never = once.get().ended;
  CHECK(never.kind == moorage::outcome_kind::never_sent);
  CHECK(never.cause.code == moorage::errc::node_lost);
  CHECK(called.get_future().get() == moorage::errc::node_lost);
  CHECK(future.get().error().code == moorage::errc::node_lost);
  CHECK(rt.async().pools().get().error().code == moorage::errc::node_lost);
}

TEST_CASE("a client that stops answers its own waiting calls, whatever the node does") {
  node_home home;
  auto rt = moorage::runtime::connect(home.folder / "moorage/node.sock");
  REQUIRE(bool{rt.resize("here", 1)});
  auto held = rt.acquire("here", 20s);
  auto waiting = rt.async().acquire("here", 1h, "in vain");
  REQUIRE(home.until([&] { return rt.waiters("here").value().size() == 1; }));
  home.node.signal(SIGSTOP);
  rt.stop();
  CHECK_FALSE(waiting.get().has_value());
  home.node.signal(SIGCONT);
}

TEST_CASE("exec waits for a node that has frozen no longer than its cluster's patience and some seconds") {
  node_home home;
  REQUIRE(home.moorage({"admin", "resize", "here", "1"}).code == 0);
  REQUIRE(home.moorage({"admin", "set", "here", "channels_per_connection", "1"}).code == 0);
  program holding{home.spec({"exec", "here", "--", "echo started; sleep 600"})};
  REQUIRE(holding.wrote("started"));
  home.write_config("acquire_timeout = \"2s\"\n"); // the node has 30 s, and is asked before it is given up
  program waiting{home.spec({"exec", "-q", "here", "--", "true"})};
  REQUIRE(home.until([&] { return home.pool()["waiters"] == 1; }));
  home.node.signal(SIGSTOP);
  auto ended = waiting.wait();
  home.node.signal(SIGCONT);
  CHECK(ended.code == 255);
  CHECK_THAT(ended.error_output, Contains("the pool of 'here' did not answer within ") &&
                                     Contains("the command did not run: it is safe to run it again"));
}

TEST_CASE("an administrator looks into a pool and steers it") {
  node_home home;
  REQUIRE(home.exec("true").code == 0);
  auto connections = home.ask({"admin", "connections", "here"})["connections"];
  REQUIRE(connections.size() == 1);
  CHECK(connections[0]["state"] == "idle");
  CHECK(connections[0]["score"] == 100);
  CHECK(connections[0]["outcomes"].back()["answered"] == true);
  CHECK(home.pool()["score"] == 100);
  auto number = connections[0]["connection"].get<std::string>();
  CHECK_THAT(home.moorage({"admin", "connections", "here"}).output,
             Contains("CONNECTION") && Contains(number));
  CHECK(home.moorage({"admin", "resize", "here", "2"}).output.starts_with("here: pool_size is 2, was "));
  CHECK(home.moorage({"admin", "resize", "here", "0"}).code == 2);
  CHECK(home.pool()["size"] == 2);
  CHECK(home.moorage({"admin", "probe", "here"}).code == 0);
  CHECK(home.until([&] { return home.pool()["counters"]["probes_passed"] == 1; }));
  CHECK(home.moorage({"admin", "pause", "here"}).code == 0);
  CHECK(home.pool()["paused"] == true);
  auto waiting = home.moorage({"exec", "here", "--wait", "100ms", "--", "true"});
  CHECK(waiting.code == 255);
  CHECK_THAT(waiting.error_output, Contains("did not run"));
  CHECK(home.moorage({"admin", "resume", "here"}).code == 0);
  CHECK(home.moorage({"admin", "evict", "here", number}).code == 0);
  CHECK(home.until([&] { return home.pool()["total"] == 0; }));
  CHECK(home.moorage({"admin", "evict", "here", "c999"}).code == 1);
  CHECK(home.moorage({"admin", "waiters", "here"}).output == "no waiters\n");
  CHECK(home.moorage({"admin", "reset", "here"}).code == 0);
  CHECK(home.moorage({"admin", "disconnect", "here"}).code == 0);
  CHECK(home.moorage({"admin", "pause", "nowhere"}).code == 3);
}

TEST_CASE("events are told as they happen, until Ctrl-C") {
  node_home home;
  program events{home.spec({"admin", "events", "--json"})};
  REQUIRE(home.until([&] { return home.exec("true").code == 0 && events.wrote("\"granted\"", 200ms); }));
  events.signal(SIGINT);
  auto ended = events.wait(5s);
  CHECK(ended.signal == SIGINT);
  CHECK(json::parse(ended.output.substr(0, ended.output.find('\n')))["cluster"] == "here");
}

TEST_CASE("advice is a command line that finds the same node when it is copied to a shell") {
  node_home home; // another node, which a bare command line finds
  const auto place = home.folder / "it's another place";
  std::filesystem::create_directories(place);
  auto text = home.cluster("here");
  text.replace(text.find(home.sshd.client_key()), home.sshd.client_key().size(),
               home.sshd.unauthorised_client_key());
  std::ofstream{place + "/moorage.toml"} << text << "[node]\nsocket = \"" << place << "/node.sock\"\n";
  std::filesystem::create_directory(home.folder / "bin");
  std::filesystem::create_symlink(MOORAGE_PROGRAM, home.folder / "bin/moorage");
  program node{home.spec({"--config", place + "/moorage.toml", "serve"})};
  REQUIRE(node.wrote("serving 1 cluster on "));
  auto exec = home.spec({"exec", "here", "-n", "--", "true"});
  SECTION("by an option for the configuration") {
    exec.arguments.insert(exec.arguments.begin(), {"--config", place + "/moorage.toml"});
  }
  SECTION("by an option for the socket") {
    exec.arguments.insert(exec.arguments.begin(), {"--socket", place + "/node.sock"});
  }
  SECTION("by the environment of that command alone") {
    exec.environment["MOORAGE_CONFIG"] = place + "/moorage.toml";
  }
  auto told = run(exec).error_output;
  INFO(told);
  auto at = told.find("try again with: ");
  REQUIRE(at != std::string::npos);
  auto copied = told.substr(at + 16, told.find('\n', at) - at - 16);
  auto shell = home.spec({"-c", "PATH=" + (home.folder / "bin") + ":$PATH; " + copied});
  shell.executable = "sh";
  CHECK_THAT(run(shell).output, Contains("here: reset: "));
  auto pools = json::parse(home.moorage({"--socket", place + "/node.sock", "status", "--json"}).output);
  CHECK(pools["pools"][0]["latched"].is_null());
}

TEST_CASE("a cluster that the node does not know is brought along by the client") {
  node_home home;
  home.write_config(home.cluster("there"));
  CHECK(home.moorage({"exec", "there", "--", "echo", "hello"}).output == "hello\n");
  CHECK(home.ask({"status"})["pools"].size() == 2);
  CHECK_THAT(home.moorage({"exec", "nowhere", "--", "true"}).error_output, Contains("no cluster 'nowhere'"));
}

TEST_CASE("SIGHUP takes a changed configuration over, and a wrong one changes nothing") {
  node_home home;
  home.write_config(home.cluster("there"));
  home.node.signal(SIGHUP);
  REQUIRE(home.node.wrote("1 cluster new or changed, 0 clusters removed"));
  CHECK(home.ask({"status"})["pools"].size() == 2);
  home.write_config("[clusters.there]\nnonsense = 1\n");
  home.node.signal(SIGHUP);
  REQUIRE(home.node.wrote("the configuration in force stays as it is"));
  home.write_config();
  CHECK(home.ask({"status"})["pools"].size() == 2);
  home.node.signal(SIGHUP);
  REQUIRE(home.node.wrote("0 clusters new or changed, 1 cluster removed"));
  CHECK(home.ask({"status"})["pools"].size() == 1);
}

TEST_CASE("a configuration that no parser survives, or that is no file, changes nothing in a serving node") {
  node_home home;
  std::string deep = "[a";
  for (int i = 0; i < 40'000; ++i)
    deep += ".a";
  home.write_config(deep + "]\n");
  home.node.signal(SIGHUP);
  REQUIRE(home.node.wrote("deeper than a configuration goes"));
  REQUIRE(home.node.wrote("the configuration in force stays as it is"));
  REQUIRE(std::remove(home.config().c_str()) == 0);
  REQUIRE(mkfifo(home.config().c_str(), 0600) == 0);
  home.node.signal(SIGHUP);
  REQUIRE(home.node.wrote("it is a pipe; give a regular file"));
  home.node.signal(SIGTERM);
  CHECK(home.node.wait(10s).code == 0);
}

TEST_CASE("a node whose socket's file was removed is reachable again, and says so") {
  node_home home;
  REQUIRE(std::remove((home.folder / "moorage/node.sock").c_str()) == 0);
  REQUIRE(home.node.wrote("listening on a new one"));
  CHECK(home.exec("echo hello").output == "hello\n");
  CHECK(home.pool()["counters"]["grants"] == 1);
  auto second = home.moorage({"serve"});
  CHECK(second.code == 4);
}

TEST_CASE("a node whose place another one took ends with an error") {
  node_home home;
  auto path = home.folder / "moorage/node.sock", second_path = home.folder / "moorage/second.sock";
  program second{home.spec({"--socket", second_path, "serve"})};
  REQUIRE(second.wrote("serving 1 cluster on "));
  // The second one keeps its own file, or it would listen anew; in the first one's place there is always a
  // file.
  std::filesystem::create_hard_link(second_path, second_path + ".link");
  std::filesystem::rename(second_path + ".link", path);
  auto ended = home.node.wait(20s);
  CHECK(ended.code == 4);
  CHECK_THAT(ended.error_output, Contains("a node already listens on"));
  CHECK(home.exec("echo hello").output == "hello\n");
  CHECK(home.pool()["counters"]["grants"] == 1);
}

TEST_CASE("a node ends within a second on SIGTERM, and takes its connections and its socket with it") {
  node_home home;
  REQUIRE(home.exec("true").code == 0);
  auto begin = std::chrono::steady_clock::now();
  home.node.signal(SIGTERM);
  auto ended = home.node.wait();
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  CHECK(ended.code == 0);
  CHECK_THAT(ended.error_output, Contains("moorage: stopped\n"));
  CHECK(home.sshd.wait_for_connections(0, 10s));
  struct stat status {};
  CHECK(stat((home.folder / "moorage/node.sock").c_str(), &status) != 0);
}
