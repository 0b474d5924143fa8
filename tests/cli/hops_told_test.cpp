// Jump hosts on the way, as their failures are told: what does not pass by itself, and by which name.
#include <catch2/catch.hpp>

#include <regex>

#include "tests/cli/hosts_home.hpp"

using namespace moorage::cli_tests;
using namespace moorage::support;
using namespace std::chrono_literals;
using Catch::Contains;

TEST_CASE("a jump host that shows another key is told as what has to be mended, as a direct cluster is") {
  hosts_home home;
  real_sshd gate;
  home.configure(cluster_table("gate", gate) + cluster_table("inner", home.sshd) + "jump = \"gate\"\n");
  gate.change_host_keys();
  auto told = [&](const finished& ended) {
    CHECK(ended.code == 255);
    CHECK_THAT(ended.error_output,
               Contains("jump host 'gate'") && Contains("Somebody may be intercepting") &&
                   Contains("moorage: inner: the command did not run; once that is mended") &&
                   !Contains("safe to run it again") && !Contains("once that has passed"));
  };
  told(home.moorage({"exec", "inner", "--", "true"}));
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 2 clusters on "));
  auto ended = home.moorage({"exec", "inner", "--", "true"});
  told(ended);
  CHECK_THAT(ended.error_output, Contains("admin reset gate") && !Contains("admin reset inner"));
  auto checked = home.moorage({"check", "inner"});
  CHECK_THAT(checked.error_output, Contains("admin reset gate"));
}

TEST_CASE("a jump host that forbids forwarding is told as what has to be mended") {
  hosts_home home;
  real_sshd gate{{.config = {"AllowTcpForwarding no"}}};
  home.configure(cluster_table("gate", gate) + cluster_table("inner", home.sshd) + "jump = \"gate\"\n");
  auto ended = home.moorage({"exec", "inner", "--", "true"});
  CHECK(ended.code == 255);
  CHECK_THAT(ended.error_output, Contains("the jump host 'gate': it forbids forwarding") &&
                                     Contains("did not run; once that is mended") &&
                                     !Contains("safe to run it again"));
}

TEST_CASE("a hop that nobody gave a name is told as it was written, and so is a Host among ssh's words") {
  hosts_home home;
  real_sshd gate;
  auto written = gate.user() + "@gate:" + std::to_string(gate.port());
  home.write(host_of("gate", gate) + "Host far\n  ProxyJump " + written + "\n" + host_of("far", home.sshd));
  gate.change_host_keys();
  const std::regex made_up{"-[0-9a-f]{12}\\b"};
  for (const auto& words : {std::vector<std::string>{"exec", "far", "--", "true"},
                            {"check", "far"},
                            {"ssh", "-o", "ConnectTimeout=9", "far", "true"}}) {
    auto ended = home.moorage(words);
    CHECK(ended.code != 0);
    auto all = ended.output + ended.error_output;
    INFO(all);
    CHECK_THAT(ended.error_output,
               Contains("cannot connect to 'far': ") && Contains("the jump host '" + written + "'"));
    CHECK_FALSE(std::regex_search(all, made_up));
  }
  auto for_scripts = home.moorage({"exec", "--json", "far", "--", "true"});
  CHECK_THAT(for_scripts.error_output, Contains("the jump host '" + written + "'"));
  CHECK_FALSE(std::regex_search(for_scripts.error_output, made_up));
  CHECK(std::regex_search(for_scripts.output, made_up));
}

TEST_CASE("the log of a command's own connections has hops and Hosts as they were written") {
  hosts_home home;
  real_sshd gate;
  auto written = gate.user() + "@gate:" + std::to_string(gate.port());
  home.write(host_of("gate", gate) + "Host far\n  ProxyJump " + written + "\n" + host_of("far", home.sshd));
  const std::regex made_up{"-[0-9a-f]{12}\\b"};
  for (const auto& words : {std::vector<std::string>{"-v", "exec", "-n", "far", "--", "true"},
                            {"ssh", "-v", "-n", "-o", "ConnectTimeout=9", "far", "true"}}) {
    auto ended = home.moorage(words);
    INFO(ended.error_output);
    CHECK(ended.code == 0);
    CHECK_THAT(ended.error_output, Contains(" " + written + ": opened") && Contains(" far: opened"));
    CHECK_FALSE(std::regex_search(ended.error_output, made_up));
  }
}

