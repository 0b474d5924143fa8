// `moorage exec` and `check` by a proxy command.
#include <catch2/catch.hpp>

#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using Catch::Contains;
using moorage::support::real_sshd;

namespace {

std::string setting(const std::string& command) {
  return "proxy_command = '" + command + "'\n";
}

} // namespace

TEST_CASE("exec and check reach a cluster through ssh -W on another server") {
  real_sshd gateway;
  std::string by_way_of_it;
  for (const auto& word : gateway.ssh_command({"-W", "%h:%p"}))
    by_way_of_it += (by_way_of_it.empty() ? "" : " ") + word;
  home_with_cluster home;
  home.write_config(setting(by_way_of_it));
  auto ended = home.exec("echo out; echo err >&2; exit 7");
  CHECK(ended.output == "out\n");
  CHECK(ended.error_output == "err\n");
  CHECK(ended.code == 7);
  CHECK(gateway.logins() == 1);
  auto checked = home.moorage({"check", "here"});
  CHECK(checked.code == 0);
  CHECK_THAT(checked.output, Contains("proxy command, process "));
  CHECK(gateway.wait_for_connections(0, std::chrono::seconds{50}));
}

TEST_CASE("exec says how a proxy command ended, and what it said") {
  home_with_cluster home;
  home.write_config(setting("sh -c \"echo no such tunnel >&2; exit 3\""));
  auto ended = home.exec("true");
  CHECK(ended.code == 255);
  CHECK_THAT(ended.error_output, Contains("the proxy command exited with 3: no such tunnel"));
}
