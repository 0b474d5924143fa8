// A log-in that waits for a person, as a host and an administrator see it.
#include <catch2/catch.hpp>

#include <future>

#include <poll.h>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/agents.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

/// What its only opening waits for, once it waits; empty: it never did.
std::string waited_for(const runtime& pools, const std::string& cluster) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  for (; std::chrono::steady_clock::now() < end; ::poll(nullptr, 0, 10))
    if (auto listed = pools.connections(cluster))
      for (const auto& each : *listed)
        if (!each.waits_for.empty())
          return each.waits_for;
  return {};
}

} // namespace

TEST_CASE("a pool tells that a log-in waits for its user, and for what") {
  support::real_sshd server;
  support::confirming_agent agent{{server.client_key()}};
  auto settings = test::settings_for(server, "lumi");
  settings.key_files = {};
  settings.agent = true;
  settings.agent_socket = agent.socket();
  runtime pools{test::quiet_configuration({settings})};
  std::promise<std::string> asking;
  auto subscribed = pools.subscribe("lumi", [&asking, told = false](const event_record& event) mutable {
    if (event.what == event_kind::asking && !std::exchange(told, true))
      asking.set_value(event.text);
  });
  REQUIRE(subscribed);
  auto asked = pools.async().acquire("lumi", 30s);
  CHECK_THAT(waited_for(pools, "lumi"), StartsWith("the agent (publickey ssh-ed25519"));
  auto told = asking.get_future();
  REQUIRE(told.wait_for(20s) == std::future_status::ready);
  CHECK_THAT(told.get(), StartsWith("waiting for the agent (publickey"));
  auto why = pools.explain("lumi");
  REQUIRE(why);
  CHECK_THAT(why->opening.text, Contains("waiting for the agent"));
  agent.answer(true);
  CHECK(asked.get());
}

} // namespace moorage
