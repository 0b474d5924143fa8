// What connections and those who give turns say to each other (see actors/turns.hpp), and who has taken
// another's place.
#pragma once

#include <caf/actor_control_block.hpp>
#include <chrono>

#pragma GCC visibility push(default)

namespace moorage {

/// A connection's next pump computes: it asks for a turn, and waits.
struct turn_request {
  caf::strong_actor_ptr pool; ///< its own: pools take turns
  /// When its opening began: of a pool's the oldest goes first.
  std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds> began;
};
/// One pump; `turn_over` follows at once.
struct turn_given {};
struct turn_over {};
/// Who gives turns was ended by a bug; a fresh one has its place, and has heard of nobody. From the manager
/// to the pools, and from them to their connections.
struct turns_replaced {
  caf::strong_actor_ptr by; ///< a `turns_actor`
};

/// The same of who gives permits (actors/permits.hpp). From the manager to the pools.
struct permits_replaced {
  caf::strong_actor_ptr by; ///< a `permits_actor`
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, turn_request& x) {
  return f(x.pool, x.began);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, turn_given&) {
  return f();
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, turn_over&) {
  return f();
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, turns_replaced& x) {
  return f(x.by);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, permits_replaced& x) {
  return f(x.by);
}

} // namespace moorage

#pragma GCC visibility pop
