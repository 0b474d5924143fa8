// A node on a Unix-domain socket, and the other users of its machine. Only root can become them.
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/actors.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/node/vocabulary.hpp"
#include "runtime/runtime.hpp"
#include "tests/cli/another_user.hpp"
#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::errc;

namespace {

std::string allowing(const std::string& whom, const std::string& clusters, const std::string& rights) {
  return "[[access]]\n" + whom + "\nclusters = [\"" + clusters + "\"]\nallow = [" + rights + "]\n";
}

/// Numbers that are nobody's on this machine.
constexpr const char* alice = "61001";
constexpr const char* bob = "61002";
constexpr const char* staff = "62001";

/// A folder that everybody may walk through, as /run is.
struct open_folder : moorage::support::scratch_folder {
  open_folder() { std::filesystem::permissions(path(), std::filesystem::perms{0755}); }
};

/// A program as another user runs it, with a home of that user's. The programs of a build may lie where
/// nobody else may look.
program_spec as(const std::string& user, const std::string& home, std::vector<std::string> words,
                const std::string& config, const std::string& libraries, const std::string& groups = {}) {
  std::vector<std::string> all{"--reuid=" + user, "--regid=" + user,
                               groups.empty() ? "--clear-groups" : "--groups=" + groups};
  all.push_back(MOORAGE_PROGRAM);
  all.insert(all.end(), words.begin(), words.end());
  program_spec spec{std::move(all), home, {}, {{"MOORAGE_CONFIG", config}}};
  spec.executable = "/usr/bin/setpriv";
  if (!libraries.empty())
    spec.environment["LD_LIBRARY_PATH"] = libraries;
  return spec;
}

/// A node of ours with the cluster `here`, and other users who know where it listens.
struct shared_home : home_with_cluster {
  explicit shared_home(const std::string& access) {
    configure(access);
    std::filesystem::create_directory(place.path() + "/run");
    std::ofstream{asking()} << "[node]\nsocket = \"" << socket() << "\"\n";
    node.emplace(spec({"serve", "-v"}));
    REQUIRE(node->wrote("serving 1 cluster on " + socket()));
  }
  void configure(const std::string& access) const {
    write_config("[node]\nsocket = \"" + socket() + "\"\n" + access);
  }
  void reload(const std::string& access) {
    configure(access);
    auto reloaded = moorage({"admin", "reload"});
    INFO(reloaded.error_output);
    REQUIRE(reloaded.code == 0);
  }
  std::string socket() const { return place.path() + "/run/node.sock"; }
  std::string asking() const { return place.path() + "/asking.toml"; }
  finished said_by(const std::string& user, std::vector<std::string> words, const std::string& groups = {}) {
    return run(as(user, place.path(), std::move(words), asking(), libraries, groups));
  }
  unsigned mode() const {
    return std::filesystem::status(socket()).permissions() == std::filesystem::perms{0666} ? 0666 : 0;
  }

  open_folder place;
  std::string libraries = libraries_for_others(place.path());
  std::optional<program> node;
};

} // namespace

TEST_CASE(
    "other users of a machine share a node's connections, each within what the node's owner gives them") {
  if (!may_become_others())
    return;
  shared_home home{allowing(std::string{"user = \""} + alice + "\"", "h*", "\"use\"") +
                   allowing(std::string{"group = \""} + staff + "\"", "*", "\"observe\"")};
  auto hello = home.said_by(alice, {"exec", "here", "--", "echo through the node"});
  INFO(hello.error_output);
  CHECK(hello.output == "through the node\n");
  // A bare name that their own files do not have is the node's cluster for ssh's words, too.
  auto as_ssh = home.said_by(alice, {"ssh", "here", "echo through ssh"});
  INFO(as_ssh.error_output);
  CHECK(as_ssh.output == "through ssh\n");
  CHECK(home.exec("true").code == 0); // of the node's own user
  CHECK(home.sshd.logins() == 1);
  // What each may not do is refused, and says who could give it.
  auto pause = home.said_by(alice, {"admin", "pause", "here"});
  CHECK(pause.code == 5);
  CHECK_THAT(pause.error_output, Contains("'admin'") && Contains("here") && Contains("[[access]]"));
  CHECK(home.said_by(alice, {"admin", "connections", "here"}).code == 5);
  CHECK_THAT(home.said_by(alice, {"exec", "root@127.0.0.1:9", "--", "true"}).error_output,
             Contains("not permitted"));
  // Of a group that is not the process's first.
  CHECK_THAT(home.said_by(bob, {"admin", "connections", "here"}, staff).output, Contains("idle"));
  CHECK_THAT(home.said_by(bob, {"exec", "here", "--", "true"}, staff).error_output,
             Contains("not permitted"));
  // Who is not named does not get in, and the node says so once to who reads its log.
  auto nobody = home.said_by(bob, {"status"});
  CHECK(nobody.code == 4);
  CHECK_THAT(nobody.error_output, Contains(home.socket()) && Contains("[[access]]"));
  CHECK(home.node->wrote("uid " + std::string{bob} + "'s pid"));
  CHECK(home.sshd.logins() == 1);
}

