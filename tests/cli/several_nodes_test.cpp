// The nodes of a site as their users and admins see them.
#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/clusters.hpp"
#include "tests/support/reserved_port.hpp"
#include "tests/support/trial_authority.hpp"

using namespace moorage::cli_tests;
using Catch::Contains;

namespace {

std::string files_lines(const moorage::node_files& files) {
  return "certificate = \"" + files.certificate + "\"\nkey = \"" + files.key + "\"\nauthority = \"" +
         files.authority + "\"\n";
}

/// gw1 with the cluster `lumi`, gw2 with `puhti`, and an operator elsewhere.
class site_of_nodes {
public:
  site_of_nodes() {
    auto portal = authority_.client("boss");
    std::ofstream{operators_ / "moorage.toml"} << nodes() << "[client]\n" << files_lines(portal);
    for (std::size_t index : {0u, 1u})
      begin(index);
  }

  /// The node of that index; anew, if there was one.
  void begin(std::size_t index) {
    auto name = "gw" + std::to_string(index + 1);
    std::filesystem::create_directories(folder_ / name);
    std::ofstream{folder_ / (name + "/moorage.toml")}
        << nodes() << "[node]\nsocket = \"" << folder_ / name << "/node.sock\"\nname = \"" << name
        << "\"\nlisten = \"" << address(index) << "\"\n"
        << files_lines(node_files_) << placed("lumi", "gw1") << placed("puhti", "gw2")
        << "[[access]]\ncertificate = \"uri:moorage:boss\"\nclusters = [\"*\"]\nallow = [\"use\", "
           "\"admin\"]\n";
    programs_[index] = std::make_unique<program>(program_spec{
        {"serve"}, folder_ / name, {}, {{"MOORAGE_CONFIG", folder_ / (name + "/moorage.toml")}}});
    REQUIRE(programs_[index]->wrote("over TLS on "));
  }
  void kill(std::size_t index) {
    programs_[index]->signal(SIGKILL);
    programs_[index]->wait();
  }
  program_spec operators_words(const std::vector<std::string>& words) const {
    return {words, operators_.path(), {}, {{"MOORAGE_CONFIG", operators_ / "moorage.toml"}}};
  }
  finished operators(const std::vector<std::string>& words) const { return run(operators_words(words)); }
  std::size_t logins() const { return sshd_.logins(); }
  const std::string& address(std::size_t index) const { return ports_[index].address(); }

private:
  std::string nodes() const {
    return "[nodes]\ngw1 = \"" + address(0) + "\"\ngw2 = \"" + address(1) + "\"\n";
  }
  std::string placed(const std::string& name, const std::string& node) const {
    return cluster_table(name, sshd_) + "node = \"" + node + "\"\n";
  }

  moorage::support::real_sshd sshd_;
  moorage::support::trial_authority authority_;
  moorage::node_files node_files_ = authority_.node();
  moorage::support::scratch_folder folder_, operators_;
  moorage::support::reserved_port ports_[2];
  std::unique_ptr<program> programs_[2];
};

} // namespace

TEST_CASE("commands reach the node of a site that has their cluster, and follow when an admin moves it") {
  site_of_nodes nodes;
  CHECK(nodes.operators({"exec", "lumi", "--", "echo first"}).output == "first\n");
  CHECK(nodes.operators({"exec", "puhti", "--", "echo second"}).output == "second\n");
  CHECK(nodes.operators({"--node", "gw2", "exec", "lumi", "--", "exit 3"}).code == 3); // led back
  CHECK(nodes.logins() == 2);
  auto status = nodes.operators({"status"});
  CHECK_THAT(status.output, Contains("lumi") && Contains("puhti"));
  CHECK(status.error_output.empty());
  auto moved = nodes.operators({"admin", "move", "lumi", "gw2", "10s"});
  INFO(moved.error_output);
  CHECK(moved.code == 0);
  CHECK_THAT(moved.output, Contains("it is on 'gw2' (" + nodes.address(1) + ") now") &&
                               Contains("set node = \"gw2\" for it in the configuration of every node"));
  CHECK(nodes.operators({"exec", "lumi", "--", "true"}).code == 0);
  CHECK(nodes.operators({"--node", "gw1", "exec", "lumi", "--", "true"}).code == 0);
  CHECK(nodes.logins() == 3);
  auto settings = nodes.operators({"admin", "connections", "lumi", "--json"});
  CHECK(nlohmann::json::parse(settings.output)["connections"].size() == 1);
  auto nowhere = nodes.operators({"admin", "move", "lumi", "gw9", "0"});
  CHECK(nowhere.code != 0);
  CHECK_THAT(nowhere.error_output, Contains("there is no node 'gw9'") && Contains("gw1, gw2"));
}