TEST_CASE("a cluster that somebody named like a digest is told by its whole name") {
  hosts_home home;
  real_sshd gate;
  home.configure(cluster_table("gate-0123456789ab", gate) + cluster_table("inner", home.sshd) +
                 "jump = \"gate-0123456789ab\"\n");
  gate.change_host_keys();
  CHECK_THAT(home.moorage({"exec", "inner", "--", "true"}).error_output,
             Contains("jump host 'gate-0123456789ab'"));
}

TEST_CASE(
    "a node's own cluster that is named like a digest is told by its whole name to who does not have it") {
  hosts_home home;
  real_sshd gate;
  home.configure(cluster_table("gate-0123456789ab", gate) + cluster_table("inner", home.sshd) +
                 "jump = \"gate-0123456789ab\"\n");
  gate.change_host_keys();
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 2 clusters on "));
  std::ofstream{home.folder / "none.toml"};
  auto words = home.spec({"exec", "inner", "--", "true"});
  words.environment["MOORAGE_CONFIG"] = home.folder / "none.toml";
  CHECK_THAT(run(words).error_output,
             Contains("jump host 'gate-0123456789ab'") && Contains("admin reset gate-0123456789ab"));
}

TEST_CASE(
    "an administrator reads hops as they were written, may write them so, and scripts have the true names") {
  hosts_home home;
  real_sshd gate;
  auto written = gate.user() + "@gate:" + std::to_string(gate.port());
  home.write(host_of("gate", gate) + "Host far\n  ProxyJump " + written + "\n" + host_of("far", home.sshd));
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 0 clusters on "));
  CHECK(home.moorage({"exec", "far", "--", "echo", "in"}).output == "in\n");
  gate.change_host_keys();
  CHECK(home.moorage({"admin", "disconnect", "@all"}).code == 0);
  CHECK(home.moorage({"exec", "far", "--", "true"}).code == 255);
  const std::regex made_up{"-[0-9a-f]{12}\\b"};
  for (const auto& words : {std::vector<std::string>{"status"},
                            {"admin", "pools"},
                            {"status", written},
                            {"admin", "connections", "far"},
                            {"admin", "explain", "far"},
                            {"admin", "errors", written},
                            {"admin", "pause", written},
                            {"admin", "resume", "--all", written},
                            {"admin", "reset", written}}) {
    auto ended = home.moorage(words);
    INFO(words[0] << " " << words.back() << ": " << ended.output << ended.error_output);
    CHECK(ended.code == 0);
    CHECK_FALSE(std::regex_search(ended.output + ended.error_output, made_up));
    if (words.back() != "far")
      CHECK_THAT(ended.output, Contains(written));
  }
  CHECK(std::regex_search(home.moorage({"status", "--json"}).output, made_up));
  for (const auto& words : {std::vector<std::string>{"admin", "evict", written, "99"},
                            {"admin", "revoke", written, "99"},
                            {"admin", "set", written, "port", "0"}}) {
    auto refused = home.moorage(words);
    INFO(refused.error_output);
    CHECK(refused.code != 0);
    CHECK_FALSE(std::regex_search(refused.error_output, made_up));
  }
}

TEST_CASE(
    "whoever asks for more is told by which of a node's connections a command goes, and by which hops") {
  hosts_home home;
  home.write(host_of("gate", home.sshd) + host_of("far", home.sshd) + "  ProxyJump gate\n");
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 0 clusters on "));
  for (const auto& words : {std::vector<std::string>{"ssh", "-v", "-n", "far", "sleep 1"},
                            {"-v", "exec", "-n", "far", "--", "sleep 1"}}) { // it is asked while they run
    auto told = home.moorage(words).error_output;
    CHECK_THAT(told, Contains("moorage: far: by the node on " + (home.folder / "")) && Contains(", c1 to ") &&
                         Contains(", open for ") && Contains(", with 1 lease, by way of 'gate'\n"));
  }
  CHECK_THAT(home.moorage({"ssh", "-n", "far", "true"}).error_output, !Contains("by the node"));
}
