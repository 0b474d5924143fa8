// What `cmake --install` puts in place is enough to build and run programs of one's own: the examples.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <memory>

#include <moorage/version.hpp>

#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::EndsWith;

namespace {

/// What a host writes, field by field, of each struct that it makes.
constexpr auto designated = R"(
#include <moorage/runtime.hpp>
using namespace std::chrono_literals;
moorage::exec_request text{.command = "x"};
moorage::exec_request limited{.timeout = 5s, .output_max = 10};
moorage::exec_request with_variables{.command = "x", .environment = {{.name = "A"}}};
moorage::acquire_options patient{.patience = 5s};
moorage::acquire_options labelled{.label = "x", .wait_for_ready = true};
moorage::cluster_settings cluster{.name = "x", .host = "y"};
moorage::configuration config{.log_level = "off"};
moorage::failure refusal{.code = moorage::errc::stopping};
moorage::outcome ended{.kind = moorage::outcome_kind::maybe_ran};
moorage::runtime_options options{.executor = nullptr};
void every_argument(moorage::runtime& rt, moorage::lease& lease, std::string_view text) {
  rt.run("x", "y"), rt.run("x", text, 5s), rt.run("x", {.command = "y"}, {.patience = 5s});
  rt.async().run("x", std::string{"y"}, 5s).detach(), rt.async().run("x", {"y"}).get();
  rt.acquire("x"), rt.acquire("x", 5s), rt.acquire("x", 1h, "z"), rt.acquire("x", {.patience = 5s});
  lease.run(text), lease.run({.command = "x"}), lease.async().run("x").detach();
  lease.open("x"), lease.open({.command = "x"});
  lease.stream(text, [](auto, auto) { return true; });
  for (const auto& pool : *static_cast<const moorage::runtime&>(rt).pools())
    rt.pause(pool.cluster).value();
}
)";

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

TEST_CASE("an installed moorage is found by find_package, and the examples do what they say") {
  installed there;
  auto& [home, prefix, flags] = there;
  auto build = home.folder / "example";
  auto example = std::filesystem::path{MOORAGE_SOURCE_DIR} / "deploy/example";
  for (auto file : {"/bin/moorage", "/libexec/moorage/moorage", "/include/moorage/runtime.hpp",
                    "/include/moorage/moorage.hpp", "/include/moorage/version.hpp", "/lib/libmoorage.a",
                    "/lib/libmoorage.so", "/lib/pkgconfig/moorage.pc", "/share/man/man1/moorage.1",
                    "/share/bash-completion/completions/moorage", "/lib/systemd/user/moorage.service",
                    "/lib/systemd/user/moorage.socket", "/lib/systemd/system/moorage-node.service",
                    "/lib/systemd/system/moorage-node.socket", "/lib/sysusers.d/moorage.conf"})
    CHECK(std::filesystem::exists(prefix + file));
  cmake(home.folder.path(),
        {"-S", example.string(), "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix + ";" MOORAGE_INSTRUMENTED,
         "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror " + flags});
  cmake(home.folder.path(), {"--build", build});
  auto example_says = [&](const char* name, std::vector<std::string> arguments) {
    INFO(name);
    auto spec = home.spec(std::move(arguments));
    spec.executable = build + "/" + name;
    auto ended = run(spec, 60s);
    CHECK(ended.error_output == "");
    CHECK(ended.code == 0);
    return ended.output;
  };
  CHECK(example_says("one_shot", {"echo hello"}) == "== here: exited 0 ==\nhello\n");
  CHECK_THAT(example_says("job_manager", {"here", "true", "true"}),
             Contains("job 1: exited 0\n") && Contains("job 2: exited 0\n"));
  CHECK(example_says("actor", {"here", "echo hello"}) == "hello\nexited 0\n");
  auto serve = home.spec({"serve"});
  auto node = std::make_unique<program>(serve);
  REQUIRE(node->wrote("serving 1 cluster on "));
  auto spec = home.spec({"exec", "here", "--", "echo installed"});
  spec.executable = prefix + "/bin/moorage";
  auto ended = run(spec);
  CHECK(ended.error_output == "");
  CHECK(ended.output == "installed\n");
  CHECK_THAT(example_says("admin_with_events", {"1"}), Contains("here: probe") && Contains("here: 1 idle"));
  program old_node{home.spec({"serve", "--socket", home.folder / "old.sock"})};
  REQUIRE(old_node.wrote("serving 1 cluster on "));
  auto of_both =
      example_says("two_nodes", {home.folder / "moorage/node.sock", home.folder / "old.sock", "here"});
  CHECK_THAT(of_both,
             Contains("new: here granted") && Contains("old: here draining") && Contains("the old node: "));
  spec = home.spec({"status", "here", "--socket", home.folder / "old.sock"});
  CHECK_THAT(run(spec).output, Contains("drained"));
  spec = home.spec({"here", "sleep 0.2; echo done", "6"});
  spec.executable = build + "/reconnecting_client";
  program client{spec};
  REQUIRE(client.wrote("done"));
  node = nullptr; // killed
  REQUIRE(client.wrote("node"));
  program another{serve};
  auto came_back = client.wait(60s);
  CHECK(came_back.code == 0);
  CHECK_THAT(came_back.output, EndsWith("exited done\n"));
}

