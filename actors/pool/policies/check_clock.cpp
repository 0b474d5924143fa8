// The interval grows while all is well, and is short after a failure.
#include "actors/pool/policies/check_clock.hpp"

#include <algorithm>

namespace moorage {

void check_clock::opened(time_point now, const check_pace& pace, seeded_random& random) {
  last_ = now;
  answered(now);
  restart(now, pace, random);
}

void check_clock::restart(time_point now, const check_pace& pace, seeded_random& random) {
  interval_ = pace.first;
  set(now, pace, random);
  shorten(now, pace, random);
}

void check_clock::passed(time_point now, const check_pace& pace, seeded_random& random) {
  answered(now);
  interval_ = pace.first.count() > 0 ? std::min(interval_ * 2, std::max(pace.longest, pace.first))
                                     : std::chrono::nanoseconds{0};
  set(now, pace, random);
}

void check_clock::failed(time_point now, const check_pace& pace, seeded_random& random) {
  interval_ = pace.first.count() > 0 ? std::min(pace.unhealthy, pace.first) : pace.unhealthy;
  set(now, pace, random);
}

void check_clock::answered(time_point now) {
  heard_ = now;
  carried_ = false;
  tried_ = time_point::max();
}

void check_clock::asked(time_point now) {
  last_ = now;
  tried_ = std::min(tried_, now);
}

void check_clock::used(time_point now) {
  carried_ = true;
  tried_ = std::min(tried_, now);
}

void check_clock::given_back(time_point now, const check_pace& pace, seeded_random& random) {
  tried_ = time_point::max();
  shorten(now, pace, random);
}

bool check_clock::shorten(time_point now, const check_pace& pace, seeded_random& random) {
  if (due_ == time_point::max() || due_ <= after(heard_, pace.limit))
    return false;
  due_ = std::max(now, next(heard_, pace, random));
  return true;
}

bool check_clock::put_off(time_point now, bool leased, const check_pace& pace, seeded_random& random) {
  if (leased) {
    set(now, pace, random);
    return true;
  }
  if (due_ > now)
    return true;
  if (heard_ <= set_)
    return false;
  set(heard_, pace, random);
  return due_ > now;
}

std::optional<std::chrono::nanoseconds> check_clock::idle_at_end(time_point now, bool leased) const {
  if (leased && (tried_ == time_point::max() || after(tried_, found_out_within) < now))
    return {};
  return between(heard_, std::min(tried_, now));
}

void check_clock::set(time_point from, const check_pace& pace, seeded_random& random) {
  set_ = from;
  due_ = next(from, pace, random);
}

time_point check_clock::next(time_point from, const check_pace& pace, seeded_random& random) const {
  if (interval_.count() <= 0)
    return time_point::max();
  auto length = random.around(interval_, spread);
  if (pace.limit == std::chrono::nanoseconds::max())
    return after(from, length);
  auto most = static_cast<std::int64_t>(static_cast<double>(pace.limit.count()) / (1 + spread));
  return after(from, std::min({length, random.around(std::chrono::nanoseconds{most}, spread), pace.limit}));
}

} // namespace moorage
