// A small seeded generator (splitmix64), so that the pool core's jitter is a function of its seed and a test
// can replay it. Spreads timers; never to be used for secrets.
#pragma once

#include <chrono>
#include <cstdint>

namespace moorage {

class seeded_random {
public:
  explicit seeded_random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    auto z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  /// At least 0, less than 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  /// `length`, more or less by up to `share` of it.
  std::chrono::nanoseconds around(std::chrono::nanoseconds length, double share) {
    auto factor = 1.0 - share + 2.0 * share * unit();
    return std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(length.count()) * factor)};
  }

  friend bool operator==(const seeded_random&, const seeded_random&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, seeded_random& x) {
    return f(x.state_);
  }

private:
  std::uint64_t state_;
};

} // namespace moorage
