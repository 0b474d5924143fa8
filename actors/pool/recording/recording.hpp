// A recording: what a pool keeps of its latest life, as a file has it, and stepping through it.
//
// A file begins with eight bytes that name the format. Parts follow, each with its kind, its length, its
// bytes and their digest: the header, then one or two legs of the flight, each a snapshot of the core and the
// events that came after it with their times and a digest of the effects that each had; then the end. What a
// part holds is as recording/archive.hpp writes it, so only the version that wrote it can read it: the header
// says which that was.
//
// What is in it: the pool's settings (which have names of secrets, never secrets), the labels of leases, the
// names of those who ask, what servers said, and commands that probe. No output, no input, no other commands.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/pool/core.hpp"
#include "actors/pool/protocol.hpp"
#include "actors/pool/recording/archive.hpp"
#include "messages/errors.hpp"

namespace moorage {

struct recording_header {
  std::string version; ///< moorage's that wrote it
  std::string cluster;
  std::chrono::microseconds written_at{0}; ///< since 1970, for people
  time_point now;                          ///< the same moment on the pool's clock
  std::string why;                         ///< for people: an order, or the invariant that did not hold
};

/// A snapshot and the events that came after it. In a file that was read, the offsets say where they were.
struct recording_leg {
  std::string snapshot;
  std::string events;
  std::size_t snapshot_offset = 0;
  std::size_t events_offset = 0;
};

struct recording {
  recording_header header;
  std::vector<recording_leg> legs; ///< oldest first
};

/// What became of a step.
enum class step_end : std::uint8_t {
  unknown, ///< the recording ends amid it
  effects, ///< it had effects, as the digest says
  broken   ///< an invariant did not hold, and the pool ended
};

std::uint64_t digest_of(const pool_effects& effects, archive_writer& scratch);

/// As a file has it.
std::string to_bytes(const recording& what);
/// `version`: of who reads. Refused, with the reason and the offset, if it is damaged, or was written by
/// another version or another build that keeps other things; code `none`: it was read. What is in the legs is
/// looked at as it is replayed.
failure read_recording(std::string_view bytes, const std::string& version, recording& result);

/// One step of a replay.
struct replayed_step {
  std::uint64_t number = 0; ///< the first is 1
  time_point at;
  pool_event event;
  bool announcing = true; ///< whether anybody listened to announcements
  pool_effects effects;
  std::string broke;      ///< the invariant that does not hold, in words
  std::string difference; ///< from what was recorded, in words; empty: it is the same
};

/// Steps through a recording with a core of its own.
class replay {
public:
  /// Keeps a reference to it.
  explicit replay(const recording& what);

  /// The next step. False: it is over, or `fault` says why there is none.
  bool next(replayed_step& step);
  /// The core between two steps; none before the snapshot was read, and after a step that broke it.
  const pool_core* core() const { return core_ ? &*core_ : nullptr; }
  /// Why the recording cannot be read on, with the offset; empty: it can.
  const std::string& fault() const { return fault_; }
  std::uint64_t steps() const { return steps_; }
  /// Snapshots on the way that the core was found to agree with.
  std::uint64_t snapshots_agreed() const { return agreed_; }

private:
  bool begin_leg();
  void play(replayed_step& step);
  void compare(replayed_step& step);
  bool failed(const archive_reader& in);

  const recording& what_;
  std::size_t leg_ = 0;
  std::optional<archive_reader> events_; ///< of the leg that is played
  std::optional<pool_core> core_;
  time_point at_;
  archive_writer scratch_;
  std::string fault_;
  std::uint64_t steps_ = 0;
  std::uint64_t agreed_ = 0;
};

} // namespace moorage
