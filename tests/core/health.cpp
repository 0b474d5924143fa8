// Promises: which connections go without a check, which are probed, and what their answers do.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// So many idle connections, c1 being the longest idle.
story idle(std::uint32_t count, cluster_settings settings = lumi(5)) {
  story s{settings};
  for (std::uint64_t i = 1; i <= count; ++i)
    s.open_idle(i);
  for (std::uint64_t i = 1; i <= count; ++i)
    s.release(lease_id{i}, h3);
  REQUIRE(s.status().idle == count);
  return s;
}

cluster_settings lasting() {
  auto settings = lumi(5);
  settings.idle_timeout = 10h;
  return settings;
}

/// About so long: an interval is spread by a fifth.
bool about(std::chrono::nanoseconds took, std::chrono::nanoseconds interval) {
  return took >= interval * 4 / 5 && took <= interval * 6 / 5;
}

} // namespace

TEST_CASE("idle connections are probed all at the same time, leased ones are skipped") {
  auto s = idle(3);
  s.acquire(r1, h1); // c3, the youngest
  CHECK(s.step(ordered<probe_pool>{r2}) == "acknowledge r2, probe p1 c1, probe p2 c2");
  CHECK(s.status().probing == 2);
}

TEST_CASE("no more probes at once than allowed, and each answer makes room for the next") {
  auto settings = lumi(5);
  settings.probes_at_once = 2;
  auto s = idle(5, settings);
  CHECK(s.step(ordered<probe_pool>{}) == "probe p1 c1, probe p2 c2");
  CHECK(s.step(probe_passed{p2, c2, 1ms}) == "probe p3 c3");
  s.acquire(r1, h1);
  CHECK(s.status().leased == 1);
  CHECK(s.step(connection_lost{c1, error_of(ssh_failure::reset)}) == "probe p4 c4");
  CHECK(s.step(probe_passed{p3, c3, 1ms}) == "");
}

TEST_CASE("an answer about a connection that has gone, or from an older probe, is ignored") {
  auto s = idle(2);
  s.step(ordered<probe_pool>{});
  CHECK(s.step(probe_failed{p2, c1, "not mine"}) == "");
  s.step(connection_lost{c1, error_of(ssh_failure::reset)});
  CHECK(s.step(probe_failed{p1, c1, "late"}) == "");
  CHECK(s.status().counters.probes_failed == 0);
}

TEST_CASE("the unhealthy one is removed at the threshold, and the healthy one stays") {
  auto s = idle(2);
  s.step(ordered<probe_pool>{});
  s.step(probe_passed{p2, c2, 1ms});
  CHECK(s.step(probe_failed{p1, c1, "no answer"}) == "");
  CHECK(s.next() == "probe p3 c1");
  CHECK(about(s.took, 10s));
  CHECK(s.step(probe_failed{p3, c1, "no answer"}) == "");
  CHECK(s.next() == "probe p4 c1");
  CHECK(s.step(probe_failed{p4, c1, "no answer"}) == "close c1 probe_failures");
  CHECK(s.status().idle == 1);
}

TEST_CASE("a passed probe clears the failures") {
  auto s = idle(1);
  s.step(ordered<probe_pool>{});
  s.step(probe_failed{p1, c1, "no answer"});
  CHECK(s.core.connections(s.now)[0].probe_failures == 1);
  s.wait(12s);
  s.step(probe_passed{p2, c1, 3ms});
  CHECK(s.core.connections(s.now)[0].probe_failures == 0);
  CHECK(s.core.connections(s.now)[0].last_rtt == 3ms);
}

TEST_CASE("a short interval between checks holds after a failure, too") {
  auto settings = lumi(5);
  settings.probe_interval = 2s;
  auto s = idle(1, settings);
  s.step(ordered<probe_pool>{});
  s.step(probe_failed{p1, c1, "no answer"});
  CHECK(s.next() == "probe p2 c1");
  CHECK(about(s.took, 2s));
}

TEST_CASE("a probe that fails on a connection leased meanwhile counts as any other, and costs no lease") {
  auto s = idle(1, lumi(1, 2));
  s.step(ordered<probe_pool>{});
  CHECK(s.acquire(r1, h1) == "grant r1 l2 c1 h1");
  s.step(lease_confirmed{l2});
  CHECK(s.step(probe_failed{p1, c1, "no answer"}) == "");
  CHECK(s.acquire(r2, h2) == ""); // no second lease on a doubtful link
  CHECK(s.next() == "probe p2 c1");
  CHECK(about(s.took, 10s));
  s.step(probe_failed{p2, c1, "no answer"});
  CHECK(s.next() == "probe p3 c1");
  CHECK(s.step(probe_failed{p3, c1, "no answer"}) == "");
  CHECK(s.wait(1min) == "refuse r2 acquire_timeout"); // condemned: not asked any more
  CHECK(s.release(l2, h1) == "end l2 c1, close c1 probe_failures");
}

TEST_CASE("a connection whose probe's command failed and that was leased is probed as soon as it is back") {
  auto settings = lumi(5);
  settings.probe = probe_method::exec;
  auto s = idle(1, settings);
  s.step(ordered<probe_pool>{});
  s.step(probe_failed{p1, c1, "no answer"});
  CHECK(s.acquire(r1, h1) == "grant r1 l2 c1 h1");
  s.step(lease_confirmed{l2});
  CHECK(s.wait(12s) == "");
  CHECK(s.release(l2, h1) == "end l2 c1, probe p2 c1 run");
}

TEST_CASE("a probe that tells nothing counts as failed a second after its time") {
  auto s = idle(1);
  s.step(ordered<probe_pool>{});
  CHECK(s.wait(6s - 1ns) == "");
  CHECK(s.status().probing == 1);
  s.wait(1ns);
  CHECK(s.status().probing == 0);
  CHECK(s.status().counters.probes_failed == 1);
  CHECK(s.step(probe_passed{p1, c1, 6s}) == "");
}

