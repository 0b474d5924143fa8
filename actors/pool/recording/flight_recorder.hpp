// What a pool keeps of its latest life, so that it can be looked at after the fact, and stepped through: its
// core's events with their times, begun by a snapshot of the core.
//
// Kept in two legs. Each begins with a snapshot; when the later one is full, the earlier one is dropped, and
// a new one begins: what is kept is between half and all of the bytes allowed. A snapshot looks at everything
// that the pool has, so there is one in thousands of events, and none of a pool that is so large that
// acquires would wait for it: of that only its state is told when somebody asks.
//
// Owned by a pool's shell, which feeds it before and after each step of the core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "actors/pool/core.hpp"
#include "actors/pool/recording/recording.hpp"

namespace moorage {

class flight_recorder {
public:
  /// Of events, both legs together. Some 4,000 to 8,000 of them: an hour of a quiet pool, seconds of a busy
  /// one.
  static constexpr std::size_t bytes_kept = 256u << 10;
  /// Connections, leases and waiters of a pool that snapshots are taken of: what more would cost is noticed
  /// by acquires.
  static constexpr std::size_t things_max = 200;
  /// A pool that was too large is looked at again after so many events.
  static constexpr std::uint32_t look_again_after = 4'096;

  explicit flight_recorder(std::size_t kept = bytes_kept) : leg_max_(kept / 2) {}

  /// The core is about to take the event in, as it is now.
  void before(const pool_core& core, time_point now, const pool_event& event);
  /// It has, and this is what came of it.
  void after(const pool_effects& effects);
  /// It could not: this invariant did not hold.
  void broke(const char* invariant);

  /// What is kept, with a header for which the caller supplies all but the cluster. A pool that is too large
  /// is snapshot now, and is all of it.
  recording kept(const pool_core& core, recording_header header) const;
  /// Of events, snapshots not counted.
  std::size_t size() const { return earlier_.events.size() + later_.events.size(); }

private:
  struct leg {
    std::string snapshot; ///< empty: none could be taken, and no event is kept
    archive_writer events;
    time_point last;
    std::uint32_t missed = 0; ///< events, where none is kept
  };
  void begin_leg(const pool_core& core);
  bool blind() const { return later_.snapshot.empty(); }

  std::size_t leg_max_;
  leg earlier_, later_;
  archive_writer scratch_;
};

} // namespace moorage
