// How a log-in that fails is told: once, with its cause, and with advice that whoever reads it can follow.
#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <list>
#include <map>

#include <unistd.h>

#include "tests/cli/clusters.hpp"
#include "tests/support/fake_sshd.hpp"
#include "tests/support/raw_peer.hpp"

using namespace moorage::cli_tests;
using namespace moorage::support;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

std::size_t count(const std::string& text, const std::string& words) {
  std::size_t times = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    ++times;
  return times;
}

struct situation {
  std::string name; ///< the cluster's
  std::map<std::string, std::string> settings;
  std::string cause; ///< told exactly once
  std::vector<std::string> told = {};
  std::vector<std::string> untold = {};
  bool latches = false; ///< the pool tries no more until it is reset
};

std::string quoted(const std::string& text) {
  return "\"" + text + "\"";
}

/// One sshd that works, and a cluster for each way not to get into it, or into another.
struct unlucky_home : home_with_cluster {
  unlucky_home() {
    nobody_listens.listen(false);
    std::ofstream{folder / "empty"};
    std::ofstream{folder / "changed"} << "[" << sshd.host() << "]:" << sshd.port() << " "
                                      << nobody_listens.host_key() << "\n";
    std::ofstream{folder / "closing"} << maintained.known_hosts_line() << "\n";
    std::filesystem::create_symlink("/dev/null", folder / "nothing_kept");
    std::filesystem::create_directory(folder / "a_folder");
    std::ofstream{folder / "none.toml"};
    add_peers();
    add_credentials();
    add_host_keys();
    std::ofstream config_file{config()};
    for (const auto& each : situations) {
      config_file << "[clusters." << each.name << "]\n";
      for (const auto& [key, value] : usual())
        config_file << key << " = " << (each.settings.contains(key) ? each.settings.at(key) : value) << "\n";
      for (const auto& [key, value] : each.settings)
        if (!usual().contains(key))
          config_file << key << " = " << value << "\n";
    }
  }

  std::map<std::string, std::string> usual() const {
    return {{"host", quoted(sshd.host())},
            {"port", std::to_string(sshd.port())},
            {"user", quoted(sshd.user())},
            {"key_files", "[" + quoted(sshd.client_key()) + "]"},
            {"agent", "false"},
            {"channels_per_connection", "1"},
            {"log_ins_per_minute", "0"},
            {"penalty_max", quoted("0s")},
            {"known_hosts_files", "[" + quoted(sshd.known_hosts()) + "]"},
            {"connect_timeout", "\"10s\""}};
  }

  void add_peers() {
    auto at = [](std::uint16_t port) { return std::pair{std::string{"port"}, std::to_string(port)}; };
    situations.push_back(
        {"refused", {at(nobody_listens.port())}, "Connection refused", {"check host and port"}});
    situations.push_back(
        {"no_name", {{"host", quoted("no-such-host.invalid")}}, "the name 'no-such-host.invalid'"});
    situations.push_back(
        {"silent", {at(silent.port()), {"connect_timeout", "\"2s\""}}, "has said nothing since"});
    situations.push_back({"mail",
                          {at(mail.port()), {"connect_timeout", "\"3s\""}},
                          "220 mail.example ESMTP",
                          {"does not speak SSH"}});
    situations.push_back({"closing", {at(closing.port())}, "during the key exchange"});
    situations.push_back(
        {"maintained",
         {at(maintained.port()), {"known_hosts_files", "[" + quoted(folder / "closing") + "]"}},
         "down for maintenance until noon"});
  }

  void add_credentials() {
    auto keys = [](const std::string& file) {
      return std::pair{std::string{"key_files"}, "[" + quoted(file) + "]"};
    };
    auto wrong = sshd.unauthorised_client_key();
    situations.push_back({"wrong_key", {keys(wrong)}, wrong, {"credentials"}, {"was denied"}, true});
    auto locked = sshd.locked_client_key();
    situations.push_back(
        {"locked_key", {keys(locked)}, "locked by a passphrase", {"agent"}, {"_secret", "secret store"}});
    situations.push_back({"no_key",
                          {{"key_files", "[]"}},
                          "there is nothing to log in with",
                          {},
                          {"_secret", "secret store"}});
    situations.push_back({"no_agent", {{"key_files", "[]"}, {"agent", "true"}}, "SSH_AUTH_SOCK"});
    situations.push_back({"password",
                          {{"key_files", "[]"}, {"password_secret", quoted("pw")}},
                          "keeps no secret 'pw'",
                          {"moorage holds no passwords"}});
  }

