// Promises: what becomes of open connections when the machine was asleep, so that steady time stood still and
// nobody knows what peers have given up meanwhile.
#include "tests/core/story.hpp"
#include "tests/core/watched_pool.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// So many idle connections, well, whose checks are not due.
story with_idle(std::uint64_t count, cluster_settings settings) {
  settings.connects_at_once = settings.min_idle = static_cast<std::uint32_t>(count);
  story s{settings};
  s.step(time_passed{});
  for (std::uint64_t i = 1; i <= count; ++i)
    s.step(connection_opened{connection_id{i}});
  REQUIRE(s.status().idle == count);
  return s;
}

} // namespace

TEST_CASE("after the machine slept every open connection is asked, leased or not, and admins are told why") {
  auto s = with_idle(3, lumi(3));
  CHECK(s.acquire(r1, h1) == "grant r1 l1 c3 h1");
  CHECK(s.step(machine_slept{8h}) == "probe p1 c1, probe p2 c2, probe p3 c3");
  CHECK(s.announced.back() ==
        "announce checking the machine was asleep for 8 h: 3 open connections are in doubt");
  CHECK(s.step(machine_slept{8h}) == ""); // those in flight will tell
  for (std::uint64_t i = 1; i <= 3; ++i)
    s.step(probe_passed{probe_id{i}, connection_id{i}, 1ms});
  CHECK(s.step(machine_slept{1min}) == "probe p4 c1, probe p5 c2, probe p6 c3");
}

TEST_CASE("after the machine slept who comes is served at once, and first with what has answered since") {
  auto s = with_idle(2, lumi(2));
  CHECK(s.step(machine_slept{8h}) == "probe p1 c1, probe p2 c2");
  s.step(probe_passed{p1, c1, 1ms});
  CHECK(s.acquire(r1, h1) == "grant r1 l1 c1 h1"); // else c2, the younger one
  CHECK(s.acquire(r2, h1) == "grant r2 l2 c2 h1");
}

TEST_CASE("after the machine slept no more are asked at once than may be, and the rest in turn") {
  auto settings = lumi(3);
  settings.probes_at_once = 1;
  auto s = with_idle(3, settings);
  CHECK(s.step(machine_slept{8h}) == "probe p1 c1");
  CHECK(s.step(probe_passed{p1, c1, 1ms}) == "probe p2 c2");
  CHECK(s.step(probe_passed{p2, c2, 1ms}) == "probe p3 c3");
  CHECK(s.step(probe_passed{p3, c3, 1ms}) == "");
}

TEST_CASE("after the machine slept a pool of hundreds doubts them in portions, and none is left out") {
  auto settings = lumi(300);
  settings.probes_at_once = 0;
  auto s = with_idle(300, settings);
  s.step(machine_slept{8h});
  CHECK(s.status().probing <= pool_core::ends_per_step);
  CHECK(s.due_in() <= 0s);
  s.wait(0s);
  CHECK(s.status().probing == 300);
}

TEST_CASE("that the machine slept is nothing to a pool that has nothing open") {
  story s{lumi()};
  CHECK(s.step(machine_slept{8h}) == "");
  CHECK(s.announced.empty());
  s.acquire(r1, h1);
  CHECK(s.step(machine_slept{8h}) == "");
  CHECK(s.step(connection_opened{c1}) == "grant r1 l1 c1 h1");
}

TEST_CASE(
    "after the process stood still a channel that is late and a probe that is overdue are one failure") {
  auto settings = lumi(2);
  settings.min_idle = settings.connects_at_once = 2;
  watched_pool pool{settings, 1};
  pool.step(time_passed{});
  pool.step(connection_opened{c1});
  pool.step(connection_opened{c2});
  pool.step(acquire_requested{r1, h1, time_point::max(), {}});
  REQUIRE(pool.watch.connections()[2].in_use() == 1);
  pool.step(lease_confirmed{l1});
  pool.step(connection_doubted{c2, false, "cut short"});
  pool.now += 3min;
  pool.step(
      channel_late{c2, l1, 3s}); // moved; and who is late has failed since, so that it takes leases again
  CHECK(pool.watch.connections()[2].probe_failures == 1);
  pool.step(lease_released{{}, l1, h1});
  pool.step(acquire_requested{r2, h1, time_point::max(), {}});
  CHECK_NOTHROW(pool.step(acquire_requested{r3, h1, time_point::max(), {}}));
  CHECK(pool.watch.connections()[2].in_use() == 1);
}
