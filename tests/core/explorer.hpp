// Every short sequence of events from a start, under the observer: what exploration.cpp explores with.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/core/exploration_tally.hpp"
#include "tests/core/watched_pool.hpp"

namespace moorage::test {

/// Of an acquire that leaves it to the cluster.
inline constexpr std::chrono::nanoseconds no_patience{-1};

/// What may happen, by theme: each explores its own part of the pool, so that it gets deep.
struct theme {
  bool acquires = true, leases = false, openings = false, probes = false, evidence = false, admin = false,
       permits = false, pauses = false, times = true;
  std::size_t requests_max = 3;
  std::vector<std::chrono::nanoseconds> patiences{time_point::max() - time_point{}};
  bool discards = false; ///< some holders say that their connection is bad
  bool ready = false;    ///< some wait until the cluster is ready again
  struct asker {
    holder_id holder;
    std::string identity;
  };
  std::vector<asker> askers = {}; ///< any of them may ask next; none: two holders in turn
  bool carriages = false;         ///< some want to be carried
  bool anything = false;          ///< one event of each kind at least, whether it fits or not
};

/// Every sequence of so many events that the theme has.
struct part {
  std::string name;
  watched_pool start;
  theme what;
  int depth;
};
using parts = std::vector<part>;

/// A pool of few connections and a short queue, so that sequences reach its limits.
cluster_settings small(std::uint32_t size, std::uint32_t channels);

/// A pool with so many idle connections.
watched_pool opened(cluster_settings settings, std::uint32_t idle);

ssh_error failing(ssh_failure kind);

/// What may happen next.
std::vector<pool_event> possible(const watched_pool& pool, const theme& what);

inline constexpr const char* kept = "every promise was kept";

/// Plays all sequences of the part; whether every promise was kept, or which was not, and where.
std::string explore(const part& each, exploration_tally& tally);
/// So many deeper than it says. Every step is judged; but snapshots are made at few, and of endings that look
/// alike from outside one is played out, and few others.
std::string explore_by_samples(part each, int deeper, exploration_tally& tally);

/// Plays all of them; each must keep every promise.
void explore(const parts& all);

} // namespace moorage::test
