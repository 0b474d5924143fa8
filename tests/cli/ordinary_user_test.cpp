// What tests show as root, as an ordinary user: sshd, agents and modes of files treat root as nobody else.
#include <catch2/catch.hpp>

#include "tests/cli/another_user.hpp"

using namespace moorage::cli_tests;

TEST_CASE("scp, sftp, rsync, git, ClusterShell and Ansible run through an ordinary user's node, too") {
  if (!may_become_others())
    return;
  const auto ran = moorage::support::run_as_ordinary_user("[programs]");
  INFO(ran.output);
  CHECK(ran.cases > 1);
  CHECK(ran.passed);
}

TEST_CASE("an ordinary user's certificates lead over jump hosts as root's do") {
  if (!may_become_others())
    return;
  const auto ran = moorage::support::run_as_ordinary_user("[certificates over jumps]");
  INFO(ran.output);
  CHECK(ran.cases == 1);
  CHECK(ran.passed);
}
