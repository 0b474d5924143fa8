// Who pauses the pool and who ordered what, as the observer books and judges it. Each sentence is seen broken
// once in planted_pauses.cpp.
#include <algorithm>

#include "tests/core/observer.hpp"

namespace moorage::test {

namespace {

void pause_promise(bool kept, const char* words) {
  if (!kept)
    throw broken_promise{words};
}

/// Nothing: it is no order.
template <class Event>
std::string told_by(const Event& event) {
  if constexpr (requires { event.order.by; })
    return event.order.by;
  else if constexpr (requires { event.by; })
    return event.by;
  else
    return {};
}

} // namespace

void observer::hear_sender(const pool_event& event) {
  by_ = std::visit([](const auto& what) { return told_by(what); }, event);
}

pool_state observer::state() const {
  return state_ == pool_state::running && paused() ? pool_state::paused : state_;
}

void observer::hear(const ordered<pause_pool>& event) {
  if (expect_no_change(event.request))
    return;
  auto keep = event.order.keep || !event.holder;
  for (auto& pause : pauses_)
    if (pause.holder == event.holder && (event.holder || pause.by == event.order.by)) {
      pause.keep = keep;
      pause.by = event.order.by;
      return expect_answer(event.request, errc::none);
    }
  if (pauses_.size() >= 64)
    return expect_answer(event.request, errc::too_many_requests);
  pauses_.push_back({event.holder, keep, event.order.by});
  expect_answer(event.request, errc::none);
}

/// What is nobody's in particular ends with each resume.
void observer::hear(const ordered<resume_pool>& event) {
  if (expect_stopping(event.request))
    return;
  std::vector<pause_book> left;
  for (const auto& pause : pauses_)
    if (!event.order.all && !pause.keep && pause.holder != event.holder)
      left.push_back(pause);
  pauses_ = left;
  end_drain_and_suspension();
  expect_answer(event.request, errc::none);
}

void observer::pauser_lost(holder_id holder) {
  std::erase_if(pauses_, [holder](const pause_book& pause) { return !pause.keep && pause.holder == holder; });
}

void observer::check_pauses(const pool_status& status) const {
  pause_promise(std::equal(pauses_.begin(), pauses_.end(), status.pauses.begin(), status.pauses.end(),
                           [](const pause_book& ours, const pause_status& theirs) {
                             return ours.holder == theirs.holder && ours.keep == theirs.keep &&
                                    ours.by == theirs.by;
                           }),
                "the pool names those who pause it, the oldest first, and nobody else");
}

void observer::tells_who_ordered(const announce& effect) const {
  using enum event_kind;
  pause_promise(effect.by.empty() || effect.by == by_, "nobody is named who has not ordered it");
  auto what = effect.what;
  auto orders = what == paused || what == suspended || what == draining || what == reconnecting ||
                what == checking || what == changed;
  pause_promise(!orders || effect.by == by_, "an order's event tells who gave it");
}

} // namespace moorage::test
