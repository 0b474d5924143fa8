// What a refused channel teaches.
#include "actors/pool/policies/channel_limit.hpp"

namespace moorage {

bool channel_limit::refused(time_point now, std::uint32_t carried) {
  lapse(now);
  auto limit = std::max<std::uint32_t>(carried, 1);
  auto fewer = limit < learnt_;
  if (fewer)
    learnt_ = limit;
  until_ = after(now, holds_);
  return fewer;
}

void channel_limit::lapse(time_point now) {
  if (!any() || until_ > now)
    return;
  learnt_ = unknown;
  holds_ = std::min<std::chrono::nanoseconds>(holds_ * 2, holds_max);
}

} // namespace moorage
