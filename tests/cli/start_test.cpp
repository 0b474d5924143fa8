// Nodes that commands start: `[node] start = "auto"`.
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "messages/type_ids.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/system/descriptors.hpp"
#include "tests/cli/clusters.hpp"
#include "tests/support/watched_process.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::support::watched_process;

namespace {

struct starting_home : home_with_cluster {
  explicit starting_home(const std::string& more = {}) { write_config("[node]\nstart = \"auto\"\n" + more); }
  ~starting_home() {
    for (auto each : nodes())
      kill(each, SIGKILL);
  }
  starting_home(const starting_home&) = delete;
  starting_home& operator=(const starting_home&) = delete;

  std::string socket() const { return folder / "moorage/node.sock"; }
  // 0: nobody listens.
  pid_t node() const {
    auto found = moorage::node_process(socket());
    return found ? *found : 0;
  }
  // Processes that were started as nodes of this home.
  std::vector<pid_t> nodes() const {
    std::vector<pid_t> result;
    for (const auto& each : std::filesystem::directory_iterator{"/proc"}) {
      auto words = moorage::support::contents_of(each.path() / "cmdline"); // it may have ended meanwhile
      if (words.find("--started") != std::string::npos && words.find(socket()) != std::string::npos)
        result.push_back(std::stoi(each.path().filename()));
    }
    return result;
  }
};

std::string link_of(pid_t process, const std::string& what) {
  std::error_code unknown;
  return std::filesystem::read_symlink("/proc/" + std::to_string(process) + "/" + what, unknown).string();
}

} // namespace

TEST_CASE(
    "a command that finds no node starts one apart from all that is its own, and the next logs in no more") {
  starting_home home;
  for (auto i = 0; i < 2; ++i) {
    auto ended = home.exec("echo hello");
    CHECK(ended.output == "hello\n");
    CHECK(ended.error_output == "");
  }
  CHECK(home.sshd.logins() == 1);
  auto node = home.node();
  REQUIRE(node > 0);
  CHECK(getsid(node) == node);
  CHECK(link_of(node, "cwd") == "/");
  for (const auto* standard : {"fd/0", "fd/1", "fd/2"})
    CHECK(link_of(node, standard) == "/dev/null");
  CHECK(!std::filesystem::exists(home.socket() + ".start"));
  CHECK_THAT(home.moorage({"status"}).output, Contains("node: process " + std::to_string(node)));
}

TEST_CASE("twenty commands at once start one node") {
  starting_home home;
  std::vector<std::unique_ptr<program>> commands;
  for (auto i = 0; i < 20; ++i)
    commands.push_back(std::make_unique<program>(home.spec({"exec", "here", "--", "echo hello"})));
  for (auto& each : commands) {
    auto ended = each->wait(60s);
    CHECK(ended.output == "hello\n");
    CHECK(ended.error_output == "");
  }
  CHECK(home.nodes() == std::vector{home.node()});
}

TEST_CASE("a started node that was killed is followed by another") {
  starting_home home;
  REQUIRE(home.exec("true").code == 0);
  auto first = home.node();
  REQUIRE(first > 0);
  watched_process watched{first};
  kill(first, SIGKILL);
  REQUIRE(watched.ends(20s));
  CHECK(home.exec("echo hello").output == "hello\n");
  CHECK(home.node() > 0);
  CHECK(home.node() != first);
  CHECK(home.sshd.logins() == 2);
}

TEST_CASE("a started node ends when it has been idle for idle_end, and takes leave of the server") {
  starting_home home{"idle_end = \"1s\"\n"};
  REQUIRE(home.exec("true").code == 0);
  auto node = home.node();
  REQUIRE(node > 0);
  watched_process watched{node};
  CHECK(watched.ends(20s));
  CHECK(!std::filesystem::exists(home.socket()));
  CHECK(home.sshd.wait_for_log("Received disconnect", 1, 20s));
  CHECK(home.exec("echo hello").output == "hello\n");
  CHECK(home.sshd.logins() == 2);
}

