// Signals, whatever the program is waiting for when they come; and a process that may open hardly any file.
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <tuple>

#include <sys/stat.h>

#include "tests/cli/another_user.hpp"
#include "tests/cli/clusters.hpp"
#include "tests/support/any_key.hpp"
#include "tests/support/raw_peer.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

/// What a pipe holds, less what a command may write at once.
constexpr std::size_t full_pipe = 60 << 10;

struct node_home : home_with_cluster {
  node_home() : node(spec({"serve"})) { REQUIRE(node.wrote("serving 1 cluster on ")); }
  program node;
};

} // namespace

TEST_CASE("the first signal ends a command though nobody reads its output") {
  home_with_cluster home;
  for (auto number : {SIGINT, SIGTERM, SIGHUP}) {
    program client{home.spec({"exec", "here", "-n", "--", "yes"})};
    REQUIRE(client.keeps_unread(full_pipe));
    client.signal(number);
    REQUIRE(client.ends_unread(10s));
    auto ended = client.wait();
    CHECK(ended.signal == number);
    CHECK_THAT(ended.error_output, Contains("here: interrupted; the command may still run there"));
  }
}

TEST_CASE("who interrupts a command or a check that waits for a connection is told that, and of no failure") {
  node_home home;
  REQUIRE(home.moorage({"admin", "pause", "here"}).code == 0);
  for (const auto& [arguments, told, output] :
       {std::tuple{std::vector<std::string>{"exec", "here", "-n", "--wait", "10min", "--", "true"},
                   "moorage: here: the pool is paused\nmoorage: here: interrupted; the command did not run\n",
                   ""},
        std::tuple{std::vector<std::string>{"check", "here", "--wait", "10min"},
                   "moorage: here: the pool is paused\n", "interrupted after "}}) {
    program client{home.spec(arguments)};
    REQUIRE(client.wrote("the pool is paused\n"));
    client.signal(SIGINT);
    auto ended = client.wait();
    CHECK(ended.signal == SIGINT);
    CHECK(ended.error_output == told);
    CHECK_THAT(ended.output, Contains(output) && !Contains("not well"));
  }
}

TEST_CASE("the first signal ends a command though its node is frozen") {
  node_home home;
  for (auto number : {SIGINT, SIGTERM, SIGHUP}) {
    program client{home.spec({"exec", "here", "-n", "--", "echo started; sleep 600"})};
    REQUIRE(client.wrote("started"));
    home.node.signal(SIGSTOP);
    client.signal(number);
    CHECK(client.ends_unread(10s));
    home.node.signal(SIGCONT);
    auto ended = client.wait();
    CHECK(ended.signal == number);
    CHECK_THAT(ended.error_output, Contains("interrupted; the command may still run there"));
  }
}

TEST_CASE("the first signal ends a command that waits for a connection of a frozen node") {
  node_home home;
  REQUIRE(home.moorage({"admin", "pause", "here"}).code == 0);
  program client{home.spec({"exec", "here", "-n", "--wait", "10min", "--", "true"})};
  auto deadline = std::chrono::steady_clock::now() + 20s;
  while (home.moorage({"admin", "waiters", "here"}).output == "no waiters\n" &&
         std::chrono::steady_clock::now() < deadline)
    continue;
  home.node.signal(SIGSTOP);
  client.signal(SIGTERM);
  CHECK(client.ends_unread(10s));
  home.node.signal(SIGCONT);
  auto ended = client.wait();
  CHECK(ended.signal == SIGTERM);
  CHECK_THAT(ended.error_output, Contains("did not run"));
}

TEST_CASE("two signals in the same moment end a node as one does") {
  moorage::support::scratch_folder folder;
  std::ofstream{folder / "moorage.toml"} << "[node]\nsocket = \"" << folder / "node.sock"
                                         << "\"\n";
  for (int round = 0; round < 10; ++round) {
    program node{{{"serve", "--config", folder / "moorage.toml"}, folder.path()}};
    REQUIRE(node.wrote("serving 0 clusters on "));
    node.signal(SIGTERM);
    node.signal(round % 2 == 0 ? SIGTERM : SIGINT);
    node.signal(SIGTERM);
    auto ended = node.wait(20s);
    CHECK(ended.code == 0);
    CHECK_THAT(ended.error_output, Contains("moorage: stopped\n"));
  }
}