  void add_host_keys() {
    auto known = [](const std::string& file) {
      return std::pair{std::string{"known_hosts_files"}, "[" + quoted(file) + "]"};
    };
    auto print = sshd.host_key_fingerprint();
    situations.push_back(
        {"changed", {known(folder / "changed")}, print, {">> " + (folder / "changed")}, {"settle"}, true});
    situations.push_back(
        {"unknown", {known(folder / "empty")}, print, {">> " + (folder / "empty")}, {"settle"}, true});
    situations.push_back(
        {"kept_nowhere", {known(folder / "nothing_kept")}, print, {"known_hosts_files"}, {">>"}, true});
    situations.push_back(
        {"zero", {known("/dev/zero")}, "/dev/zero is not", {"Mend that"}, {">>", "the host key"}, true});
    situations.push_back({"a_folder",
                          {known(folder / "a_folder")},
                          "a_folder is not",
                          {"Mend that"},
                          {">>", "the host key"},
                          true});
  }

  /// All at once, since some of them take seconds.
  std::map<std::string, finished> all(const std::vector<std::string>& before,
                                      const std::vector<std::string>& after,
                                      const std::string& configuration) {
    std::list<program> running;
    for (const auto& each : situations) {
      auto words = before;
      words.push_back(each.name);
      words.insert(words.end(), after.begin(), after.end());
      auto started = spec(words);
      started.environment["MOORAGE_CONFIG"] = configuration;
      running.emplace_back(started);
    }
    std::map<std::string, finished> ended;
    for (const auto& each : situations) {
      ended[each.name] = running.front().wait(50s);
      running.pop_front();
    }
    return ended;
  }

  fake_sshd nobody_listens;
  raw_peer silent{""};
  raw_peer mail{"220 mail.example ESMTP\r\n"};
  fake_sshd closing{[] {
    fake_faults faults;
    faults.break_at = phase::banner;
    faults.break_how = breakage::close;
    return faults;
  }()};
  fake_sshd maintained{[] {
    fake_faults faults;
    faults.break_at = phase::authentication;
    faults.break_how = breakage::close;
    faults.parting_banner = "down for maintenance until noon\n";
    return faults;
  }()};
  std::vector<situation> situations;
};

/// `node`: how a command line begins that finds the node which told it; empty: none did.
void check_told_once(const situation& each, const std::string& told, const std::string& node = {}) {
  INFO(each.name << ": " << told);
  CHECK(count(told, each.cause) == 1);
  CHECK(std::count(told.begin(), told.end(), '\n') <= 4);
  for (const auto& words : each.told)
    CHECK_THAT(told, Contains(words));
  for (const auto& words : each.untold)
    CHECK_THAT(told, !Contains(words));
  // Names of the code's, lines of the log, and what is no more once the command has ended.
  for (const auto* words : {"open_failed", "backing_off", "latched", "key_exchange", "host_key_", "timed_out",
                            "no_credentials", "name_not_found", "known_hosts_unreadable", "moorage warning",
                            "moorage error", ">> /dev", "the pool tries again"})
    CHECK_THAT(told, !Contains(words));
  CHECK(count(told, node + " admin reset " + each.name) == (each.latches && !node.empty() ? 1u : 0u));
  if (node.empty())
    CHECK_THAT(told, !Contains("admin"));
}

} // namespace

TEST_CASE("a failed log-in of a command's own is told once, with its cause and advice that fits") {
  unlucky_home home;
  auto ended = home.all({"--embedded", "exec", "-n"}, {"--", "true"}, home.config());
  for (const auto& each : home.situations) {
    const auto& how = ended.at(each.name);
    CHECK(how.code == 255);
    CHECK(how.output.empty());
    check_told_once(each, how.error_output);
    CHECK(count(how.error_output, "the command did not run") == 1);
  }
}