TEST_CASE("a started node does not end while a pool of its is drained, which would be forgotten") {
  starting_home home{"idle_end = \"1s\"\n"};
  auto spec = home.spec({"exec", "here", "--", "echo in use; cat"});
  spec.keep_input_open = true; // so that it is not idle before it is drained, however busy the machine is
  program user{spec};
  REQUIRE(user.wrote("in use"));
  watched_process watched{home.node()};
  REQUIRE(home.moorage({"admin", "drain", "here", "1s"}).code == 0);
  CHECK(user.wait(20s).code == 255);
  CHECK(!watched.ends(3s)); // it would have ended after 1.75 s at most
  CHECK(home.exec("true").code == 255);
  REQUIRE(home.moorage({"admin", "resume", "here"}).code == 0);
  CHECK(watched.ends(20s));
}

TEST_CASE("a started node does not end while somebody is linked to it") {
  starting_home home{"idle_end = \"1s\"\n"};
  program client{home.spec({"exec", "here", "--", "echo started; cat"}, "")};
  program user{[&] {
    auto spec = home.spec({"exec", "here", "--", "echo in use; cat"});
    spec.keep_input_open = true;
    return spec;
  }()};
  REQUIRE(user.wrote("in use"));
  REQUIRE(client.wait().code == 0);
  watched_process watched{home.node()};
  CHECK(!watched.ends(3s)); // it would have ended after 1.75 s at most
  user.close_input();
  CHECK(user.wait().code == 0);
  CHECK(watched.ends(20s));
}

TEST_CASE("a destination that is in no file is used through a started node, with the files as the command "
          "names them") {
  starting_home home;
  std::filesystem::copy(home.sshd.client_key(), home.folder / "key");
  REQUIRE(chmod((home.folder / "key").c_str(), 0600) == 0);
  std::filesystem::copy(home.sshd.known_hosts(), home.folder / "known");
  std::ofstream{home.config()} << "[node]\nstart = \"auto\"\n[defaults]\nkey_files = [\"key\"]\n"
                                  "known_hosts_files = [\"known\"]\nagent = false\n";
  auto destination = home.sshd.user() + "@" + home.sshd.host() + ":" + std::to_string(home.sshd.port());
  auto spec = home.spec(
      {"-c", "cd \"$HOME\" && exec \"$0\" exec \"$1\" -- echo hello", MOORAGE_PROGRAM, destination});
  spec.executable = "bash";
  spec.environment["MOORAGE_CONFIG"] = "moorage.toml";
  for (auto i = 0; i < 2; ++i) {
    auto ended = run(spec);
    CHECK(ended.error_output == "");
    CHECK(ended.output == "hello\n");
  }
  CHECK(home.sshd.logins() == 1);
  CHECK(home.node() > 0);
}

TEST_CASE("why no node could be started is told once, and the command goes on without") {
  starting_home home;
  std::filesystem::create_directory(home.folder / "moorage");
  REQUIRE(chmod((home.folder / "moorage").c_str(), 0777) == 0);
  auto ended = home.exec("echo hello");
  CHECK(ended.code == 0);
  CHECK(ended.output == "hello\n");
  CHECK(ended.error_output ==
        "moorage: no node could be started: others may write to the folder " + (home.folder / "moorage") +
            ": run chmod go-w on it, or choose a folder of your own for the node's socket; "
            "going on with connections of this command's own\n");
  CHECK(home.nodes().empty());
}