TEST_CASE("what an admin of another user did is told with the user and the process") {
  if (!may_become_others())
    return;
  shared_home home{allowing(std::string{"user = \""} + alice + "\"", "*", "\"admin\"")};
  CHECK(home.said_by(alice, {"admin", "pause", "here"}).code == 0);
  CHECK_THAT(home.moorage({"status", "here"}).output, Contains("uid " + std::string{alice} + "'s pid"));
  // No admin but the owner says which files a node reads, or what commands it runs.
  auto file = home.said_by(alice, {"admin", "set", "here", "known_hosts_files", "[\"/tmp/x\"]"});
  CHECK(file.code == 5);
  CHECK_THAT(file.error_output, Contains("not permitted: known_hosts_files"));
  CHECK(home.said_by(alice, {"admin", "resume", "here"}).code == 0);
  auto stop = home.said_by(alice, {"admin", "stop"});
  INFO(stop.output << stop.error_output);
  CHECK(stop.code == 0);
  CHECK(home.node->wait().code == 0);
}

TEST_CASE(
    "a reload opens a node's socket to other users, cuts whom it gives something else, and closes it again") {
  if (!may_become_others())
    return;
  shared_home home{""};
  CHECK(home.mode() != 0666);
  auto outside = home.said_by(alice, {"status"});
  CHECK(outside.code != 0);
  CHECK_THAT(outside.error_output, Contains("may not open"));
  const auto use = allowing(std::string{"user = \""} + alice + "\"", "here", "\"use\"");
  std::filesystem::permissions(home.place.path() + "/run", std::filesystem::perms{0700});
  home.configure(use);
  CHECK_THAT(home.moorage({"admin", "reload"}).error_output,
             Contains("run chmod o+x " + home.place.path() + "/run"));
  CHECK(home.mode() != 0666);
  std::filesystem::permissions(home.place.path() + "/run", std::filesystem::perms{0711});
  home.reload(use);
  CHECK(home.mode() == 0666);
  program running{as(alice, home.place.path(), {"exec", "here", "--", "echo begun; sleep 600"}, home.asking(),
                     home.libraries)};
  const auto began = running.wrote("begun");
  INFO(running.error_output());
  REQUIRE(began);
  // Others' rules are not this one's.
  home.reload(use + allowing(std::string{"user = \""} + bob + "\"", "here", "\"observe\""));
  CHECK(home.said_by(bob, {"admin", "connections", "here"}).code == 0);
  home.reload("");
  auto cut = running.wait();
  CHECK(cut.code == 255);
  CHECK_THAT(cut.error_output, Contains("may have run"));
  CHECK(home.mode() != 0666);
  CHECK(home.exec("true").code == 0);
  // A rule that names nobody changes nothing.
  home.configure(allowing("user = \"no-such-user\"", "*", "\"use\""));
  auto wrong = home.moorage({"admin", "reload"});
  CHECK(wrong.code == 3);
  CHECK_THAT(wrong.error_output,
             Contains("access[0].user = \"no-such-user\": this machine knows no such user"));
  CHECK(home.mode() != 0666);
}

