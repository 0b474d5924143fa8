// What the flight recorder costs; hidden, for `test_core "[.bench]"`.
#include <time.h>

#include <cstdio>

#include "actors/pool/recording/flight_recorder.hpp"
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// Of this thread: who else is busy on the machine does not count.
std::chrono::duration<double, std::nano> processor_time() {
  timespec at{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec};
}

/// Nanoseconds of an acquire, its confirmation and its release, in a pool of so many idle connections.
double round_of(std::uint32_t size, bool recorded) {
  auto settings = lumi(size);
  settings.connects_at_once = settings.min_idle = size;
  story s{settings};
  s.step(time_passed{});
  for (std::uint64_t i = 1; i <= size; ++i)
    s.core.step(s.now, connection_opened{connection_id{i}});
  constexpr std::uint64_t rounds = 200'000;
  flight_recorder recorder;
  pool_effects effects;
  s.core.set_announcing(false);
  auto step = [&](const pool_event& event) {
    effects.clear();
    if (recorded)
      recorder.before(s.core, s.now, event);
    s.core.step(s.now, event, effects);
    if (recorded)
      recorder.after(effects);
  };
  auto began = processor_time();
  for (std::uint64_t i = 1; i <= rounds; ++i) {
    s.now += 1us;
    step(acquire_requested{request_id{i}, h1, s.now + 30s, "exec 4711"});
    step(lease_confirmed{lease_id{i}});
    step(lease_released{{}, lease_id{i}, h1});
  }
  auto took = processor_time() - began;
  return took.count() / rounds;
}

} // namespace

TEST_CASE("what recording adds to an acquire is told, and how long a snapshot takes", "[.bench]") {
  for (std::uint32_t size : {5u, 100u, 1'000u}) {
    auto plain = round_of(size, false);
    auto recorded = round_of(size, true);
    std::printf("%4u connections: acquire + confirm + release %.0f ns, recorded %.0f ns: %.0f ns a step\n",
                size, plain, recorded, (recorded - plain) / 3);
  }
  for (std::uint32_t size : {5u, 100u, 1'000u, 2'000u}) {
    auto settings = lumi(size);
    settings.connects_at_once = settings.min_idle = size;
    story s{settings};
    s.step(time_passed{});
    for (std::uint64_t i = 1; i <= size; ++i)
      s.core.step(s.now, connection_opened{connection_id{i}});
    for (int round = 0; round < 20; ++round)
      for (std::uint64_t i = 1; i <= size; ++i)
        s.core.step(s.now, connection_answered{connection_id{i}, true, evidence_kind::command, 5ms});
    archive_writer out;
    auto began = processor_time();
    s.core.write(out);
    std::chrono::duration<double, std::micro> took = processor_time() - began;
    std::printf("%4u connections: a snapshot has %zu bytes and takes %.0f us\n", size, out.bytes().size(),
                took.count());
  }
}
