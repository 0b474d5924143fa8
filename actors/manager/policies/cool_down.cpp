// Signs of a ban.
#include "actors/manager/policies/cool_down.hpp"

#include <algorithm>

namespace moorage {

void cool_down::turned_away(time_point now, time_point began, seeded_random& random) {
  if (began < until_)
    return;
  auto length = std::min<std::chrono::nanoseconds>(first * (1u << std::min(signs_, 10u)), longest);
  ++signs_;
  until_ = after(now, random.around(length, 0.2));
}

void cool_down::let_in(time_point began) {
  if (began >= until_)
    signs_ = 0;
}

} // namespace moorage
