// Plays every short sequence of events, one copy of the pool per branch.
#include "tests/core/explorer.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>

#include "tests/core/copies.hpp"

using namespace std::chrono_literals;

namespace moorage::test {

namespace {

using events = std::vector<pool_event>;
using phase = observer::phase;

ssh_error failing(ssh_failure kind) {
  return {kind == ssh_failure::protocol ? ssh_stage::key_exchange : ssh_stage::connect, kind, "x"};
}

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
  elsewhere.host = elsewhere.host == "h" ? "i" : "h";
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

events possible(const watched_pool& pool, const theme& what) {
  events all;
  if (what.acquires && acquires_made(pool) < what.requests_max)
    add_acquires(pool, what, all);
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
  return all;
}

/// The world answers everything, kindly or not, until nothing is left to answer; then nobody may be waiting.
void play_out(watched_pool pool, bool kind) {
  auto finished = [&] { return pool.watch.waiting().empty(); };
  pool.verified = false; // what is played out is long and much alike; the observer looks on
  pool.permitted = true;
  const auto permits = pool.watch.permits();
  for (const auto& [permit, book] : permits)
    pool.step(permit_given{permit});
  if (pool.watch.state() != pool_state::running)
    pool.step(ordered<resume_pool>{{}, {{}, true}});
  for (int turn = 0; turn < 60 && !finished(); ++turn) {
    const auto connections = pool.watch.connections();
    for (std::uint64_t i = 1; i < connections.size(); ++i) {
      connection_id c{i};
      const auto& book = connections[i];
      if (book.now == phase::trying && kind)
        pool.step(connection_opened{c});
      else if (book.now == phase::trying)
        pool.step(connection_failed{c, failing(ssh_failure::timed_out)});
      else if (book.now == phase::closing)
        pool.step(connection_closed{c});
      else if (book.now == phase::open && !kind)
        pool.step(connection_lost{c, failing(ssh_failure::reset)});
      for (auto l : book.asked)
        pool.step(lease_cleared{c, l, false});
      for (auto l : book.live)
        if (kind)
          pool.step(lease_released{{}, l, pool.watch.leases()[l.value].holder});
    }
    if (!finished() && pool.core.next_due() != time_point::max())
      pool.pass();
  }
  pool.core.verify();
  if (!finished())
    throw broken_promise{kind ? "in a kind world everybody is served" : "in a dead world everybody is told"};
}

struct exploration {
  theme what;
  std::size_t steps = 0, sequences = 0;
  std::vector<std::string> path;
  /// At how many states a snapshot is written and read back: at every fourth, since that costs as much as a
  /// step; at each by night.
  const std::size_t copied_each = std::getenv("MOORAGE_DEPTH") == nullptr ? 4 : 1;

  void go(const watched_pool& pool, int depth) {
    if (depth == 0) {
      ++sequences;
      if (!pool.watch.waiting().empty()) {
        play_out(pool, true);
        play_out(pool, false);
      }
      return;
    }
    for (const auto& event : possible(pool, what)) {
      auto branch = pool;
      path.push_back(to_string(event));
      ++steps;
      if (std::holds_alternative<time_passed>(event))
        branch.pass();
      else
        branch.step(event);
      if (steps % copied_each == 0)
        branch.core = written_and_read(branch.core); // what follows is judged as any pool's life is
      go(branch, depth - 1);
      path.pop_back();
    }
  }

  std::string run(const watched_pool& start, int depth) {
    try {
      go(start, depth);
      return "every promise was kept";
    } catch (const std::exception& e) {
      std::string text = e.what();
      for (const auto& event : path)
        text += "\n  " + event;
      return text;
    }
  }
};

int depth_of(int usual) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  --usual; // each step costs ten times as much
#endif
  auto* more = std::getenv("MOORAGE_DEPTH"); // deeper by so many, for a night
  return usual + (more == nullptr ? 0 : static_cast<int>(std::strtol(more, nullptr, 10)));
}

} // namespace

cluster_settings small(std::uint32_t size, std::uint32_t channels) {
  cluster_settings settings;
  settings.name = "lumi";
  settings.host = "h";
  settings.pool_size = size;
  settings.channels_per_connection = channels;
  settings.queue_depth = 2;
  settings.probe_failures_max = 2;
  return settings;
}

watched_pool opened(cluster_settings settings, std::uint32_t idle) {
  auto reserve = settings;
  reserve.min_idle = idle;
  watched_pool pool{reserve, 1};
  pool.step(time_passed{});
  for (std::uint64_t i = 1; i <= idle; ++i)
    pool.step(connection_opened{connection_id{i}});
  pool.step(settings_changed{{}, settings});
  return pool;
}

void explore(const char* name, const watched_pool& start, const theme& what, int depth) {
  exploration e{what, 0, 0, {}};
  auto began = std::chrono::steady_clock::now();
  auto result = e.run(start, depth_of(depth));
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  INFO(name);
  CHECK(result == "every promise was kept");
  if (std::getenv("MOORAGE_DEPTH") != nullptr)
    WARN(name << ": " << e.sequences << " sequences, " << e.steps << " steps, " << took.count() << " s");
}

} // namespace moorage::test
