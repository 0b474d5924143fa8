#include "runtime/system/asleep.hpp"

#include <time.h>

namespace moorage {

namespace {

std::chrono::nanoseconds now(clockid_t clock) {
  timespec at{};
  ::clock_gettime(clock, &at);
  return std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec};
}

} // namespace

std::chrono::nanoseconds time_asleep() {
  auto steady = now(CLOCK_MONOTONIC);
  return now(CLOCK_BOOTTIME) - steady;
}

} // namespace moorage
