// How many leases a connection carries, as its server let it: sshd counts sessions (sshd_config(5):
// MaxSessions), other servers have limits of their own, and none says how many it allows.
//
// A value of few numbers: it is told what was refused and when, and is asked. One for each connection, and
// one for the pool, with which new connections begin.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

#include "actors/durations.hpp"

namespace moorage {

class channel_limit {
public:
  /// The lesson fades, since a server may have been short of something for a moment: after this all is tried
  /// again, which costs a command or two a way round by another connection. What is learnt again after that
  /// holds twice as long, up to a day.
  static constexpr std::chrono::hours holds{1};
  static constexpr std::chrono::hours holds_max{24};

  /// What is learnt while a lease has several channels is how things are at the moment.
  static constexpr std::chrono::minutes holds_for_now{1};

  /// A channel was refused while so many leases had `channels` there: as many leases are what it carries;
  /// none teaches nothing. Whether that is fewer than was known.
  bool refused(time_point now, std::uint32_t carried, std::uint32_t channels);
  /// Lessons that are over are forgotten.
  void lapse(time_point now);

  std::uint32_t of(std::uint32_t configured) const {
    return std::min({configured, lasting_.limit, passing_.limit});
  }
  /// When the next lesson is over; `time_point::max()`: nothing was learnt.
  time_point due() const { return std::min(lasting_.until, passing_.until); }

  friend bool operator==(const channel_limit&, const channel_limit&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, channel_limit& x) {
    return f(x.lasting_, x.passing_, x.holds_);
  }

private:
  struct lesson {
    std::uint32_t limit = std::numeric_limits<std::uint32_t>::max();
    time_point until = time_point::max();

    friend bool operator==(const lesson&, const lesson&) = default;
  };
  lesson lasting_;
  lesson passing_;
  std::chrono::nanoseconds holds_ = holds;
};

} // namespace moorage
