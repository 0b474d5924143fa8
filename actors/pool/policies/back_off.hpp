// When a pool may open again after openings that failed, and the latch that a denied log-in leaves behind.
//
// A breaker by kind of failure. What cannot pass by itself latches it. Anything else opens it for a time that
// grows; then one trial at a time is made, until one is let in; and only a connection that proves itself ends
// the series. A trial always ends, since an opening does. A value of few numbers: it is told what happened
// and when, and is asked. One for each pool.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "actors/durations.hpp"
#include "actors/pool/seeded_random.hpp"
#include "messages/errors.hpp"
#include "messages/ssh_error.hpp"

namespace moorage {

class back_off {
public:
  /// After a try that failed for a passing cause the next one of the same opening follows 1 s later, then 2 s
  /// and so on (± 20 %).
  static constexpr std::chrono::seconds retry_delay{1};
  static constexpr std::uint32_t retry_doublings = 3;
  /// After an opening was given up the next one begins this much later, growing up to the maximum (± 20 %); a
  /// connection that proved itself resets it.
  static constexpr std::chrono::seconds delay_first{1};
  static constexpr double growth = 1.6;
  static constexpr std::chrono::seconds delay_max{120};
  /// Where not even a TCP connection came about, another try costs the site nothing: who waits has one within
  /// 15 s.
  static constexpr std::chrono::milliseconds delay_max_unreached{12'500};

  /// How far an opening came that failed: no TCP connection came about, the server did not let it in, or it
  /// did and the connection was of no use.
  enum class reach : std::uint8_t { nobody, site, inside };

  // --- asked
  /// When an opening may begin; in the past: at once. `time_point::max()`: latched, not before `lift`.
  /// `waited_for`: somebody waits for it.
  time_point may_open_at(bool waited_for) const {
    return latched() ? time_point::max() : waited_for ? until_waited_for_ : until_;
  }
  /// Half-open: one opening at a time, with one try, shows whether others may follow.
  bool on_trial() const { return trial_; }
  std::uint32_t tries(std::uint32_t connect_tries) const { return trial_ ? 1 : connect_tries; }
  /// When the try that follows the failed `attempt` (the first is 1) of the same opening is due; none: it is
  /// given up.
  std::optional<time_point> retry_at(time_point now, ssh_failure kind, std::uint32_t attempt,
                                     std::uint32_t connect_tries, seeded_random& random) const;
  bool latched() const { return latch_.code != errc::none; }
  const failure& latch() const { return latch_; }
  /// Of the last failure, until an opening succeeds.
  const failure& reason() const { return reason_; }
  /// What keeps the pool from opening at this moment, for those who wait: the latch, or the reason of a delay
  /// that is not over.
  const failure& hindrance(time_point now) const {
    return !latched() && until_waited_for_ > now ? reason_ : latch_;
  }

  // --- told
  /// An opening that began at `began` was given up, or what it opened was of no use. Whether a delay begins:
  /// openings that were under way together fail together, and are one failure.
  bool failed(time_point now, time_point began, failure reason, reach how_far, seeded_random& random);
  /// A try that began at `began` was let in. The next opening need not wait, and is no trial; how long one
  /// waits that follows a failure is told by what becomes of this one. One that was under way when another
  /// was found of no use says nothing: a server that lets in and cuts would never be left alone. A latch
  /// stays:
  /// that this log-in was let in does not say why the other was denied.
  void opened(time_point began);
  /// A connection that was opened at `opened` proved itself. One from before the last failure says nothing
  /// about it.
  void proved(time_point opened);
  /// A log-in was denied: no opening until `lift`. The first reason stands.
  void set_latch(failure reason);
  /// The settings changed, or an administrator reset the pool: what caused the failures may be mended.
  void lift();

  friend bool operator==(const back_off&, const back_off&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, back_off& x) {
    return f(x.in_a_row_, x.failed_at_, x.useless_at_, x.until_, x.until_waited_for_, x.trial_, x.reason_,
             x.latch_);
  }

private:
  void forgive();

  std::uint32_t in_a_row_ = 0;
  time_point failed_at_ = time_point::min();
  time_point useless_at_ = time_point::min(); ///< when a connection was last found of no use
  time_point until_ = time_point::min();
  time_point until_waited_for_ = time_point::min(); ///< never later
  bool trial_ = false;
  failure reason_;
  failure latch_;
};

} // namespace moorage
