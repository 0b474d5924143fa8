// What is wrong with a Host, or with what ssh is asked about it, is told by where it came from; what would
// let somebody in whom the Host keeps out is refused. The real ssh reads the files.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

#include "runtime/config/openssh.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

struct hosts_told {
  explicit hosts_told(const std::string& text) { std::ofstream{file()} << text; }

  std::string file() const { return folder / "config"; }
  failure find(const std::string& name, cluster_config& result) const {
    configuration from;
    from.defaults.settings.ssh_config = file();
    return find_cluster(from, name, result);
  }
  /// A cluster of the configuration that is this Host.
  cluster_config of_table(const std::string& host) const {
    cluster_config result;
    result.settings.name = "mine";
    result.settings.host = result.settings.ssh_host = host;
    result.settings.ssh_config = file();
    return result;
  }

  support::scratch_folder folder;
};

} // namespace

TEST_CASE("a value that ssh or we cannot take is told by where it came from, not as ssh's configuration") {
  using source = setting_origin::source;
  hosts_told hosts{"Host far\n  HostName far.example\n"};
  auto user = hosts.of_table("far");
  user.settings.user = "a;b";
  user.note_origin("user", {source::command_line, 0});
  CHECK_THAT(ask_openssh({}, user).text, StartsWith("the user 'a;b' of the command line: ") &&
                                             Contains("invalid") && !Contains("ssh_config"));
  user.note_origin("user", {source::cluster, 3});
  CHECK_THAT(ask_openssh({}, user).text, StartsWith("the user 'a;b' of [clusters.mine]: "));
  auto reserve = hosts.of_table("far");
  reserve.settings.min_idle = 9;
  reserve.note_origin("min_idle", {source::command_line, 0});
  CHECK_THAT(ask_openssh({}, reserve).text, StartsWith("-o min_idle: 9 is more than pool_size"));
  reserve.note_origin("min_idle", {source::cluster, 3});
  CHECK_THAT(ask_openssh({}, reserve).text, StartsWith("min_idle: 9 is more than pool_size"));
}

TEST_CASE("what of a Host keeps hosts out that we would let in is refused, and what else is not followed is "
          "named") {
  hosts_told hosts{"Host command\n  KnownHostsCommand /bin/keys\n"
                   "Host long\n  RequiredRSASize 3072\n"
                   "Host without\n  RequiredRSASize 3072\n  HostKeyAlgorithms ssh-ed25519\n"
                   "Host usual\n  KnownHostsCommand none\n  RequiredRSASize 2048\n"
                   "  CASignatureAlgorithms ssh-ed25519\n  RemoteCommand true\n  SessionType none\n"
                   "  StdinNull yes\n  NoHostAuthenticationForLocalhost yes\n"};
  cluster_config found;
  CHECK_THAT(hosts.find("command", found).text,
             Contains("KnownHostsCommand is not supported") && Contains("known_hosts file"));
  CHECK_THAT(hosts.find("long", found).text,
             Contains("RequiredRSASize is not supported") && Contains("HostKeyAlgorithms"));
  CHECK(hosts.find("without", found).code == errc::none);
  REQUIRE(hosts.find("usual", found).code == errc::none);
  auto names = found.not_followed;
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"CASignatureAlgorithms", "NoHostAuthenticationForLocalhost",
                                          "RemoteCommand", "RequiredRSASize", "SessionType", "StdinNull"});
}
