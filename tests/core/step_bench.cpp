// What a step costs; hidden, for `test_core "[.bench]"`.
#include "tests/core/story.hpp"

#include <time.h>

#include <cstdio>
#include <map>
#include <tuple>

using namespace moorage;
using namespace moorage::test;

TEST_CASE("an acquire and its release cost little, however many connections there are", "[.bench]") {
  for (std::uint32_t size : {10u, 100u, 1000u}) {
    for (auto probing : {false, true}) {
      auto settings = lumi(size);
      settings.connects_at_once = size;
      settings.min_idle = size;
      settings.probes_at_once = 0;
      story s{settings};
      s.step(time_passed{});
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

namespace {

/// Of this thread, in microseconds: who else is busy on the machine does not count.
double processor_time() {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<double>(at.tv_sec) * 1e6 + static_cast<double>(at.tv_nsec) / 1e3;
}

/// The longest that one step took, each kind by itself.
class longest_steps {
public:
  explicit longest_steps(story& s) : story_(s) {}
  void step(const char* kind, const pool_event& event) {
    effects.clear();
    auto began = processor_time();
    story_.core.step(story_.now, event, effects);
    auto took = processor_time() - began;
    auto& [worst, sum, count] = taken_[kind];
    worst = std::max(worst, took);
    sum += took;
    ++count;
  }
  void print() const {
    for (const auto& [kind, figures] : taken_) {
      auto [worst, sum, count] = figures;
      std::printf("%-28s %8.1f us at most, %6.2f us on average of %.0f\n", kind.c_str(), worst, sum / count,
                  count);
    }
  }

  pool_effects effects;

private:
  story& story_;
  std::map<std::string, std::tuple<double, double, double>> taken_;
};

} // namespace

TEST_CASE("the longest step of each kind at ten thousand connections and a hundred thousand waiters is told",
          "[.bench]") {
  constexpr std::uint32_t size = 10'000, queue = 100'000;
  auto settings = lumi(size);
  settings.connects_at_once = settings.min_idle = size;
  settings.queue_depth = queue;
  settings.probe_interval = settings.connection_lifetime = 0s;
  story s{settings};
  longest_steps steps{s};
  s.step(time_passed{}); // opens all at once
  for (std::uint64_t i = 1; i <= size; ++i)
    steps.step("connection_opened", connection_opened{connection_id{i}});
  std::uint64_t requests = 0;
  auto acquire = [&](const char* kind, std::chrono::nanoseconds patience) {
    ++requests;
    steps.step(kind,
               acquire_requested{request_id{requests}, holder_id{1 + requests % 64}, s.now + patience, {}});
  };
  auto holder_of = [](std::uint64_t request) { return holder_id{1 + request % 64}; };
  for (std::uint32_t i = 0; i < size; ++i)
    acquire("acquire_requested, granted", 1h);
  for (std::uint32_t i = 0; i < queue; ++i)
    acquire("acquire_requested, waits", i % 10 == 0 ? 1min : 1h);
  for (std::uint64_t i = 1; i <= size; ++i)
    steps.step("lease_confirmed", lease_confirmed{lease_id{i}});
  // Leases are granted in the order of the requests, so that their numbers are the same.
  for (std::uint64_t i = 1; i <= size; ++i) {
    steps.step("lease_released, next served", lease_released{{}, lease_id{i}, holder_of(i)});
    steps.step("lease_confirmed", lease_confirmed{lease_id{size + i}});
  }
  for (std::uint64_t i = requests - 1; i > requests - 5000; i -= 2)
    steps.step("acquire_cancelled", acquire_cancelled{request_id{i}});
  for (std::uint64_t i = 1; i <= 1000; ++i)
    steps.step("connection_doubted", connection_doubted{connection_id{i}, false, {}});
  for (std::uint64_t i = 1; i <= 1000; ++i)
    steps.step("connection_answered", connection_answered{connection_id{i}, true});
  s.now += 2s;
  for (std::uint64_t i = 1; i <= 1000; ++i)
    steps.step("connection_lost", connection_lost{connection_id{i}, error_of(ssh_failure::reset)});
  s.now += 1min;
  while (s.core.next_due() <= s.now)
    steps.step("time_passed, deadlines", time_passed{});
  steps.step("holder_lost", holder_lost{holder_id{7}});
  while (s.core.next_due() <= s.now)
    steps.step("time_passed, holder's ends", time_passed{});
  s.core.verify();
  steps.print();
}
