// What tests show as root, as an ordinary user: sshd, agents and modes of files treat root as nobody else.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <pwd.h>
#include <unistd.h>

#include "tests/cli/another_user.hpp"
#include "tests/cli/program.hpp"
#include "tests/support/account.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;

TEST_CASE("scp, sftp, rsync, git, ClusterShell and Ansible run through an ordinary user's node, too") {
  if (!may_become_others())
    return;
  moorage::support::scratch_folder home;
  moorage::support::ordinary_account user{home.path()};
  const auto* account = ::getpwnam(user.name().c_str());
  REQUIRE(account != nullptr);
  // Not in this one's folder for what is temporary, where only root may write perhaps.
  std::filesystem::create_directory(home / "tmp");
  for (const auto& each : {home.path(), home / "tmp"})
    REQUIRE(::chown(each.c_str(), account->pw_uid, account->pw_gid) == 0);
  const auto libraries = libraries_for_others(MOORAGE_INSTRUMENTED, home.path());
  program_spec spec{{"--reuid=" + user.name(), "--regid=" + std::to_string(account->pw_gid), "--init-groups",
                     std::filesystem::read_symlink("/proc/self/exe").string(), "[programs]"},
                    home.path(),
                    {},
                    {{"TMPDIR", home / "tmp"}, {"USER", user.name()}, {"LOGNAME", user.name()}}};
  spec.executable = "/usr/bin/setpriv";
  if (!libraries.empty())
    spec.environment["LD_LIBRARY_PATH"] = libraries;
  // Of all that are marked so, none may be left out.
  auto list = spec;
  list.arguments.insert(list.arguments.end() - 1, "--list-test-names-only");
  const auto names = run(list).output;
  const auto cases = std::count(names.begin(), names.end(), '\n');
  REQUIRE(cases > 1);
  auto ended = run(spec, 200s);
  INFO(ended.output << ended.error_output);
  CHECK(ended.code == 0);
  CHECK_THAT(ended.output,
             Contains("All tests passed") && Contains("in " + std::to_string(cases) + " test cases"));
}
