// A node that listens over TLS, and those who come to it from elsewhere.
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "runtime/runtime.hpp"
#include "tests/cli/clusters.hpp"
#include "tests/support/trial_authority.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::errc;

namespace {

std::string lines_of(const moorage::node_files& files) {
  return "certificate = \"" + files.certificate + "\"\nkey = \"" + files.key + "\"\nauthority = \"" +
         files.authority + "\"\n" + (files.revoked.empty() ? "" : "revoked = \"" + files.revoked + "\"\n");
}

std::string allowing(const std::string& name, const std::string& clusters, const std::string& rights) {
  return "[[access]]\ncertificate = \"uri:moorage:" + name + "\"\nclusters = [\"" + clusters +
         "\"]\nallow = [" + rights + "]\n";
}

/// A node with the cluster `here`, and folders of clients that share nothing with it but the authority.
struct distant_home : home_with_cluster {
  explicit distant_home(const std::string& access) : files(authority.node()) {
    std::filesystem::create_directory(folder / "run");
    std::filesystem::permissions(folder.path(), std::filesystem::perms{0711});
    configure("127.0.0.1:0", access);
    begin();
    address = node->error_output();
    address = address.substr(address.rfind(" on ") + 4);
    address.erase(address.find('\n'));
    configure(address, access);
  }
  void configure(const std::string& listen, const std::string& access) const {
    write_config("[node]\nsocket = \"" + socket() + "\"\nlisten = \"" + listen + "\"\n" + lines_of(files) +
                 access);
  }
  /// In a folder that others may look into, as /run.
  std::string socket() const { return folder / "run/node.sock"; }
  /// The same place, once it has ended.
  void begin() {
    node.emplace(spec({"serve"}));
    REQUIRE(node->wrote("over TLS on "));
    REQUIRE(node->wrote("\n"));
  }
  void kill() {
    node->signal(SIGKILL);
    node->wait();
  }
  /// What the client of this name says on its own machine.
  finished as(const std::string& name, const std::vector<std::string>& words, const std::string& input = {}) {
    auto with = authority.client(name, "--force");
    with.revoked.clear();
    auto config = elsewhere / (name + ".toml");
    std::ofstream{config} << "[client]\nnode = \"" + address + "\"\n" + lines_of(with);
    return run({words, elsewhere.path(), input, {{"MOORAGE_CONFIG", config}}});
  }
  moorage::node_address seen_by(const std::string& name) const {
    return {address, authority.client(name, "--force")};
  }

  moorage::support::trial_authority authority;
  moorage::node_files files;
  moorage::support::scratch_folder elsewhere;
  std::optional<program> node;
  std::string address;
};

} // namespace

TEST_CASE("commands on other machines share a node's connections, each within what its certificate may do") {
  distant_home home{allowing("jobs", "h*", "\"use\"") + allowing("watch", "here", "\"observe\"") +
                    allowing("boss", "*", "\"use\", \"admin\"")};
  auto hello = home.as("jobs", {"exec", "here", "--", "cat; exit 3"}, "through a node");
  CHECK(hello.output == "through a node");
  CHECK(hello.code == 3);
  CHECK(home.as("boss", {"exec", "here", "--", "true"}).code == 0);
  CHECK(home.exec("true").code == 0); // of the node's own user, by its socket
  CHECK(home.sshd.logins() == 1);
  // What each may not do is refused, and told with the right that is missing.
  auto pause = home.as("jobs", {"admin", "pause", "here"});
  CHECK(pause.code == 5);
  CHECK_THAT(pause.error_output, Contains("admin") && Contains("here") && Contains("[[access]]"));
  CHECK_THAT(home.as("watch", {"exec", "here", "--", "true"}).error_output, Contains("not permitted"));
  CHECK_THAT(home.as("watch", {"admin", "connections", "here"}).output, Contains("idle"));
  CHECK(home.as("boss", {"admin", "pause", "here"}).code == 0);
  CHECK(home.as("boss", {"admin", "resume", "here"}).code == 0);
  CHECK(home.as("jobs", {"ssh", "here", "echo by ssh"}).output == "by ssh\n");
  auto nobody = home.as("nobody", {"exec", "here", "--", "true"});
  CHECK(nobody.code == 255);
  CHECK_THAT(nobody.error_output, Contains("not permitted"));
  // A distant client brings no clusters of its own.
  auto other = home.as("boss", {"exec", "root@127.0.0.1:9", "--", "true"});
  CHECK(other.code == 255);
  CHECK(home.sshd.logins() == 1);
  auto status = home.as("jobs", {"status", "--json"});
  CHECK(nlohmann::json::parse(status.output)["node"]["address"] == home.address);
  CHECK(home.as("jobs", {"admin", "stop"}).code == 5);
  auto stopped = home.as("boss", {"admin", "stop"});
  INFO(stopped.error_output);
  CHECK(stopped.code == 0);
  CHECK(home.node->wait().code == 0);
}

