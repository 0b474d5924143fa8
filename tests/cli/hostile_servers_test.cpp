// What each command shows of a server that puts what it likes wherever it may put words or numbers.
#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <list>

#include <nlohmann/json.hpp>

#include "tests/cli/clusters.hpp"
#include "tests/cli/harmless.hpp"
#include "tests/support/hostile.hpp"
#include "tests/support/scripted_sshd.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::support::hostile_text;
using moorage::support::misleading;
using moorage::support::number;
using moorage::support::scripted_peer;
using moorage::support::scripted_sshd;
using moorage::support::text;
using nlohmann::json;

namespace {

// Numbers of messages (RFC 4250, section 4.1.2).
const std::string disconnect(1, 1), userauth_failure(1, 51), userauth_banner(1, 53), open_failure(1, 92);

void signals(scripted_peer& peer) {
  peer.welcome();
  peer.serve_ends(text("exit-signal") + moorage::support::flag(false) + text(hostile_text) +
                  moorage::support::flag(false) + text(hostile_text) + text(""));
}

void refuses_channels(scripted_peer& peer) {
  peer.welcome();
  for (;;)
    peer.send(open_failure + number(peer.await_open()) + number(1) + text(hostile_text) + text(""));
}

void hangs_up(scripted_peer& peer) {
  peer.welcome();
  while (!peer.serve_one(peer.receive(), 1 << 20, 32'768))
    continue;
  peer.send(disconnect + number(11) + text(hostile_text) + text(""));
  peer.flush();
  peer.receive();
}

/// With a banner before each denial, whose own lines would stay.
void denies(scripted_peer& peer) {
  auto banner = hostile_text;
  std::replace(banner.begin(), banner.end(), '\n', ' ');
  peer.greet();
  peer.exchange_keys();
  for (;;) {
    const auto packet = peer.receive();
    if (packet[0] == 5) // the service is asked for
      peer.send(std::string(1, 6) + text(moorage::support::text_at(packet, 1)));
    if (packet[0] != 50)
      continue;
    peer.send(userauth_banner + text(banner) + text(""));
    peer.send(userauth_failure + text("publickey," + hostile_text) + moorage::support::flag(false));
  }
}

/// Its version is shown, since it says nothing else.
void has_a_version(scripted_peer& peer) {
  std::string version;
  for (auto c : hostile_text)
    if (c != '\r' && c != '\n' && version.size() < 100)
      version += c;
  peer.greet("SSH-2.0-" + version);
  for (;;)
    peer.receive();
}

struct kind {
  const char* name; ///< the cluster's
  std::function<void(scripted_peer&)> script;
  const char* shown; ///< by `exec`, so that nothing is harmless by not being there
  const char* connect_timeout = "20s";
};

const kind kinds[] = {{"signals", signals, "ended by signal unknown"},
                      {"refuses", refuses_channels, "evil\\x1b[2J"},
                      {"hangs_up", hangs_up, "evil\\x1b[2J"},
                      {"denies", denies, "evil\\x1b[2J"},
                      {"version", has_a_version, "evil\\x1b[2J", "2s"}};

struct form {
  std::vector<std::string> before; ///< of the cluster's name
  std::vector<std::string> after = {};
  bool is_exec = false;
};

struct hostile_home : home_with_cluster {
  hostile_home() {
    std::ofstream config_file{config()};
    config_file << "[defaults]\nstrict_host_keys = \"no\"\nagent = false\nuser = \"u\"\n"
                << "channels_per_connection = 1\nlog_ins_per_minute = 0\npenalty_max = \"0s\"\n"
                << "key_files = [\"" << sshd.client_key() << "\"]\n"
                << "[log]\nfile = \"" << folder / "log"
                << "\"\nlevel = \"debug\"\n";
    for (const auto& each : kinds) {
      servers.emplace_back(each.script);
      config_file << "[clusters." << each.name << "]\nhost = \"" << servers.back().host()
                  << "\"\nport = " << servers.back().port() << "\nconnect_timeout = \""
                  << each.connect_timeout << "\"\n";
    }
  }
  /// Each form for each kind, all at once, since some take seconds.
  void check_all(const std::vector<form>& forms) {
    std::list<program> running;
    for (const auto& form : forms)
      for (const auto& each : kinds) {
        auto words = form.before;
        words.push_back(each.name);
        words.insert(words.end(), form.after.begin(), form.after.end());
        running.emplace_back(spec(words));
      }
    for (const auto& form : forms)
      for (const auto& each : kinds) {
        auto told = running.front().wait(50s);
        running.pop_front();
        CAPTURE(each.name, form.before);
        CHECK(told.signal == 0); // it was not given up
        check_harmless(told);
        if (!form.is_exec)
          continue;
        CHECK(told.code == 255);
        CHECK_THAT(told.error_output, Contains(each.shown));
      }
  }

  std::list<scripted_sshd> servers;
};

} // namespace

TEST_CASE("whatever a server says, wherever it may, each command shows nothing but text") {
  hostile_home home;
  home.check_all({{{"--embedded", "exec", "-n"}, {"--", "true"}, true},
                  {{"--embedded", "exec", "-n", "--json"}, {"--", "true"}, true},
                  {{"--embedded", "check"}},
                  {{"--embedded", "--json", "check"}},
                  {{"--embedded", "bench"}, {"--time", "100ms"}}});
}

TEST_CASE(
    "whatever servers say to a node, commands through it, its status and its log show nothing but text") {
  hostile_home home;
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 5 clusters on "));
  home.check_all({{{"exec", "-n"}, {"--", "true"}, true},
                  {{"exec", "-n", "--json"}, {"--", "true"}, true},
                  {{"check"}}});
  auto status = home.moorage({"status"});
  check_harmless(status);
  CHECK_THAT(status.output, Contains("denied"));
  check_harmless(home.moorage({"status", "--json"}));
  node.signal(SIGTERM);
  check_harmless(node.wait());
  std::ifstream in{home.folder / "log", std::ios::binary};
  std::string log{std::istreambuf_iterator<char>{in}, {}};
  check_harmless(log);
  CHECK_THAT(log, Contains("evil\\x1b[2J"));
}

TEST_CASE("an exit status beyond what a process can have is whole in JSON, and exec ends with its low byte") {
  for (const auto& [sent, code] : {std::pair{0xffff'ffffu, 255}, {0x1'0007u, 7}}) {
    scripted_sshd server{[sent = sent](scripted_peer& peer) {
      peer.welcome();
      peer.serve_ends(text("exit-status") + moorage::support::flag(false) + number(sent));
    }};
    home_with_cluster home;
    std::ofstream{home.config()}
        << "[clusters.here]\nstrict_host_keys = \"no\"\nagent = false\nuser = \"u\"\nhost = \""
        << server.host() << "\"\nport = " << server.port() << "\nkey_files = [\"" << home.sshd.client_key()
        << "\"]\n";
    auto told = home.moorage({"exec", "-n", "here", "--json", "--", "true"});
    INFO(told.output << told.error_output);
    CHECK(told.code == code);
    REQUIRE(!told.output.empty());
    CHECK(json::parse(told.output)["code"] == sent);
    auto plain = home.exec("true");
    CHECK(plain.code == code);
    CHECK(plain.error_output.empty()); // it is no failure of ours
  }
}
