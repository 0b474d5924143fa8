// What a user sees of a server that says nothing, or of one behind it, when their patience ends before the
// log-in has failed: it does with the defaults, where both are as long.
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/clusters.hpp"
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
  CHECK_THAT(direct.output, Contains("\nopening "));
  CHECK(times_in(direct.output + direct.error_output, silence) == 1);
  auto behind = home.moorage({"--embedded", "check", "inner", "--wait", "4s"});
  INFO(behind.output << behind.error_output);
  CHECK_THAT(behind.output, Contains("\nfrozen: opening "));
  CHECK(times_in(behind.output + behind.error_output, silence) == 1);
  auto told = json::parse(home.moorage({"--embedded", "--json", "check", "inner", "--wait", "4s"}).output);
  auto step = told["steps"].back();
  CHECK(step["cluster"] == "frozen");
  CHECK(step["failed"] == true);
  CHECK_THAT(step["text"].get<std::string>(), Contains(silence));
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