TEST_CASE("a pool that slept through a probe's time and a connection's lifetime wakes up well") {
  for (auto failures : {1u, 3u}) {
    auto settings = lasting();
    settings.probe_failures_max = failures;
    auto s = idle(1, settings);
    s.now += 54min;
    s.step(ordered<probe_pool>{});
    s.now += 1h;
    s.step(time_passed{});
    CHECK(s.status().counters.probes_failed == 1);
    CHECK(s.status().closing == 1);
  }
}

TEST_CASE("checks of a thousand by order are started in portions, with acquires in between") {
  auto settings = lumi(1000);
  settings.probes_at_once = 0;
  settings.connects_at_once = 1000;
  auto s = idle(1000, settings);
  s.step(ordered<probe_pool>{});
  CHECK(s.status().probing == pool_core::probes_per_step);
  CHECK(s.core.next_due() <= s.now);
  CHECK(s.acquire(r1, h1) == "grant r1 l1001 c1000 h1");
  for (int i = 0; i < 32; ++i)
    s.step(time_passed{});
  CHECK(s.status().probing == 999);
  CHECK(s.core.next_due() > s.now);
}

TEST_CASE(
    "connections idle for too long are closed without a check, when their time comes, down to the reserve") {
  auto settings = lumi(5);
  settings.probe_interval = 10h;
  settings.min_idle = 1;
  auto s = idle(3, settings);
  CHECK(s.wait(5min - 1ns) == "");
  CHECK(s.wait(1ns) == "close c1 idle, close c2 idle");
  CHECK(s.wait(30min) == "");
}

TEST_CASE("a connection past its lifetime is closed without a check, spread over the last tenth of it") {
  auto settings = lasting();
  settings.pool_size = 100;
  settings.connects_at_once = 100;
  settings.probe_interval = 10h;
  auto s = idle(100, settings);
  CHECK(s.wait(54min - 1ns) == "");
  s.wait(3min);
  auto left = s.status().idle;
  CHECK(left > 20);
  CHECK(left < 80);
  s.wait(3min);
  CHECK(s.status().idle == 0);
}

TEST_CASE("a connection past its lifetime is not closed under a lease, but when it is given back") {
  auto s = idle(1, lasting());
  s.acquire(r1, h1);
  s.step(lease_confirmed{l2});
  CHECK(s.wait(2h) == "");
  CHECK(s.release(l2, h1) == "end l2 c1, close c1 lifetime");
}

TEST_CASE("one in reserve is replaced before it is closed for its age") {
  auto settings = lasting();
  settings.min_idle = 2;
  settings.probe_interval = 10h;
  story s{settings};
  s.step(time_passed{});
  s.step(connection_opened{c1});
  s.step(connection_opened{c2});
  auto first = s.next();
  CHECK(first == "open c3");
  CHECK(s.took <= 1h);
  CHECK(s.status().idle == 2);
  auto closing = s.step(connection_opened{c3});
  CHECK((closing == "close c1 lifetime" || closing == "close c2 lifetime"));
}

TEST_CASE("one in reserve is closed for its age within the time of an opening, replaced or not") {
  auto settings = lasting();
  settings.min_idle = 1;
  settings.probe_interval = 10h;
  story s{settings};
  s.step(time_passed{});
  s.step(connection_opened{c1});
  CHECK(s.next() == "open c2");
  CHECK(s.acquire(r1, h1) == "grant r1 l1 c1 h1");
  CHECK(s.release(l1, h1) == "end l1 c1");
  CHECK(s.next() == "close c1 lifetime");
  CHECK(s.took == 30s);
}

TEST_CASE("a hundred of the same age never leave the reserve short, while openings succeed") {
  auto settings = lasting();
  settings.pool_size = 110;
  settings.min_idle = 100;
  settings.probe_interval = 10h;
  settings.connects_at_once = 4;
  story s{settings};
  std::uint64_t opened = 0;
  std::uint32_t least = 100;
  for (auto text = s.step(time_passed{}); s.now < time_point{3h};) {
    // Everything opens and closes at once; only the pool's own times pass.
    auto busy = s.status();
    if (busy.opening > 0)
      s.step(connection_opened{connection_id{++opened}});
    for (const auto& c : s.core.connections(s.now))
      if (c.state == connection_state::closing)
        s.step(connection_closed{c.connection});
    if (opened >= 100)
      least = std::min(least, s.status().idle);
    if (busy.opening == 0)
      text = s.next();
  }
  CHECK(least == 100);
  CHECK(s.status().counters.removed[static_cast<int>(removal_reason::lifetime)] >= 100);
}

TEST_CASE("a pool that holds nothing does not wake up") {
  auto s = idle(1);
  CHECK(s.core.next_due() != time_point::max());
  s.step(connection_lost{c1, error_of(ssh_failure::reset)});
  s.wait(2min);
  CHECK(s.core.next_due() == time_point::max());
}

TEST_CASE("a pool that slept past a check and a lifetime wakes up well, whatever its connection carries") {
  for (auto needed : {0u, 1u})
    for (auto leases : {0, 1})
      for (auto slept : {1min, 54min, 59min, 60min, 61min, 120min, 2000min}) {
        INFO("min_idle " << needed << ", leases " << leases << ", slept " << slept.count() << " min");
        auto settings = lumi();
        settings.min_idle = needed;
        auto s = idle(1, settings);
        if (leases > 0) {
          s.acquire(r1, h1);
        }
        s.now += slept;
        s.step(time_passed{});
        s.wait(1h);
      }
}
