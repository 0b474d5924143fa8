// Promises: who holds a lease for long is told of, and a server that refuses channels is asked for fewer.
#include <algorithm>

#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace {

/// One open connection, leased to h1.
story leased(cluster_settings settings, const std::string& label = "sync") {
  story s{std::move(settings)};
  s.acquire(r1, h1, 30s, label);
  s.step(connection_opened{c1});
  s.step(lease_confirmed{l1});
  return s;
}

std::size_t told_of_leaks(const story& s) {
  return static_cast<std::size_t>(std::count_if(s.announced.begin(), s.announced.end(), [](const auto& each) {
    return each.find("leaked") != std::string::npos;
  }));
}

cluster_settings watched(std::chrono::milliseconds threshold) {
  auto settings = lumi();
  settings.leak_threshold = threshold;
  settings.idle_timeout = settings.connection_lifetime = 100h;
  settings.probe_interval = settings.probe_interval_max = 20h;
  return settings;
}

} // namespace

TEST_CASE("people are warned of a certificate's end before it comes, once, and status tells of it") {
  auto settings = watched(0ms);
  settings.certificate_warning = 1h;
  story s{settings};
  s.acquire(r1, h1, 30s, "sync");
  s.step(connection_opened{c1, {}, {}, {}, {"/home/jane/id-cert.pub", "jane", "2026-01-01", 3h, 24h}});
  s.step(lease_confirmed{l1});
  s.announced.clear();
  CHECK(s.status().certificate == "the certificate /home/jane/id-cert.pub for jane ends on 2026-01-01");
  CHECK(s.status().certificate_left == 3h);
  CHECK(s.wait(2h - 1ms) == "");
  CHECK(s.announced.empty());
  CHECK(s.wait(1ms) == "");
  REQUIRE(s.announced.size() == 1);
  CHECK_THAT(s.announced.back(), Contains("expiring") &&
                                     Contains("id-cert.pub for jane ends on 2026-01-01") &&
                                     Contains("in 60 min") && Contains("set renew_command"));
  CHECK(s.wait(5h) == "");
  CHECK(s.announced.size() == 1);
  CHECK(s.status().certificate_left == 0h);
}

TEST_CASE("a lease that is held for longer than leak_threshold is told of once, with its label and holder") {
  auto s = leased(watched(10min));
  CHECK(s.wait(10min - 1ms) == "");
  CHECK(told_of_leaks(s) == 0);
  CHECK(s.wait(1ms) == "");
  REQUIRE(told_of_leaks(s) == 1);
  CHECK_THAT(s.announced.back(), Contains("leaked") && Contains("10 min") && Contains("'sync' (h1)"));
  CHECK(s.wait(10h) == "");
  CHECK(told_of_leaks(s) == 1);
  CHECK(s.status().counters.leaks == 1);
}

TEST_CASE("one without a label is told of by its holder") {
  auto s = leased(watched(10min), "");
  s.wait(10min);
  CHECK_THAT(s.announced.back(), Contains("by h1, without a label"));
}

TEST_CASE("a lease that is given back in time is not told of, nor is any when leak_threshold is 0") {
  auto s = leased(watched(10min));
  s.wait(9min);
  s.release(l1, h1);
  s.wait(10h);
  CHECK(told_of_leaks(s) == 0);
  auto never = leased(watched(0ms));
  CHECK(never.wait(100h) == "");
  CHECK(told_of_leaks(never) == 0);
}

TEST_CASE("a lease that was told of and comes back after all says how long it was held") {
  auto s = leased(watched(10min));
  s.wait(12min);
  s.release(l1, h1);
  CHECK_THAT(s.announced.back(), Contains("released") && Contains("after 12 min"));
}

TEST_CASE("a lease that is held for too long is taken back only where leak_reclaim says so") {
  auto settings = watched(10min);
  settings.leak_reclaim = true;
  auto s = leased(settings);
  CHECK(s.wait(10min) == "end l1 c1 ask, notify h1 l1 lease_ended");
  CHECK(s.release(l1, h1, r2) == "refuse r2 lease_ended");
  CHECK_THAT(s.refusal, Contains("leak_threshold (10min)"));
  CHECK(s.status().counters.reclaimed == 1);
}

TEST_CASE("a shorter leak_threshold holds for leases that were granted before") {
  auto s = leased(watched(10min));
  s.wait(1min);
  s.step(settings_changed{r2, watched(30s)});
  CHECK(told_of_leaks(s) == 1);
}

