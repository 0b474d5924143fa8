// Which connection is granted next.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "actors/pool/policies/health.hpp"
#include "messages/ids.hpp"

namespace moorage {

/// What the order sees of an open connection that is not condemned.
struct grant_candidate {
  connection_id connection;
  /// Slots, and how many there are.
  std::uint32_t in_use = 0;
  std::uint32_t channels = 1;
  /// Past its lifetime, kept until its replacement is open.
  bool outlived = false;
  /// Grows each time a connection becomes idle.
  std::uint64_t stamp = 0;
  /// As its history has it (policies/history.hpp).
  std::uint8_t demerits = 0;
  bool slow = false;
  /// The one with the fewest leases first; else the one with the most.
  bool spread = true;
  /// Somebody uses it, be it for something else.
  bool busy = false;
};

/// The order in which connections are granted: the smallest first.
struct grant_rank {
  enum class doubt : std::uint8_t { sound, outlived, slow, doubted, failed };

  /// Doubtful last.
  doubt doubtful = doubt::sound;
  /// One that is not under probe is preferred; one that is, is granted.
  bool probing = false;
  /// The best first; in quarters, so that its place here changes rarely.
  std::uint8_t demerits = 0;
  /// Its leases, or where the most go first what is missing to all that could be counted.
  std::uint32_t crowd = 0;
  /// Youngest idle first, so that a quiet pool lets its surplus age out. (Complement of the stamp.)
  std::uint64_t staleness = 0;
  connection_id connection;

  friend auto operator<=>(const grant_rank&, const grant_rank&) = default;
};

/// None: it has no slot to grant, or opens channels too late. Once it has failed, only an idle connection is
/// granted, so that one doubtful link does not cost two leases.
std::optional<grant_rank> rank_for_grant(const grant_candidate& candidate, const health& health);

} // namespace moorage
