// Programs that run ssh, told to run `moorage ssh`. They go to `here`, a name that moorage alone knows, or to
// a Host of ssh's configuration.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "tests/cli/hosts_home.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

const std::string moorage_ssh = MOORAGE_PROGRAM "-ssh";

/// More than what a pipe and a channel's window take at once, with every byte in it.
std::string large_text() {
  std::string result;
  for (std::uint32_t i = 0; i < 5'000'000; ++i)
    result += static_cast<char>(i * 7919 >> 3);
  return result;
}

void write_file(const std::string& file, const std::string& text) {
  std::ofstream{file, std::ios::binary} << text;
}

std::string read_file(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

struct home_of_programs : node_home {
  /// Another program than moorage, in the same home.
  finished another(const std::string& program, std::vector<std::string> arguments,
                   const std::map<std::string, std::string>& environment = {}) const {
    auto how = spec(std::move(arguments));
    how.executable = program;
    how.environment.insert(environment.begin(), environment.end());
    return run(how, 60s);
  }
  /// Leases that the node has granted, in all its pools.
  int grants() const {
    auto result = 0;
    auto status = ask({"status"});
    for (const auto& each : status["pools"])
      result += each["counters"]["grants"].get<int>();
    return result;
  }
  /// That it went well, and through the node.
  void went_well(const finished& ended) {
    INFO(ended.output << ended.error_output);
    CHECK(ended.code == 0);
    CHECK(grants() > std::exchange(granted, grants()));
  }

  int granted = 0;
};

} // namespace

TEST_CASE("scp -O copies files both ways through the pool, with moorage-ssh as its ssh", "[programs]") {
  home_of_programs home;
  auto text = large_text();
  write_file(home.folder / "sent", text);
  auto there = home.folder / "there";
  home.went_well(home.another("scp", {"-O", "-S", moorage_ssh, home.folder / "sent", "here:" + there}));
  CHECK(read_file(there) == text);
  home.went_well(home.another("scp", {"-O", "-S", moorage_ssh, "-p", "here:" + there, home.folder / "back"}));
  CHECK(read_file(home.folder / "back") == text);
  auto missing = home.another("scp", {"-O", "-S", moorage_ssh, "here:/no/such/file", home.folder / "x"});
  CHECK(missing.code == 1);
  CHECK_THAT(missing.error_output, Contains("No such file"));
}

TEST_CASE("sftp, and scp by it, go through the pool as a subsystem", "[programs]") {
  home_of_programs home;
  auto text = large_text();
  write_file(home.folder / "sent", text);
  auto there = home.folder / "there";
  home.went_well(home.another("scp", {"-S", moorage_ssh, home.folder / "sent", "here:" + there}));
  CHECK(read_file(there) == text);
  write_file(home.folder / "batch", "get " + there + " " + home.folder / "back" + "\nrm " + there + "\n");
  home.went_well(home.another("sftp", {"-S", moorage_ssh, "-b", home.folder / "batch", "here"}));
  CHECK(read_file(home.folder / "back") == text);
  CHECK_FALSE(std::filesystem::exists(there));
  auto none = home.moorage({"ssh", "-s", "here", "nosuch"});
  CHECK(none.code == 255);
  CHECK_THAT(none.error_output, Contains("the server refused the subsystem"));
}

TEST_CASE("rsync copies folders both ways through the pool", "[programs]") {
  home_of_programs home;
  std::filesystem::create_directories(home.folder / "run/deep");
  write_file(home.folder / "run/deep/large", large_text());
  write_file(home.folder / "run/small name", "hello");
  for (const auto& by : {std::string{MOORAGE_PROGRAM " ssh"}, moorage_ssh}) {
    home.went_well(home.another(
        "rsync", {"-a", "--delete", "-e", by, home.folder / "run/", "here:" + home.folder / "there"}));
    home.went_well(
        home.another("rsync", {"-a", "-e", by, "here:" + home.folder / "there/", home.folder / "back"}));
    CHECK(read_file(home.folder / "back/deep/large") == large_text());
    CHECK(read_file(home.folder / "back/small name") == "hello");
    std::filesystem::remove_all(home.folder / "back");
  }
}

TEST_CASE("git clones and pushes through the pool", "[programs]") {
  home_of_programs home;
  auto git = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-c", "user.name=me", "-c", "user.email=me@example.org"});
    return home.another("git", std::move(arguments), {{"GIT_SSH_COMMAND", MOORAGE_PROGRAM " ssh"}});
  };
  auto bare = home.folder / "bare.git", first = home.folder / "first", second = home.folder / "second";
  REQUIRE(git({"init", "-q", "--bare", bare}).code == 0);
  home.went_well(git({"clone", "-q", "ssh://here" + bare, first}));
  write_file(first + "/file", large_text());
  REQUIRE(git({"-C", first, "add", "file"}).code == 0);
  REQUIRE(git({"-C", first, "commit", "-q", "-m", "one"}).code == 0);
  home.went_well(git({"-C", first, "push", "-q", "origin", "HEAD:refs/heads/main"}));
  home.went_well(git({"clone", "-q", "-b", "main", "here:" + bare, second}));
  CHECK(read_file(second + "/file") == large_text());
  auto missing = git({"clone", "-q", "here:/no/such/repository", home.folder / "third"});
  CHECK(missing.code == 128);
}

