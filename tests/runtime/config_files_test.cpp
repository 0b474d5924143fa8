// Files that a configuration names, and that are not there.
#include <catch2/catch.hpp>

#include "runtime/config.hpp"

using namespace moorage;

TEST_CASE("a key file that is gone is the trouble of the clusters that name it, told with the line, and of "
          "no other") {
  auto config = parse_config("[defaults]\n"
                             "key_files = [\"/gone/usual\"]\n"
                             "[clusters.a]\n"
                             "host = \"x\"\n"
                             "[clusters.b]\n"
                             "host = \"x\"\n"
                             "key_files = []\n"
                             "[clusters.c]\n"
                             "host = \"x\"\n"
                             "key_files = [\"/dev/null\",\n"
                             "             \"/gone/own\"]\n"
                             "[clusters.d]\n"
                             "host = \"x\"\n"
                             "key_files = [\"none\"]\n",
                             "/etc/m.toml");
  REQUIRE(config);
  auto problems = [&](const std::string& name, const std::vector<std::string>& assignments = {}) {
    cluster_config cluster;
    REQUIRE(resolve_cluster(config.value, name, cluster).code == errc::none);
    REQUIRE(override_settings(cluster, assignments).empty());
    std::string result;
    for (const auto& each : check_files(config.value, cluster))
      result += to_string(each) + "\n";
    return result;
  };
  const std::string why = " is not there (No such file or directory); allowed: a file that can be read\n";
  CHECK(problems("a") == "/etc/m.toml:2: defaults.key_files[0]: /gone/usual" + why);
  CHECK(problems("me@elsewhere") == problems("a"));
  CHECK(problems("a", {"key_files="}).empty());
  CHECK(problems("b").empty());
  CHECK(problems("c") == "/etc/m.toml:10: clusters.c.key_files[0]: /dev/null is not a regular file; allowed: "
                         "a file that can be read\n"
                         "/etc/m.toml:10: clusters.c.key_files[1]: /gone/own" +
                             why);
  // That is no file beside the configuration.
  CHECK(problems("d").empty());
  CHECK(config.value.find("d")->settings.key_files == std::vector<std::string>{"none"});
  CHECK(problems("a", {"key_files=none"}).empty());
}
