// What must happen sometimes: rare moments of a pool's life, each counted over many lives. A world in which
// one never comes proves nothing about it.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "tests/core/watched_pool.hpp"

namespace moorage::test {

class sometimes {
public:
  /// What the observer knew before the event that is told of as well.
  struct moment {
    const watched_pool& pool; ///< after it
    const pool_event& event;
    bool was_latched, was_on_trial, was_draining, lease_was_over, carried_unconfirmed;
    std::chrono::nanoseconds late; ///< so long after the pool wanted to be woken
  };
  struct row {
    std::string_view name;
    bool (*seen)(const moment& now);
  };
  static const std::vector<row>& rows();

  /// Before the pool is told.
  void coming(const watched_pool& pool, const pool_event& event);
  /// After it has done what it does.
  void happened(const watched_pool& pool, const pool_event& event);
  void merge(const sometimes& other);
  std::uint64_t count(std::size_t row) const { return counts_[row]; }

private:
  bool was_latched_ = false, was_on_trial_ = false, was_draining_ = false, lease_was_over_ = false,
       carried_unconfirmed_ = false;
  std::chrono::nanoseconds late_{0};
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(rows().size());
};

/// Events that no core announces: the shell warns, the manager tells of a pool's end by a bug and of what is
/// ordered of all, and a client of its node.
const std::set<event_kind>& events_not_of_the_core();

} // namespace moorage::test
