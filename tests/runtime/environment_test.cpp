// The variables that a cluster's settings give its commands, at a real sshd; and their words.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <caf/all.hpp>

#include "messages/environment.hpp"
#include "messages/written_values.hpp"
#include "runtime/actors.hpp"
#include "tests/runtime/embedding_fixture.hpp"
#include "tests/runtime/parsed_config.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Matchers::Contains;

namespace {

struct own_variable {
  own_variable(std::string name, const char* value) : name_(std::move(name)) {
    setenv(name_.c_str(), value, 1);
  }
  ~own_variable() { unsetenv(name_.c_str()); }
  own_variable(const own_variable&) = delete;
  own_variable& operator=(const own_variable&) = delete;
  const std::string name_;
};

support::real_sshd_settings accepting(const std::string& names) {
  support::real_sshd_settings result;
  result.config = {"AcceptEnv " + names};
  return result;
}

std::string added(std::vector<environment_variable> to, const std::string& set_env,
                  const std::string& send_env, std::vector<std::string> own) {
  add_variables(to, set_env, send_env, std::make_shared<const std::vector<std::string>>(std::move(own)));
  std::string result;
  for (const auto& [name, value, optional] : to)
    result += (result.empty() ? "" : " ") + name + "=" + value + (optional ? "?" : "");
  return result;
}

const std::string shown = "echo \"[$SITE] [$MO_A] [$MO_B] [$OTHER]\"";

} // namespace

