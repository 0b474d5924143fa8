// How long a connection of this pool may be left idle, as learnt from those that did not survive it: an
// address translator on the way, or the server, forgets what is idle for too long, and does not say for how
// long that is.
//
// A value of few numbers: it is told what happened and when, and is asked. One for each pool.
#pragma once

#include <chrono>

#include "actors/durations.hpp"

namespace moorage {

class idle_limit {
public:
  /// Of the shortest idle time that was fatal: so long may one be idle.
  static constexpr double share = 0.8;
  /// What ends sooner ended of something else, and nobody should be asked more often.
  static constexpr std::chrono::seconds idle_min{10};
  /// The lesson fades, since a way may change and a server may end for other reasons: the limit doubles in
  /// this time. It is learnt anew at the price of a connection or two, so one that is learnt again, of an
  /// idle time no more than half or twice as long, holds twice as long, up to a day.
  static constexpr std::chrono::hours doubles_after{1};
  static constexpr std::chrono::hours doubles_after_max{24};
  /// What ends within this of what was learnt ends of the same, and confirms nothing.
  static constexpr std::chrono::minutes one_happening{1};

  /// A connection was found dead, or was closed by its server, after so long without a word. Whether the
  /// limit is shorter now.
  bool learn(time_point now, std::chrono::nanoseconds idle);
  /// A connection answered its check after so long without a word. What is said to be fatal was survived, and
  /// so it was something else that ended those: a lesson that random ends taught is forgotten as soon as it
  /// has faded enough to be tried.
  void survived(std::chrono::nanoseconds idle) {
    if (idle > idle_)
      *this = {};
  }
  /// `nanoseconds::max()`: none is known.
  std::chrono::nanoseconds at(time_point now) const;

  friend bool operator==(const idle_limit&, const idle_limit&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, idle_limit& x) {
    return f(x.idle_, x.learnt_at_, x.doubles_after_);
  }

private:
  std::chrono::nanoseconds idle_{0}; ///< 0: nothing was learnt
  time_point learnt_at_;
  std::chrono::nanoseconds doubles_after_ = doubles_after;
};

} // namespace moorage
