// What a step costs; hidden, for `test_core "[.bench]"`.
#include "tests/core/story.hpp"

#include <cstdio>

using namespace moorage;
using namespace moorage::test;

TEST_CASE("an acquire and its release cost little, however many connections there are", "[.bench]") {
  for (std::uint32_t size : {10u, 100u, 1000u}) {
    for (auto probing : {false, true}) {
      auto settings = lumi(size);
      settings.connects_at_once = size;
      settings.min_idle = size;
      story s{settings};
      s.core.step(s.now, time_passed{});
      for (std::uint64_t i = 1; i <= size; ++i)
        s.core.step(s.now, connection_opened{connection_id{i}});
      if (probing) {
        s.core.step(s.now, ordered<probe_pool>{});
        for (std::uint32_t i = 0; i < size; i += pool_core::probes_per_step)
          s.core.step(s.now, time_passed{});
        REQUIRE(s.status().probing == size);
      }
      constexpr std::uint64_t rounds = 200'000;
      pool_effects effects;
      auto began = std::chrono::steady_clock::now();
      for (std::uint64_t i = 1; i <= rounds; ++i) {
        effects.clear();
        s.core.step(s.now, acquire_requested{request_id{i}, h1, s.now + 30s, {}}, effects);
        s.core.step(s.now, lease_confirmed{lease_id{i}}, effects);
        s.core.step(s.now, lease_released{{}, lease_id{i}, h1}, effects);
      }
      std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
      std::printf("%4u connections%s: acquire + confirm + release %.0f ns\n", size,
                  probing ? ", all under probe" : "", took.count() / rounds);
    }
  }
}
