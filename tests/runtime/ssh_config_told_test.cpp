// What is wrong with a Host, or with what ssh is asked about it, is told by where it came from; what would
// let somebody in whom the Host keeps out is refused. The real ssh reads the files.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

#include "runtime/config/openssh.hpp"
#include "runtime/config/ssh_lines.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
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
  /// Where an option stands that the Host `far` has.
  std::string line_of(const std::string& option) const {
    auto said = ask_openssh_about({"far"}, file(), openssh_patience, {});
    CHECK(said.complaints.empty());
    return where_it_stands(said.debugging, file(), option);
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
  CHECK_THAT(ask_openssh({}, reserve).text,
             StartsWith("-o min_idle: 9 is more than pool_size") && Contains("(of clusters.mine)"));
  reserve.note_origin("min_idle", {source::cluster, 3});
  CHECK_THAT(ask_openssh({}, reserve).text, StartsWith("clusters.mine.min_idle: 9 is more than pool_size"));
  reserve.note_origin("min_idle", {source::defaults, 2});
  CHECK_THAT(ask_openssh({}, reserve).text,
             StartsWith("defaults.min_idle: 9 is more than pool_size") && Contains("(of clusters.mine)"));
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

TEST_CASE(
    "a Host that is refused for an option is told the lines of it, in whatever file, and whose way it is") {
  hosts_told hosts{""};
  const auto more = hosts.folder / "more";
  std::ofstream{hosts.file(), std::ios::trunc}
      << "Host far\n  ProxyJump gate\nHost further\n  ProxyJump far\n"
      << "Host odd\n  IdentityFile /keys/%T\n"
      << "Host *\n  Include \"" << more << "\"\n";
  std::ofstream{more} << "# RevokedHostKeys\nHost other\n  RevokedHostKeys /other\nHost gate\n"
                      << "  User you\n\trevokedhostkeys=\"/gate\"  \r\n";
  cluster_config found;
  auto gate = hosts.find("gate", found).text;
  CHECK_THAT(gate, StartsWith("ssh_host gate: RevokedHostKeys is not supported") &&
                       EndsWith("; RevokedHostKeys stands in " + more + " line 6"));
  CHECK(hosts.find("far", found).text == "the way to 'far': " + gate);
  CHECK(hosts.find("further", found).text == "the way to 'further': the way to 'far': " + gate);
  CHECK_THAT(hosts.find("odd", found).text,
             Contains("IdentityFile: %T is not known") &&
                 EndsWith("IdentityFile stands in " + hosts.file() + " line 6"));
  auto table = hosts.of_table("far");
  CHECK(ask_openssh({}, table).text == "the way to 'mine': " + gate);
  // What no line can be found of is in one of the files all the same.
  CHECK(hosts.line_of("port") == hosts.file() + ", or a file that it includes");
}

TEST_CASE(
    "the lines of an option: not those of other Hosts, nor of a Match that was not applied, nor remarks") {
  const std::string text =
      "Port 1\n#Port 2\nHost a\n  Port 3\nHost b\n \tport = 5\nMatch all\n\"Port\" 7\nPorts 8";
  ssh_files_read of_b;
  of_b.applied = {"/f line 5"};
  CHECK(lines_with("port", "/f", text, of_b) ==
        std::vector<std::string>{"/f line 1", "/f line 6", "/f line 8"});
  of_b.unmatched = {"/f line 7"};
  CHECK(lines_with("port", "/f", text, of_b) == std::vector<std::string>{"/f line 1", "/f line 6"});
  auto read =
      files_ssh_read("debug1: Reading configuration data /f\r\ndebug1: /f line 5: Applying options for "
                     "b\r\ndebug1: Reading configuration data /f\r\nReading configuration data /g\n");
  CHECK(read.files == std::vector<std::string>{"/f"});
  CHECK(read.applied == std::vector<std::string>{"/f line 5"});
  CHECK(read.patterns == std::vector<std::string>{"b"});
  CHECK(read.idle.empty());
  CHECK(read.unmatched.empty());
  CHECK_FALSE(read.matched);
  // The second reading is the one of `final`.
  // The command of a Match exec says what it likes.
  const auto quoted =
      files_ssh_read("debug1: Reading configuration data /f\r\n"
                     "debug1: Executing command: 'echo /g line 1: Applying options for gate'\r\n");
  CHECK_FALSE(names_host(quoted));
  read = files_ssh_read("debug3: /f line 1: matched 'host \"a\"' \r\ndebug3: /f line 1: not matched 'user "
                        "\"b\"' \r\ndebug2: match not found\r\ndebug3: /f line 3: not matched 'final'\r\n"
                        "debug2: match not found\r\ndebug2: match found\r\ndebug3: /f line 1: not matched "
                        "'host \"a\"' \r\ndebug2: match not found\r\ndebug3: /f line 3: matched 'final'\r\n"
                        "debug2: match found\r\n");
  CHECK(read.unmatched == std::set<std::string>{"/f line 1"});
  CHECK(read.matched);
}

TEST_CASE("the lines of an option are not those of a file that no Host in force includes") {
  hosts_told hosts{""};
  const auto some = hosts.folder / "some", both = hosts.folder / "both";
  std::ofstream{hosts.file(), std::ios::trunc} << "Host other\n  Include " << some << "\n  Include " << both
                                               << "\nHost far\n  Include " << both << "\n";
  std::ofstream{some} << "RevokedHostKeys /some\nMatch all\nRevokedHostKeys /some\n";
  std::ofstream{both} << "RevokedHostKeys /both\n";
  CHECK(hosts.line_of("revokedhostkeys") == both + " line 1");
  std::filesystem::remove(both);
  CHECK(hosts.line_of("revokedhostkeys") == hosts.file() + ", or a file that it includes");
}

TEST_CASE("the lines of an option are not those of a Match that is another's, by whatever it goes") {
  hosts_told hosts{"Match originalhost other\n  Port 1\nMatch host far exec \"exit 1\"\n  Port 2\n"
                   "Match host far exec \"exit 0\"\n  Port 3\nMatch !host far\n  Port 4\n"
                   "Match all\n  Port 5\nMatch final host far\n  Port 6\nMatch final host other\n  Port 7\n"};
  const auto line = [&hosts](int number) { return hosts.file() + " line " + std::to_string(number); };
  CHECK(hosts.line_of("port") == line(6) + ", " + line(10) + ", " + line(12));
}

TEST_CASE("a name is a Host by its own pattern, or by a Match that no other name has, whatever they say") {
  hosts_told hosts{"Host alike\n  User me\nMatch host matched\n  User you\nHost *\n  User me\n"};
  cluster_config found;
  CHECK(hosts.find("alike", found).text.empty());
  CHECK(hosts.find("matched", found).text.empty());
  CHECK_THAT(hosts.find("unlike", found).text, Contains("nor does " + hosts.file() + " have a Host"));
  // ssh's LogLevel does not keep it from telling.
  hosts_told quiet{"LogLevel QUIET\nHost *\n  User me\nHost far\n  LogLevel QUIET\n"};
  CHECK(quiet.find("far", found).text.empty());
  CHECK(quiet.find("unlike", found).code == errc::unknown_cluster);
}

TEST_CASE("a Host that wants no key file has none, not even the usual ones or those of [defaults]") {
  using names = std::vector<std::string>;
  hosts_told hosts{""};
  const auto key = hosts.folder / "key";
  std::ofstream{key} << "";
  std::ofstream{hosts.file()}
      << "Host bare\n IdentityFile none\nHost loud\n IdentityFile NONE\nHost only\n"
      << " IdentityFile none\n IdentitiesOnly yes\nHost missing\n IdentityFile /gone\n"
      << "Host beside\n IdentityFile none\n IdentityFile " << key << "\n";
  configuration from;
  from.defaults.settings.ssh_config = hosts.file();
  from.defaults.settings.key_files = {"/of/all"};
  from.defaults.note_origin("key_files", {setting_origin::source::defaults, 2});
  auto host = [&from](const std::string& name) {
    cluster_config result;
    CHECK(find_cluster(from, name, result).text.empty());
    CHECK(result.not_followed.empty());
    return result;
  };
  for (const char* name : {"bare", "loud", "missing"}) {
    auto found = host(name);
    CHECK(found.settings.key_files == names{"none"});
    CHECK(found.settings.agent);
    CHECK(check_files(from, found).empty());
  }
  auto only = host("only").settings;
  CHECK(only.key_files == names{"none"});
  CHECK_FALSE(only.agent);
  CHECK(host("beside").settings.key_files == names{key});
  auto table = hosts.of_table("bare");
  table.settings.key_files = {"/of/table"};
  table.note_origin("key_files", {setting_origin::source::cluster, 3});
  REQUIRE(ask_openssh(from, table).code == errc::none);
  CHECK(table.settings.key_files == names{"/of/table"});
  // With keys of its own there are some that the agent may show, unless the Host has no agent.
  std::ofstream{hosts.file(), std::ios::app}
      << "Host mute\n IdentityFile none\n IdentitiesOnly yes\n IdentityAgent none\n";
  for (const std::string name : {"only", "mute"}) {
    auto own = hosts.of_table(name);
    own.settings.key_files = {"/of/table"};
    own.note_origin("key_files", {setting_origin::source::cluster, 3});
    REQUIRE(ask_openssh({}, own).code == errc::none);
    CHECK(own.settings.agent == (name == "only"));
  }
}
