// Overload, as the observer counts it: since when somebody has waited and nobody was served in time.
#include <algorithm>

#include "tests/core/observer.hpp"

namespace moorage::test {

namespace {

void overload_promise(bool kept, const char* words) {
  if (!kept)
    throw broken_promise{words};
}

} // namespace

time_point observer::overload_begins() const {
  return in_vain_since_ == time_point::max()
             ? time_point::max()
             : in_vain_since_ + settings_.overload_target + settings_.overload_interval;
}

bool observer::free_slot() const {
  return std::any_of(connections_.begin(), connections_.end(), [&](const auto& c) { return grantable(c); });
}

/// The one that is refused is not among those who wait any more.
void observer::refused_for_overload(const request_book& r) const {
  overload_promise(r.yields,
                   "only who named no patience, and waits for no readiness, is refused for overload");
  overload_promise(works() && !free_slot(),
                   "nobody is refused for overload while a slot is free, or in a pause");
  overload_promise(overloaded(), "nobody is refused for overload before waits were long for long");
  overload_promise(now_ - r.asked >= 2 * settings_.overload_target,
                   "nobody is refused for overload before it has waited for twice the target");
  for (auto other : waiting_)
    overload_promise(!requests_[other.value].yields || requests_[other.value].asked >= r.asked,
                     "who has waited longest is refused first for overload");
}

void observer::tells_of_overload(const announce& effect) {
  if (effect.what == event_kind::overloaded || effect.what == event_kind::relieved)
    overload_told_ = effect.what == event_kind::overloaded;
}

void observer::check_overload(time_point next_due) {
  auto waits = !waiting_.empty() && works() && count_open(true) > 0;
  if (!waits || settings_.overload_target.count() == 0)
    in_vain_since_ = time_point::max();
  else if (in_vain_since_ == time_point::max())
    in_vain_since_ = now_;
  overload_promise(overload_told_ == overloaded(), "a pool tells when it is overloaded, and when no more");
  overload_promise(next_due <= overload_begins() || overloaded(),
                   "a pool wakes up when it becomes overloaded");
  if (!overloaded())
    return;
  for (auto request : waiting_) {
    const auto& r = requests_[request.value];
    auto at = r.asked + 2 * settings_.overload_target;
    overload_promise(!r.yields || next_due <= std::max(at, now_),
                     "an overloaded pool refuses who yields, in time");
  }
}

} // namespace moorage::test
