// A cluster of several machines, each a real sshd on an address of its own, as the program's users see it.
#include <catch2/catch.hpp>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using Catch::Contains;
using moorage::support::real_sshd;

namespace {

const std::vector<std::string> three_addresses{"127.0.0.1", "127.0.0.2", "127.0.0.3"};

/// Three sshds of one port, and configurations of clusters that they are.
class three_machines {
public:
  explicit three_machines(const std::string& cluster) {
    for (const auto& address : three_addresses) {
      moorage::support::real_sshd_settings wanted;
      wanted.address = address;
      wanted.port = sshds_.empty() ? 0 : sshds_.front()->port();
      sshds_.push_back(std::make_unique<real_sshd>(wanted));
      sshds_.back()->write_known_hosts_of(address);
    }
    std::ofstream{folder_ / "moorage.toml"}
        << "[clusters.lumi]\n"
        << cluster << "port = " << sshds_.front()->port() << "\nuser = \"" << sshds_.front()->user()
        << "\"\nagent = false\nlog_ins_per_minute = 0\npenalty_max = \"0s\"\n"
        << "key_files = " << list(&real_sshd::client_key)
        << "\nknown_hosts_files = " << list(&real_sshd::known_hosts) << "\n";
  }
  program_spec spec(std::vector<std::string> arguments) const {
    return {std::move(arguments), folder_.path(), {}, {{"MOORAGE_CONFIG", folder_ / "moorage.toml"}}};
  }
  finished moorage(std::vector<std::string> arguments) const { return run(spec(std::move(arguments))); }
  /// Where the server of the command says that it is; empty: on another than was asked for, or nowhere.
  std::string told_on(const std::string& machine) const {
    auto ran = moorage({"exec", "--machine", machine, "lumi", "--", "echo $SSH_CONNECTION"});
    INFO(ran.error_output);
    CHECK(ran.code == 0);
    return ran.output.find(" " + machine + " ") == std::string::npos ? "" : machine;
  }
  std::vector<int> log_ins() const {
    std::vector<int> result;
    for (const auto& each : sshds_)
      result.push_back(each->logins());
    return result;
  }
  real_sshd& at(std::size_t index) { return *sshds_[index]; }

private:
  std::string list(std::string (real_sshd::*file)() const) const {
    std::string result;
    for (const auto& each : sshds_)
      result += (result.empty() ? "[\"" : ", \"") + (each.get()->*file)() + "\"";
    return result + "]";
  }

  std::vector<std::unique_ptr<real_sshd>> sshds_;
  moorage::support::scratch_folder folder_;
};

const std::string three_hosts = "hosts = [\"127.0.0.1\", \"127.0.0.2\", \"127.0.0.3\"]\n";

} // namespace

TEST_CASE(
    "exec --machine runs on the machine that is asked for, and admin connections says which each is on") {
  three_machines there{three_hosts};
  program node{there.spec({"serve"})};
  REQUIRE(node.wrote("serving 1 cluster on "));
  CHECK(there.moorage({"exec", "lumi", "--", "true"}).code == 0);
  auto one = there.moorage({"admin", "connections", "lumi"});
  CHECK_THAT(one.output, Contains("idle") && !Contains("MACHINE")); // all of one
  for (const auto* machine : {"127.0.0.3", "127.0.0.2", "127.0.0.1", "127.0.0.3"})
    CHECK(there.told_on(machine) == machine);
  CHECK(there.log_ins() == std::vector<int>{1, 1, 1});
  auto told = there.moorage({"exec", "--json", "--machine", "127.0.0.2", "lumi", "--", "true"});
  CHECK(nlohmann::json::parse(told.output)["machine"] == "127.0.0.2");
  auto connections = there.moorage({"admin", "connections", "lumi"}).output;
  INFO(connections);
  CHECK(connections.find("CONNECTION  MACHINE") == 0);
  for (const auto& machine : three_addresses)
    CHECK_THAT(connections, Contains("  " + machine + "  "));
}

TEST_CASE(
    "a slip of the pen in --machine is told of with the machines that there are, and ends no connection") {
  SECTION("of hosts") {
    three_machines there{three_hosts + "pool_size = 1\n"};
    program node{there.spec({"serve"})};
    REQUIRE(node.wrote("serving 1 cluster on "));
    CHECK(there.told_on("127.0.0.2") == "127.0.0.2");
    for (const auto* slip : {"login9", "127.0.0.22"}) {
      auto refused = there.moorage({"exec", "--machine", slip, "lumi", "--", "true"});
      CHECK(refused.code == 255);
      CHECK_THAT(refused.error_output, Contains("has no machine '" + std::string{slip} +
                                                "'; it has 127.0.0.1, 127.0.0.2, 127.0.0.3"));
    }
    CHECK(there.told_on("127.0.0.2") == "127.0.0.2");
    CHECK(there.log_ins() == std::vector<int>{0, 1, 0});
  }
  SECTION("of a host's addresses, whose pool is full") {
    three_machines there{"host = \"127.0.0.2\"\npool_size = 1\n"};
    program node{there.spec({"serve"})};
    REQUIRE(node.wrote("serving 1 cluster on "));
    CHECK(there.told_on("127.0.0.2") == "127.0.0.2");
    auto refused = there.moorage({"exec", "--machine", "login9", "lumi", "--", "true"});
    CHECK(refused.code == 255);
    CHECK_THAT(refused.error_output, Contains("has no machine 'login9'; it has 127.0.0.2"));
    // This could be one, of which the name server has not told yet.
    auto waited = there.moorage({"exec", "--wait", "1s", "--machine", "127.0.0.22", "lumi", "--", "true"});
    CHECK(waited.code == 255);
    CHECK(there.told_on("127.0.0.2") == "127.0.0.2");
    CHECK(there.log_ins() == std::vector<int>{0, 1, 0});
    CHECK(there.at(1).connects() == 1);
  }
}

TEST_CASE("check of a cluster with hosts goes to each machine, and names the one that is down") {
  three_machines there{three_hosts};
  auto steps_of = [&there](int code) {
    auto checked = there.moorage({"check", "--json", "lumi"});
    INFO(checked.output << checked.error_output);
    CHECK(checked.code == code);
    return nlohmann::json::parse(checked.output)["steps"];
  };
  auto step_went = [](const nlohmann::json& steps, const std::string& machine, const std::string& step) {
    int found = 0;
    for (const auto& each : steps)
      if (each["machine"] == machine && each["step"] == step && each["failed"] == false)
        ++found;
    return found;
  };
  auto steps = steps_of(0);
  for (const auto& machine : three_addresses)
    for (const auto* step : {"authenticate", "probe", "command"}) {
      INFO(machine << " " << step);
      CHECK(step_went(steps, machine, step) == 1);
    }
  CHECK(there.log_ins() == std::vector<int>{1, 1, 1});
  there.at(2).stop();
  auto checked = there.moorage({"check", "lumi"});
  CHECK(checked.code == 5);
  CHECK_THAT(checked.output, Contains("127.0.0.1: probe") && Contains("127.0.0.2: probe") &&
                                 Contains("127.0.0.3: ") && Contains("not well"));
  CHECK_THAT(checked.error_output, Contains("127.0.0.3") && Contains("Connection refused"));
}
