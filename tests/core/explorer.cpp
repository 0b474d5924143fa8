// Plays every short sequence of events, one copy of the pool per branch.
#include "tests/core/explorer.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>

#include "tests/core/copies.hpp"

using namespace std::chrono_literals;

namespace moorage::test {

namespace {

using phase = observer::phase;

/// The world answers everything, kindly or not, until nothing is left to answer; then nobody may be waiting.
void play_out(watched_pool pool, bool kind) {
  auto finished = [&] { return pool.watch.waiting().empty() && pool.watch.to_be_carried().empty(); };
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
      for (auto r : book.carriages)
        if (kind)
          pool.step(carriage_ended{c, r});
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
  const theme& what;
  exploration_tally& tally;
  bool sampling = false;  ///< endings like one that was played out, and snapshots, but for every n-th
  std::string where = {}; ///< a promise was broken
  /// At how many states a snapshot is written and read back: at every fourth, since that costs as much as a
  /// step; at each by night.
  const std::size_t copied_each = sampling ? 32 : std::getenv("MOORAGE_DEPTH") == nullptr ? 4 : 1;

  bool plays_out(const watched_pool& pool, std::uint64_t state) {
    constexpr std::uint64_t every = 16;
    return !(pool.watch.waiting().empty() && pool.watch.to_be_carried().empty()) &&
           (!sampling || tally.endings.insert(state) || tally.sequences % every == 0);
  }

  /// `pool` is not used any more, so that its last branch needs no copy.
  void go(watched_pool& pool, const exploration_tally::last& before, int depth) {
    if (depth == 0) {
      ++tally.sequences;
      if (!plays_out(pool, before.state))
        return;
      ++tally.played_out;
      play_out(pool, true);
      return play_out(std::move(pool), false);
    }
    pool.effects.clear(); // they need not be copied
    const auto events = possible(pool, what);
    for (std::size_t i = 0; i < events.size(); ++i) {
      auto branch = i + 1 < events.size() ? pool : std::move(pool);
      try {
        if (std::holds_alternative<time_passed>(events[i]) && branch.core.next_due() != time_point::max())
          branch.pass();
        else
          branch.step(events[i]);
        if (tally.steps % copied_each == 0)
          branch.core = written_and_read(branch.core); // what follows is judged as any pool's life is
        go(branch, tally.look(before, branch, events[i]), depth - 1);
      } catch (const std::exception&) {
        where.insert(0, to_string(events[i])).insert(0, "\n  ");
        throw;
      }
    }
  }

  std::string run(watched_pool start, int depth) {
    try {
      go(start, {}, depth);
      return kept;
    } catch (const std::exception& e) {
      return e.what() + where;
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

std::string explore(const part& each, exploration_tally& tally) {
  return exploration{each.what, tally}.run(each.start, each.depth);
}

std::string explore_by_samples(part each, int deeper, exploration_tally& tally) {
  tally.endings = {}; // those of another part have other settings
  return exploration{each.what, tally, true}.run(each.start, each.depth + deeper);
}

void explore(const parts& all) {
  for (const auto& each : all) {
    exploration_tally tally;
    INFO(each.name);
    CHECK(exploration{each.what, tally}.run(each.start, each.depth + depth_of(0)) == kept);
    if (std::getenv("MOORAGE_DEPTH") != nullptr)
      WARN(each.name << ": " << tally.sequences << " sequences, " << tally.steps << " steps, "
                     << tally.states.size() << " states");
  }
}

} // namespace moorage::test
