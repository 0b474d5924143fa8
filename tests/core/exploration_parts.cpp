// What is explored: from which pools, with what that happens, how deep.
#include "tests/core/exploration_parts.hpp"

#include <chrono>

using namespace std::chrono_literals;

namespace moorage::test {

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

acquire_requested patient(std::uint64_t request, std::uint64_t holder) {
  return {request_id{request}, holder_id{holder}, time_point::max(), {}};
}

/// One connection, leased; another acquire waits.
watched_pool busy() {
  auto pool = opened(small(1, 1), 1);
  pool.step(patient(1, 1));
  pool.step(patient(2, 2));
  return pool;
}

/// Two connections: one lease, and an idle one.
watched_pool half_busy() {
  auto settings = small(2, 2);
  settings.probe_timeout = 1s;
  auto pool = opened(settings, 2);
  pool.step(patient(1, 1));
  return pool;
}

acquire_requested to_carry(std::uint64_t request, std::uint64_t holder) {
  auto wanted = patient(request, holder);
  wanted.carries = true;
  return wanted;
}

watched_pool told_of(watched_pool pool, const pool_event& event) {
  pool.step(event);
  return pool;
}

/// An opening that failed, and is not tried again at once.
watched_pool failed_once(ssh_failure kind) {
  watched_pool pool{small(1, 1), 1};
  pool.step(patient(1, 1));
  pool.step(connection_failed{connection_id{1}, failing(kind)});
  return pool;
}

watched_pool kept_waiting() {
  auto settings = small(1, 1);
  settings.overload_target = settings.overload_interval = 2s;
  settings.acquire_timeout = 60s;
  auto pool = opened(settings, 1);
  pool.step(patient(1, 1));
  pool.step(patient(2, 2));
  for (int i = 0; i < 10 && !pool.watch.overloaded(); ++i)
    pool.pass();
  return pool;
}

watched_pool without_leave() {
  watched_pool pool{small(2, 1), 1};
  pool.permitted = false;
  pool.step(patient(1, 1));
  return pool;
}

} // namespace

/// Withdrawals among them, before, after and instead of the grant, confirmed or not.
parts leases_and_holders() {
  parts all;
  theme what;
  what.leases = true;
  all.push_back({"one connection, one channel", opened(small(1, 1), 1), what, 6});
  all.push_back({"one connection, two channels", opened(small(1, 2), 1), what, 6});
  all.push_back({"two connections", opened(small(2, 1), 2), what, 6});
  return all;
}

/// Also those who withdraw, and come back.
parts turns() {
  parts all;
  theme what;
  what.askers = {{holder_id{1}, ""}, {holder_id{2}, ""}, {holder_id{3}, "eve"}};
  what.requests_max = 6;
  auto settings = small(1, 1);
  settings.queue_depth = 6;
  auto leased = opened(settings, 1);
  leased.step(acquire_requested{request_id{1}, holder_id{1}, leased.now + 1h, {}});
  all.push_back({"one connection, leased", leased, what, 6});
  what.patiences = {2s, time_point::max() - time_point{}};
  all.push_back({"some with little patience", leased, what, 5});
  what.leases = true;
  what.patiences = {time_point::max() - time_point{}};
  all.push_back({"withdrawals among them", leased, what, 4});
  return all;
}

/// Those who named a patience, those who did not, and those who wait until the cluster is ready.
parts long_waits() {
  parts all;
  theme what;
  what.patiences = {no_patience, 60s};
  what.requests_max = 4;
  auto settings = small(1, 1);
  settings.queue_depth = 4;
  settings.acquire_timeout = 60s;
  settings.overload_target = settings.overload_interval = 2s;
  all.push_back({"one connection", opened(settings, 1), what, 7});
  what.ready = true;
  all.push_back({"with some who wait for readiness", opened(settings, 1), what, 6});
  what.admin = what.openings = true;
  all.push_back({"with all else", opened(settings, 1), what, 4});
  return all;
}

parts discarded_leases() {
  parts all;
  theme what;
  what.leases = what.discards = true;
  what.requests_max = 2;
  all.push_back({"one connection, two channels", opened(small(1, 2), 1), what, 5});
  all.push_back({"two connections", opened(small(2, 1), 2), what, 5});
  what.openings = what.probes = true;
  all.push_back({"with all else that befalls them", opened(small(1, 2), 1), what, 4});
  return all;
}

parts deadlines() {
  parts all;
  theme what;
  what.patiences = {0s, 2s, time_point::max() - time_point{}};
  what.requests_max = 4;
  all.push_back({"from nothing", watched_pool{small(1, 1), 1}, what, 9});
  return all;
}

parts one_opening() {
  parts all;
  all.push_back({"one connection", watched_pool{small(1, 1), 1}, {.openings = true}, 8});
  return all;
}

parts several_openings() {
  parts all;
  theme what;
  what.openings = true;
  all.push_back({"two connections", watched_pool{small(2, 1), 1}, what, 7});
  auto reserve = small(2, 2);
  reserve.min_idle = 1;
  all.push_back({"one in reserve", watched_pool{reserve, 1}, what, 6});
  return all;
}

parts readiness() {
  parts all;
  all.push_back({"one connection", watched_pool{small(1, 1), 1}, {.openings = true, .ready = true}, 7});
  return all;
}

parts readiness_of_two() {
  parts all;
  all.push_back({"two connections", watched_pool{small(2, 1), 1}, {.openings = true, .ready = true}, 6});
  return all;
}

