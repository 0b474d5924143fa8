// A pool's recording, from the order to its replay, and files that are none.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/cli/node_home.hpp"

using namespace moorage::cli_tests;
using Catch::Contains;
using Catch::EndsWith;

namespace {

std::string recorded(const node_home& home) {
  auto ordered = home.moorage({"admin", "record", "here"});
  INFO(ordered.error_output);
  REQUIRE(ordered.code == 0);
  REQUIRE(ordered.output.ends_with(".flight\n"));
  return ordered.output.substr(0, ordered.output.size() - 1);
}

std::string written(const node_home& home, const std::string& name, const std::string& bytes) {
  auto path = home.folder / name;
  std::ofstream{path, std::ios::binary} << bytes;
  return path;
}

} // namespace

TEST_CASE("what a node's pool did lately is written for its owner alone, and replayed to the same effects") {
  node_home home;
  REQUIRE(home.exec("true").code == 0);
  REQUIRE(home.exec("exit 3").code == 3);
  auto path = recorded(home);
  CHECK(path.starts_with(home.folder.path()));
  using std::filesystem::perms;
  CHECK(std::filesystem::status(path).permissions() == (perms::owner_read | perms::owner_write));

  auto replayed = home.moorage({"replay", path});
  INFO(replayed.error_output);
  CHECK(replayed.code == 0);
  CHECK_THAT(replayed.output, Contains("a recording of 'here'") && Contains("acquire_requested") &&
                                  Contains("-> grant ") && Contains("ordered record") &&
                                  EndsWith(" events replayed: the core gave the same effects\n"));
  auto quiet = home.moorage({"replay", path, "-q"});
  CHECK(quiet.code == 0);
  CHECK(std::count(quiet.output.begin(), quiet.output.end(), '\n') == 1);
  auto one = home.moorage({"replay", path, "--step", "2", "--state"});
  CHECK(one.code == 0);
  CHECK_THAT(one.output, Contains("     2  +") && !Contains("     1  +") && !Contains("     3  +") &&
                             Contains("          == ") && Contains(" waiter"));
}

TEST_CASE("a replay for a script is a line of JSON a step, and one that says whether it is the same") {
  node_home home;
  REQUIRE(home.exec("true").code == 0);
  auto path = recorded(home);
  auto replayed = home.moorage({"replay", path, "--json", "--state"});
  REQUIRE(replayed.code == 0);
  std::istringstream lines{replayed.output};
  std::string line;
  std::uint64_t steps = 0;
  nlohmann::json last;
  while (std::getline(lines, line)) {
    last = nlohmann::json::parse(line);
    if (!last.contains("event"))
      break;
    CHECK(last["step"] == ++steps);
    CHECK(last["state"]["cluster"] == "here");
  }
  CHECK(steps > 3);
  CHECK(last["steps"] == steps);
  CHECK(last["same"] == true);
}

TEST_CASE("a recording that is damaged, and a file that is none, are refused with what is wrong") {
  node_home home;
  auto path = recorded(home);
  std::ifstream file{path, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  auto damaged = home.moorage({"replay", written(home, "damaged.flight", bytes)});
  CHECK(damaged.code == 1);
  CHECK_THAT(damaged.error_output, Contains("the recording is damaged: offset "));
  CHECK(damaged.output.empty());
  auto none = home.moorage({"replay", written(home, "none", "host = \"lumi\"\n")});
  CHECK(none.code == 1);
  CHECK_THAT(none.error_output, Contains("this is no recording"));
  CHECK_THAT(home.moorage({"replay", "/nowhere"}).error_output, Contains("cannot read /nowhere: "));
  CHECK_THAT(home.moorage({"replay", "/"}).error_output, Contains("it is no file"));
  CHECK(home.moorage({"replay"}).code == 2);
}
