// %C, the token that ssh makes of others, in the names of a Host's keys.
#include <catch2/catch.hpp>

#include <fstream>

#include "runtime/config/openssh.hpp"
#include "runtime/system/program_output.hpp"
#include "tests/support/between.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using namespace std::chrono_literals;

TEST_CASE("%C in the name of a Host's key is the digest that ssh makes of where it goes") {
  support::scratch_folder folder;
  configuration from;
  from.defaults.settings.ssh_config = folder / "config";
  std::ofstream{folder / "config"}
      << "Host lumi\n HostName Login.Example\n User me\n Port 2222\n"
         "Host alias\n HostName login.example\n User me\n Port 2222\n"
         "Host usual\n Port 23\nHost other\n User you\nHost *\n IdentitiesOnly yes\n"
         " ControlPath /other/%h\n IdentityFile /keys/%C\n";
  std::vector<std::string> digests;
  for (const auto* host : {"lumi", "alias", "usual", "other"}) {
    INFO(host);
    const auto said =
        output_of({"ssh", "-F", folder / "config", "-o", "ControlPath=/<%C>", "-O", "check", host}, 10s);
    digests.push_back(support::between(said.error_output, "<", ">"));
    REQUIRE(digests.back().size() == 40);
    cluster_config cluster;
    CHECK(find_cluster(from, host, cluster).text == "");
    CHECK(cluster.settings.key_files == std::vector<std::string>{"/keys/" + digests.back()});
    CHECK(cluster.not_followed.empty());
  }
  CHECK(digests[0] == digests[1]);
  CHECK(digests[1] != digests[2]);
}
