// Whatever a configuration file says, what is said about it stays within its line; and a key that only an
// agent holds can be named in it.
#include <catch2/catch.hpp>

#include <fstream>

#include "messages/written_values.hpp"
#include "runtime/config.hpp"
#include "tests/support/hostile.hpp"
#include "tests/support/real_sshd.hpp"

using namespace moorage;
using support::misleading;
using support::misleading_in_line;

namespace {

/// TOML's spelling of what hostile texts are made of.
const std::string evil =
    R"(evil\u001B[2J\u000A2026-01-01 moorage error: forged\u007F\u009B\u202E\u2066\u2028\u061C)";

} // namespace

TEST_CASE("a configuration that breaks what its parser assumes is refused, and ends no process") {
  // The parser looks ahead, a date's time included, further than it can go back: how far is in the middle.
  for (std::string_view date : {"1979-05-27", "1979-05-2!", "1!~\"-'5-27"}) {
    for (std::size_t filler = 100; filler < 140; ++filler) {
      auto text = "file = " + std::string{date} + std::string(filler, '_') + " 07:32\n";
      for (const auto& file : {"[log]\n" + text, text}) {
        auto result = parse_config(file, "m.toml");
        REQUIRE(result.problems.size() == 1);
        CHECK_THAT(result.problems.front().text, Catch::StartsWith("not TOML"));
      }
      CHECK(parse_config("[log]\nfile = \"log\"\n", "m.toml").problems.empty());
    }
  }
}

TEST_CASE("errors about keys and values that a file made up stay within their lines") {
  const std::string files[] = {
      "[\"" + evil + "\"]\nx = 1\n",
      "[defaults]\n\"" + evil + "\" = 1\n",
      "[clusters.\"" + evil + "\"]\nhost = \"h\"\n",
      "[clusters.a]\nhost = \"h\"\n\"" + evil + "\" = 1\n",
      "[clusters.a]\nhost = \"h\"\nprobe = \"" + evil + "\"\n",
      "[clusters.a]\nhost = \"h\"\nconnect_timeout = \"" + evil + "\"\n",
      "[clusters.a]\nhost = \"h\"\nkey_files = [\"/" + evil + "\"]\n",
      "[clusters.a]\nhost = \"" + evil + "\"\nuser = \"" + evil + "\"\n",
      "[node]\n\"" + evil + "\" = 1\n",
      "[log]\nlevel = \"" + evil + "\"\n",
      "[a]\n\x1b[2J\xff = 1\n",
      "x = \"\xc2\x9b\xe2\x80\xae\n",
  };
  for (const auto& text : files) {
    auto result = parse_config(text, "m\x1b.toml");
    INFO(text);
    CHECK(!result.problems.empty());
    for (const auto& problem : result.problems)
      CHECK(misleading_in_line(to_string(problem)) == "");
    CHECK(misleading(config_error{result.problems}.what()) == "");
  }
  cluster_config cluster;
  cluster.settings.name = "a";
  cluster.settings.host = "h";
  for (const auto& setting :
       {support::hostile_text + "=1", "pool_size=" + support::hostile_text, support::hostile_text})
    for (const auto& problem : override_settings(cluster, {setting}))
      CHECK(misleading_in_line(to_string(problem)) == "");
}

TEST_CASE("what is told of a key file that is not there stays within its line, whatever its name") {
  // Control characters are refused before.
  const std::string name = R"(/\u202E\u2066\u2028\u061C)";
  auto result = parse_config("[clusters.a]\nhost = \"h\"\nkey_files = [\"" + name + "\"]\n", "m\x1b.toml");
  REQUIRE(result);
  auto problems = check_files(result.value, result.value.clusters.at(0));
  REQUIRE(problems.size() == 1);
  CHECK(misleading_in_line(to_string(problems[0])) == "");
}

TEST_CASE("a value is shown as TOML that shows nothing but its characters, and reads back as it was") {
  auto result = parse_config("[clusters.a]\nhost = \"h\"\nprobe_command = \"" + evil + "\"\n", "m.toml");
  REQUIRE(result);
  auto name = result.value.find("a")->settings.probe_command;
  CHECK(misleading_in_line(name) != "");
  auto shown = quote_toml(name);
  CHECK(misleading_in_line(shown) == "");
  auto again = parse_config("[clusters.a]\nhost = \"h\"\nprobe_command = " + shown + "\n", "m.toml");
  REQUIRE(again);
  CHECK(again.value.find("a")->settings.probe_command == name);
}

TEST_CASE("a key file may be there in its public part only, for the agent to sign with") {
  support::scratch_folder folder;
  std::ofstream{folder / "cluster.pub"} << "ssh-ed25519 AAAA\n";
  auto problems = [&](const std::string& name) {
    auto result =
        parse_config("[clusters.a]\nhost = \"h\"\nkey_files = [\"" + (folder / name) + "\"]\n", "m.toml");
    REQUIRE(result);
    return check_files(result.value, result.value.clusters.at(0));
  };
  CHECK(problems("cluster").empty());
  CHECK(problems("cluster.pub").empty());
  REQUIRE(problems("other").size() == 1);
  CHECK(to_string(problems("other")[0]).find("is not there") != std::string::npos);
}
