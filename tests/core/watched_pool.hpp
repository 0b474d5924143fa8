// A pool core under an observer's eyes: what explores, simulates and plants bugs steps pools through this.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "actors/pool/core.hpp"
#include "tests/core/observer.hpp"

namespace moorage::test {

class watched_pool {
public:
  watched_pool(cluster_settings settings, std::uint64_t seed, bool verified = true)
      : core(settings, seed), watch(std::move(settings)), verified_(verified) {}

  void step(const pool_event& event) {
    effects.clear();
    watch.told(now, event);
    core.step(now, event, effects);
    status = core.status(now);
    due = core.next_due();
    if (tamper)
      tamper(*this);
    watch.did(effects, status, due);
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
  // What the pool did and said in the last step.
  pool_effects effects;
  pool_status status;
  time_point due;
  /// Stands between the pool and the observer, and falsifies what the pool did or said: a planted bug.
  std::function<void(watched_pool&)> tamper;

private:
  bool verified_;
};

} // namespace moorage::test
