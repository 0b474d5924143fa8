// A machine that was asleep, as a process sees it: CLOCK_BOOTTIME is ahead.
#pragma once

#include <chrono>

namespace moorage::test {

/// From now on CLOCK_BOOTTIME is so much further ahead of steady time, in the whole process.
void machine_slept_for(std::chrono::nanoseconds time);

} // namespace moorage::test