TEST_CASE("a reload that takes rights away cuts the links that had them, whatever they were doing") {
  distant_home home{allowing("jobs", "here", "\"use\", \"observe\"") + allowing("boss", "*", "\"admin\"")};
  auto rt = moorage::runtime::connect(home.seen_by("jobs"), 10s);
  auto boss = moorage::runtime::connect(home.seen_by("boss"), 10s);
  std::atomic<int> heard = 0;
  auto events = rt.subscribe("here", [&heard](const moorage::event_record&) { ++heard; });
  REQUIRE(events);
  auto lease = rt.acquire("here", 20s);
  home.configure(home.address, allowing("boss", "*", "\"admin\""));
  home.node->signal(SIGHUP);
  REQUIRE(home.node->wrote("read the configuration again"));
  CHECK(rt.wait_for_loss(20s));
  auto refused = rt.try_acquire("here", 20s);
  while (!refused && refused.error().code == errc::node_lost) // until it is back
    refused = rt.try_acquire("here", 20s);
  CHECK(refused.error().code == errc::not_permitted);
  CHECK(boss.pause("here")); // whose rights are the same, and whose link lives
  CHECK_FALSE(boss.wait_for_loss(0s));
}

TEST_CASE("a reload whose certificates are refused opens no socket, and changes nobody's rights") {
  distant_home home{allowing("jobs", "here", "\"use\"")};
  const auto mode = [&home] { return std::filesystem::status(home.socket()).permissions(); };
  const auto others = allowing("jobs", "here", "\"observe\"") +
                      "[[access]]\nuser = \"61001\"\nclusters = [\"*\"]\nallow = [\"use\"]\n";
  const auto whole = moorage::support::contents_of(home.files.authority);
  std::ofstream{home.files.authority} << "no certificate\n";
  home.configure(home.address, others);
  auto refused = home.moorage({"admin", "reload"});
  CHECK(refused.code != 0);
  CHECK_THAT(refused.error_output, Contains(home.files.authority));
  CHECK(mode() == std::filesystem::perms{0600});
  std::ofstream{home.files.authority} << whole;
  CHECK(home.as("jobs", {"exec", "here", "--", "true"}).code == 0);
  CHECK(home.moorage({"admin", "reload"}).code == 0);
  CHECK(mode() == std::filesystem::perms{0666});
  CHECK(home.as("jobs", {"exec", "here", "--", "true"}).code == 255);
}

TEST_CASE("whoever is no client of a distant node is told why by their command, and gets nowhere") {
  distant_home home{allowing("jobs", "*", "\"use\"")};
  CHECK(home.as("jobs", {"exec", "here", "--", "true"}).code == 0);
  // Revoked: the node is told by a reload.
  home.authority.revoke("jobs");
  home.node->signal(SIGHUP);
  REQUIRE(home.node->wrote("read the configuration again"));
  moorage::node_address jobs{home.address, home.authority.client("late", "--expired")};
  auto late = moorage::runtime::try_connect(jobs, 10s);
  REQUIRE(!late);
  CHECK_THAT(late.error().text, Contains("refused our certificate") && Contains("expired"));
  // Without files, or with an address that is none.
  auto config = home.elsewhere / "none.toml";
  std::ofstream{config} << "";
  auto bare =
      run({{"status", "--node", home.address}, home.elsewhere.path(), {}, {{"MOORAGE_CONFIG", config}}});
  CHECK(bare.code != 0);
  CHECK_THAT(bare.error_output, Contains("[client]"));
  for (auto* wrong : {"gw 1", "gw1:", ":4422", "gw1:ssh"}) {
    auto refused =
        run({{"status", "--node", wrong}, home.elsewhere.path(), {}, {{"MOORAGE_CONFIG", config}}});
    CHECK(refused.code == 2);
    CHECK_THAT(refused.error_output, Contains("'" + std::string{wrong} + "' is no node's address"));
  }
  auto nobody = run({{"status", "--node", "gw1"}, home.elsewhere.path(), {}, {{"MOORAGE_CONFIG", config}}});
  CHECK(nobody.code == 3);
  CHECK_THAT(nobody.error_output, Contains("there is no node 'gw1' in [nodes]"));
  home.kill();
  auto gone = home.as("jobs", {"status"});
  CHECK(gone.code != 0);
  CHECK_THAT(gone.error_output, Contains("no node listens on " + home.address));
}

