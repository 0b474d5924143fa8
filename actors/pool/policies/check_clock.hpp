// When one connection is checked next: each has a time of its own, so that a login node is not fired at in
// volleys.
//
// A value of few numbers: it is told what was heard of the connection and when, and is asked. One for each
// connection.
#pragma once

#include <chrono>
#include <optional>

#include "actors/durations.hpp"
#include "actors/pool/seeded_random.hpp"

namespace moorage {

/// Between two checks of a connection.
struct check_pace {
  /// Of a connection that has just been opened, and whenever `longest` is shorter. 0: healthy ones are not
  /// checked.
  std::chrono::nanoseconds first{0};
  /// It doubles with each check that passes, up to this.
  std::chrono::nanoseconds longest{0};
  /// After a failure, unless `first` is shorter.
  std::chrono::nanoseconds unhealthy{0};
  /// No more than this, whatever the others say (policies/idle_limit.hpp).
  std::chrono::nanoseconds limit = std::chrono::nanoseconds::max();

  friend bool operator==(const check_pace&, const check_pace&) = default;
};

class check_clock {
public:
  /// Each interval is longer or shorter by up to a fifth, so that what was opened or asked together is not
  /// asked together.
  static constexpr double spread = 0.2;
  /// Under a lease: what ends so soon after its grant, unheard, was dead before it.
  static constexpr std::chrono::minutes found_out_within{2};

  // --- told
  void opened(time_point now, const check_pace& pace, seeded_random& random);
  /// The intervals are others: begins anew.
  void restart(time_point now, const check_pace& pace, seeded_random& random);
  void passed(time_point now, const check_pace& pace, seeded_random& random);
  /// A check or anything else; the next one comes soon.
  void failed(time_point now, const check_pace& pace, seeded_random& random);
  /// Heard of it, whoever asked. The clock stands: that the check is not needed is found out when it is due,
  /// so that what is busy costs nothing.
  void answered(time_point now);
  /// A check begins.
  void asked(time_point now);
  /// A lease begins, so that somebody else is going to ask.
  void used(time_point now);
  /// It is idle again, and nobody complained. One that was not heard of under its lease was as good as idle
  /// there, so that `pace.limit` holds from when it was.
  void given_back(time_point now, const check_pace& pace, seeded_random& random);
  /// `pace.limit` is shorter than it was. Whether it is due sooner for that.
  bool shorten(time_point now, const check_pace& pace, seeded_random& random);

  // --- asked
  time_point due() const { return due_; }
  /// It is due. True: it need not be asked yet, since it has answered within the interval or carries a lease,
  /// where it is asked by its keep-alive; the clock is set anew.
  bool put_off(time_point now, bool leased, const check_pace& pace, seeded_random& random);
  /// When it was asked last, or opened: the oldest goes first.
  time_point last() const { return last_; }
  std::chrono::nanoseconds interval() const { return interval_; }
  /// For how long it had been idle when its check began; 0: it has answered somebody since then, or has
  /// carried a lease, under which output may have come that nobody tells of.
  std::chrono::nanoseconds idle_when_asked() const {
    return carried_ ? std::chrono::nanoseconds{0} : between(heard_, last_);
  }
  /// It is found dead. How long it had been idle when it was asked first, or ended by itself; none: it was in
  /// use.
  std::optional<std::chrono::nanoseconds> idle_at_end(time_point now, bool leased) const;

  friend bool operator==(const check_clock&, const check_clock&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, check_clock& x) {
    return f(x.interval_, x.due_, x.set_, x.last_, x.heard_, x.carried_, x.tried_);
  }

private:
  void set(time_point from, const check_pace& pace, seeded_random& random);
  time_point next(time_point from, const check_pace& pace, seeded_random& random) const;

  std::chrono::nanoseconds interval_{0};
  time_point due_ = time_point::max();
  time_point set_;  ///< from when `due_` was counted
  time_point last_; ///< asked
  time_point heard_;
  bool carried_ = false;                 ///< a lease, since then
  time_point tried_ = time_point::max(); ///< the first question that was not answered yet
};

} // namespace moorage
