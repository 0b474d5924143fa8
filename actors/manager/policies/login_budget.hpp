// How many log-ins one host and port may be asked for in a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "actors/durations.hpp"

namespace moorage {

/// A token bucket, kept as the one time at which it would be full again: exact, and nothing to do while time
/// goes by. Told each log-in, whether it was held up or not: the site counts them all, but never for more
/// than an empty bucket. What a larger burst took stays taken when the burst is smaller, and holds nobody up
/// for longer than one log-in takes to come back.
class login_budget {
public:
  /// `a_minute`: 1 or more; `burst`: as many at once, 1 or more. What was taken stays taken.
  void set(time_point now, std::uint32_t a_minute, std::uint32_t burst);
  /// Nobody knows what was taken before: as if all was.
  void begin_empty(time_point now);

  /// When the next log-in may begin; in the past: at once.
  time_point may_begin_at() const;
  void take(time_point now);
  /// One that was taken has cost the site nothing.
  void give_back();
  bool full(time_point now) const { return full_at_ <= now; }
  std::chrono::nanoseconds full_in(time_point now) const { return std::max(between(now, full_at_), {}); }
  /// What was taken elsewhere, as `full_in` told it there, counts here.
  void join(time_point now, std::chrono::nanoseconds full_in);

private:
  std::chrono::nanoseconds period_{std::chrono::minutes{1}}; ///< for one log-in
  std::uint32_t burst_ = 1;
  time_point full_at_ = time_point::min();
  time_point last_ = time_point::min(); ///< taken
};

} // namespace moorage