TEST_CASE("of a node that is down the clusters are told as such, and the rest of the site is as it was") {
  site_of_nodes nodes;
  REQUIRE(nodes.operators({"exec", "lumi", "--", "true"}).code == 0);
  nodes.kill(1);
  CHECK(nodes.operators({"exec", "lumi", "--", "true"}).code == 0);
  auto down = nodes.operators({"exec", "puhti", "--", "true"});
  CHECK(down.code == 255);
  CHECK_THAT(down.error_output,
             Contains("'puhti' is on the node at " + nodes.address(1)) && Contains("cannot be reached"));
  auto status = nodes.operators({"status"});
  CHECK(status.code == 0);
  CHECK_THAT(status.output, Contains("lumi") && !Contains("puhti"));
  CHECK_THAT(status.error_output, Contains("without the clusters of the node at " + nodes.address(1)));
  auto moved = nodes.operators({"admin", "move", "lumi", "gw2", "0"});
  CHECK(moved.code != 0);
  CHECK_THAT(moved.error_output, Contains("'gw2' cannot be reached"));
  CHECK(nodes.operators({"exec", "lumi", "--", "true"}).code == 0); // it stays
  nodes.begin(1);
  CHECK(nodes.operators({"exec", "puhti", "--", "true"}).code == 0);
  nodes.kill(0);
  CHECK(nodes.operators({"exec", "puhti", "--", "true"}).code == 0); // the first of [nodes] is down
}

TEST_CASE("a move whose node is killed under it opens nothing, and is finished by the same order later") {
  site_of_nodes nodes;
  program busy{nodes.operators_words({"exec", "lumi", "--", "echo begun; sleep 300"})};
  REQUIRE(busy.wrote("begun"));
  program move{nodes.operators_words({"admin", "move", "lumi", "gw2", "5min"})};
  // Awaited there, it is about to be drained here.
  while (nodes.operators({"--node", "gw2", "status", "lumi"}).output.find("paused") == std::string::npos)
    ;
  nodes.kill(0);
  auto broken_off = move.wait();
  CHECK(broken_off.code != 0);
  CHECK_THAT(broken_off.error_output, Contains("nothing is opened for 'lumi' until it is moved again"));
  CHECK(busy.wait().code == 255);
  auto resumed = nodes.operators({"--node", "gw2", "admin", "resume", "lumi"});
  CHECK(resumed.code != 0);
  CHECK_THAT(resumed.error_output, Contains("'lumi' is awaited from another node"));
  auto early = nodes.operators({"admin", "move", "lumi", "gw2", "10s"});
  CHECK(early.code != 0);
  CHECK_THAT(early.error_output,
             Contains("may be on the node at " + nodes.address(0)) && Contains("cannot be reached"));
  CHECK(nodes.logins() == 1);
  nodes.begin(0); // its configuration says that it has it
  auto again = nodes.operators({"admin", "move", "lumi", "gw2", "10s"});
  INFO(again.error_output);
  CHECK(again.code == 0);
  CHECK(nodes.operators({"--node", "gw1", "exec", "lumi", "--", "echo there"}).output == "there\n");
  CHECK(nodes.logins() == 2);
}
