// What `cmake --install` puts in place is enough to build and run a program of its own.
#include <catch2/catch.hpp>

#include <filesystem>

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

} // namespace

TEST_CASE("an installed moorage is found by find_package, and the example runs a command through it") {
  home_with_cluster home;
  auto prefix = home.folder / "prefix", build = home.folder / "example";
  auto example = std::filesystem::path{MOORAGE_SOURCE_DIR} / "deploy/example";
  cmake(home.folder.path(), {"--install", MOORAGE_BUILD_DIR, "--prefix", prefix});
  for (auto file : {"/bin/moorage", "/libexec/moorage/moorage", "/include/moorage/runtime/runtime.hpp",
                    "/share/man/man1/moorage.1", "/share/bash-completion/completions/moorage",
                    "/lib/systemd/user/moorage.service"})
    CHECK(std::filesystem::exists(prefix + file));
  // A library with a sanitizer in it wants the same of its users, and the libraries that it was built with.
  auto flags = std::string{MOORAGE_SANITIZE}.empty() ? "" : std::string{"-fsanitize="} + MOORAGE_SANITIZE;
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