TEST_CASE("scp, sftp, rsync and git go to a Host behind a ProxyJump, all by one log-in at each of the two",
          "[programs]") {
  hosts_home home;
  moorage::support::real_sshd gate;
  home.write(host_of("gate", gate) + host_of("far", home.sshd) + "  ProxyJump gate\n");
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 0 clusters on "));
  auto goes_well = [&](const std::string& program, std::vector<std::string> arguments) {
    auto how = home.spec(std::move(arguments));
    how.executable = program;
    how.environment.insert({"GIT_SSH_COMMAND", moorage_ssh});
    auto ended = run(how, 60s);
    INFO(ended.output << ended.error_output);
    CHECK(ended.code == 0);
  };
  auto text = large_text();
  auto sent = home.folder / "sent", there = home.folder / "there", back = home.folder / "back";
  auto came_back = [&](const std::string& file) {
    CHECK(read_file(file) == text);
    std::filesystem::remove(file);
  };
  write_file(sent, text);
  for (const auto& by : {std::vector<std::string>{"-O", "-S", moorage_ssh}, {"-S", moorage_ssh}}) {
    auto words = by;
    words.insert(words.end(), {sent, "far:" + there});
    goes_well("scp", words);
    words = by;
    words.insert(words.end(), {"far:" + there, back});
    goes_well("scp", words);
    came_back(back);
    came_back(there);
  }
  write_file(home.folder / "batch", "put " + sent + " " + there + "\nget " + there + " " + back + "\n");
  goes_well("sftp", {"-S", moorage_ssh, "-b", home.folder / "batch", "far"});
  came_back(back);
  came_back(there);
  goes_well("rsync", {"-a", "-e", MOORAGE_PROGRAM " ssh", sent, "far:" + there});
  goes_well("rsync", {"-a", "-e", moorage_ssh, "far:" + there, back});
  came_back(back);
  auto bare = home.folder / "bare.git", clone = home.folder / "clone", second = home.folder / "second";
  auto me = std::vector<std::string>{"-c", "user.name=me", "-c", "user.email=me@example.org", "-C", clone};
  auto git = [&](std::vector<std::string> words) {
    words.insert(words.begin(), me.begin(), me.end());
    goes_well("git", words);
  };
  goes_well("git", {"init", "-q", "--bare", bare});
  goes_well("git", {"clone", "-q", "ssh://far" + bare, clone});
  std::filesystem::rename(sent, clone + "/file");
  git({"add", "file"});
  git({"commit", "-q", "-m", "one"});
  git({"push", "-q", "origin", "HEAD:refs/heads/main"});
  goes_well("git", {"clone", "-q", "-b", "main", "far:" + bare, second});
  came_back(second + "/file");
  CHECK(gate.logins() == 1);
  CHECK(home.sshd.logins() == 1);
}

TEST_CASE("ClusterShell runs its commands through the pool, with their exit codes and output apart",
          "[programs]") {
  home_of_programs home;
  auto clush = [&](const std::string& command) {
    return home.another("clush", {"-S", "-O", "ssh_path=" + moorage_ssh, "-w", "here", command});
  };
  home.went_well(clush("echo hello"));
  CHECK(clush("echo hello").output == "here: hello\n");
  auto failed = clush("echo bad >&2; exit 7");
  CHECK(failed.code == 7);
  CHECK_THAT(failed.error_output, Contains("here: bad"));
}

namespace {

finished ansible(const home_of_programs& home, const std::string& module, const std::string& arguments) {
  return home.another("ansible", {"all", "-i", "here,", "-m", module, "-a", arguments},
                      {{"ANSIBLE_SSH_EXECUTABLE", moorage_ssh},
                       {"ANSIBLE_SSH_USETTY", "0"},
                       {"ANSIBLE_PIPELINING", "1"},
                       {"ANSIBLE_SSH_TRANSFER_METHOD", "piped"},
                       {"ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3"},
                       {"LC_ALL", "C.UTF-8"}});
}

} // namespace

TEST_CASE("Ansible runs a module through the pool, without a terminal", "[programs]") {
  home_of_programs home;
  auto ended = ansible(home, "command", "echo hello");
  home.went_well(ended);
  CHECK_THAT(ended.output, Contains("here | CHANGED | rc=0") && Contains("hello"));
}

TEST_CASE("Ansible copies files both ways through the pool, piped", "[programs]") {
  home_of_programs home;
  auto text = large_text();
  write_file(home.folder / "sent", text);
  auto there = home.folder / "there";
  home.went_well(ansible(home, "copy", "src=" + home.folder / "sent" + " dest=" + there));
  CHECK(read_file(there) == text);
  home.went_well(ansible(home, "fetch", "src=" + there + " dest=" + home.folder / "back" + " flat=yes"));
  CHECK(read_file(home.folder / "back") == text);
}
