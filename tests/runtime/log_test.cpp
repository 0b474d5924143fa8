// The log file: one line for one happening, for its owner's eyes.
#include <catch2/catch.hpp>

#include <fstream>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/system/log.hpp"
#include "tests/support/hostile.hpp"
#include "tests/support/real_sshd.hpp"

using namespace moorage;
using support::hostile_text;
using support::misleading_in_line;

namespace {

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777u;
}

} // namespace

TEST_CASE("nobody can forge a record of the log, or write to the reader's terminal through it") {
  support::scratch_folder folder;
  {
    event_log log{"debug", folder / "log"};
    event_record record;
    record.cluster = "lumi" + hostile_text;
    record.what = event_kind::granted;
    record.text = hostile_text;
    log.write(record);
    log.bug(hostile_text, hostile_text);
  }
  auto lines = lines_of(folder / "log");
  CHECK(lines.size() == 2);
  for (const auto& line : lines) {
    CHECK(misleading_in_line(line) == "");
    CHECK(line.find(" moorage ") != std::string::npos);
    CHECK(line.find("2026-01-01") != 0);
  }
}

TEST_CASE("the log file is created for its owner alone, and one that is there keeps its mode") {
  support::scratch_folder folder;
  auto before = ::umask(0);
  event_log{"info", folder / "a/deep/folder/log"};
  std::ofstream{folder / "there"} << "earlier\n";
  ::chmod((folder / "there").c_str(), 0640);
  {
    event_log log{"info", folder / "there"};
    event_record record;
    record.cluster = "lumi";
    record.what = event_kind::opened;
    log.write(record);
  }
  ::umask(before);
  CHECK(mode_of(folder / "a/deep/folder/log") == 0600);
  CHECK(mode_of(folder / "there") == 0640);
  auto lines = lines_of(folder / "there");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "earlier");
}

TEST_CASE("a log beside which somebody is told the causes says of what failed only where and how") {
  support::scratch_folder folder;
  event_record tried, latched, lease;
  for (auto* each : {&tried, &latched, &lease}) {
    each->cluster = "lumi";
    each->text = "somebody said no";
  }
  tried.what = event_kind::open_failed;
  tried.error = {ssh_stage::authenticate, ssh_failure::denied, "somebody said no"};
  latched.what = event_kind::latched;
  lease.what = event_kind::granted;
  for (bool causes : {true, false}) {
    event_log log{"debug", folder / (causes ? "all" : "kinds"), causes};
    for (auto* each : {&tried, &latched, &lease})
      log.write(*each);
  }
  for (const auto& line : lines_of(folder / "all"))
    CHECK_THAT(line, Catch::EndsWith("somebody said no"));
  auto kinds = lines_of(folder / "kinds");
  REQUIRE(kinds.size() == 3);
  CHECK_THAT(kinds[0], Catch::EndsWith("lumi: open_failed: authenticate: denied"));
  CHECK_THAT(kinds[1], Catch::EndsWith("lumi: latched"));
  CHECK_THAT(kinds[2], Catch::EndsWith("lumi: granted: somebody said no"));
}
