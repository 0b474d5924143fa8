#include "tests/runtime/sleeping_clock.hpp"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace {

std::atomic<std::int64_t> asleep_ns{0};

} // namespace

namespace moorage::test {

void machine_slept_for(std::chrono::nanoseconds time) {
  asleep_ns += time.count();
}

} // namespace moorage::test

/// Stands before the system's in this program, for CLOCK_BOOTTIME alone is moved; a machine cannot be put to
/// sleep for a test.
extern "C" int clock_gettime(clockid_t clock, timespec* at) noexcept {
  auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, at));
  if (result == 0 && clock == CLOCK_BOOTTIME) {
    constexpr std::int64_t second = 1'000'000'000;
    auto ahead = asleep_ns.load() + at->tv_nsec;
    at->tv_sec += ahead / second;
    at->tv_nsec = ahead % second;
  }
  return result;
}
