// How many events a subscriber may still be told, and how many it missed.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

namespace moorage {

/// Never used up: for a subscriber in this process that always keeps up, such as the log.
inline constexpr std::uint32_t event_credit_unlimited = std::numeric_limits<std::uint32_t>::max();

struct event_credit {
  std::uint32_t left = 0;
  std::uint64_t missed = 0;

  void add(std::uint32_t more) {
    left = more > event_credit_unlimited - left ? event_credit_unlimited : left + more;
  }
  /// For one event. False: it is missed. `before`: so many were, before this one.
  bool spend(std::uint64_t& before) {
    if (left == 0) {
      ++missed;
      return false;
    }
    if (left != event_credit_unlimited)
      --left;
    before = std::exchange(missed, 0);
    return true;
  }
};

} // namespace moorage
