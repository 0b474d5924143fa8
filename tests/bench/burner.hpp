// Processor time, of another process and burnt on purpose.
#pragma once

#include <atomic>
#include <ctime>
#include <stdexcept>
#include <sys/types.h>
#include <thread>

#include "tests/bench/measure.hpp"

namespace moorage::bench {

/// What that process has used.
inline nanoseconds cpu_of_process(pid_t process) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
    throw std::runtime_error("another process has no clock");
  return std::chrono::seconds{time.tv_sec} + nanoseconds{time.tv_nsec};
}

/// A thread that works for so much of each 10 ms.
class burner {
public:
  explicit burner(double share) : thread_{[this, share] { burn(share); }} {}
  ~burner() {
    over_ = true;
    thread_.join();
  }

private:
  void burn(double share) {
    constexpr nanoseconds turn = std::chrono::milliseconds{10};
    while (!over_) {
      auto began = steady::now();
      for (auto spent = thread_cpu();
           thread_cpu() - spent < std::chrono::duration_cast<nanoseconds>(turn * share);)
        ;
      if (auto left = began + turn - steady::now(); left > std::chrono::milliseconds{1})
        let_pass(std::chrono::duration_cast<std::chrono::milliseconds>(left));
    }
  }

  std::atomic<bool> over_ = false;
  std::thread thread_;
};

} // namespace moorage::bench