parts permits() {
  parts all;
  theme what;
  what.permits = what.openings = true;
  what.requests_max = 2;
  auto asking = [](std::uint32_t size) {
    watched_pool pool{small(size, 1), 1};
    pool.permitted = false;
    return pool;
  };
  all.push_back({"one connection", asking(1), what, 6});
  all.push_back({"two connections", asking(2), what, 5});
  what.admin = true;
  what.openings = false;
  all.push_back({"what admins do", asking(2), what, 4});
  return all;
}

parts probes() {
  parts all;
  theme what;
  what.probes = true;
  what.requests_max = 2;
  all.push_back({"one connection, two channels", opened(small(1, 2), 1), what, 7});
  auto one_at_once = small(2, 1);
  one_at_once.probes_at_once = 1;
  all.push_back({"two connections, one probe at once", opened(one_at_once, 2), what, 6});
  return all;
}

parts evidence() {
  parts all;
  theme what;
  what.probes = what.evidence = true;
  what.requests_max = 2;
  for (auto method : {probe_method::channel, probe_method::exec}) {
    auto settings = small(1, 2);
    settings.probe = method;
    all.push_back({"one connection, two channels", opened(settings, 1), what, 5});
  }
  all.push_back({"one that fails every second check", flapping(), what, 4});
  auto one_at_once = small(2, 1);
  one_at_once.probes_at_once = 1;
  all.push_back({"two connections, one probe at once", opened(one_at_once, 2), what, 4});
  return all;
}

parts orders() {
  parts all;
  theme what;
  what.admin = true;
  what.requests_max = 2;
  all.push_back({"from nothing", watched_pool{small(1, 1), 1}, what, 5});
  what.leases = what.openings = what.probes = true;
  all.push_back({"everything", opened(small(2, 2), 2), what, 4});
  return all;
}

parts pauses() {
  theme what;
  what.pauses = true;
  what.requests_max = 2;
  return {{"one connection", opened(small(1, 1), 1), what, 5},
          {"from nothing", watched_pool{small(1, 1), 1}, what, 5}};
}

/// Beside leases, and without.
parts carriages() {
  theme what;
  what.carriages = true;
  what.requests_max = 4;
  auto settings = small(1, 1);
  settings.carried_max = 1;
  parts all{{"one connection with room for one", opened(settings, 1), what, 6}};
  settings.pool_size = 2;
  what.openings = true;
  all.push_back({"two connections, from nothing", watched_pool{settings, 1}, what, 5});
  what.leases = what.probes = what.admin = true;
  all.push_back({"with all else", opened(settings, 1), what, 3});
  return all;
}

parts anything() {
  theme what;
  what.leases = what.openings = what.probes = what.evidence = what.admin = what.permits = what.discards =
      what.ready = what.anything = true;
  what.patiences = {no_patience};
  what.requests_max = 4;
  parts all;
  auto from = [&](const char* condition, watched_pool start) {
    all.push_back({condition, std::move(start), what, 2});
  };
  connection_id first{1};
  from("nothing", watched_pool{small(2, 2), 1});
  from("idle ones", opened(small(2, 2), 2));
  from("a lease and a waiter", busy());
  from("a lease and an idle one", half_busy());
  from("a condemned one", told_of(busy(), ordered<evict_connection>{{}, {{}, first}}));
  from("a lease that was taken back", told_of(busy(), ordered<revoke_lease>{{}, {{}, lease_id{1}}}));
  from("a probe", told_of(half_busy(), ordered<probe_pool>{}));
  from("one that flaps", flapping());
  from("openings", told_of(told_of(watched_pool{small(2, 1), 1}, patient(1, 1)), patient(2, 2)));
  from("leases of two holders", told_of(half_busy(), patient(2, 2)));
  from("a second try", failed_once(ssh_failure::timed_out));
  from("a back-off", failed_once(ssh_failure::protocol));
  from("a latch", failed_once(ssh_failure::denied));
  from("a latch that was looked at", told_of(failed_once(ssh_failure::denied), credentials_seen{"one"}));
  from("overload", kept_waiting());
  from("a wish for leave", without_leave());
  auto aged = small(1, 1);
  aged.connection_lifetime = 30s;
  aged.idle_timeout = aged.probe_interval = aged.probe_interval_max = 20h;
  from("one that is soon too old", opened(aged, 1));
  from("a pause", told_of(busy(), ordered<pause_pool>{}));
  from("a suspension", told_of(busy(), ordered<suspend_pool>{}));
  from("a drain", told_of(busy(), ordered<drain_pool>{{}, {{}, 10s}}));
  from("the end of a drain", told_of(watched_pool{small(1, 1), 1}, ordered<drain_pool>{}));
  from("a reconnect", told_of(busy(), ordered<reconnect_pool>{{}, {{}, 10s}}));
  from("a stop", told_of(busy(), stop_requested{request_id{3}}));
  what.carriages = true;
  from("what is carried, and a lease", told_of(half_busy(), to_carry(2, 2)));
  from("what is carried, and a waiter", told_of(busy(), to_carry(3, 2)));
  from("one that carries and is condemned",
       told_of(told_of(half_busy(), to_carry(2, 2)), ordered<evict_connection>{{}, {{}, first}}));
  return all;
}

parts all_parts() {
  parts all;
  for (auto of :
       {leases_and_holders, turns, long_waits, discarded_leases, deadlines, one_opening, several_openings,
        readiness, readiness_of_two, permits, probes, evidence, orders, pauses, carriages, anything})
    for (auto& each : of())
      all.push_back(std::move(each));
  return all;
}

} // namespace moorage::test
