// What a user sees of a server that says nothing, or of one behind it, when their patience ends before the
// log-in has failed: it does with the defaults, where both are as long.
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/clusters.hpp"
#include "tests/support/fake_sshd.hpp"
#include "tests/support/raw_peer.hpp"

using namespace moorage;
using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using nlohmann::json;

namespace {

constexpr auto silence = "the server took the connection and has said nothing since";

std::size_t times_in(const std::string& text, const std::string& words) {
  std::size_t times = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    ++times;
  return times;
}

/// `frozen` says nothing, and `inner` is behind it.
struct home_with_frozen_host : home_with_cluster {
  home_with_frozen_host() {
    std::ofstream config_file{config()};
    for (std::string name : {"frozen", "inner"})
      config_file << "[clusters." << name << "]\nhost = \"" << silent.host() << "\"\nport = " << silent.port()
                  << "\nkey_files = [\"" << sshd.client_key()
                  << "\"]\nagent = false\nconnect_timeout = \"30s\"\n"
                  << (name == "inner" ? "jump = \"frozen\"\n" : "");
  }
  support::raw_peer silent{""};
};

/// `here` lets in and then, or before that, falls silent; `behind` is by way of it.
struct home_with_silent_server {
  explicit home_with_silent_server(const support::fake_faults& faults) : server{faults} {
    server.write_known_hosts(folder / "known_hosts");
    const auto key = folder / "id";
    REQUIRE(support::run_to_end({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}}) == 0);
    std::ofstream config_file{folder / "moorage.toml"};
    for (std::string name : {"here", "behind"})
      config_file << "[clusters." << name << "]\nhost = \"" << server.host() << "\"\nport = " << server.port()
                  << "\nuser = \"me\"\nkey_files = [\"" << key
                  << "\"]\nagent = false\nknown_hosts_files = [\"" << folder / "known_hosts"
                  << "\"]\nprobe_timeout = \"1s\"\n"
                  << (name == "behind" ? "jump = \"here\"\n" : "");
  }
  finished moorage(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "--embedded");
    return run({std::move(arguments), folder.path(), {}, {{"MOORAGE_CONFIG", folder / "moorage.toml"}}});
  }
  support::fake_sshd server;
  support::scratch_folder folder;
};

support::fake_faults silent_at(support::phase when) {
  support::fake_faults faults;
  faults.break_at = when;
  faults.break_how = support::breakage::silence;
  return faults;
}

/// What the table of `check` has in the row of this step; empty: none.
std::string row(const std::string& told, const std::string& step) {
  const auto at = told.find("\n" + step + " ");
  return at == std::string::npos ? std::string{} : told.substr(at + 1, told.find('\n', at + 1) - at - 1);
}

} // namespace

TEST_CASE("a host that says nothing is told by its name, when the patience of who waits ends first") {
  home_with_frozen_host home;
  for (std::string name : {"frozen", "inner"}) {
    auto ended = home.moorage({"--embedded", "exec", name, "--wait", "4s", "-n", "--", "true"});
    INFO(ended.error_output);
    CHECK(ended.code == 255);
    CHECK(times_in(ended.error_output, silence) == 1);
    CHECK(times_in(ended.error_output, "'frozen'") >= 1);
    CHECK(times_in(ended.error_output, "the command did not run") == 1);
    CHECK(times_in(ended.error_output, "\n") == 1);
  }
}

TEST_CASE("check has a row for the hop that has not opened when its patience ends") {
  home_with_frozen_host home;
  auto direct = home.moorage({"--embedded", "check", "frozen", "--wait", "4s"});
  INFO(direct.output << direct.error_output);
  CHECK(direct.code == 5);
  for (auto done : {"prepare", "look up", "connect"})
    CHECK(row(direct.output, done) != "");
  CHECK_THAT(row(direct.output, "connect"), Contains(home.silent.host()));
  CHECK_THAT(row(direct.output, "key exchange"), Contains(" s ") && Contains("not done yet"));
  CHECK_THAT(direct.error_output, Contains("the log-in at 'frozen' hangs where the table ends"));
  CHECK(times_in(direct.output + direct.error_output, silence) == 1);
  auto behind = home.moorage({"--embedded", "check", "inner", "--wait", "4s"});
  INFO(behind.output << behind.error_output);
  CHECK(row(behind.output, "frozen: connect") != "");
  CHECK_THAT(row(behind.output, "frozen: key exchange"), Contains("not done yet"));
  CHECK_THAT(behind.error_output, Contains("the log-in at 'frozen' hangs"));
  CHECK(times_in(behind.output + behind.error_output, silence) == 1);
  auto told = json::parse(home.moorage({"--embedded", "--json", "check", "inner", "--wait", "4s"}).output);
  auto step = told["steps"].back();
  CHECK(step["cluster"] == "frozen");
  CHECK(step["step"] == "key exchange");
  CHECK(step["took_seconds"].get<double>() > 3);
  CHECK(step["failed"] == true);
  CHECK_THAT(step["text"].get<std::string>(), Contains(silence));
}

