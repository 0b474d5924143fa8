// How long this machine has been asleep.
#pragma once

#include <chrono>

namespace moorage {

/// In all, since it was started: what CLOCK_BOOTTIME, which goes on while the machine sleeps, is ahead of
/// CLOCK_MONOTONIC, which is steady time and stands still. Two reads of a clock, no call of the system's.
std::chrono::nanoseconds time_asleep();

} // namespace moorage