TEST_CASE("a started node that does not listen in time is not waited for, and the command goes on without") {
  starting_home home;
  std::filesystem::create_directory(home.folder / "moorage");
  REQUIRE(chmod((home.folder / "moorage").c_str(), 0700) == 0);
  // As another node holds it that hangs in its start: ours waits for it 2 s, and its command 1 s for both.
  moorage::unique_fd held{open((home.folder / "moorage").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  REQUIRE(flock(held.get(), LOCK_EX) == 0);
  program command{home.spec({"exec", "--wait", "1s", "here", "--", "echo hello"})};
  watched_process commanded{command.pid()};
  std::vector<pid_t> started;
  while (started.empty() && !commanded.ends(1ms))
    started = home.nodes();
  REQUIRE(started.size() == 1);
  watched_process node{started.front()};
  auto ended = command.wait();
  CHECK(ended.code == 0);
  CHECK(ended.output == "hello\n");
  CHECK(ended.error_output == "moorage: no node could be started: it did not listen in time; going on with "
                              "connections of this command's own\n");
  CHECK(node.ends(20s));
}

TEST_CASE("with -o, --socket or --embedded no node is started, nor by a question to one") {
  starting_home home;
  CHECK(home.moorage({"exec", "here", "-o", "pool_size=1", "--", "true"}).code == 0);
  CHECK(home.moorage({"exec", "here", "--embedded", "--", "true"}).code == 0);
  CHECK(home.moorage({"exec", "here", "--socket", home.socket(), "--", "true"}).code == 255);
  CHECK(home.moorage({"status"}).code == 4);
  CHECK(home.nodes().empty());
}

TEST_CASE("a node can be ended by a command, which says which process that was") {
  starting_home home;
  REQUIRE(home.exec("true").code == 0);
  auto node = home.node();
  REQUIRE(node > 0);
  watched_process watched{node};
  auto ended = home.moorage({"admin", "stop"});
  CHECK(ended.code == 0);
  CHECK(ended.output == "process " + std::to_string(node) + " serves no more\n");
  CHECK(watched.ends(20s));
  CHECK(!std::filesystem::exists(home.socket()));
  CHECK(home.moorage({"admin", "stop"}).code == 4);
}

TEST_CASE("a node that is frozen is told to end, and that it has not, and ends when it thaws") {
  starting_home home;
  REQUIRE(home.exec("true").code == 0);
  auto node = home.node();
  REQUIRE(node > 0);
  watched_process watched{node};
  REQUIRE(kill(node, SIGSTOP) == 0);
  auto ended = home.moorage({"admin", "stop"});
  CHECK(ended.code == 1);
  CHECK_THAT(ended.error_output, Contains("process " + std::to_string(node)) && Contains("serves"));
  REQUIRE(kill(node, SIGCONT) == 0);
  CHECK(watched.ends(20s));
  CHECK(home.moorage({"admin", "stop"}).code == 4);
}

TEST_CASE(
    "a process that understands no word of ours, as a node of another version may, ends by admin stop") {
  home_with_cluster home;
  // What such a process is to us: one called moorage, which listens there. This is ssh, with a forwarding.
  auto program_of_others = home.folder / "moorage", socket = home.folder / "old.sock";
  std::filesystem::copy_file("/usr/bin/ssh", program_of_others);
  auto spec = home.spec({"-F", "none", "-v", "-N", "-n", "-i", home.sshd.client_key(), "-p",
                         std::to_string(home.sshd.port()), "-l", home.sshd.user(), "-o",
                         "UserKnownHostsFile=" + home.sshd.known_hosts(), "-o", "ExitOnForwardFailure=yes",
                         "-L", socket + ":/nobody", home.sshd.host()});
  spec.executable = program_of_others;
  program other{spec};
  REQUIRE(other.wrote("forwarding listening on "));
  auto asked = run(home.spec({"status", "here", "--socket", socket}));
  CHECK(asked.code != 0);
  auto stopped = run(home.spec({"admin", "stop", "--socket", socket}));
  CHECK(stopped.error_output == "");
  CHECK(stopped.output == "process " + std::to_string(other.pid()) + " serves no more\n");
  CHECK(other.wait(20s).signal != SIGKILL); // by itself
}
