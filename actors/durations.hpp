// Arithmetic on steady time that cannot overflow, and durations as people read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

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

/// "250 ms", "5.0 s", "40 s", "12 min", "3.5 h"
inline std::string to_text(std::chrono::nanoseconds length) {
  auto seconds = static_cast<double>(length.count()) / 1e9;
  char text[48];
  if (seconds < 0.9995)
    std::snprintf(text, sizeof text, "%.0f ms", seconds * 1e3);
  else if (seconds < 9.95)
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  else if (seconds < 120)
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  else if (seconds < 7200)
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  else
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  return text;
}

} // namespace moorage