TEST_CASE(
    "a program linked over TLS comes back to its node, and what ran when the node died is told honestly") {
  distant_home home{allowing("portal", "*", "\"use\"")};
  moorage::runtime rt = moorage::runtime::connect(home.seen_by("portal"), 10s);
  auto lease = rt.acquire("here", 20s);
  auto running = lease.async().run("echo begun; exec sleep 600");
  REQUIRE(rt.run("here", "true").ended.succeeded());
  home.kill();
  auto lost = running.get();
  CHECK(lost.ended.kind == moorage::outcome_kind::maybe_ran);
  CHECK(rt.wait_for_loss(20s));
  home.begin();
  moorage::acquire_options patient;
  patient.patience = 30s;
  patient.wait_for_ready = true;
  auto again = rt.try_acquire("here", patient);
  REQUIRE(again);
  CHECK(again->run("true").ended.succeeded());
}

TEST_CASE("a frozen node over TLS is given up after its silence, and so is a frozen client with its leases") {
  distant_home home{allowing("portal", "*", "\"use\", \"observe\"") + allowing("jobs", "*", "\"use\"")};
  auto rt = moorage::runtime::connect(home.seen_by("portal"), 10s);
  auto leases = [&home] {
    auto told = nlohmann::json::parse(home.moorage({"status", "here", "--json"}).output);
    return told["pools"][0]["leases"].get<int>();
  };
  auto with = home.authority.client("jobs");
  with.revoked.clear();
  auto config = home.elsewhere / "frozen.toml";
  std::ofstream{config} << "[client]\nnode = \"" + home.address + "\"\n" + lines_of(with);
  program client{{{"exec", "here", "-n", "--", "echo begun; exec sleep 600"},
                  home.elsewhere.path(),
                  {},
                  {{"MOORAGE_CONFIG", config}}}};
  REQUIRE(client.wrote("begun"));
  CHECK(leases() == 1);
  client.signal(SIGSTOP);
  auto began = std::chrono::steady_clock::now();
  while (leases() > 0)
    REQUIRE(std::chrono::steady_clock::now() - began < 60s);
  CHECK(std::chrono::steady_clock::now() - began >= 5s); // a pause for breath costs nothing
  client.signal(SIGCONT);
  CHECK(client.wait().code == 255);

  auto lease = rt.acquire("here", 20s);
  auto running = lease.async().run("exec sleep 600");
  REQUIRE(rt.run("here", "true").ended.succeeded());
  home.node->signal(SIGSTOP);
  CHECK(running.get().ended.kind == moorage::outcome_kind::maybe_ran);
  home.node->signal(SIGCONT);
}

TEST_CASE("a node of another machine learns no variable of its clients' that they do not name themselves") {
  distant_home home{allowing("jobs", "here", "\"use\"")};
  home.node->signal(SIGTERM);
  home.node->wait();
  std::ofstream{home.config(), std::ios::app}
      << "[defaults]\nsend_env = \"*\"\nset_env = \"LC_SITE=north\"\n";
  home.sshd.reconfigure({"AcceptEnv LC_*"});
  home.begin();
  const std::string shown = "echo \"[$LC_SITE] [$LC_MINE]\"";
  auto client = [&](std::vector<std::string> words) {
    home.as("jobs", {"status"}); // writes its configuration
    auto ended = run({std::move(words),
                      home.elsewhere.path(),
                      {},
                      {{"MOORAGE_CONFIG", home.elsewhere / "jobs.toml"}, {"LC_MINE", "mine"}}});
    INFO(ended.error_output);
    return ended.output;
  };
  CHECK(client({"exec", "here", "--", shown}) == "[north] []\n");
  CHECK(client({"exec", "--env", "LC_MINE=told", "here", "--", shown}) == "[north] [told]\n");
}