TEST_CASE("many leases held for too long are told of in portions, so that no step takes long") {
  auto settings = watched(10min);
  settings.channels_per_connection = 100;
  settings.pool_size = 3;
  settings.queue_depth = 1000;
  story s{settings};
  for (std::uint64_t i = 1; i <= 300; ++i)
    s.acquire(request_id{i}, h1);
  for (std::uint64_t i = 1; i <= 3; ++i)
    s.step(connection_opened{connection_id{i}});
  for (std::uint64_t i = 1; i <= 300; ++i)
    s.step(lease_confirmed{lease_id{i}});
  REQUIRE(s.status().leases == 300);
  s.now += 10min;
  s.step(time_passed{});
  CHECK(told_of_leaks(s) == pool_core::ends_per_step);
  CHECK(s.due_in() <= 0s);
  s.wait(0s);
  CHECK(told_of_leaks(s) == 300);
}

TEST_CASE("a connection whose server refuses a channel carries no more leases than had some, for an hour") {
  auto settings = watched(0ms);
  settings.channels_per_connection = 4;
  auto s = leased(settings);
  CHECK(s.acquire(r2, h2) == "grant r2 l2 c1 h2");
  CHECK(s.acquire(r3, h3) == "grant r3 l3 c1 h3");
  s.step(lease_confirmed{l2});
  s.step(lease_confirmed{l3});
  CHECK(s.step(channel_refused{c1, l3, 2, 2}) == "");
  CHECK_THAT(s.announced.back(), Contains("learnt") && Contains("no more than 2 for 60 min"));
  CHECK(s.release(l3, h3) == "end l3 c1");
  CHECK(s.acquire(r4, h3, 2h) == ""); // though four were allowed
  CHECK(s.wait(1h - 1ms) == "");
  CHECK(s.wait(1ms) == "grant r4 l4 c1 h3");
}

TEST_CASE("what one connection has learnt of channels holds for those that are opened later, too") {
  auto settings = watched(0ms);
  settings.channels_per_connection = 2;
  settings.pool_size = 3;
  auto s = leased(settings);
  s.acquire(r2, h1);
  s.step(channel_refused{c1, l2, 1, 1});
  s.release(l2, h1);
  CHECK(s.acquire(r3, h2, 2h) == "open c2");
  CHECK(s.step(connection_opened{c2}) == "grant r3 l3 c2 h2");
  s.step(lease_confirmed{l3});
  CHECK(s.acquire(r4, h2, 2h) == "open c3"); // though two were allowed on c2
  CHECK(s.step(connection_opened{c3}) == "grant r4 l4 c3 h2");
  s.step(lease_confirmed{l4});
  CHECK(s.acquire(r5, h2, 2h) == "");
  CHECK(s.wait(1h).starts_with("grant r5 l5 c")); // the lesson is over, for all
}

TEST_CASE("what a connection carries at a moment says nothing of those that are opened later") {
  auto settings = watched(0ms);
  settings.channels_per_connection = 2;
  settings.pool_size = 2;
  auto s = leased(settings);
  s.acquire(r2, h1);
  s.step(channel_refused{c1, l2, 1, 10});
  s.release(l2, h1);
  CHECK(s.acquire(r3, h2) == "open c2");
  CHECK(s.step(connection_opened{c2}) == "grant r3 l3 c2 h2");
  CHECK(s.acquire(r4, h2) == "grant r4 l4 c2 h2");
}

TEST_CASE("a refused channel of a connection that has gone teaches nothing") {
  auto s = leased(watched(0ms));
  s.step(connection_lost{c1, error_of(ssh_failure::reset)});
  CHECK(s.step(channel_refused{c1, l1, 1, 1}) == "");
  CHECK(s.step(channel_refused{c5, l1, 1, 1}) == "");
}

TEST_CASE("the connection with the most leases is granted first where spread_leases is off") {
  for (auto spread : {true, false}) {
    auto settings = watched(0ms);
    settings.channels_per_connection = 3;
    settings.pool_size = settings.min_idle = settings.connects_at_once = 2;
    settings.spread_leases = spread;
    story s{settings};
    s.step(time_passed{});
    s.step(connection_opened{c1});
    s.step(connection_opened{c2});
    auto first = s.acquire(r1, h1); // the youngest idle
    CHECK(first == "grant r1 l1 c2 h1");
    CHECK(s.acquire(r2, h1) == (spread ? "grant r2 l2 c1 h1" : "grant r2 l2 c2 h1"));
  }
}

TEST_CASE("leases that were told of are taken back where leak_reclaim is set later, and told of once more") {
  auto settings = watched(10min);
  auto s = leased(settings);
  s.wait(1h);
  CHECK(told_of_leaks(s) == 1);
  settings.leak_reclaim = true;
  CHECK(s.step(settings_changed{r2, settings}) == "acknowledge r2, end l1 c1 ask, notify h1 l1 lease_ended");
  CHECK(told_of_leaks(s) == 2);
}

TEST_CASE("a reset forgets how many leases a connection carries") {
  auto settings = watched(0ms);
  settings.channels_per_connection = 2;
  auto s = leased(settings);
  s.step(channel_refused{c1, l1, 1, 1});
  CHECK(s.acquire(r2, h2) == "");
  CHECK(s.step(ordered<reset_pool>{r3}) == "acknowledge r3, grant r2 l2 c1 h2");
}

