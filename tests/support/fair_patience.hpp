// How long to wait for what shares its processors with whatever else runs on the machine.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <stop_token>
#include <thread>

namespace moorage::support {

/// A time, and beyond it until a thread that does nothing but compute has had `work` of a processor. Whoever
/// wanted one meanwhile has had a share as well, however little others leave: what is not done by then is not
/// late for that. `work` 0: the time alone.
class fair_patience {
public:
  using milliseconds = std::chrono::milliseconds;

  explicit fair_patience(milliseconds time, milliseconds work = {})
      : until_(std::chrono::steady_clock::now() + time), work_(work) {}

  bool over() {
    if (std::chrono::steady_clock::now() < until_)
      return false;
    if (work_.count() > 0 && !worker_.joinable())
      worker_ = std::jthread{[this](const std::stop_token& end) { compute(end); }};
    return work_.count() == 0 || worked_;
  }
  /// To wait before it is asked again: `most`, or less.
  milliseconds slice(milliseconds most) const {
    auto left = std::chrono::ceil<milliseconds>(until_ - std::chrono::steady_clock::now());
    return left.count() > 0 ? std::min(left, most) : work_.count() > 0 ? most : milliseconds{0};
  }

private:
  void compute(const std::stop_token& end) {
    timespec had{};
    while (!end.stop_requested() &&
           std::chrono::seconds{had.tv_sec} + std::chrono::nanoseconds{had.tv_nsec} < work_)
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &had);
    worked_ = !end.stop_requested();
  }

  std::chrono::steady_clock::time_point until_;
  milliseconds work_;
  std::atomic<bool> worked_ = false;
  std::jthread worker_; ///< ends before what it looks at
};

} // namespace moorage::support
