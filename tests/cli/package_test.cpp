// What `cmake --install` puts in place is enough to build and run a program of its own.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include <moorage/version.hpp>

#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

finished cmake(const std::string& home, std::vector<std::string> arguments) {
  auto ended = run({std::move(arguments), home, {}, {}, false, "cmake"}, 300s);
  INFO(ended.output << ended.error_output);
  REQUIRE(ended.code == 0);
  return ended;
}

/// The installation that a test looks at, and what building against it takes.
struct installed {
  home_with_cluster home;
  std::string prefix = home.folder / "prefix";
  // A library with a sanitizer in it wants the same of its users, and the libraries that it was built with.
  std::string flags =
      std::string{MOORAGE_SANITIZE}.empty() ? "" : std::string{"-fsanitize="} + MOORAGE_SANITIZE;

  installed() { cmake(home.folder.path(), {"--install", MOORAGE_BUILD_DIR, "--prefix", prefix}); }

  finished shell(const std::string& script, std::chrono::seconds most = 300s) {
    return run({{"-c", script}, home.folder.path(), {}, {}, false, "sh"}, most);
  }
};

/// Bytes of all files below it, links counted as nothing.
std::uintmax_t size_of(const std::string& folder) {
  std::uintmax_t size = 0;
  for (auto& each : std::filesystem::recursive_directory_iterator{folder})
    if (each.is_regular_file() && !each.is_symlink())
      size += each.file_size();
  return size;
}

} // namespace

TEST_CASE("an installed moorage is found by find_package, and the example runs a command through it") {
  installed there;
  auto& [home, prefix, flags] = there;
  auto build = home.folder / "example";
  auto example = std::filesystem::path{MOORAGE_SOURCE_DIR} / "deploy/example";
  for (auto file : {"/bin/moorage", "/libexec/moorage/moorage", "/include/moorage/runtime.hpp",
                    "/include/moorage/moorage.hpp", "/include/moorage/version.hpp", "/lib/libmoorage.a",
                    "/lib/libmoorage.so", "/lib/pkgconfig/moorage.pc", "/share/man/man1/moorage.1",
                    "/share/bash-completion/completions/moorage", "/lib/systemd/user/moorage.service"})
    CHECK(std::filesystem::exists(prefix + file));
  cmake(home.folder.path(),
        {"-S", example.string(), "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix + ";" MOORAGE_INSTRUMENTED,
         "-DCMAKE_CXX_FLAGS=" + flags});
  cmake(home.folder.path(), {"--build", build});
  auto spec = home.spec({"echo hello"});
  spec.executable = build + "/squeue_everywhere";
  auto ended = run(spec);
  CHECK(ended.error_output == "");
  CHECK(ended.output == "== here: exited 0 ==\nhello\n");
  CHECK(ended.code == 0);
  spec = home.spec({"exec", "here", "--", "echo installed"});
  spec.executable = prefix + "/bin/moorage";
  ended = run(spec);
  CHECK(ended.error_output == "");
  CHECK(ended.output == "installed\n");
}

TEST_CASE("a host with files named like ours builds by pkg-config and the shared library alone") {
  installed there;
  std::ofstream{there.home.folder / "host.cpp"} << R"(#include "messages/errors.hpp"
#include <moorage/moorage.hpp>
#include <moorage/version.hpp>
#include <cstdio>
int main() {
  moorage::runtime runtime{moorage::configuration{}};
  auto lease = runtime.try_acquire("nowhere");
  std::printf("%d %s %s\n", hosts_own, MOORAGE_VERSION, to_string(lease.reason().code).c_str());
}
)";
  std::filesystem::create_directories(there.home.folder / "messages");
  std::ofstream{there.home.folder / "messages/errors.hpp"} << "constexpr int hosts_own = 7;\n";
  for (auto name : {"ids", "settings", "status", "exec", "events"})
    std::ofstream{there.home.folder / ("messages/" + std::string{name} + ".hpp")}
        << "#error the host's own\n";
  // No folder of CAF's, libssh's or others' is named: the shared library brings them.
  auto ended = there.shell(
      "export PKG_CONFIG_PATH='" + there.prefix +
      "/lib/pkgconfig'; cd \"$HOME\" && g++ -std=c++20 -Wall -Wextra -Wpedantic -Werror " + there.flags +
      " -I. host.cpp -o host $(pkg-config --cflags --libs moorage) && "
      "LD_LIBRARY_PATH='" +
      there.prefix + "/lib' ./host");
  CHECK(ended.error_output == "");
  CHECK(ended.output == "7 " MOORAGE_VERSION " unknown_cluster\n");
}

TEST_CASE(
    "the shared library shows only what the public headers say, and an installation is no more than 25 MB") {
  installed there;
  auto ended = there.shell("nm -DC --defined-only '" + there.prefix + "/lib/libmoorage.so' | cut -d' ' -f3-");
  REQUIRE(ended.code == 0);
  CHECK_THAT(ended.output, Contains("moorage::runtime::try_acquire"));
  for (auto hidden : {"moorage::pool_core", "moorage::libssh_session", "moorage::client_state::", "toml::"})
    CHECK_THAT(ended.output, !Contains(hidden));
  if (std::string{MOORAGE_SANITIZE}.empty())
    CHECK(size_of(there.prefix) <= 25'000'000);
}
