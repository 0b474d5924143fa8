// The program is two: the one that finds its way to a node, and the one that it becomes without a node.
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>

#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

/// What the loader would load for it, as ldd(1) asks.
std::string libraries_of(const std::string& executable) {
  home_with_cluster home;
  auto spec = home.spec({"--version"});
  spec.executable = executable;
  spec.environment["LD_TRACE_LOADED_OBJECTS"] = "1";
  auto ended = run(spec);
  REQUIRE(ended.code == 0);
  return ended.output;
}

/// The program in a folder that holds nothing else.
std::string copy_alone(const home_with_cluster& home) {
  auto folder = std::filesystem::path{home.folder / "alone/bin"};
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(MOORAGE_PROGRAM, folder / "moorage");
  return folder / "moorage";
}

/// Until the child is the program, and no copy of the tests any more.
void wait_for_program(const program& child) {
  auto ours = std::filesystem::read_symlink("/proc/self/exe");
  auto theirs = "/proc/" + std::to_string(child.pid()) + "/exe";
  std::error_code gone;
  while (std::filesystem::read_symlink(theirs, gone) == ours && !gone)
    ;
}

} // namespace

TEST_CASE("the program that goes to a node loads neither libssh nor what comes with it") {
  auto first = libraries_of(MOORAGE_PROGRAM);
  CHECK_THAT(first, Contains("libcaf_io"));
  for (const auto* dear : {"libssh.so", "libcrypto.so", "krb5", "libspdlog.so"})
    CHECK_THAT(first, !Contains(dear));
  CHECK_THAT(libraries_of(MOORAGE_POOLS_PROGRAM), Contains("libssh.so"));
}

TEST_CASE("a command through a node needs one program, and a command without a node says when the other is "
          "missing") {
  home_with_cluster home;
  auto alone = copy_alone(home);
  auto exec = [&](std::vector<std::string> arguments) {
    auto spec = home.spec(std::move(arguments));
    spec.executable = alone;
    return run(spec);
  };
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 1 cluster on "));
  auto through_node = exec({"exec", "here", "--", "echo hello"});
  CHECK(through_node.error_output == "");
  CHECK(through_node.output == "hello\n");
  auto without = exec({"exec", "--embedded", "here", "--", "echo hello"});
  CHECK(without.code == 255);
  CHECK_THAT(without.error_output, Contains(home.folder / "alone/libexec/moorage/moorage") &&
                                       Contains("No such file or directory") &&
                                       Contains("install moorage whole"));
}

TEST_CASE("the program takes its arguments and its input along when it becomes the other") {
  home_with_cluster home;
  auto ended = home.moorage(
      {"exec", "here", "--quote", "--", "sh", "-c", "cat; printf '%s|' \"$@\"", "sh", "a  b", "", "ü\n"},
      "from outside\n");
  CHECK(ended.error_output == "");
  CHECK(ended.output == "from outside\na  b||ü\n|");
}

TEST_CASE("a signal is heard whenever it comes while a command starts") {
  home_with_cluster home;
  for (auto after = 0us; after < 20ms; after += 700us) {
    program starting{home.spec({"exec", "--embedded", "here", "--", "sleep 600"})};
    wait_for_program(starting);
    for (auto due = std::chrono::steady_clock::now() + after; std::chrono::steady_clock::now() < due;)
      ;
    starting.signal(SIGTERM);
    auto ended = starting.wait(20s);
    INFO(after.count() << " µs after its start: " << ended.error_output);
    REQUIRE(ended.signal == SIGTERM);
  }
}
