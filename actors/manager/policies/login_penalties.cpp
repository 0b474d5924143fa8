// What failed log-ins cost.
#include "actors/manager/policies/login_penalties.hpp"

#include <algorithm>

namespace moorage {

std::chrono::nanoseconds login_penalties::cost(permit_use use, std::chrono::nanoseconds lasted) {
  switch (use) {
  case permit_use::denied:
  case permit_use::denied_too_often:
    return for_denied;
  case permit_use::cut_short:
    return lasted >= grace_time_min ? for_grace_time : for_cut_short;
  case permit_use::unused:
  case permit_use::unreached:
  case permit_use::let_in:
  case permit_use::turned_away: // before anything was counted
    break;
  }
  return std::chrono::nanoseconds{0};
}

std::chrono::nanoseconds login_penalties::worst(std::chrono::nanoseconds log_in_max) {
  return log_in_max >= grace_time_min ? for_grace_time : for_denied;
}

time_point login_penalties::may_begin_at(std::chrono::nanoseconds worst,
                                         std::chrono::nanoseconds limit) const {
  auto possible = under_way_ + std::min(worst, limit);
  if (possible > limit)
    return time_point::max();
  auto left = limit - possible; // may still be on the account then
  return clear_at_ < time_point::min() + left ? time_point::min() : clear_at_ - left;
}

void login_penalties::ended(time_point now, std::chrono::nanoseconds worst, std::chrono::nanoseconds cost) {
  under_way_ -= std::min(worst, under_way_);
  if (cost.count() > 0)
    clear_at_ = after(std::max(clear_at_, now), cost);
}

} // namespace moorage