TEST_CASE("a connection that had no channel for a lease was of no use to it") {
  auto settings = watched(0ms);
  settings.channels_per_connection = 2;
  auto s = leased(settings);
  s.now += 1min;
  s.step(channel_refused{c1, l1, 1, 1});
  s.release(l1, h1);
  s.step(connection_lost{c1, error_of(ssh_failure::reset)});
  CHECK(std::any_of(s.announced.begin(), s.announced.end(),
                    [](const auto& each) { return each.find("was of no use") != std::string::npos; }));
}

// --- channels that are late

TEST_CASE("what waits for a channel on a connection that hangs goes to another one that is idle") {
  auto settings = watched(0ms);
  settings.pool_size = settings.min_idle = 2;
  story s{settings};
  s.step(time_passed{});
  s.step(connection_opened{c1});
  s.step(connection_opened{c2});
  CHECK(s.acquire(r1, h1) == "grant r1 l1 c2 h1");
  s.step(lease_confirmed{l1});
  CHECK(s.step(channel_late{c2, l1, 1999ms}) == "");
  CHECK(s.step(channel_late{c2, l1, 2s}) == "give_up_channel l1 c2");
  CHECK_THAT(s.announced.at(s.announced.size() - 1), Contains("moved c2 l1") && Contains("within 2 s"));
  CHECK(s.release(l1, h1) == "end l1 c2");
  CHECK(s.acquire(r2, h1) == "grant r2 l2 c1 h1");
  s.step(lease_confirmed{l2});
  CHECK(s.acquire(r3, h2, 1h) == ""); // the other one is idle, and takes no lease
  CHECK(s.step(connection_answered{c2, false}) == "grant r3 l3 c2 h2");
}

TEST_CASE("a connection that was late takes leases again once it has failed to answer, the last of all") {
  auto s = leased(watched(0ms));
  s.core.step(s.now, ordered<resize_pool>{{}, {{}, 2}});
  CHECK(s.step(channel_late{c1, l1, 2s}) == "give_up_channel l1 c1");
  s.release(l1, h1);
  CHECK(s.acquire(r2, h2, 1h) == "open c2"); // though the other one is idle
  CHECK(s.step(connection_doubted{c1, true, "nothing heard"}) == "grant r2 l2 c1 h2");
}

TEST_CASE("a channel is not late while it takes no longer than four times what is usual there") {
  auto settings = watched(0ms);
  settings.pool_size = 2;
  auto s = leased(settings);
  for (int i = 0; i < 5; ++i)
    s.step(connection_answered{c1, false, evidence_kind::channel, 800ms});
  CHECK(s.step(channel_late{c1, l1, 3100ms}) == "");
  CHECK(s.step(channel_late{c1, l1, 3300ms}) == "give_up_channel l1 c1");
  for (int i = 0; i < 40; ++i)
    s.step(connection_answered{c1, false, evidence_kind::channel, 9s});
  CHECK(s.step(channel_late{c1, l1, 5s}) == "give_up_channel l1 c1"); // but never longer than probe_timeout
}

TEST_CASE("what waits for a channel stays where it is while nobody else could serve it sooner") {
  auto settings = watched(0ms);
  SECTION("the pool is full") {}
  SECTION("the pool is latched") {
    settings.pool_size = 3;
  }
  SECTION("others wait") {}
  SECTION("the pool is paused") {
    settings.pool_size = 2;
  }
  auto s = leased(settings);
  if (settings.pool_size == 3) {
    s.acquire(r2, h2, 0s);
    s.acquire(r3, h2, 1s);
    s.step(connection_failed{c2, error_of(ssh_failure::denied)});
    s.wait(5s);
  } else if (settings.pool_size == 2) {
    s.step(ordered<pause_pool>{});
  } else {
    s.acquire(r2, h2, 1h);
  }
  CHECK(s.step(channel_late{c1, l1, 2s}) == "");
}

TEST_CASE("what waits for a channel leaves a connection that has failed, also to wait for another") {
  auto s = leased(watched(0ms));
  s.acquire(r2, h2, 1h);
  s.step(connection_doubted{c1, true, "nothing heard"});
  CHECK_THAT(s.step(channel_late{c1, l1, 4s}), Contains("give_up_channel l1 c1"));
}

TEST_CASE("a late channel of what has gone, or is another's, is nobody's") {
  auto settings = watched(0ms);
  settings.pool_size = 2;
  auto s = leased(settings);
  CHECK(s.step(channel_late{c2, l1, 4s}) == "");
  CHECK(s.step(channel_late{c1, l2, 4s}) == "");
  s.release(l1, h1);
  CHECK(s.step(channel_late{c1, l1, 4s}) == "");
}