TEST_CASE("check tells the steps that were done before a log-in hangs, and which one hangs") {
  home_with_silent_server home{silent_at(support::phase::authentication)};
  for (std::string name : {"here", "behind"}) {
    auto ended = home.moorage({"check", name, "--wait", "3s"});
    INFO(ended.output << ended.error_output);
    CHECK(ended.code == 5);
    const auto hop = name == "here" ? std::string{} : "here: ";
    for (auto done : {"prepare", "look up", "connect", "key exchange", "host key"})
      CHECK(row(ended.output, hop + done) != "");
    CHECK_THAT(row(ended.output, hop + "authenticate"), Contains("not done yet"));
    CHECK(times_in(ended.output + ended.error_output, "waiting for the server's answer") == 1);
  }
}

TEST_CASE("check tells of a machine behind a jump host which step hangs there") {
  home_with_frozen_host home;
  std::ofstream{home.config(), std::ios::app} << home.cluster("gate") << "[clusters.far]\nhost = \""
                                              << home.silent.host() << "\"\nport = " << home.silent.port()
                                              << "\nkey_files = [\"" << home.sshd.client_key()
                                              << "\"]\nagent = false\njump = \"gate\"\n";
  auto ended = home.moorage({"--embedded", "check", "far", "--wait", "4s"});
  INFO(ended.output << ended.error_output);
  CHECK(ended.code == 5);
  CHECK(row(ended.output, "gate: authenticate") != "");
  CHECK_THAT(row(ended.output, "connect"), Contains("by the jump host 'gate'"));
  CHECK_THAT(row(ended.output, "key exchange"), Contains("not done yet"));
  CHECK_THAT(ended.error_output, Contains("the log-in at 'far' hangs"));
}

TEST_CASE("check says that the server let us in, where no channel opens, for how long, and what to do") {
  support::fake_faults faults;
  faults.channel_open = support::reply::never;
  home_with_silent_server home{faults};
  auto ended = home.moorage({"check", "here"});
  INFO(ended.output << ended.error_output);
  CHECK(ended.code == 5);
  CHECK(row(ended.output, "authenticate") != "");
  CHECK_THAT(row(ended.output, "probe"), Contains(" 1.0") && Contains("failed"));
  CHECK_THAT(ended.error_output,
             Contains("here: the server let us in, and then gave no answer within 1s to the probe") &&
                 Contains("ask the site"));
}

TEST_CASE("a command whose time is up before its channel opens is told that none did, and did not run") {
  support::fake_faults faults;
  faults.channel_open = support::reply::never;
  home_with_silent_server home{faults};
  auto ended = home.moorage({"exec", "here", "--timeout", "800ms", "-n", "--", "true"});
  INFO(ended.error_output);
  CHECK(ended.code == 255);
  CHECK_THAT(ended.error_output, Contains("the server opened no channel for the command in 8") &&
                                     Contains("nothing was sent") && Contains("its timeout of 800ms") &&
                                     Contains("the command did not run: it is safe to run it again"));
}

TEST_CASE("an administrator sees which connection is being opened, and what it waits for") {
  home_with_frozen_host home;
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving "));
  program waiting{home.spec({"exec", "frozen", "-n", "--", "true"})};
  REQUIRE(waiting.wrote("frozen: still connecting\n"));
  CHECK_THAT(home.moorage({"admin", "connections", "frozen"}).output, Contains(silence));
  auto told = json::parse(home.moorage({"admin", "connections", "frozen", "--json"}).output);
  CHECK_THAT(told["connections"][0]["hindered"].get<std::string>(), Contains(silence));
  waiting.signal(SIGINT);
  CHECK(times_in(waiting.wait().error_output, silence) == 0);
  node.signal(SIGTERM);
  node.wait();
}
