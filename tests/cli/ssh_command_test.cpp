// `moorage ssh` in the place of ssh, against OpenSSH's sshd, with connections of its own or a node's.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/cli/ssh_home.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("ssh passes the streams and the exit code on as they are, of a host that is in no file") {
  ssh_home home;
  auto ended = home.ssh({home.destination(), "echo out; echo err >&2; cat; exit", "3"}, "in\n");
  CHECK(ended.output == "out\nin\n");
  CHECK(ended.error_output == "err\n");
  CHECK(ended.code == 3);
  CHECK(home.ssh({home.destination(), "true"}).code == 0);
  CHECK(home.ssh({home.destination(), "-n", "cat"}, "not this").output.empty());
  CHECK(home.ssh({"here", "echo a  b", "'c  d'"}).output == "a b c  d\n");
}
