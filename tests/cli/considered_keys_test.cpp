// What people and scripts are told of the keys of a log-in, of certificates that end, and of whoever has to
// touch something at a jump host.
#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/cli/clusters.hpp"
#include "tests/support/agents.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::support::run_to_end;
using nlohmann::json;

namespace {

/// Beside `here`, the cluster `doubtful`, which has three keys: one that is locked, one that the server does
/// not know, and the right one.
struct home_with_keys : home_with_cluster {
  home_with_keys() {
    REQUIRE(run_to_end({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "word", "-f", locked()}}) == 0);
    auto table = cluster("doubtful");
    auto right = "\"" + sshd.client_key() + "\"";
    table.replace(table.find(right), right.size(), "\"" + locked() + "\", \"" + stranger + "\", " + right);
    write_config(table);
  }
  std::string locked() const { return folder / "id_locked"; }
  std::string stranger = sshd.unauthorised_client_key();
};

const json& key_from(const json& checked, const std::string& from) {
  for (const auto& key : checked["keys"])
    if (key["from"] == from)
      return key;
  FAIL("no key from " << from << " in " << checked.dump());
  return checked;
}

} // namespace

TEST_CASE("check tells each key, what became of it and what to do, for people and for scripts") {
  home_with_keys home;
  auto said = home.moorage({"check", "doubtful"});
  CHECK(said.code == 0);
  CHECK_THAT(said.output,
             Contains("KEY") && Contains("WHAT BECAME OF IT") && Contains("ssh-ed25519 SHA256:"));
  CHECK_THAT(said.output, Contains("file " + home.locked()) &&
                              Contains("not offered: is locked by a passphrase") &&
                              Contains("to do: ssh-add " + home.locked()));
  CHECK_THAT(said.output, Contains("denied; to do: see that its public part is known there"));
  auto checked = json::parse(home.moorage({"check", "doubtful", "--json"}).output);
  REQUIRE(checked["keys"].size() >= 3);
  CHECK(key_from(checked, "file " + home.sshd.client_key())["fate"] == "accepted");
  CHECK(key_from(checked, "file " + home.stranger)["fate"] == "denied");
  CHECK(key_from(checked, "file " + home.locked())["fate"] == "not_offered");
  CHECK(key_from(checked, "file " + home.locked())["cluster"] == "doubtful");
}

TEST_CASE("check tells the keys of a log-in that failed, and those of the jump host by its name") {
  home_with_keys home;
  auto table = home.cluster("inner");
  home.write_config(home.cluster("doubtful") + table + "jump = \"here\"\n");
  std::ofstream{home.sshd.folder() + "/nobody"} << "";
  auto checked = json::parse(home.moorage({"check", "inner", "--json"}).output);
  auto by = [&](const std::string& cluster) {
    return std::count_if(checked["keys"].begin(), checked["keys"].end(), [&](const json& key) {
      return key["cluster"] == cluster && key["fate"] == "accepted";
    });
  };
  CHECK(by("here") == 1);
  CHECK(by("inner") == 1);
  home.sshd.reconfigure({"AuthorizedKeysFile " + home.sshd.folder() + "/nobody"});
  auto failed = json::parse(home.moorage({"check", "here", "--json"}).output);
  CHECK(failed["well"] == false);
  CHECK(key_from(failed, "file " + home.sshd.client_key())["fate"] == "denied");
}

TEST_CASE("check tells once that a jump host is down, however often that was tried") {
  home_with_cluster home;
  auto gate = home.cluster("gate");
  auto port = "port = " + std::to_string(home.sshd.port());
  gate.replace(gate.find(port), port.size(), "port = 1\nconnect_tries = 2");
  home.write_config(gate + home.cluster("inner") + "connect_tries = 2\njump = \"gate\"\n");
  auto ended = home.moorage({"check", "inner"});
  CHECK(ended.code == 5);
  INFO(ended.output);
  auto times = [&](const std::string& what) {
    std::size_t count = 0;
    for (auto at = ended.output.find(what); at != std::string::npos; at = ended.output.find(what, at + 1))
      ++count;
    return count;
  };
  CHECK_THAT(ended.output, Contains(" tries failed") && Contains("not carried by its jump host"));
  CHECK(times("ries failed") + times("ry failed") == 2);
  CHECK(times("Connection refused") <= 1);
  CHECK_THAT(ended.error_output, Contains("the jump host 'gate'") && Contains("Connection refused"));
}

TEST_CASE("exec tells that a touch is waited for at the jump host") {
  home_with_cluster home;
  moorage::support::confirming_agent agent{{home.sshd.client_key()}};
  auto gate = home.cluster("gate");
  auto keys = "key_files = [\"" + home.sshd.client_key() + "\"]\nagent = false\n";
  gate.replace(gate.find(keys), keys.size(), "agent_socket = \"" + agent.socket() + "\"\n");
  home.write_config(gate + home.cluster("inner") + "jump = \"gate\"\n");
  program waiting{home.spec({"exec", "inner", "--", "echo there"})};
  REQUIRE(waiting.wrote("inner: waiting for the agent (publickey ssh-ed25519"));
  CHECK(waiting.wrote("at the jump host 'gate'"));
  agent.answer(true);
  auto ended = waiting.wait();
  CHECK(ended.code == 0);
  CHECK(ended.output == "there\n");
}

TEST_CASE("admin events tells that a certificate ends soon") {
  home_with_cluster home;
  auto authority = home.sshd.add_client_key("authority");
  auto key = home.folder / "id";
  REQUIRE(run_to_end({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}}) == 0);
  REQUIRE(run_to_end({{"ssh-keygen", "-q", "-s", authority, "-I", "us", "-n", home.sshd.user(), "-V",
                       "-1h:+20m", key + ".pub"}}) == 0);
  home.sshd.reconfigure({"TrustedUserCAKeys " + authority + ".pub"});
  auto table = home.cluster("short");
  auto right = "\"" + home.sshd.client_key() + "\"";
  table.replace(table.find(right), right.size(), "\"" + key + "\"");
  home.write_config(table + "certificate_warning = \"30min\"\n");
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 2 clusters on "));
  program events{home.spec({"admin", "events", "--json"})};
  program words{home.spec({"admin", "events"})};
  for (auto* each : {&events, &words}) // from here on they hear everything
    while (!each->wrote("granted", 200ms)) {
      auto ended = home.exec("true");
      INFO(ended.error_output);
      REQUIRE(ended.code == 0);
    }
  REQUIRE(home.moorage({"exec", "short", "--", "true"}).code == 0);
  CHECK(words.wrote("the certificate " + key + "-cert.pub for " + home.sshd.user() + " ends on "));
  REQUIRE(events.wrote("set renew_command"));
  auto at = events.output().find("\"expiring\"");
  REQUIRE(at != std::string::npos);
  auto begin = events.output().rfind('\n', at) + 1;
  auto line = json::parse(events.output().substr(begin, events.output().find('\n', at) - begin));
  CHECK(line["cluster"] == "short");
  CHECK_THAT(line["text"].get<std::string>(), Contains("get a new one, or set renew_command"));
}
