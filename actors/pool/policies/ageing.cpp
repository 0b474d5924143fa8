// When a connection is too old.
#include "actors/pool/policies/ageing.hpp"

#include <algorithm>

namespace moorage {

void ageing::opened(time_point at, std::chrono::nanoseconds lifetime, seeded_random& random) {
  share_ = 1.0 - 0.1 * random.unit();
  set_lifetime(at, lifetime);
}

void ageing::set_lifetime(time_point at, std::chrono::nanoseconds lifetime) {
  auto share = static_cast<std::int64_t>(static_cast<double>(lifetime.count()) * share_);
  expires_ = lifetime.count() > 0 ? after(at, std::chrono::nanoseconds{share}) : time_point::max();
  outlived_ = false;
  replace_by_ = time_point::min();
}

bool ageing::await_replacement(time_point now, std::chrono::nanoseconds connect_timeout) {
  if (replace_by_ != time_point::min())
    return false;
  replace_by_ = after(now, std::max<std::chrono::nanoseconds>(connect_timeout, replacement_min));
  return true;
}

time_point ageing::surplus_due(time_point idle_since, std::size_t idle, std::size_t min_idle,
                               std::chrono::nanoseconds idle_timeout) {
  return idle > min_idle && idle_timeout.count() > 0 ? after(idle_since, idle_timeout) : time_point::max();
}

} // namespace moorage
