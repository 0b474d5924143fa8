// Signs of life for whoever ends a node that gives none (WatchdogSec= of its unit): each is preceded by a
// question to the node, so that one whose actors are stuck gives none, though its process lives.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>

namespace moorage::cli {

class life_signs {
public:
  /// Asks whether the node lives, and returns at once. `answered` is told the answer, from any thread, as
  /// late as it may come, or never: not `well` is as none.
  using question = std::function<void(std::function<void(bool well)> answered)>;

  /// `interval`: how long whoever watches waits for a sign. One is given every half of it, on a thread of its
  /// own, and asked for again after a quarter without an answer. A late answer is as good as one in time: it
  /// is given now. No more than a hundred signs a second are given, and at least one an hour. Throws
  /// std::system_error if the system has no thread.
  life_signs(std::chrono::microseconds interval, question ask, std::function<void()> give);
  /// Waits for no answer, only for a sign that is being given.
  ~life_signs();
  life_signs(const life_signs&) = delete;
  life_signs& operator=(const life_signs&) = delete;

private:
  class ear;

  void run(const std::stop_token& end);

  std::chrono::microseconds half_;
  question ask_;
  std::function<void()> give_;
  std::shared_ptr<ear> ear_; ///< outlives us with whoever answers late
  std::jthread thread_;
};

} // namespace moorage::cli
