// When a connection has lived, or been idle, for long enough.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "actors/durations.hpp"
#include "actors/pool/seeded_random.hpp"

namespace moorage {

/// One connection's age. It ends without a probe, and never under a lease.
class ageing {
public:
  /// One that waits for its replacement waits so long at least, however short an opening may be.
  static constexpr std::chrono::seconds replacement_min{1};

  /// Up to a tenth of its lifetime is left to chance, so that what was opened together is not replaced
  /// together.
  void opened(time_point at, std::chrono::nanoseconds lifetime, seeded_random& random);
  /// `lifetime` is another from now on; 0: without end. `at` is when it was opened.
  void set_lifetime(time_point at, std::chrono::nanoseconds lifetime);
  /// Its lifetime is over; under a lease it goes on.
  void outlive() { outlived_ = true; }
  /// It stays until its replacement is open, but no longer than an opening may take. False: it has waited.
  bool await_replacement(time_point now, std::chrono::nanoseconds connect_timeout);

  bool outlived() const { return outlived_; }
  /// When its lifetime is over, or, idle after that, its waiting. Found out under a lease too, so that a
  /// lease does not touch the timers.
  time_point due(bool idle) const { return !outlived_ ? expires_ : idle ? replace_by_ : time_point::max(); }

  /// When the longest idle of `idle` connections is closed, of which `min_idle` are kept; an `idle_timeout`
  /// of 0: never.
  static time_point surplus_due(time_point idle_since, std::size_t idle, std::size_t min_idle,
                                std::chrono::nanoseconds idle_timeout);

  friend bool operator==(const ageing&, const ageing&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, ageing& x) {
    return f(x.share_, x.expires_, x.outlived_, x.replace_by_);
  }

private:
  double share_ = 1.0; ///< of the lifetime
  time_point expires_ = time_point::max();
  bool outlived_ = false;
  time_point replace_by_ = time_point::min(); ///< outlived and idle: closed by then, replaced or not
};

} // namespace moorage
