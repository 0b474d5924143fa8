// Whom the pool serves, pauses aside, as the observer books and judges it: suspensions, drains, and their
// end. Each sentence is seen broken once in planted_drains.cpp.
#include <algorithm>

#include "tests/core/observer.hpp"

namespace moorage::test {

namespace {

void drain_promise(bool kept, const char* words) {
  if (!kept)
    throw broken_promise{words};
}

} // namespace

/// What stops takes no orders, and what drains or is drained is resumed, or nothing.
bool observer::expect_no_change(request_id request) {
  if (expect_stopping(request))
    return true;
  if (drains())
    expect_answer(request, errc::invalid_request);
  return drains();
}

void observer::hear(const ordered<suspend_pool>& event) {
  if (expect_no_change(event.request))
    return;
  state_ = pool_state::suspended;
  expect_answer(event.request, errc::none);
}

void observer::end_drain_and_suspension() {
  state_ = pool_state::running;
  for (auto drain : drains_) {
    if (drain && !requests_[drain.value].answered)
      answers_.push_back({drain, errc::cancelled});
    std::erase_if(pending_, [drain](const auto& p) { return p.first == drain; });
  }
  drains_.clear();
}

void observer::hear(const ordered<drain_pool>& event) {
  if (expect_stopping(event.request))
    return;
  drain_by_ = now_ + event.order.within;
  if (state_ != pool_state::drained)
    state_ = pool_state::draining;
  for (const auto* list : {&waiting_, &to_be_carried_})
    for (auto waiting : *list)
      answers_.push_back({waiting, errc::drained});
  fresh_request(event.request);
  if (event.request) {
    pending_.push_back({event.request, connection_id{connections_.size()}});
    drains_.push_back(event.request);
  }
}

/// At its deadline every lease ends that nothing else ends now.
void observer::overdue_drain() {
  if (state_ != pool_state::draining || drain_by_ > now_)
    return;
  for (std::uint64_t i = 0; i < leases_.size(); ++i)
    if (leases_[i].live)
      end(lease_id{i}, true, true);
  for (auto& c : connections_)
    c.carriages.clear();
}

void observer::check_drain(time_point next_due) {
  if (!drains())
    return;
  auto any = [this](auto is) { return std::any_of(connections_.begin(), connections_.end(), is); };
  drain_promise(waiters() == 0, "nobody waits for a pool that drains");
  drain_promise(!any([](const connection_book& c) { return c.idle() || c.opening(); }),
                "a pool that drains closes what is free");
  drain_promise(state_ == pool_state::drained || next_due <= drain_by_ || !any([](const connection_book& c) {
                  return c.now == phase::open && (!c.live.empty() || !c.carriages.empty());
                }),
                "a pool that drains wakes up for its deadline");
  if (!any([](const connection_book& c) { return c.now != phase::unknown && c.now != phase::gone; }))
    state_ = pool_state::drained;
}

} // namespace moorage::test
