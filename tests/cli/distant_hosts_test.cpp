// A Host of ~/.ssh/config, asked for at a node that is another machine's or another user's.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "tests/cli/another_user.hpp"
#include "tests/cli/clusters.hpp"
#include "tests/support/account.hpp"
#include "tests/support/trial_authority.hpp"

using namespace moorage::cli_tests;
using Catch::Contains;

namespace {

std::string tls_lines(const moorage::node_files& files) {
  return "certificate = \"" + files.certificate + "\"\nkey = \"" + files.key + "\"\nauthority = \"" +
         files.authority + "\"\n";
}

/// A node with the cluster `here` that listens over TLS and on a socket that others may open, and a client
/// who has a Host `lumi` in ssh's configuration, which is the same sshd.
struct node_of_others : home_with_cluster {
  /// `user`: who else of this machine may use it; empty: nobody.
  explicit node_of_others(std::string user) : files(authority.node()), user_(std::move(user)) {
    std::filesystem::permissions(folder.path(), std::filesystem::perms{0711});
    std::filesystem::permissions(elsewhere.path(), std::filesystem::perms{0755});
    std::filesystem::create_directory(folder / "run");
    configure("");
    node.emplace(spec({"serve"}));
    REQUIRE(node->wrote("over TLS on "));
    REQUIRE(node->wrote("\n"));
    auto address = node->error_output();
    address = address.substr(address.rfind(" on ") + 4);
    address.erase(address.find('\n'));
    std::ofstream{elsewhere / "ssh_config"} << "Host lumi\n  HostName " << sshd.host() << "\n  Port "
                                            << sshd.port() << "\n  User " << sshd.user() << "\n";
    write_client("by_tls.toml",
                 "[client]\nnode = \"" + address + "\"\n" + tls_lines(authority.client("boss")));
    write_client("by_socket.toml", "[node]\nsocket = \"" + socket() + "\"\n");
  }
  void configure(const std::string& more) const {
    const std::string everything = "clusters = [\"*\"]\nallow = [\"use\", \"observe\", \"admin\"]\n";
    write_config("[node]\nsocket = \"" + socket() + "\"\nlisten = \"127.0.0.1:0\"\n" + tls_lines(files) +
                 "[[access]]\ncertificate = \"uri:moorage:boss\"\n" + everything +
                 (user_.empty() ? "" : "[[access]]\nuser = \"" + user_ + "\"\n" + everything) + more);
  }
  std::string socket() const { return folder / "run/node.sock"; }
  void write_client(const std::string& name, const std::string& lines) const {
    std::ofstream{elsewhere / name} << "[defaults]\nssh_config = \"ssh_config\"\n" << lines;
  }
  program_spec client(std::vector<std::string> words, const std::string& config) const {
    return {std::move(words), elsewhere.path(), {}, {{"MOORAGE_CONFIG", elsewhere / config}}};
  }
  program_spec another_user(const std::string& user, const std::vector<std::string>& words) const {
    auto result =
        client({"--reuid=" + user, "--regid=61001", "--clear-groups", MOORAGE_PROGRAM}, "by_socket.toml");
    result.arguments.insert(result.arguments.end(), words.begin(), words.end());
    result.executable = "/usr/bin/setpriv";
    if (!libraries.empty())
      result.environment["LD_LIBRARY_PATH"] = libraries;
    return result;
  }

  moorage::support::trial_authority authority;
  moorage::node_files files;
  moorage::support::scratch_folder elsewhere;
  std::string libraries = libraries_for_others(elsewhere.path());
  std::optional<program> node;

private:
  std::string user_;
};

} // namespace

TEST_CASE("a Host of the client's alone is refused by a node that is not its user's, with what to do") {
  std::optional<moorage::support::scratch_folder> home_of_another;
  std::optional<moorage::support::ordinary_account>
      another; // ssh -G takes nobody whom the system does not know
  if (::geteuid() == 0)
    another.emplace(home_of_another.emplace().path());
  else
    WARN("only root can become other users: over the Unix socket nothing was tested");
  node_of_others home{another ? another->name() : ""};
  auto every_way = [&](const std::vector<std::string>& words) {
    std::vector<finished> all{run(home.client(words, "by_tls.toml"))};
    if (another)
      all.push_back(run(home.another_user(another->name(), words)));
    return all;
  };
  for (const auto& words : {std::vector<std::string>{"exec", "lumi", "--", "true"},
                            {"ssh", "lumi", "true"},
                            {"check", "lumi"},
                            {"status", "lumi"}})
    for (const auto& refused : every_way(words)) {
      INFO(words.front() << ": " << refused.error_output);
      CHECK(refused.code == (words.front() == "exec" || words.front() == "ssh" ? 255 : 3));
      CHECK_THAT(refused.error_output,
                 Contains("no such cluster is registered") && Contains("are not the node's own user") &&
                     Contains("added to the node's configuration ([clusters.NAME]; with ") &&
                     Contains("ssh_host") && Contains("[[access]]"));
    }
  CHECK(home.sshd.connects() == 0);
  // And doing that helps.
  home.configure(home.cluster("lumi"));
  REQUIRE(home.moorage({"admin", "reload"}).code == 0);
  for (const auto& words :
       {std::vector<std::string>{"exec", "lumi", "--", "echo hello"}, {"ssh", "lumi", "echo hello"}})
    for (const auto& helped : every_way(words)) {
      INFO(helped.error_output);
      CHECK(helped.output == "hello\n");
    }
  CHECK(home.sshd.logins() == 1);
}
