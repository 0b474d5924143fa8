// Log-ins in a time.
#include "actors/manager/policies/login_budget.hpp"

#include <algorithm>

namespace moorage {

void login_budget::set(time_point now, std::uint32_t a_minute, std::uint32_t burst) {
  auto period = std::chrono::nanoseconds{std::chrono::minutes{1}} / std::max(a_minute, 1u);
  burst_ = std::max(burst, 1u);
  if (full_at_ > now) {
    auto taken = static_cast<double>(between(now, full_at_).count()) / static_cast<double>(period_.count());
    full_at_ = after(now, std::chrono::nanoseconds{
                              static_cast<std::int64_t>(taken * static_cast<double>(period.count()))});
  }
  period_ = period;
}

void login_budget::begin_empty(time_point now) {
  last_ = now;
  full_at_ = after(now, period_ * burst_);
}

void login_budget::join(time_point now, std::chrono::nanoseconds full_in) {
  auto theirs = after(now, std::clamp(full_in, std::chrono::nanoseconds{0}, period_ * burst_));
  if (theirs <= full_at_)
    return;
  full_at_ = theirs;
  last_ = now;
}

time_point login_budget::may_begin_at() const {
  auto ahead = period_ * (burst_ - 1); // so far ahead of the time one may have taken
  return full_at_ < time_point::min() + ahead ? time_point::min()
                                              : std::min(full_at_ - ahead, after(last_, period_));
}

void login_budget::take(time_point now) {
  last_ = now;
  auto one_less = std::min(after(std::max(full_at_, now), period_), after(now, period_ * burst_));
  full_at_ = std::max(full_at_, one_less);
}

void login_budget::give_back() {
  if (full_at_ > time_point::min() + period_)
    full_at_ -= period_;
}

} // namespace moorage
