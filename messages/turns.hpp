// What connections, probes and those who give turns say to each other (see actors/turns.hpp), and who has
// taken another's place.
#pragma once

#include <caf/actor_control_block.hpp>
#include <chrono>
#include <cstdint>

#pragma GCC visibility push(default)

namespace moorage {

/// What a turn is for.
enum class turn_kind : std::uint8_t {
  compute, ///< one pump of a connection whose keys are agreed on
  probe    ///< one health check
};

/// A connection's next pump computes, or a probe is to begin: it asks for a turn, and waits.
struct turn_request {
  caf::strong_actor_ptr pool; ///< its own: pools take turns
  /// When its opening, or its wait, began: of a pool's the oldest goes first.
  std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds> began;
};
/// One pump, `turn_over` follows at once; or one probe, until its actor ends.
struct turn_given {};
struct turn_over {};
/// Who gives turns was ended by a bug; a fresh one has its place, and has heard of nobody. From the manager
/// to the pools, and from them to their connections. Probes begin without a turn when he who was to give it
/// has ended.
struct turns_replaced {
  caf::strong_actor_ptr by; ///< a `turns_actor`
  turn_kind what = turn_kind::compute;
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
  return f(x.by, x.what);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, permits_replaced& x) {
  return f(x.by);
}

} // namespace moorage

#pragma GCC visibility pop
