// OpenSSH's agent with keys that ask: a confirmation (ssh-add -c), a security key. What is told while its
// user is waited for, whose time runs, and that nobody is asked two things at once.
#include <vector>

#include <catch2/catch.hpp>

#include "tests/ssh/jump_driver.hpp"
#include "tests/ssh/visitor.hpp"
#include "tests/support/agents.hpp"

namespace moorage::support {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

cluster_settings by_agent(const test::world& around, const real_sshd& server,
                          const std::string& name = "real") {
  auto settings = around.settings_for(server);
  settings.name = name;
  settings.key_files = {};
  settings.agent = true;
  return settings;
}

std::string last_told(const test::driven& link) {
  return link.waited_for.empty() ? "" : link.waited_for.back();
}

} // namespace

TEST_CASE("who has to allow a signature is waited for, told of, and takes nothing of connect_timeout") {
  real_sshd server;
  confirming_agent agent{{server.client_key()}};
  test::world around;
  around.around.agent_socket = agent.socket();
  auto settings = by_agent(around, server);
  settings.connect_timeout = 6s;
  test::driven link{around, settings};
  link.it->open();
  REQUIRE(link.until([&] { return !link.waited_for.empty() || link.failed; }));
  CHECK_THAT(last_told(link), StartsWith("the agent (publickey ssh-ed25519 SHA256:"));
  CHECK_FALSE(link.until([&] { return link.opened || link.failed; }, 6500ms));
  CHECK(agent.asked() == 1);
  SECTION("yes") {
    agent.answer(true);
    CHECK(link.until([&] { return link.opened; }));
  }
  SECTION("no") {
    agent.answer(false);
    REQUIRE(link.until([&] { return link.failed.has_value(); }));
    CHECK(link.failed->kind == ssh_failure::no_credentials);
    CHECK_THAT(link.failed->text, Contains("the agent at " + agent.socket() + " refused to sign"));
  }
  CHECK(link.waited_for.size() == 2);
  CHECK(last_told(link).empty());
  CHECK(agent.asked() == 1);
}

TEST_CASE("who does not answer within agent_timeout is waited for no longer") {
  real_sshd server;
  confirming_agent agent{{server.client_key()}};
  test::world around;
  around.around.agent_socket = agent.socket();
  auto settings = by_agent(around, server);
  settings.agent_timeout = 3s;
  test::driven link{around, settings};
  CHECK_FALSE(link.open(20s));
  REQUIRE(link.failed);
  CHECK(link.failed->kind == ssh_failure::no_credentials);
  CHECK_THAT(link.failed->text,
             Contains("the agent at " + agent.socket() + " did not answer in time (agent_timeout)"));
  CHECK(agent.asked() == 1);
}

TEST_CASE("log-ins that ask the same agent ask it one after the other, whatever their clusters",
          "[ordinary]") {
  real_sshd server;
  confirming_agent agent{{server.client_key()}};
  test::journey both;
  both.around.around.agent_socket = agent.socket();
  auto& first = both.add(by_agent(both.around, server, "one"));
  auto& second = both.add(by_agent(both.around, server, "another"));
  first.it->open();
  REQUIRE(both.until([&] { return agent.asked() == 1; }));
  second.it->open();
  REQUIRE(both.until([&] { return !second.waited_for.empty() || second.failed; }));
  CHECK(last_told(second) == "the agent, which asks for another log-in");
  CHECK_FALSE(both.until([&] { return agent.asked() > 1 || first.failed || second.failed; }, 1s));
  agent.answer(true);
  REQUIRE(both.until([&] { return first.opened && agent.asked() == 2; }));
  agent.answer(true);
  CHECK(both.until([&] { return second.opened; }));
}

TEST_CASE("whose turn to ask the agent does not come is not turned away for good") {
  real_sshd server;
  confirming_agent agent{{server.client_key()}};
  test::journey both;
  both.around.around.agent_socket = agent.socket();
  auto& first = both.add(by_agent(both.around, server, "one"));
  auto hasty = by_agent(both.around, server, "another");
  hasty.agent_timeout = 3s;
  auto& second = both.add(hasty);
  first.it->open();
  REQUIRE(both.until([&] { return agent.asked() == 1; }));
  second.it->open();
  REQUIRE(both.until([&] { return second.failed.has_value(); }));
  CHECK(second.failed->kind == ssh_failure::timed_out);
  CHECK_THAT(second.failed->text, Contains("the questions of others took too long"));
  agent.answer(true);
  CHECK(both.until([&] { return first.opened; }));
}

