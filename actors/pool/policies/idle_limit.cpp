// A lesson that fades.
#include "actors/pool/policies/idle_limit.hpp"

#include <algorithm>
#include <cmath>

namespace moorage {

bool idle_limit::learn(time_point now, std::chrono::nanoseconds idle) {
  auto known = at(now);
  if (idle < idle_min || static_cast<double>(idle.count()) * share >= static_cast<double>(known.count()))
    return false;
  auto same = idle_.count() > 0 && idle >= idle_ / 2 && idle <= idle_ * 2;
  if (!same)
    doubles_after_ = doubles_after;
  else if (between(learnt_at_, now) > one_happening)
    doubles_after_ = std::min<std::chrono::nanoseconds>(doubles_after_ * 2, doubles_after_max);
  idle_ = idle;
  learnt_at_ = now;
  return true;
}

std::chrono::nanoseconds idle_limit::at(time_point now) const {
  using std::chrono::nanoseconds;
  if (idle_.count() == 0)
    return nanoseconds::max();
  auto age =
      static_cast<double>(between(learnt_at_, now).count()) / static_cast<double>(doubles_after_.count());
  auto limit = static_cast<double>(idle_.count()) * share * std::exp2(age);
  constexpr nanoseconds forgotten = std::chrono::hours{24 * 365};
  return limit < static_cast<double>(forgotten.count()) ? nanoseconds{static_cast<std::int64_t>(limit)}
                                                        : nanoseconds::max();
}

} // namespace moorage
