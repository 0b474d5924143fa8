// A log-in that waits for a person, as a host and an administrator see it.
#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <future>

#include <poll.h>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/agents.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
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

TEST_CASE("the agent is the one of SSH_AUTH_SOCK as it is at each opening") {
  support::real_sshd server;
  auto settings = test::settings_for(server, "lumi");
  settings.key_files = {};
  settings.agent = true;
  auto second = server.add_client_key("second");
  runtime pools{test::quiet_configuration({settings})};
  auto log_in = [&](const std::string& key) {
    support::ssh_agent agent{{key}};
    ::setenv("SSH_AUTH_SOCK", agent.socket().c_str(), 1);
    auto got = pools.try_acquire("lumi", {20s, {}, {}});
    ::unsetenv("SSH_AUTH_SOCK");
    INFO(got.error().text);
    REQUIRE(got);
    CHECK(got->run("true").ended.succeeded());
  };
  log_in(server.client_key());
  REQUIRE(bool{pools.disconnect("lumi")});
  log_in(second);
  CHECK(server.logins() == 2);
  CHECK(server.connects() == 2);
}

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

TEST_CASE("who waits behind a jump host that waits for its user is told so, and waits on") {
  support::real_sshd outer, inner;
  support::confirming_agent agent{{outer.client_key()}};
  auto gate = test::settings_for(outer, "gate");
  gate.key_files = {};
  gate.agent = true;
  gate.agent_socket = agent.socket();
  auto behind = test::settings_for(inner, "inner");
  behind.jump = "gate";
  behind.connect_timeout = 2s;
  runtime pools{test::quiet_configuration({gate, behind})};
  std::promise<std::string> asking;
  auto subscribed = pools.subscribe("inner", [&asking, told = false](const event_record& event) mutable {
    if (event.what == event_kind::asking && !std::exchange(told, true))
      asking.set_value(event.text);
  });
  REQUIRE(subscribed);
  auto asked = pools.async().acquire("inner", 60s);
  CHECK_THAT(waited_for(pools, "inner"),
             StartsWith("the agent (publickey ssh-ed25519") && EndsWith(" at the jump host 'gate'"));
  auto told = asking.get_future();
  REQUIRE(told.wait_for(20s) == std::future_status::ready);
  CHECK_THAT(told.get(), EndsWith(" at the jump host 'gate'"));
  auto why = pools.explain("inner");
  REQUIRE(why);
  CHECK_THAT(why->opening.text, Contains("waiting for the agent") && Contains("at the jump host 'gate'"));
  CHECK_FALSE(asked.wait_for(4s)); // longer than its connect_timeout
  auto listed = pools.connections("inner");
  REQUIRE(listed);
  REQUIRE(listed->size() == 1);
  CHECK_FALSE(listed->front().waits_for.empty()); // in its first try still
  CHECK(pools.pool("inner").value().counters.open_failures == 0);
  agent.answer(true);
  CHECK(asked.get());
  CHECK(agent.asked() == 1);
}

TEST_CASE("that a certificate ends soon comes through to who subscribed") {
  support::real_sshd server;
  auto authority = server.add_client_key("authority");
  support::scratch_folder folder;
  auto key = folder / "id";
  REQUIRE(support::run_to_end({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}}) == 0);
  REQUIRE(support::run_to_end({{"ssh-keygen", "-q", "-s", authority, "-I", "us", "-n", server.user(), "-V",
                                "-1h:+20m", key + ".pub"}}) == 0);
  server.reconfigure({"TrustedUserCAKeys " + authority + ".pub", "AuthorizedKeysFile none"});
  auto settings = test::settings_for(server, "lumi");
  settings.key_files = {key};
  settings.certificate_warning = 30min;
  runtime pools{test::quiet_configuration({settings})};
  std::promise<std::string> ending;
  std::atomic<int> times{0};
  auto subscribed = pools.subscribe("lumi", [&](const event_record& event) {
    if (event.what == event_kind::expiring && times++ == 0)
      ending.set_value(event.text);
  });
  REQUIRE(subscribed);
  CHECK(pools.try_acquire("lumi", {30s}));
  auto told = ending.get_future();
  REQUIRE(told.wait_for(20s) == std::future_status::ready);
  CHECK_THAT(told.get(),
             StartsWith("the certificate " + key + "-cert.pub for " + server.user() + " ends on ") &&
                 Contains("get a new one, or set renew_command"));
  auto status = pools.pool("lumi");
  REQUIRE(status);
  CHECK_THAT(status->certificate, Contains(key + "-cert.pub"));
  // Another log-in by the same one says nothing more.
  REQUIRE(pools.disconnect("lumi"));
  CHECK(pools.try_acquire("lumi", {30s}));
  CHECK(times == 1);
}

} // namespace moorage
