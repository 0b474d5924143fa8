// The fixed times and limits of a pool's core. A part of it (core.hpp), and of nothing else.
#pragma once

#include <chrono>
#include <cstddef>

namespace moorage {

struct pool_core_limits {
  /// A grant that its holder has not confirmed after this long is taken back: the answer crossed with the
  /// asker's end.
  static constexpr std::chrono::seconds confirm_timeout{5};
  /// Probes that one step starts at most, or finds that nobody needs any more; the rest follows at once in
  /// steps of their own, so that acquires come in between.
  static constexpr std::size_t probes_per_step = 32;
  /// Senders that may pause a pool at the same time: those of an installation, and a few that forgot.
  static constexpr std::size_t pauses_max = 64;
  /// A permit that nothing was heard of is asked for again after so long.
  static constexpr std::chrono::seconds ask_again_interval{10};
  /// A leased connection of a full pool that is to be replaced is looked at again after so long.
  static constexpr std::chrono::seconds renewal_pause{10};
  /// Permits asked for and not given, at most; the rest follows.
  static constexpr std::size_t permits_asked_max = 32;
  /// What falls due or ends at once, of each kind, in one step at most, so that no acquire waits a
  /// millisecond for it: waiters refused, or told what hinders those who are to carry them, leases and
  /// waiters of holders that have gone, grants that nobody confirmed, idle connections past their time, and
  /// those of a pool made smaller. The rest follows at once in steps of their own.
  static constexpr std::size_t ends_per_step = 128;
  /// Those ahead of a waiter are counted so far for the text of its refusal: that is for people, and the
  /// queue may be long.
  static constexpr std::size_t ahead_counted_max = 100;
  /// Ended leases that are remembered, so that a late or double release is told apart from a wrong one.
  static constexpr std::size_t ended_leases_kept = 1024;

  /// Of what is told of a jump host's trouble, which may be that of its own jump; and what its last failure
  /// may take of that.
  static constexpr std::size_t hindrance_bytes_max = 2000;
  static constexpr std::size_t hindrance_failure_max = 1000;

  friend bool operator==(const pool_core_limits&, const pool_core_limits&) = default;
};

} // namespace moorage