TEST_CASE("a failed log-in of a node's is told once by the command that met it, and how the pool goes on") {
  unlucky_home home;
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving "));
  auto ended = home.all({"exec", "-n"}, {"--", "true"}, home.folder / "none.toml");
  for (const auto& each : home.situations) {
    const auto& how = ended.at(each.name);
    CHECK(how.code == 255);
    check_told_once(each, how.error_output, "moorage --config " + (home.folder / "none.toml"));
    CHECK(count(how.error_output, "the command did not run") == 1);
  }
  auto again = home.moorage({"exec", "-n", "wrong_key", "--", "true"}).error_output;
  INFO(again);
  CHECK(count(again, "moorage --config " + home.config() + " admin reset wrong_key") == 1);
  CHECK_THAT(again, Contains("not tried again (that takes other files, new settings or a reset)"));
  auto status = home.moorage({"status"}).output;
  for (const auto& each : home.situations) {
    INFO(each.name << ": " << status);
    if (each.latches)
      CHECK(count(status, "moorage --config " + home.config() + " admin reset " + each.name) == 1);
  }
  node.signal(SIGTERM);
  node.wait();
}

TEST_CASE("check and bench tell a failed log-in once, and what they would have done goes without saying") {
  unlucky_home home;
  std::erase_if(home.situations, [](const situation& each) {
    return each.name != "refused" && each.name != "wrong_key" && each.name != "changed" &&
           each.name != "zero" && each.name != "no_key" && each.name != "locked_key" &&
           each.name != "password";
  });
  REQUIRE(home.situations.size() == 7);
  auto checked = home.all({"--embedded", "check"}, {}, home.config());
  auto benched = home.all({"--embedded", "bench"}, {"--time", "100ms"}, home.config());
  for (const auto& each : home.situations) {
    const auto& check = checked.at(each.name);
    CHECK(check.code == 5);
    check_told_once(each, check.error_output);
    INFO(check.output);
    // The table of keys has each with its file, and why it was not shown.
    const bool of_a_key = each.name == "wrong_key" || each.name == "locked_key";
    CHECK(count(check.output, each.cause) == (of_a_key ? 1 : 0));
    CHECK_THAT(check.output, Contains("try failed") || Contains(" tries failed"));
    CHECK(benched.at(each.name).code == 5);
    check_told_once(each, benched.at(each.name).error_output);
  }
  CHECK_THAT(home.moorage({"--embedded", "--json", "check", "no_key"}).output,
             Contains("\"code\": \"no_credentials\""));
}

TEST_CASE("with -v the log beside the error leaves the cause to it") {
  unlucky_home home;
  auto executed = home.all({"--embedded", "-v", "exec", "-n"}, {"--", "true"}, home.config());
  for (const auto& each : home.situations) {
    const auto& told = executed.at(each.name).error_output;
    INFO(each.name << ": " << told);
    CHECK(count(told, each.cause) == 1);
    CHECK(count(told, "open_failed") >= 1);
  }
}

TEST_CASE("whoever waits is told what for, in one short line a state") {
  home_with_cluster home;
  home.sshd.stop();
  program waiting{home.spec({"exec", "here", "--wait", "60s", "-n", "--", "echo back"})};
  REQUIRE(waiting.wrote("moorage: here: not reached yet, trying again\n"));
  home.sshd.start();
  auto ended = waiting.wait(60s);
  CHECK(ended.output == "back\n");
  CHECK(std::count(ended.error_output.begin(), ended.error_output.end(), '\n') <= 2);
  home.sshd.stop();
  program quiet{home.spec({"-q", "exec", "here", "--wait", "7s", "-n", "--", "echo back"})};
  auto error_output = quiet.wait(60s).error_output;
  CHECK(count(error_output, "\n") == 1);
  // Of the seven seconds, what was left when the program had started.
  CHECK_THAT(error_output, Contains("did not pass within 7 s") || Contains("did not pass within 6."));
}

TEST_CASE("a key file that has gone since the node began is named by the command that needs it") {
  unlucky_home home;
  std::filesystem::rename(home.sshd.client_key(), home.folder / "key");
  home.write_config();
  std::ofstream{home.config()} << "[clusters.here]\nhost = \"" + home.sshd.host() +
                                      "\"\nport = " + std::to_string(home.sshd.port()) + "\nkey_files = [\"" +
                                      (home.folder / "key") + "\"]\nagent = false\nknown_hosts_files = [\"" +
                                      home.sshd.known_hosts() + "\"]\n";
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving "));
  std::filesystem::remove(home.folder / "key");
  auto words = home.spec({"exec", "-n", "here", "--", "true"});
  words.environment["MOORAGE_CONFIG"] = home.folder / "none.toml";
  auto told = run(words).error_output;
  INFO(told);
  CHECK(count(told, (home.folder / "key") + " does not exist") == 1);
  CHECK(count(told, "\n") == 1);
  node.signal(SIGTERM);
  node.wait();
}