TEST_CASE("set_env and send_env add variables: a request's own first, then set_env's, then the process's") {
  CHECK(added({}, "A=1 'B=2 3' A=4", "", {"A=5"}) == "A=1? B=2 3?");
  CHECK(added({{"A", "own"}}, "A=1 B=2", "?", {"A=5", "B=6", "C=7", "LONG=8"}) == "A=own B=2? C=7?");
  CHECK(added({}, "", "LANG LC_*", {"LANG=C", "LC_TIME=x=y", "LC=1", "PATH=/"}) == "LANG=C? LC_TIME=x=y?");
  // A word with - takes away words, not variables: as ssh.
  CHECK(added({}, "", "LANG LC_TIME -LC_*", {"LANG=C", "LC_TIME=x"}) == "LANG=C?");
  CHECK(added({}, "", "LC_* -LC_TIME", {"LC_TIME=x"}) == "LC_TIME=x?");
  CHECK(added({}, "", "-* LANG", {"LANG=C"}) == "LANG=C?");
  std::vector<std::string> many;
  for (auto i = 0; i < 1'000; ++i)
    many.push_back("V" + std::to_string(i) + "=");
  std::vector<environment_variable> to;
  add_variables(to, "", "*", std::make_shared<const std::vector<std::string>>(many));
  CHECK(to.size() == 250);
  CHECK(left_out_in_words("V1=mine", "*", std::make_shared<const std::vector<std::string>>(many)) ==
        "749 of the variables that send_env names are left out: at most 250 are sent, of 128 KiB together; "
        "have it name fewer");
  CHECK(left_out_in_words("", "V1*", std::make_shared<const std::vector<std::string>>(many)).empty());
  CHECK(left_out_in_words("", "*", {}).empty());
  CHECK(added({}, "", "*", {"A=" + std::string(200'000, 'x'), "B=1"}) == "B=1?");
  add_variables(to, "", "*", {});
  CHECK(to.size() == 250);
}

TEST_CASE("words are read as ssh_config quotes them, and written so that they are read back") {
  for (const std::string word : {"a", "", "a b", "a\"b", "it's", "\\", "a\\\"", "\t", "A='x y'"}) {
    INFO(word);
    CHECK(split_quoted("x " + quoted_word(word) + " y") == std::vector<std::string>{"x", word, "y"});
  }
  CHECK_FALSE(split_quoted("a 'b"));
}

TEST_CASE("a setting's words that cannot be what they should be are told at the reading, with their line") {
  for (const auto& [line, why] :
       {std::pair{R"(set_env = "A")", "'A' is no variable: NAME=VALUE"},
        {R"(set_env = "A=1 '=2'")", "'=2' is no variable"},
        {R"(set_env = "A='1")", "a quote is never closed"},
        {R"(set_env = "A=1\nB=2")", "without control characters"},
        {R"(send_env = "LANG A=1")", "'A=1' is no name of variables"},
        {R"(send_env = "-")", "'-' is no name of variables"},
        {R"(proxy_command = "connect %x")", "'%x' stands for nothing: %h, %n, %p, %r and %% do"},
        {R"(proxy_command = "connect 100%")", "'%' stands for nothing"},
        {R"(ciphers = "rot13")", "there is no cipher 'rot13' here"}}) {
    INFO(line);
    auto told = parse_config("[clusters.a]\nhost = \"h\"\n" + std::string{line} + "\n", "m.toml");
    REQUIRE(told.problems.size() == 1);
    CHECK_THAT(to_string(told.problems[0]), Contains("m.toml:3:") && Contains(why));
  }
  std::string many = "send_env = \"";
  for (auto i = 0; i < 101; ++i)
    many += "A" + std::to_string(i) + " ";
  CHECK_THAT(to_string(parse_config("[defaults]\n" + many + "\"\n", "m.toml").problems.at(0)),
             Contains("m.toml:2:") && Contains("more than 100 words"));
}

TEST_CASE("a command has the variables of set_env and those of its own process that send_env names") {
  own_variable a{"MO_A", "mine"}, b{"MO_B", "mine too"}, other{"OTHER", "not asked for"};
  support::real_sshd sshd{accepting("SITE MO_*")};
  auto settings = settings_for(sshd, "alpha");
  settings.set_env = "SITE='up north' MO_B=set";
  settings.send_env = "MO_*";
  runtime pools{quiet_configuration({settings})};
  setenv("MO_A", "later", 1); // as it was when the runtime was made
  CHECK(pools.run("alpha", shown).output == "[up north] [mine] [set] []\n");
  auto lease = pools.acquire("alpha", 20s);
  CHECK(lease.run({.command = shown, .environment = {{"MO_A", "the request's"}}}).output ==
        "[up north] [the request's] [set] []\n");
  for (const auto& line : lease.open({.command = shown}).lines())
    CHECK(line.text == "[up north] [mine] [set] []");
}

TEST_CASE("what AcceptEnv turns down of set_env and send_env is left out, without a word and as it is") {
  own_variable a{"MO_A", "mine"};
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.set_env = "SITE=north";
  settings.send_env = "MO_*";
  runtime pools{quiet_configuration({settings})};
  auto result = pools.run("alpha", shown);
  CHECK(result.output == "[] [] [] []\n");
  CHECK(result.ended.succeeded());
  CHECK(result.ended.variables_refused.empty());
  // A request's own is set all the same.
  auto lease = pools.acquire("alpha", 20s);
  CHECK(lease.run({.command = shown, .environment = {{"SITE", "mine"}}}).output == "[mine] [] [] []\n");
}

TEST_CASE("what of send_env is more than is sent is told once, with the first lease of its cluster") {
  std::vector<std::unique_ptr<own_variable>> many;
  for (auto i = 0; i < 300; ++i)
    many.push_back(std::make_unique<own_variable>("MO_" + std::to_string(i), "x"));
  support::real_sshd sshd{accepting("MO_1*")};
  auto all = settings_for(sshd, "alpha"), some = settings_for(sshd, "beta");
  all.send_env = "MO_*";
  some.send_env = "MO_1*";
  runtime pools{quiet_configuration({all, some})};
  auto first = pools.acquire("alpha", 20s);
  REQUIRE(first.warnings().size() == 1);
  CHECK_THAT(first.warnings()[0], Contains("50 of the variables that send_env names are left out"));
  CHECK(first.run("true").ended.succeeded());
  CHECK(pools.acquire("alpha", 20s).warnings().empty());
  CHECK(pools.acquire("beta", 20s).warnings().empty());
}

TEST_CASE("a host's actor has the variables of its process as well") {
  own_variable a{"MO_A", "mine"};
  support::real_sshd sshd{accepting("SITE MO_*")};
  auto settings = settings_for(sshd, "alpha");
  settings.set_env = "SITE=north";
  settings.send_env = "MO_*";
  runtime pools{quiet_configuration({settings})};
  caf::scoped_actor self{system_of(pools)};
  auto session = session_of(pools, caf::actor_cast<caf::strong_actor_ptr>(self));
  self->send(session, run_once{.from = {.cluster = "alpha", .call = 2}, .what = {.command = shown}});
  std::string output;
  self->receive([&](run_ended& end) { output = end.result.output; });
  CHECK(output == "[north] [mine] [] []\n");
}
