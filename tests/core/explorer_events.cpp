// What may happen to a pool next: events that fit, late ones, repeated ones, and ones about things that never
// were.
#include <algorithm>
#include <bitset>

#include "tests/core/explorer.hpp"

using namespace std::chrono_literals;

namespace moorage::test {

ssh_error failing(ssh_failure kind) {
  auto stage = is_latching(kind)               ? ssh_stage::authenticate
               : kind == ssh_failure::protocol ? ssh_stage::key_exchange
                                               : ssh_stage::connect;
  return {stage, kind, "x"};
}

namespace {

using events = std::vector<pool_event>;
using phase = observer::phase;

request_id fresh(const watched_pool& pool) {
  return request_id{std::max<std::size_t>(pool.watch.requests().size(), 1)};
}

std::size_t acquires_made(const watched_pool& pool) {
  std::size_t made = 0;
  for (const auto& r : pool.watch.requests())
    made += r.acquire;
  return made;
}

void add_leases(const watched_pool& pool, const theme& what, events& all) {
  const auto& leases = pool.watch.leases();
  auto first =
      leases.size() > 3 ? leases.size() - 2 : 1; // the latest two; those before them have ended mostly
  for (std::uint64_t i = first; i < leases.size(); ++i) {
    lease_id l{i};
    if (!leases[i].known) // it was spoken of, and never was
      continue;
    if (leases[i].live && !leases[i].confirmed)
      all.push_back(lease_confirmed{l});
    all.push_back(lease_released{fresh(pool), l, leases[i].holder});
    if (what.discards)
      all.push_back(lease_released{fresh(pool), l, leases[i].holder, false, true, "x"});
    const auto& c = pool.watch.connections()[leases[i].connection.value];
    if (std::find(c.asked.begin(), c.asked.end(), l) != c.asked.end()) {
      all.push_back(lease_cleared{leases[i].connection, l, false});
      all.push_back(lease_cleared{leases[i].connection, l, true});
    }
  }
  if (leases.size() > 1) {
    all.push_back(lease_released{{}, lease_id{1}, holder_id{9}});          // not its holder
    all.push_back(lease_cleared{leases[1].connection, lease_id{1}, true}); // perhaps not asked
  }
  for (std::uint64_t i = 1; i < pool.watch.requests().size(); ++i)
    if (pool.watch.requests()[i].acquire)
      all.push_back(acquire_cancelled{request_id{i}});
  all.push_back(holder_lost{holder_id{1}});
}

void add_connections(const watched_pool& pool, bool openings, bool probes, events& all) {
  const auto& connections = pool.watch.connections();
  for (std::uint64_t i = 1; i < connections.size(); ++i) {
    connection_id c{i};
    const auto& book = connections[i];
    if (book.now == phase::closing)
      all.push_back(connection_closed{c});
    if (openings) {
      if (book.now == phase::trying && i == 1)
        all.push_back(connection_opened{c, {}, {}, {}, {"id-cert.pub", "jane", "today", 10s, 1h}});
      if (book.now == phase::trying || i == 1)
        all.push_back(connection_waits{c, "a touch"});
      if (book.now == phase::trying && i == 1)
        all.push_back(connection_hindered{c, "it is down", true});
      if (book.opening() || i == 1) { // the first one long after, too
        all.push_back(connection_opened{c});
        all.push_back(connection_failed{c, failing(ssh_failure::timed_out)});
      }
      if (book.now == phase::trying) {
        all.push_back(connection_failed{c, failing(ssh_failure::denied)});
        all.push_back(connection_failed{c, failing(ssh_failure::protocol)});
      }
      if (book.now != phase::unknown)
        all.push_back(connection_lost{c, failing(ssh_failure::reset)});
    } else if (book.now == phase::trying) {
      all.push_back(connection_opened{c});
    } else if (book.now == phase::open) {
      all.push_back(connection_lost{c, failing(ssh_failure::reset)});
    }
    if (probes && book.probe) {
      all.push_back(probe_passed{book.probe, c, 1ms});
      all.push_back(probe_failed{book.probe, c, "x"});
    }
    if (probes)
      all.push_back(probe_failed{probe_id{1}, c, "late"});
  }
}

void add_evidence(const watched_pool& pool, events& all) {
  all.push_back(machine_slept{1h});
  const auto& connections = pool.watch.connections();
  for (std::uint64_t i = 1; i < connections.size(); ++i) {
    if (connections[i].now != phase::open && i > 1) // the first one long after, too
      continue;
    connection_id c{i};
    all.push_back(connection_doubted{c, false, "x"});
    all.push_back(connection_doubted{c, true, "x"});
    all.push_back(connection_answered{c, false});
    all.push_back(connection_answered{c, true});
    all.push_back(channel_refused{c, lease_id{1}, 1});
    if (!connections[i].live.empty())
      all.push_back(channel_late{c, connections[i].live.back(), 3s});
  }
}

/// Given, given twice, delayed, late, for nobody; and whoever gave them is replaced.
void add_permits(const watched_pool& pool, events& all) {
  auto last = pool.watch.permits().empty() ? 0 : pool.watch.permits().rbegin()->first.value;
  for (const auto& [permit, book] : pool.watch.permits()) {
    all.push_back(permit_given{permit});
    if (!book.given)
      all.push_back(permit_delayed{permit, pool.now + 5s, "x"});
  }
  all.push_back(permit_given{permit_id{1}}); // long after, too
  if (last > 0)
    all.push_back(permits_forgotten{});
}

void add_admin(const watched_pool& pool, events& all) {
  auto r = fresh(pool);
  if (pool.watch.state() != pool_state::running)
    all.push_back(ordered<resume_pool>{r});
  if (!pool.watch.paused())
    all.push_back(ordered<pause_pool>{r});
  if (pool.watch.state() != pool_state::suspended)
    all.push_back(ordered<suspend_pool>{r});
  all.push_back(ordered<reconnect_pool>{r, {{}, 10s}});
  all.push_back(ordered<drain_pool>{r, {{}, 0s}});
  all.push_back(ordered<drain_pool>{r, {{}, 10s}});
  for (std::uint64_t i = 1; i <= pool.watch.connections().size(); ++i) // one that never was, too
    all.push_back(ordered<evict_connection>{r, {{}, connection_id{i}}});
  if (pool.watch.leases().size() > 1)
    all.push_back(ordered<revoke_lease>{r, {{}, lease_id{pool.watch.leases().size() - 1}}});
  all.push_back(ordered<reset_pool>{r});
  all.push_back(ordered<disconnect_pool>{r});
  all.push_back(stop_requested{r});
  all.push_back(stop_requested{r, true});
  all.push_back(ordered<resize_pool>{r, {{}, pool.watch.settings().pool_size == 1 ? 2u : 1u}});
  all.push_back(ordered<set_setting>{r, {{}, "pool_size", "2"}});
  auto elsewhere = pool.watch.settings();
  elsewhere.host = std::string{elsewhere.host == "h" ? "i" : "h"};
  elsewhere.min_idle = 1;
  all.push_back(settings_changed{r, elsewhere});
}

/// Two senders, one of whom wants to be outlived.
void add_pauses(const watched_pool& pool, events& all) {
  auto r = fresh(pool);
  holder_id ann{1}, bob{2};
  all.push_back(ordered<pause_pool>{r, {{}, false, "ann"}, ann});
  all.push_back(ordered<pause_pool>{r, {{}, false, "bob"}, bob});
  all.push_back(ordered<pause_pool>{r, {{}, true, "bob"}, bob});
  for (auto holder : {ann, bob}) {
    all.push_back(ordered<resume_pool>{r, {}, holder});
    all.push_back(holder_lost{holder});
  }
  all.push_back(ordered<resume_pool>{r, {{}, true}});
  all.push_back(ordered<suspend_pool>{r});
  all.push_back(ordered<drain_pool>{r, {{}, 0s}});
  all.push_back(stop_requested{r});
}

void add_acquires(const watched_pool& pool, const theme& what, events& all) {
  auto askers = what.askers;
  if (askers.empty())
    askers = {{holder_id{1 + acquires_made(pool) % 2}, {}}};
  for (const auto& [holder, identity] : askers) {
    for (auto patience : what.patiences) {
      auto far = patience >= 10000h;
      auto deadline = far                       ? time_point::max()
                      : patience == no_patience ? cluster_deadline
                                                : pool.now + patience;
      all.push_back(acquire_requested{fresh(pool), holder, deadline, {}, false, {}, identity});
    }
    if (what.ready)
      all.push_back(acquire_requested{fresh(pool), holder, pool.now + 40s, {}, true, {}, identity});
  }
}

/// What is carried ends, too, and so does what never was.
void add_carriages(const watched_pool& pool, const theme& what, events& all) {
  if (acquires_made(pool) < what.requests_max) {
    acquire_requested wanted{fresh(pool), holder_id{1 + acquires_made(pool) % 2}, pool.now + 1h, {}};
    wanted.carries = true;
    all.push_back(wanted);
  }
  const auto& connections = pool.watch.connections();
  for (std::uint64_t i = 1; i < connections.size(); ++i)
    if (connections[i].now == phase::open && !connections[i].carriages.empty())
      all.push_back(carriage_ended{connection_id{i}, connections[i].carriages.front()});
}

/// Of each kind that is not among them one, whether it fits or not.
void add_out_of_place(const watched_pool& pool, events& all) {
  std::bitset<kinds_of_events> there;
  for (const auto& event : all)
    there.set(event.index());
  auto r = fresh(pool);
  all.push_back(holder_lost{holder_id{2}});
  for (std::uint64_t i = 1; i < pool.watch.connections().size(); ++i)
    if (pool.watch.connections()[i].now == phase::trying)
      all.push_back(connection_failed{connection_id{i}, failing(ssh_failure::turned_away)});
  constexpr connection_id c{1};
  constexpr lease_id l{1};
  for (const auto& event : events{acquire_requested{r, holder_id{2}, cluster_deadline, {}, false, {}, {}},
                                  acquire_cancelled{request_id{1}},
                                  lease_confirmed{l},
                                  lease_released{r, l, holder_id{1}},
                                  lease_cleared{c, l, false},
                                  carriage_ended{c, request_id{1}},
                                  connection_opened{c},
                                  connection_waits{c, "a touch"},
                                  connection_hindered{c, "it is down"},
                                  connection_failed{c, failing(ssh_failure::timed_out)},
                                  connection_lost{c, failing(ssh_failure::reset)},
                                  connection_closed{c},
                                  probe_passed{probe_id{1}, c, 1ms},
                                  probe_failed{probe_id{1}, c, "late"},
                                  connection_doubted{c, true, "x"},
                                  connection_answered{c, true},
                                  channel_refused{c, l, 1},
                                  channel_late{c, l, 3s},
                                  machine_slept{1h},
                                  permit_given{permit_id{1}},
                                  permit_delayed{permit_id{1}, pool.now + 5s, "x"},
                                  permits_forgotten{},
                                  credentials_seen{"other"},
                                  time_passed{},
                                  ordered<pause_pool>{r},
                                  ordered<resume_pool>{r},
                                  ordered<suspend_pool>{r},
                                  ordered<record_pool>{r},
                                  ordered<revoke_lease>{r, {{}, l}}})
    if (!there.test(event.index()))
      all.push_back(event);
}

} // namespace

events possible(const watched_pool& pool, const theme& what) {
  events all;
  if (what.acquires && acquires_made(pool) < what.requests_max)
    add_acquires(pool, what, all);
  if (what.carriages)
    add_carriages(pool, what, all);
  if (what.leases)
    add_leases(pool, what, all);
  else
    for (std::uint64_t i = 1; i < pool.watch.leases().size(); ++i)
      if (pool.watch.leases()[i].live)
        all.push_back(lease_released{{}, lease_id{i}, pool.watch.leases()[i].holder});
  add_connections(pool, what.openings, what.probes, all);
  if (what.probes)
    all.push_back(ordered<probe_pool>{fresh(pool)});
  if (what.evidence)
    add_evidence(pool, all);
  if (what.openings && pool.watch.latched()) {
    all.push_back(credentials_seen{"one"});
    all.push_back(credentials_seen{"other"});
  }
  if (what.permits)
    add_permits(pool, all);
  if (what.admin)
    add_admin(pool, all);
  if (what.pauses)
    add_pauses(pool, all);
  if (what.times && pool.core.next_due() != time_point::max())
    all.push_back(time_passed{});
  if (what.anything)
    add_out_of_place(pool, all);
  return all;
}

} // namespace moorage::test
