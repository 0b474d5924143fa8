// Where a host thread waits for an answer.
// edge: a host thread waits here for what an actor gives.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace moorage {

/// Who is asked answers by the deadline it was given; what is added here is for the way there and back. Only a frozen node
/// needs longer, and is then given up.
inline constexpr std::chrono::seconds answer_margin{5};

/// Given to at most once, waited on by one thread.
template <class T>
class answer_slot {
public:
  using clock = std::chrono::steady_clock;

  void give(T value) {
    // An answer that nobody waits for any more is destroyed after the lock is released: a lease gives itself back.
    std::optional<T> dropped{std::move(value)};
    {
      std::lock_guard guard{mutex_};
      if (!abandoned_)
        value_.swap(dropped);
    }
    given_.notify_one();
  }

  /// The answer, or nothing when the time is up; what comes later is then dropped.
  std::optional<T> wait_until(clock::time_point deadline) {
    std::unique_lock guard{mutex_};
    auto there = [this] { return value_.has_value(); };
    if (deadline == clock::time_point::max())
      given_.wait(guard, there);
    else
      given_.wait_until(guard, deadline, there);
    abandoned_ = true;
    return std::exchange(value_, std::nullopt);
  }

  T wait() { return *wait_until(clock::time_point::max()); }

private:
  std::mutex mutex_;
  std::condition_variable given_;
  std::optional<T> value_;
  bool abandoned_ = false;
};

} // namespace moorage
