// Whom a pool serves, as it was ordered to, and what it has counted. A part of the core (core.hpp), and of
// nothing else.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "actors/pool/latency_histogram.hpp"
#include "actors/pool/policies/history.hpp"
#include "actors/pool/pool_records.hpp"
#include "actors/pool/protocol.hpp"

namespace moorage {

class pool_standing {
public:
  friend bool operator==(const pool_standing&, const pool_standing&) = default;

protected:
  bool announcing_ = true;
  pool_state state_ = pool_state::running; ///< but for pauses, which hold beside it
  std::vector<pool_pause> pauses_;         ///< the oldest first
  time_point drain_by_;                    ///< when leases are ended, while it is draining
  bool stopping_ = false;
  bool removed_ = false; ///< stopping since its cluster was removed
  bool dormant_ = false; ///< disconnected: nothing is opened before somebody asks
  std::vector<pending_request> pending_;

  std::set<holder_id> gone_; ///< holders whose leases and waiters are still being taken off the books

  hindrance hindrance_;                  ///< as it is told to those who wait to be carried
  std::uint64_t hindrance_told_to_ = 0;  ///< up to this one of them
  std::uint64_t hindrance_stale_to_ = 0; ///< up to this one they were told an earlier one, and may hold it

  pool_counters counters_;
  success_rate openings_rate_;
  latency_histogram acquire_latency_;
  latency_histogram probe_rtt_;
};

} // namespace moorage
