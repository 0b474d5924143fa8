// What a refused channel teaches.
#include "actors/pool/policies/channel_limit.hpp"

namespace moorage {

bool channel_limit::refused(time_point now, std::uint32_t carried, std::uint32_t channels) {
  lapse(now);
  auto limit = std::max<std::uint32_t>(carried, 1);
  auto fewer = limit < learnt_;
  for_now_ = channels > carried && (!any() || for_now_);
  if (fewer)
    learnt_ = limit;
  until_ = std::max(until_, after(now, for_now_ ? holds_for_now : holds_));
  return fewer;
}

void channel_limit::lapse(time_point now) {
  if (!any() || until_ > now)
    return;
  learnt_ = unknown;
  if (!for_now_)
    holds_ = std::min<std::chrono::nanoseconds>(holds_ * 2, holds_max);
}

} // namespace moorage
