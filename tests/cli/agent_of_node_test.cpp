// A node that asks another agent than the one of whoever runs a command through it.
#include <catch2/catch.hpp>

#include <fstream>

#include "tests/cli/clusters.hpp"
#include "tests/support/agents.hpp"

using namespace moorage::cli_tests;
using namespace moorage::support;
using Catch::Contains;

namespace {

struct home_with_agents : home_with_cluster {
  home_with_agents() {
    std::ofstream{config()} << "[clusters.here]\nhost = \"" << sshd.host() << "\"\nport = " << sshd.port()
                            << "\nuser = \"" << sshd.user() << "\"\nkey_files = []\nknown_hosts_files = [\""
                            << sshd.known_hosts() << "\"]\nlog_ins_per_minute = 0\npenalty_max = \"0s\"\n";
  }
  program_spec with_agent(const ssh_agent& agent, std::vector<std::string> words) const {
    auto result = spec(std::move(words));
    result.environment["SSH_AUTH_SOCK"] = agent.socket();
    return result;
  }

  ssh_agent empty, full{{sshd.client_key()}};
};

const std::vector<std::string> say_in{"exec", "here", "--", "echo in"};

} // namespace

TEST_CASE("who has another agent than the node is told which that asks, and how to have it ask theirs") {
  home_with_agents home;
  program node{home.with_agent(home.empty, {"serve"})};
  REQUIRE(node.wrote("serving 1 cluster on "));
  auto same = run(home.with_agent(home.empty, say_in));
  CHECK(same.code == 255);
  CHECK_THAT(same.error_output, !Contains("agent_socket"));
  auto other = run(home.with_agent(home.full, say_in));
  CHECK(other.code == 255);
  CHECK_THAT(other.error_output,
             Contains("the node asks the agent of its own environment (" + home.empty.socket() + ")"));
  const std::string before = "ask yours with: moorage ";
  auto advice = other.error_output.find(before);
  REQUIRE(advice != std::string::npos);
  auto words = other.error_output.substr(advice + before.size());
  words.resize(words.find('\n'));
  CHECK(words == "--config " + home.config() + " admin set here agent_socket " + home.full.socket());
  auto mended = run(home.spec({"admin", "set", "here", "agent_socket", home.full.socket()}));
  CHECK(mended.error_output == "");
  CHECK(run(home.with_agent(home.full, say_in)).output == "in\n");
}
