// A pool core under an observer's eyes: what explores, simulates and plants bugs steps pools through this.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "actors/pool_core.hpp"
#include "observer.hpp"

namespace moorage::test {

class watched_pool {
public:
  watched_pool(cluster_settings settings, std::uint64_t seed, bool verified = true)
      : core(settings, seed), watch(std::move(settings)), verified_(verified) {}

  void step(const pool_event& event) {
    effects.clear();
    watch.told(now, event);
    core.step(now, event, effects);
    if (tamper)
      tamper(effects);
    watch.did(effects, core.status(now), core.next_due());
    if (verified_)
      core.verify();
  }

  /// To the next time that the pool has named; no further than `until`.
  void pass(time_point until = time_point::max()) {
    now = std::max(now, std::min(until, core.next_due()));
    step(time_passed{});
  }

  pool_core core;
  observer watch;
  time_point now{std::chrono::hours{1}};
  pool_effects effects; ///< of the last step
  std::function<void(pool_effects&)> tamper;

private:
  bool verified_;
};

} // namespace moorage::test