TEST_CASE("a node ends on SIGINT though servers that flood before the log-in are being connected to") {
  moorage::support::scratch_folder folder;
  moorage::support::raw_peer lines{"", "welcome to this machine\r\n"};
  moorage::support::raw_peer packets{"SSH-2.0-flood\r\n",
                                     moorage::support::clear_packet(moorage::support::ignore_payload(10))};
  std::ofstream config{folder / "moorage.toml"};
  config << "[node]\nsocket = \"" << folder / "node.sock"
         << "\"\n[defaults]\nmin_idle = 1\nkey_files = [\"" << moorage::support::any_key() << "\"]\n";
  for (const auto* peer : {&lines, &packets})
    config << "[clusters.c" << peer->port() << "]\nhost = \"" << peer->host() << "\"\nport = " << peer->port()
           << "\nuser = \"u\"\n";
  config.close();
  program node{{{"serve", "--config", folder / "moorage.toml"}, folder.path()}};
  REQUIRE(node.wrote("serving 2 clusters on "));
  auto deadline = std::chrono::steady_clock::now() + 20s;
  while ((lines.bytes_sent() == 0 || packets.bytes_sent() == 0) &&
         std::chrono::steady_clock::now() < deadline)
    CHECK(!node.wrote("stopped", 5ms));
  CHECK((lines.connects() > 0 && packets.connects() > 0));
  node.signal(SIGINT);
  auto ended = node.wait(30s);
  CHECK(ended.code == 0);
  CHECK_THAT(ended.error_output, Contains("moorage: stopped\n"));
}

TEST_CASE(
    "a process that may open too few files says so, whatever the number, and with the command's own code") {
  home_with_cluster home;
  // UBSan looks at an object's memory through a pipe, and takes one that it cannot have for a wrong object.
  auto least = std::string{MOORAGE_SANITIZE}.find("undefined") == std::string::npos ? 6 : 8;
  for (auto limit : {6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32}) {
    if (limit < least)
      continue;
    CAPTURE(limit);
    auto limited = [&](std::vector<std::string> words) {
      std::string line = "ulimit -n " + std::to_string(limit) + "; exec " + MOORAGE_PROGRAM;
      for (auto& each : words)
        line += " " + each;
      auto spec = home.spec({"-c", line});
      spec.executable = "/bin/sh";
      return run(spec);
    };
    auto ended = limited({"exec", "here", "-n", "--", "echo", "hello"});
    CAPTURE(ended.error_output, ended.signal);
    CHECK((ended.code == 0 ? ended.output == "hello\n" : ended.code == 255));
    CHECK((ended.code == 0 || ended.error_output.find("ulimit -n") != std::string::npos));
    ended = limited({"status"});
    CHECK((ended.code == 4 || ended.error_output.find("ulimit -n") != std::string::npos));
  }
}

TEST_CASE("a process that may start too few threads says so, whatever the number, and ends by itself") {
  if (!std::string{MOORAGE_SANITIZE}.empty())
    return; // a sanitizer has threads of its own
  if (!may_become_others())
    return;
  home_with_cluster home;
  const auto folder = home.folder.path();
  std::filesystem::permissions(folder, std::filesystem::perms{0755});
  std::ofstream{home.folder / "one.toml"} << "[clusters.one]\nhost = \"127.0.0.1\"\nport = 1\nuser = \"me\"\n"
                                          << "[clusters.two]\nssh_host = \"two\"\nuser = \"me\"\n";
  for (int limit = 1; limit <= 16; ++limit) {
    CAPTURE(limit);
    auto limited = [&](const std::string& words) {
      // Whom nobody else runs as, so that what is counted are its own.
      auto spec =
          home.spec({"-c", "exec setpriv --reuid=61234 --regid=61234 --clear-groups prlimit --nproc=" +
                               std::to_string(limit) + " " MOORAGE_PROGRAM " --config " + folder +
                               "/one.toml " + words + " </dev/null"});
      spec.executable = "/bin/sh";
      return run(spec);
    };
    const auto ended = {limited("--socket " + folder + "/none exec one -- true"),
                        limited("exec one -- true")};
    for (const auto& each : ended) {
      CAPTURE(each.error_output);
      CHECK(each.signal == 0);
      CHECK(each.code == 255);
      CHECK((each.error_output.find("(ulimit -u)") != std::string::npos ||
             each.error_output.find("no node listens") != std::string::npos ||
             each.error_output.find("there is nothing to log in with") != std::string::npos));
    }
    if (limit == 1)
      for (const auto& each : ended)
        CHECK_THAT(each.error_output, Contains("may start only 0 more threads"));
    // Which asks ssh first, whom a process that may start nothing cannot ask.
    const auto of_host = limited("exec two -- true");
    CAPTURE(of_host.error_output);
    CHECK(of_host.signal == 0);
    CHECK(of_host.code == 255);
    CHECK_THAT(of_host.error_output, Contains("two"));
  }
}

TEST_CASE("what is no node in the place where one would listen does not keep a command from running") {
  home_with_cluster home;
  REQUIRE(mkdir((home.folder / "moorage").c_str(), 0700) == 0);
  std::ofstream{home.folder / "moorage/node.sock"} << "no socket";
  CHECK(home.exec("echo hello").output == "hello\n");
  home.write_config("[node]\nsocket = \"" + (home.folder / "moorage/node.sock") + "\"\n");
  auto chosen = home.exec("echo hello");
  CHECK(chosen.code == 255);
  CHECK_THAT(chosen.error_output, Contains("is not a socket"));
}
