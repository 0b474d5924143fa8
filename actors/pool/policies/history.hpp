// How a connection did lately: what it answered and what it did not, how fast, and what that makes it worth.
//
// Values of few numbers: they are told what was heard and when, and are asked. One history for each
// connection, one success rate for a pool's openings.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "actors/durations.hpp"
#include "messages/evidence.hpp"

namespace moorage {

/// Exponentially weighted: what is long past counts less with each that follows.
class success_rate {
public:
  /// Of the newest. A fifth: one failure is forgiven in two or three answers, and half the weight lies on the
  /// last three.
  static constexpr double weight = 0.2;

  void add(bool good) { rate_ += weight * ((good ? 1.0 : 0.0) - rate_); }
  /// 100 before anything is known.
  std::uint32_t percent() const { return static_cast<std::uint32_t>(rate_ * 100 + 0.5); }

  friend bool operator==(const success_rate&, const success_rate&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, success_rate& x) {
    return f(x.rate_);
  }

private:
  double rate_ = 1.0;
};

class history {
public:
  /// The latest, for people.
  static constexpr std::size_t outcomes_kept = 20;
  /// Checks that flapping looks at, and how many of them must have failed; `probe_failures_max` if that is
  /// more, so that who allows more than ten in a row hears nothing of flapping.
  static constexpr std::size_t checks_kept = 10;
  static constexpr std::uint32_t flapping_failures = 5;
  /// A round trip is far above its usual when it takes so many times as long and so much longer: a fast
  /// link's few milliseconds more are nothing. The usual is known from the third on.
  static constexpr std::int64_t slow_factor = 4;
  static constexpr std::chrono::milliseconds slow_by{100};
  static constexpr std::uint32_t usual_known_after = 3;

  // --- told
  /// Users were answered, which is worth a check that passed as often as checks come.
  void answered(time_point now, std::chrono::nanoseconds check_interval);
  /// An answer, or that there was none. `rtt` 0: it was not measured; `ran`: it is that of a command, which
  /// has a usual of its own. A probe, and whatever was not answered, is a check.
  void add(time_point now, evidence_kind of, bool answered, std::chrono::nanoseconds rtt = {},
           bool ran = false);
  /// An administrator wants a fresh start: what it is worth, not what happened.
  void forget();

  // --- asked
  /// Half of its last ten checks failed, so that failures in a row need not come to `probe_failures_max`; as
  /// many as that, if more than five may fail in a row.
  bool flapping(std::uint32_t probe_failures_max) const;
  std::uint32_t checks_failed() const;
  /// Its last round trip was far above its usual.
  bool slow() const { return slow_; }
  std::uint32_t success_percent() const { return rate_.percent(); }
  /// From 0 to 100: its success rate, half of it while it is slow.
  std::uint32_t score() const { return slow_ ? success_percent() / 2 : success_percent(); }
  /// For the order of granting, in quarters, so that what does well has one place there, whatever it answers:
  /// 0, the best, to 3.
  std::uint8_t demerits() const;
  /// Of the kind that was measured last; 0: not known.
  std::chrono::nanoseconds usual_rtt() const;
  /// Oldest first.
  std::vector<connection_outcome> outcomes(time_point now) const;

  friend bool operator==(const history&, const history&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, history& x) {
    return f(x.rate_, x.round_trip_, x.command_, x.slow_, x.ran_, x.checks_, x.checked_, x.written_,
             x.outcomes_);
  }

private:
  void add_check(time_point now, bool passed);
  /// An exponentially weighted round trip.
  struct usual {
    double nanoseconds = 0;
    std::uint32_t known = 0;
    /// Whether this one is far above it.
    bool add(std::chrono::nanoseconds rtt);

    friend bool operator==(const usual&, const usual&) = default;
  };
  struct outcome {
    time_point at;
    std::uint32_t microseconds = 0;
    evidence_kind of = evidence_kind::probe;
    bool answered = false;

    friend bool operator==(const outcome&, const outcome&) = default;
  };

  success_rate rate_;
  usual round_trip_, command_;
  bool slow_ = false;
  bool ran_ = false;         ///< what was measured last
  std::uint16_t checks_ = 0; ///< a bit each, the newest lowest: it failed
  time_point checked_ = time_point::min();
  std::uint32_t written_ = 0; ///< outcomes, ever
  std::array<outcome, outcomes_kept> outcomes_{};
};

} // namespace moorage