TEST_CASE("another user's node is trusted only by who names that user") {
  if (!may_become_others())
    return;
  open_folder place;
  auto run_folder = place.path() + "/run", socket = run_folder + "/node.sock";
  std::filesystem::create_directory(run_folder);
  REQUIRE(::chown(run_folder.c_str(), 61001, 61001) == 0);
  auto serving = place.path() + "/serving.toml", asking = place.path() + "/asking.toml";
  auto node_section = "[node]\nsocket = \"" + socket + "\"\n";
  std::ofstream{serving} << node_section
                         << allowing(std::string{"user = \""} + bob + "\"", "*", "\"observe\"")
                         << "[clusters.here]\nhost = \"127.0.0.1\"\n";
  const auto libraries = libraries_for_others(place.path());
  program node{as(alice, run_folder, {"serve"}, serving, libraries)};
  REQUIRE(node.wrote("serving 1 cluster on "));
  std::ofstream{asking} << node_section;
  auto doubtful = run(as(bob, place.path(), {"status"}, asking, libraries));
  CHECK(doubtful.code != 0);
  CHECK_THAT(doubtful.error_output, Contains("is run by uid " + std::string{alice}) &&
                                        Contains("socket_user in [client] of the configuration"));
  std::ofstream{asking, std::ios::trunc} << node_section << "[client]\nsocket_user = \"" << alice << "\"\n";
  auto trusting = run(as(bob, place.path(), {"status"}, asking, libraries));
  INFO(trusting.error_output);
  CHECK(trusting.code == 0);
  CHECK_THAT(trusting.output, Contains("here"));
  std::ofstream{asking, std::ios::trunc} << node_section << "[client]\nsocket_user = \"" << bob << "\"\n";
  CHECK(run(as(bob, place.path(), {"status"}, asking, libraries)).code != 0);
  std::ofstream{asking, std::ios::trunc} << node_section << "[client]\nsocket_user = \"no-such-user\"\n";
  CHECK_THAT(run(as(bob, place.path(), {"status"}, asking, libraries)).error_output,
             Contains("knows no user 'no-such-user'"));
  // The same from a host application, which is root's here and trusts root and itself only.
  auto host = moorage::runtime::try_connect(socket, 5s);
  REQUIRE_FALSE(host);
  CHECK(host.error().code == errc::local_failure);
  CHECK(moorage::runtime::try_connect(socket, 5s, {.socket_user = alice}));
}

TEST_CASE("a node that root runs is given no environment of its clients', though it asks for all of it") {
  if (!may_become_others())
    return;
  open_folder place;
  moorage::support::real_sshd_settings accepting;
  accepting.config = {"AcceptEnv LC_*"};
  home_with_cluster home{accepting};
  home.write_config("[defaults]\nsend_env = \"*\"\n");
  // A node that tells everybody what its settings say, as one that gathers variables would.
  moorage::configuration config;
  config.log_level = "off";
  config.clusters = moorage::load_config(home.config()).clusters;
  moorage::runtime pools{config};
  auto session = caf::actor_cast<caf::strong_actor_ptr>(moorage::session_of(pools, nullptr));
  moorage::node_service service;
  service.open = [session](const std::string&) { return session; };
  service.open_other = [session](const moorage::other_user&) { return session; };
  service.others = true;
  service.interface = moorage::vocabulary::ours().greeting();
  const auto socket = place.path() + "/run/node.sock";
  std::filesystem::create_directory(place.path() + "/run");
  auto published = moorage::publish_node(moorage::system_of(pools), std::move(service), socket);
  REQUIRE(published);
  std::ofstream{place.path() + "/asking.toml"} << "[node]\nsocket = \"" << socket << "\"\n";
  const auto libraries = libraries_for_others(place.path());
  const std::string shown = "echo \"[$LC_MINE]\"";
  auto by = [&](const std::string& user, std::vector<std::string> words) {
    auto spec = as(user, place.path(), std::move(words), place.path() + "/asking.toml", libraries);
    spec.environment["LC_MINE"] = "mine";
    auto ended = run(spec);
    INFO(ended.error_output);
    CHECK(ended.code == 0);
    return ended.output;
  };
  CHECK(by(alice, {"exec", "here", "--", shown}) == "[]\n");
  CHECK(by(alice, {"exec", "--env", "LC_MINE=told", "here", "--", shown}) == "[told]\n");
  CHECK(by("0", {"exec", "here", "--", shown}) == "[mine]\n"); // its own user's
}
