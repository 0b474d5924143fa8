// What a refused channel teaches.
#include "actors/pool/policies/channel_limit.hpp"

namespace moorage {

bool channel_limit::refused(time_point now, std::uint32_t carried, std::uint32_t channels) {
  lapse(now);
  if (carried == 0)
    return false;
  constexpr auto any = std::numeric_limits<std::uint32_t>::max();
  auto before = of(any);
  auto passes = channels > carried;
  auto& what = passes ? passing_ : lasting_;
  what.limit = std::min(what.limit, carried);
  what.until = after(now, passes ? std::chrono::nanoseconds{holds_for_now} : holds_);
  return of(any) < before;
}

void channel_limit::lapse(time_point now) {
  if (passing_.until <= now)
    passing_ = {};
  if (lasting_.until > now)
    return;
  lasting_ = {};
  holds_ = std::min<std::chrono::nanoseconds>(holds_ * 2, holds_max);
}

} // namespace moorage
