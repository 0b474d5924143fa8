// Arithmetic on steady time that cannot overflow.
#pragma once

#include <chrono>
#include <cstdint>

#include "actors/pool/protocol.hpp"

namespace moorage {

/// `length` after `when`; stays within the clock's range.
inline time_point after(time_point when, std::chrono::nanoseconds length) {
  if (length.count() > 0 && when > time_point::max() - length)
    return time_point::max();
  return when + length;
}

/// From one time to a later one; 0 if it is not later.
inline std::chrono::nanoseconds between(time_point from, time_point to) {
  using std::chrono::nanoseconds;
  if (to <= from)
    return nanoseconds{0};
  auto a = from.time_since_epoch().count();
  auto b = to.time_since_epoch().count();
  return a < 0 && b > INT64_MAX + a ? nanoseconds::max() : nanoseconds{b - a};
}

} // namespace moorage
