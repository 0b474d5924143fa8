// When to leave a server alone that shows signs of a ban.
#pragma once

#include <chrono>
#include <cstdint>

#include "actors/durations.hpp"
#include "actors/pool/seeded_random.hpp"

namespace moorage {

/// One for each host and port. A server that hangs up before it says what it is has too many log-ins at once,
/// from whomever, or has banned us; who goes on knocking makes either last.
class cool_down {
public:
  /// After a sign no log-in begins for so long; twice as long after each that follows, up to the maximum. A
  /// fifth either way is left to chance. Short at first, since a busy login node turns away at random
  /// (MaxStartups): who asks for one command has its three tries within ten seconds, and then an error.
  static constexpr std::chrono::seconds first{3};
  static constexpr std::chrono::minutes longest{5};

  time_point may_begin_at() const { return until_; }
  /// A log-in that began at `began` was turned away. Those that were under way together are one sign.
  void turned_away(time_point now, time_point began, seeded_random& random);
  /// One was let in: what began after the last sign shows that it has passed, and the next is the first
  /// again.
  void let_in(time_point began);
  /// Nothing of it is left to remember.
  bool over(time_point now) const { return signs_ == 0 || after(until_, longest) <= now; }

private:
  std::uint32_t signs_ = 0; ///< in a row
  time_point until_ = time_point::min();
};

} // namespace moorage
