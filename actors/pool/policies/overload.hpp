// Whether everybody waits too long for a lease, so that some had better be refused soon than late.
//
// CoDel's question: not how long the queue is, nor the longest wait, since a burst makes both long and drains
// by itself, but whether even the shortest wait stays long.
//
// It begins when, for `target` and `interval` together and without a break, somebody has waited for a pool
// that could have served, and nobody was served within `target` of asking: for the first `target` nobody can
// have waited longer, and then it has been so for an interval. It ends as soon as somebody is served within
// `target`, or nobody waits, or the pool could not serve: it is paused or has no open connection, which is
// another trouble, with refusals of its own. So what a quiet pool meets first is never overload, and nothing
// is remembered of the last one.
//
// While it lasts, who yields is refused once it has waited for twice the target. Were it the target itself,
// those who are left would be served within it for that alone, and overload would end and begin over and
// over.
#pragma once

#include <chrono>

#include "actors/durations.hpp"

namespace moorage {

class overload {
public:
  /// As the settings have them. A `target` of 0: there is no overload.
  struct bounds {
    std::chrono::nanoseconds target;
    std::chrono::nanoseconds interval;
  };

  // --- asked
  bool lasts() const { return lasts_; }
  /// When it begins unless somebody is served in time; `time_point::max()`: it lasts, or nobody waits.
  time_point begins_at(const bounds& b) const {
    return lasts_ || since_ == time_point::max() ? time_point::max() : after(since_, b.target + b.interval);
  }
  /// When who yields, and asked then, is refused, while it lasts.
  static time_point yields_at(time_point asked, const bounds& b) { return after(asked, 2 * b.target); }
  /// Since when nobody was served in time; `time_point::max()`: nobody waits.
  time_point since() const { return since_; }

  // --- told
  /// Somebody who waited so long was served.
  void served(time_point now, std::chrono::nanoseconds wait, const bounds& b) {
    if (wait <= b.target && since_ != time_point::max())
      since_ = now;
  }
  /// Whether somebody waits, and the pool could serve; after whatever may have changed that.
  void look(time_point now, bool waited_for, const bounds& b) {
    if (!waited_for || b.target.count() == 0)
      since_ = time_point::max();
    else if (since_ == time_point::max())
      since_ = now;
    lasts_ = since_ != time_point::max() && after(since_, b.target + b.interval) <= now;
  }

  friend bool operator==(const overload&, const overload&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, overload& x) {
    return f(x.since_, x.lasts_);
  }

private:
  time_point since_ = time_point::max();
  bool lasts_ = false;
};

} // namespace moorage
