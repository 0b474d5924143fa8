// Notices that the machine was asleep.
//
// While it sleeps steady time stands still, and with it every deadline: nothing that is due by steady time
// tells of it. What does is the system's count of the time asleep, which has grown when it is next looked at.
#pragma once

#include <chrono>
#include <functional>
#include <utility>

namespace moorage {

/// For how long the machine has slept in all, since some moment in the past; must not block. None: nobody
/// knows.
using sleep_clock = std::function<std::chrono::nanoseconds()>;

/// One for each pool, whose shell looks with each message.
class sleep_watch {
public:
  /// What is shorter is no sleep: no peer gives up a connection for that.
  static constexpr std::chrono::seconds shortest{2};
  /// A pool with connections looks at least so often, so that it has asked them all soon after the machine
  /// woke, and not when the next user comes.
  static constexpr std::chrono::seconds interval{10};

  sleep_watch() = default;
  explicit sleep_watch(sleep_clock clock) : clock_(std::move(clock)) {
    if (clock_)
      seen_ = clock_();
  }

  bool looks() const { return clock_ != nullptr; }
  /// How long the machine slept since the last look; 0: it did not.
  std::chrono::nanoseconds look() {
    if (!clock_)
      return {};
    auto slept = clock_() - seen_;
    if (slept < shortest)
      return {};
    seen_ += slept;
    return slept;
  }

private:
  sleep_clock clock_;
  std::chrono::nanoseconds seen_{0};
};

} // namespace moorage
