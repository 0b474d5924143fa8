// What was heard makes a connection's worth.
#include "actors/pool/policies/history.hpp"

#include <algorithm>
#include <bit>

namespace moorage {

void history::add(time_point now, evidence_kind of, bool answered, std::chrono::nanoseconds rtt, bool ran) {
  rate_.add(answered);
  if (of == evidence_kind::probe || !answered)
    add_check(now, answered);
  if (answered && rtt.count() > 0) {
    slow_ = (ran ? command_ : round_trip_).add(rtt);
    ran_ = ran;
  }
  constexpr std::int64_t most = UINT32_MAX;
  outcomes_[written_++ % outcomes_kept] = {
      now, static_cast<std::uint32_t>(std::min(rtt.count() / 1'000, most)), of, answered};
}

void history::answered(time_point now, std::chrono::nanoseconds check_interval) {
  if (after(checked_, check_interval) <= now)
    add_check(now, true);
}

void history::add_check(time_point now, bool passed) {
  checked_ = now;
  checks_ = static_cast<std::uint16_t>((checks_ << 1 | (passed ? 0 : 1)) & ((1 << checks_kept) - 1));
}

void history::forget() {
  rate_ = {};
  checks_ = 0;
  slow_ = false;
}

std::uint32_t history::checks_failed() const {
  return static_cast<std::uint32_t>(std::popcount(checks_));
}

bool history::flapping(std::uint32_t probe_failures_max) const {
  return checks_failed() >= std::max(flapping_failures, probe_failures_max);
}

std::uint8_t history::demerits() const {
  auto percent = success_percent();
  return percent >= 75 ? 0 : percent >= 50 ? 1 : percent >= 25 ? 2 : 3;
}

std::chrono::nanoseconds history::usual_rtt() const {
  return std::chrono::nanoseconds{static_cast<std::int64_t>((ran_ ? command_ : round_trip_).nanoseconds)};
}

std::vector<connection_outcome> history::outcomes(time_point now) const {
  std::vector<connection_outcome> result;
  auto kept = std::min<std::uint32_t>(written_, outcomes_kept);
  result.reserve(kept);
  for (auto i = written_ - kept; i != written_; ++i) {
    const auto& each = outcomes_[i % outcomes_kept];
    result.push_back(
        {each.of, each.answered, between(each.at, now), std::chrono::microseconds{each.microseconds}});
  }
  return result;
}

bool history::usual::add(std::chrono::nanoseconds rtt) {
  auto took = static_cast<double>(rtt.count());
  auto far = known >= usual_known_after && took > nanoseconds * slow_factor &&
             took > nanoseconds + static_cast<double>(std::chrono::nanoseconds{slow_by}.count());
  nanoseconds = known == 0 ? took : nanoseconds + success_rate::weight * (took - nanoseconds);
  known = std::min(known + 1, usual_known_after);
  return far;
}

} // namespace moorage
