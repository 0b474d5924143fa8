// Words and configurations that `moorage ssh` takes as ssh does: the real one is run beside it.
#include <catch2/catch.hpp>

#include <fstream>

#include "tests/cli/program.hpp"
#include "tests/support/real_sshd.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using namespace moorage::cli_tests;
using Catch::Contains;

namespace {

/// A configuration of ssh's that is said of every name: how it gets to the sshd.
struct both_programs {
  both_programs() {
    write("");
    std::ofstream{folder / "moorage.toml"} << "[defaults]\nssh_config = \"ssh_config\"\n";
  }

  void write(const std::string& before) const {
    std::ofstream{file()} << before << "Host *\n  HostName " << sshd.host() << "\n  Port " << sshd.port()
                          << "\n  User " << sshd.user() << "\n  IdentityFile " << sshd.client_key()
                          << "\n  IdentityAgent none\n  UserKnownHostsFile " << sshd.known_hosts() << "\n";
  }
  std::string file() const { return folder / "ssh_config"; }
  finished moorage(std::vector<std::string> words) const {
    words.insert(words.begin(), "ssh");
    return run({std::move(words), folder.path(), {}, {{"MOORAGE_CONFIG", folder / "moorage.toml"}}});
  }
  finished ssh(std::vector<std::string> words) const {
    words.insert(words.begin(), {"ssh", "-F", file(), "-o", "BatchMode=yes"});
    program_spec spec{std::move(words), folder.path()};
    spec.executable = "/usr/bin/env";
    return run(spec);
  }
  /// What both write, where it is the same; and what they complain of.
  std::string both(std::vector<std::string> words) const {
    words.insert(words.end(), {"echo", "in"});
    auto ours = moorage(words), theirs = ssh(words);
    INFO("moorage: " << ours.error_output << "ssh: " << theirs.error_output);
    CHECK(ours.code == theirs.code);
    CHECK(ours.output == theirs.output);
    return ours.output + ours.error_output;
  }

  support::real_sshd sshd;
  support::scratch_folder folder;
};

} // namespace

TEST_CASE("a host through itself, and one twice on the way, are reached as by ssh, with a pool for each") {
  both_programs programs;
  programs.write("Host a\n  RekeyLimit 16M\nHost b\n  RekeyLimit 17M\n");
  CHECK(programs.both({"-J", "a", "a"}) == "in\n");
  CHECK(programs.both({"-J", "a,a", "b"}) == "in\n");
  CHECK(programs.both({"-J", "a,b,a", "a"}) == "in\n");
}

TEST_CASE("files of ssh's that it has no answer for are not asked about again, by ssh no more than by exec") {
  both_programs programs;
  const auto count = programs.folder / "count";
  auto asked = [&](std::vector<std::string> words) {
    std::ofstream{programs.file()} << "Match exec \"echo x >> " << count
                                   << "\"\n  User me\nHost *\n  Frobnicate yes\n";
    std::ofstream{count} << "";
    auto ended = run({std::move(words), programs.folder.path()});
    CHECK(ended.code == 255);
    CHECK_THAT(ended.error_output, Catch::StartsWith("moorage: ssh_config cannot be read for 'x': ") &&
                                       Contains("Bad configuration option: frobnicate"));
    return support::contents_of(count).size();
  };
  auto by_ssh = asked({"ssh", "-F", programs.file(), "x", "true"});
  CHECK(by_ssh > 0);
  CHECK(by_ssh == asked({"-F", programs.file(), "exec", "x", "--", "true"}));
}

TEST_CASE(
    "names that no host has are Hosts, on the way as well, and the refusal of one says it once, as written") {
  both_programs programs;
  for (const std::string name : {"a+b", "x/y", "a=b", "a~b"}) {
    CAPTURE(name);
    programs.write("Host " + name + "\n  RekeyLimit 16M\n" +
                   (name == "x/y" ? "" : "Host far\n  ProxyJump " + name + "\n"));
    CHECK(programs.both({name}) == "in\n");
    CHECK(programs.both({"-l", programs.sshd.user(), name}) == "in\n");
    if (name == "x/y") // no hop's name for ssh
      continue;
    CHECK(programs.both({"far"}) == "in\n");
    CHECK(programs.both({"-J", programs.sshd.user() + "@" + name, "b"}) == "in\n");
  }
  for (const std::string name : {"c+d", "a|b", "a;b"}) {
    auto refused = programs.moorage({"-F", "none", name, "true"});
    CHECK(refused.code == 255);
    CHECK_THAT(refused.error_output,
               Catch::StartsWith("moorage: '" + name + "' is no host name") && !Contains(":22"));
  }
}

TEST_CASE("an address of IPv6 as ssh's destination has what its files say, as any other") {
  both_programs programs;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"::1"},
                                                {programs.sshd.user() + "@::1"},
                                                {"-l", programs.sshd.user(), "::1"}}) {
    CAPTURE(words);
    CHECK(programs.both(words) == "in\n");
  }
  // ssh 9.2 takes no address in the place of a name there.
  CHECK(programs.moorage({"ssh://[::1]:" + std::to_string(programs.sshd.port()), "echo", "in"}).output ==
        "in\n");
  programs.write("Host ::1\n  RekeyLimit 16M\n");
  CHECK(programs.both({"::1"}) == "in\n");
}