TEST_CASE("one that gives up leaves its place to the next") {
  real_sshd server;
  support::ssh_agent keys{{server.client_key()}};
  asking_agent agent{keys, asking_agent::manner::keeps};
  test::journey both;
  both.around.around.agent_socket = agent.socket();
  auto hasty = by_agent(both.around, server, "hasty");
  hasty.agent_timeout = 4s;
  auto& first = both.add(hasty);
  auto& second = both.add(by_agent(both.around, server, "another"));
  first.it->open();
  REQUIRE(both.until([&] { return agent.asked() == 1; }));
  second.it->open();
  REQUIRE(both.until([&] { return first.failed && agent.asked() == 2; }));
  agent.let_sign();
  CHECK(both.until([&] { return second.opened; }));
}

TEST_CASE("a question that was given up is waited for by those behind it as long as any other") {
  real_sshd server;
  confirming_agent agent{{server.client_key()}};
  test::journey three;
  three.around.around.agent_socket = agent.socket();
  auto hasty = by_agent(three.around, server, "hasty");
  hasty.agent_timeout = 2s;
  auto& first = three.add(hasty);
  first.it->open();
  REQUIRE(three.until([&] { return agent.asked() == 1; }));
  auto& second = three.add(by_agent(three.around, server, "another"));
  second.it->open();
  REQUIRE(three.until([&] { return first.failed.has_value(); }));
  CHECK(first.failed->kind == ssh_failure::no_credentials);
  // Who comes when nobody is in the line has the same before it.
  hasty.agent_timeout = 3s;
  hasty.name = "late";
  auto& third = three.add(hasty);
  third.it->open();
  // Longer than an agent that asks nobody may take to list its keys.
  CHECK_FALSE(three.until([&] { return second.failed || second.opened; }, 6s));
  CHECK(last_told(second) == "the agent, which asks for another log-in");
  REQUIRE(third.failed);
  CHECK(third.failed->kind == ssh_failure::timed_out); // which latches nobody
  agent.answer(false);
  REQUIRE(three.until([&] { return agent.asked() == 2; }));
  agent.answer(true);
  CHECK(three.until([&] { return second.opened; }));
  auto& fourth = three.add(by_agent(three.around, server, "after"));
  fourth.it->open();
  REQUIRE(three.until([&] { return agent.asked() == 3; }));
  agent.answer(true);
  CHECK(three.until([&] { return fourth.opened; }));
}

TEST_CASE("a security key is waited for as a touch", "[ordinary]") {
  const auto provider = security_key_provider();
  INFO("openssh-tests has it: deploy/install-packages test");
  REQUIRE_FALSE(provider.empty());
  real_sshd server;
  scratch_folder folder;
  auto type = GENERATE(as<std::string>(), "ed25519-sk", "ecdsa-sk");
  auto key = folder / "sk";
  REQUIRE(run_to_end({{"ssh-keygen", "-q", "-t", type, "-w", provider, "-N", "", "-f", key}}) == 0);
  auto known = folder / "authorized_keys";
  REQUIRE(run_to_end({{"cp", key + ".pub", known}}) == 0);
  server.reconfigure({"AuthorizedKeysFile " + known});
  confirming_agent agent{{key}, {"-S", provider}};
  test::world around;
  around.around.agent_socket = agent.socket();
  test::driven link{around, by_agent(around, server)};
  link.it->open();
  REQUIRE(link.until([&] { return !link.waited_for.empty() || link.failed; }));
  CHECK_THAT(last_told(link), StartsWith("a touch (publickey sk-"));
  agent.answer(true);
  CHECK(link.until([&] { return link.opened; }));
  INFO((link.failed ? link.failed->text : ""));
  CHECK(agent.asked() == 1);
}

TEST_CASE("an agent that asks nobody is not told of") {
  real_sshd server;
  support::ssh_agent agent{{server.client_key()}};
  test::world around;
  around.around.agent_socket = agent.socket();
  // On a machine that is busy enough a signature may take longer than a person is not told of.
  auto quiet = false;
  for (auto tries = 0; tries < 10 && !quiet; ++tries) {
    test::driven link{around, by_agent(around, server)};
    REQUIRE(link.open());
    quiet = link.waited_for.empty();
  }
  CHECK(quiet);
}

TEST_CASE("places among those who ask an agent are taken in order, and left in any") {
  agent_queue queue;
  std::vector<std::string> woken;
  auto join = [&](const std::string& socket, const std::string& name) {
    return queue.join(socket, [&woken, name] { woken.push_back(name); });
  };
  auto a = join("agent", "a"), b = join("agent", "b"), c = join("agent", "c"), other = join("other", "other");
  CHECK((a.may_ask() && other.may_ask() && !b.may_ask() && !c.may_ask()));
  b.leave(); // it waited
  CHECK(woken.empty());
  a.leave();
  CHECK(woken == std::vector<std::string>{"c"});
  CHECK((c.may_ask() && !a.may_ask() && !b.may_ask()));
  c = join("agent", "d"); // the old place is left by being replaced
  CHECK(woken == std::vector<std::string>{"c", "d"});
  CHECK(c.may_ask());
}

} // namespace moorage::support
