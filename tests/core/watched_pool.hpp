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
  watched_pool(cluster_settings settings, std::uint64_t seed, bool verified_too = true)
      : core(settings, seed), watch(std::move(settings)), verified(verified_too) {}

  void step(const pool_event& event) {
    step_alone(event);
    if (!permitted)
      return;
    auto all = effects;
    for (const auto& effect : pool_effects{effects})
      if (auto* asked = std::get_if<request_permit>(&effect); asked != nullptr && !asked->held) {
        step(permit_given{asked->permit});
        all.insert(all.end(), effects.begin(), effects.end());
      }
    effects = std::move(all);
  }

  void step_alone(const pool_event& event) {
    effects.clear();
    watch.told(now, event);
    if (before)
      before(*this, event);
    core.step(now, event, effects);
    if (after)
      after(*this);
    status = core.status(now);
    due = core.next_due();
    if (tamper)
      tamper(*this);
    watch.did(effects, status, due);
    if (verified)
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
  /// Every log-in has leave at once.
  bool permitted = true;
  /// The core's own books are looked at after each step.
  bool verified;
  // What the pool did and said in the last step.
  pool_effects effects;
  pool_status status;
  time_point due = time_point::max();
  /// Stands between the pool and the observer, and falsifies what the pool did or said: a planted bug.
  std::function<void(watched_pool&)> tamper;
  /// Look on at each step of the core.
  std::function<void(const watched_pool&, const pool_event&)> before;
  std::function<void(const watched_pool&)> after;
};

} // namespace moorage::test
