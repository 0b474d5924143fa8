// Promises: what always holds, holds after every short sequence of events. From each start below, every
// sequence up to a depth is played, one copy of the pool per branch: events that fit, late ones, repeated
// ones, and ones about things that never were. At the end of every sequence the world turns kind, or dead,
// and everybody who waits must be answered.
#include <catch2/catch.hpp>

#include <chrono>

#include "tests/core/explorer.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;

namespace {

/// One idle connection that has failed four of its last eight checks.
watched_pool flapping() {
  auto settings = small(2, 2);
  settings.probe_failures_max = 3;
  auto pool = opened(settings, 1);
  for (int i = 0; i < 8; ++i) {
    pool.step(ordered<probe_pool>{});
    auto probe = pool.watch.connections()[1].probe;
    i % 2 == 0 ? pool.step(probe_failed{probe, connection_id{1}, "x"})
               : pool.step(probe_passed{probe, connection_id{1}, 1ms});
  }
  return pool;
}

} // namespace

/// Withdrawals among them, before, after and instead of the grant, confirmed or not.
TEST_CASE("acquires, leases and holders in every order", "[exploration]") {
  theme what;
  what.leases = true;
  explore("one connection, one channel", opened(small(1, 1), 1), what, 6);
  explore("one connection, two channels", opened(small(1, 2), 1), what, 6);
  explore("two connections", opened(small(2, 1), 2), what, 6);
}

/// Also those who withdraw, and come back.
TEST_CASE("holders and identities that take turns, in every order", "[exploration]") {
  theme what;
  what.askers = {{holder_id{1}, ""}, {holder_id{2}, ""}, {holder_id{3}, "eve"}};
  what.requests_max = 6;
  auto settings = small(1, 1);
  settings.queue_depth = 6;
  auto leased = opened(settings, 1);
  leased.step(acquire_requested{request_id{1}, holder_id{1}, leased.now + 1h, {}});
  explore("one connection, leased", leased, what, 6);
  what.patiences = {2s, time_point::max() - time_point{}};
  explore("some with little patience", leased, what, 5);
  what.leases = true;
  what.patiences = {time_point::max() - time_point{}};
  explore("withdrawals among them", leased, what, 4);
}

/// Those who named a patience, those who did not, and those who wait until the cluster is ready.
TEST_CASE("waits that are long for long, in every order", "[exploration]") {
  theme what;
  what.patiences = {no_patience, 60s};
  what.requests_max = 4;
  auto settings = small(1, 1);
  settings.queue_depth = 4;
  settings.acquire_timeout = 60s;
  settings.overload_target = settings.overload_interval = 2s;
  explore("one connection", opened(settings, 1), what, 7);
  what.ready = true;
  explore("with some who wait for readiness", opened(settings, 1), what, 6);
  what.admin = what.openings = true;
  explore("with all else", opened(settings, 1), what, 4);
}

TEST_CASE("leases given back with word that their connection is bad, in every order", "[exploration]") {
  theme what;
  what.leases = what.discards = true;
  what.requests_max = 2;
  explore("one connection, two channels", opened(small(1, 2), 1), what, 5);
  explore("two connections", opened(small(2, 1), 2), what, 5);
  what.openings = what.probes = true;
  explore("with all else that befalls them", opened(small(1, 2), 1), what, 4);
}

TEST_CASE("deadlines of every length in every order", "[exploration]") {
  theme what;
  what.patiences = {0s, 2s, time_point::max() - time_point{}};
  what.requests_max = 4;
  explore("from nothing", watched_pool{small(1, 1), 1}, what, 9);
}

TEST_CASE("openings that succeed, fail, are denied and get lost in every order", "[exploration]") {
  explore("one connection", watched_pool{small(1, 1), 1}, {.openings = true}, 8);
}

TEST_CASE("openings of several connections in every order", "[exploration]") {
  theme what;
  what.openings = true;
  explore("two connections", watched_pool{small(2, 1), 1}, what, 7);
  auto reserve = small(2, 2);
  reserve.min_idle = 1;
  explore("one in reserve", watched_pool{reserve, 1}, what, 6);
}

TEST_CASE("those who wait until a cluster is ready, and those who do not, in every order", "[exploration]") {
  explore("one connection", watched_pool{small(1, 1), 1}, {.openings = true, .ready = true}, 7);
}

TEST_CASE("those who wait until a cluster of two connections is ready, in every order", "[exploration]") {
  explore("two connections", watched_pool{small(2, 1), 1}, {.openings = true, .ready = true}, 6);
}

TEST_CASE("permits, openings and deadlines in every order", "[exploration]") {
  theme what;
  what.permits = what.openings = true;
  what.requests_max = 2;
  auto asking = [](std::uint32_t size) {
    watched_pool pool{small(size, 1), 1};
    pool.permitted = false;
    return pool;
  };
  explore("one connection", asking(1), what, 6);
  explore("two connections", asking(2), what, 5);
  what.admin = true;
  what.openings = false;
  explore("what admins do", asking(2), what, 4);
}

TEST_CASE("probes, leases and losses in every order", "[exploration]") {
  theme what;
  what.probes = true;
  what.requests_max = 2;
  explore("one connection, two channels", opened(small(1, 2), 1), what, 7);
  auto one_at_once = small(2, 1);
  one_at_once.probes_at_once = 1;
  explore("two connections, one probe at once", opened(one_at_once, 2), what, 6);
}

TEST_CASE("evidence, probes, leases and losses in every order", "[exploration]") {
  theme what;
  what.probes = what.evidence = true;
  what.requests_max = 2;
  for (auto method : {probe_method::channel, probe_method::exec}) {
    auto settings = small(1, 2);
    settings.probe = method;
    explore("one connection, two channels", opened(settings, 1), what, 5);
  }
  explore("one that fails every second check", flapping(), what, 4);
  auto one_at_once = small(2, 1);
  one_at_once.probes_at_once = 1;
  explore("two connections, one probe at once", opened(one_at_once, 2), what, 4);
}

TEST_CASE("what admins do, in every order with everything else", "[exploration]") {
  theme what;
  what.admin = true;
  what.requests_max = 2;
  explore("from nothing", watched_pool{small(1, 1), 1}, what, 5);
  what.leases = what.openings = what.probes = true;
  explore("everything", opened(small(2, 2), 2), what, 4);
}

TEST_CASE("pauses of several senders, their ends, suspensions and drains in every order", "[exploration]") {
  theme what;
  what.pauses = true;
  what.requests_max = 2;
  explore("one connection", opened(small(1, 1), 1), what, 5);
  explore("from nothing", watched_pool{small(1, 1), 1}, what, 5);
}
