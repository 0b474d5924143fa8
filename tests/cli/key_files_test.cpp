// A cluster's key file that is not there, and the commands about other clusters.
#include <catch2/catch.hpp>

#include <cstddef>
#include <fstream>
#include <string>

#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using Catch::Contains;

namespace {

/// The cluster `here` is well; the key of `broken` is gone.
struct home_with_lost_key : home_with_cluster {
  home_with_lost_key() {
    write_config("[clusters.broken]\nhost = \"" + sshd.host() + "\"\nport = " + std::to_string(sshd.port()) +
                 "\nkey_files = [\"" + key() + "\"]\nagent = false\nknown_hosts_files = [\"" +
                 sshd.known_hosts() + "\"]\n");
  }
  std::string key() const { return folder / "id_gone"; }
  /// What is said of it, with its place in the file.
  std::string fault() const {
    return config() + ":12: clusters.broken.key_files[0]: " + key() +
           " is not there (No such file or directory); allowed: a file that can be read";
  }
};

std::size_t times(const std::string& text, const std::string& in) {
  std::size_t result = 0;
  for (auto at = in.find(text); at != std::string::npos; at = in.find(text, at + 1))
    ++result;
  return result;
}

} // namespace

TEST_CASE("a key file that is gone ends the commands about its cluster, and no other") {
  home_with_lost_key home;
  auto other = home.exec("echo hello");
  CHECK(other.code == 0);
  CHECK(other.output == "hello\n");
  CHECK(other.error_output.empty());
  auto exec = home.moorage({"exec", "broken", "true"});
  CHECK(exec.code == 255);
  CHECK(exec.error_output == "moorage: " + home.fault() + "\n");
  auto check = home.moorage({"check", "broken"});
  CHECK(check.code == 3);
  CHECK(check.error_output == "moorage: " + home.fault() + "\n");
}

TEST_CASE("config and a serving node warn once of a key file that is gone, and the node tells who asks for "
          "its cluster") {
  home_with_lost_key home;
  auto warning = "moorage: warning: " + home.fault() + "\n";
  auto all = home.moorage({"config"});
  CHECK(all.code == 0);
  CHECK_THAT(all.output, Contains("[clusters.here]") && Contains("[clusters.broken]"));
  CHECK(all.error_output == warning);
  CHECK(home.moorage({"config", "broken"}).error_output == warning);
  CHECK(home.moorage({"config", "here"}).error_output.empty());
  CHECK(home.moorage({"config", "--names"}).error_output.empty());
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 2 clusters on "));
  REQUIRE(node.wrote(warning));
  CHECK(home.exec("echo hello").output == "hello\n");
  auto exec = home.moorage({"exec", "broken", "true"});
  CHECK(exec.code == 255);
  CHECK_THAT(exec.error_output, Contains(home.key()) && Contains("does not exist"));
  node.signal(15);
  CHECK(times(warning, node.wait().error_output) == 1);
}
