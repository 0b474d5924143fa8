// A gibibyte through a node: from the sshd to the node to another process, and to a reader that stops in the
// middle.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t gibibyte = 1u << 30;
constexpr std::uint64_t read_first = 1'000'000;

/// The most memory that the process has held so far, in KiB; 0: it has gone.
std::size_t peak_memory(const std::string& pid) {
  std::ifstream status{"/proc/" + pid + "/status"};
  for (std::string word; status >> word;)
    if (std::size_t peak = 0; word == "VmHWM:" && status >> peak)
      return peak;
  return 0;
}

/// In KiB, a sixteenth of what passes. A sanitizer has shadows of all there is, and keeps what was freed for
/// a while: AddressSanitizer 256 MiB of it, and by how fast it gives the rest back twice as much, but for
/// being told otherwise.
constexpr std::size_t peak_max = (std::string_view{MOORAGE_SANITIZE}.empty() ? 64 : 600) << 10;

template <class Spec>
Spec keeping_little(Spec spec) {
  const char* given = std::getenv("ASAN_OPTIONS");
  spec.environment["ASAN_OPTIONS"] = (given ? given : "") + std::string{":quarantine_size_mb=16"};
  return spec;
}

std::string text_of(const std::string& file) {
  std::ifstream in{file};
  std::string text;
  std::getline(in, text);
  return text;
}

} // namespace

TEST_CASE("a gibibyte passes through a node in constant memory, also to a reader that stops in between") {
  home_with_cluster home;
  program node{keeping_little(home.spec({"serve"}))};
  REQUIRE(node.wrote("serving 1 cluster on "));
  auto pid_file = home.folder / "pid", go = home.folder / "go";
  auto spec = keeping_little(
      home.spec({"-c", "mkfifo go; sh -c 'echo $$ >pid; exec " MOORAGE_PROGRAM
                       " exec here -- head -c 1073741824 /dev/zero' | "
                       "{ dd bs=1000000 count=1 iflag=fullblock of=/dev/null status=none; echo stopped >&2; "
                       "read -r _ <go; wc -c; }"}));
  spec.executable = "sh";
  spec.environment["PWD"] = home.folder.path();
  spec.arguments[1] = "cd " + home.folder.path() + "; " + spec.arguments[1];
  program reader{spec};
  REQUIRE(reader.wrote("stopped"));
  auto client = text_of(pid_file);
  auto served = std::to_string(node.pid());
  // Nobody reads: the node serves others meanwhile, and neither process takes up what nobody wants.
  for (int i = 0; i < 20; ++i)
    CHECK(home.exec("echo on").output == "on\n");
  CHECK(peak_memory(client) > 0);
  CHECK(peak_memory(client) < peak_max);
  CHECK(peak_memory(served) < peak_max);
  std::ofstream{go} << "\n";
  auto rest = std::to_string(gibibyte - read_first) + "\n";
  std::size_t client_peak = 0;
  while (auto peak = peak_memory(client)) {
    client_peak = std::max(client_peak, peak);
    reader.wrote(rest, 50ms);
  }
  auto ended = reader.wait(20s);
  CHECK(ended.output == rest);
  CHECK(ended.error_output == "stopped\n");
  CHECK(client_peak < peak_max);
  CHECK(peak_memory(served) < peak_max);
}