TEST_CASE(
    "what a host fills in by name, in part, compiles without a warning, and so does each way to say it") {
  home_with_cluster home;
  auto file = home.folder / "host.cpp";
  std::ofstream{file} << designated;
  for (std::string compiler : {"g++", "clang++"}) {
    INFO(compiler);
    auto command =
        "command -v " + compiler + " >/dev/null || exit 0; " + compiler +
        " -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -Wno-unused-value -I " MOORAGE_BUILD_DIR
        "/include " +
        file;
    auto ended = run({{"-c", command}, home.folder.path(), {}, {}, false, "/bin/sh"}, 120s);
    CHECK(ended.error_output == "");
    CHECK(ended.code == 0);
  }
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
  std::printf("%d %s %s\n", hosts_own, MOORAGE_VERSION, to_string(lease.error().code).c_str());
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

TEST_CASE("a host's actor has its session from the shared library and from the static one") {
  installed there;
  std::filesystem::create_directories(there.home.folder / "host");
  std::ofstream{there.home.folder / "host/CMakeLists.txt"} << R"(cmake_minimum_required(VERSION 3.25)
project(host LANGUAGES CXX)
find_package(moorage 0.1 REQUIRED COMPONENTS actors static)
foreach(kind actors static)
  add_executable(${kind} host.cpp)
  target_link_libraries(${kind} PRIVATE moorage::${kind})
endforeach()
)";
  std::ofstream{there.home.folder / "host/host.cpp"} << R"(#include <caf/all.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <moorage/actors.hpp>
int main() {
  moorage::runtime rt;
  caf::scoped_actor self{moorage::system_of(rt)};
  auto session = moorage::session_of(rt, caf::actor_cast<caf::strong_actor_ptr>(self.ptr()));
  // What headers of the language's library and of ours bring into the host as well as into the static
  // library.
  auto name = std::make_shared<std::string>("nowhere");
  if (std::to_string(moorage::longest_timeout.count()).empty() ||
      rt.pool(*name).error().code != moorage::errc::unknown_cluster)
    return 1;
  self->send(session, moorage::acquire{*name, 1});
  self->receive([](const moorage::acquire_refused& refusal) {
    std::puts(to_string(refusal.reason.code).c_str());
  });
}
)";
  auto source = there.home.folder / "host", build = there.home.folder / "build";
  cmake(there.home.folder.path(),
        {"-S", source, "-B", build, "-DCMAKE_PREFIX_PATH=" + there.prefix + ";" MOORAGE_INSTRUMENTED,
         "-DCMAKE_CXX_FLAGS=" + there.flags});
  cmake(there.home.folder.path(), {"--build", build});
  for (auto kind : {"/actors", "/static"})
    CHECK(there.shell(build + kind).output == "unknown_cluster\n");
}

TEST_CASE(
    "the shared library shows only what the public headers say, and an installation is no more than 25 MB") {
  installed there;
  auto ended = there.shell("nm -DC --defined-only '" + there.prefix + "/lib/libmoorage.so' | cut -d' ' -f3-");
  REQUIRE(ended.code == 0);
  CHECK_THAT(ended.output, Contains("moorage::runtime::try_connect"));
  for (auto hidden : {"moorage::pool_core", "moorage::libssh_session", "moorage::client_state::", "toml::"})
    CHECK_THAT(ended.output, !Contains("\n" + std::string{hidden}));
  if (std::string{MOORAGE_SANITIZE}.empty())
    CHECK(size_of(there.prefix) <= 25'000'000);
  const auto terms = there.prefix + "/share/doc/moorage/";
  CHECK(std::filesystem::exists(terms + "LICENSE"));
  // Of what was compiled in from a package of Debian's; what comes from elsewhere has its terms elsewhere.
  for (const std::string of : {"libcaf-dev", "libcli11-dev", "libtomlplusplus-dev", "nlohmann-json3-dev"})
    CHECK(std::filesystem::exists(terms + of + ".copyright") ==
          std::filesystem::exists("/usr/share/doc/" + of + "/copyright"));
}
