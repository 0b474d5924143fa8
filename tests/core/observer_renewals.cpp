// What a reconnect replaces, as the observer books and judges it. Each sentence is seen broken once in
// planted_drains.cpp.

#include <algorithm>

#include "tests/core/observer.hpp"

namespace moorage::test {

namespace {

void renewal_promise(bool kept, const char* words) {
  if (!kept)
    throw broken_promise{words};
}

} // namespace

void observer::hear(const ordered<reconnect_pool>& event) {
  if (expect_stopping(event.request))
    return;
  for (auto& c : connections_)
    if (c.now == phase::open)
      c.renew_by = std::min(c.renew_by, now_ + event.order.spread);
  expect_answer(event.request, errc::none);
}

/// When its time is over each has been condemned; before, the pool says when.
void observer::overdue_renewals() {
  auto full =
      count(phase::trying, phase::between_tries) + count(phase::open, phase::closing) >= settings_.pool_size;
  for (auto& c : connections_) {
    if (c.now != phase::open || c.condemned || c.renew_by == time_point::max())
      continue;
    if (full && c.busy()) // it may be put off
      c.renew_by = std::max(c.renew_by, now_ + std::chrono::seconds{10});
    c.condemned = c.renew_by <= now_;
  }
}

void observer::tells_of_renewals(const announce& effect) {
  if (effect.what != event_kind::condemned || effect.removed != removal_reason::reconnected)
    return;
  auto& c = connections_.at(effect.connection.value);
  renewal_promise(c.renew_by < time_point::max(),
                  "a connection is condemned for a reconnect only where one was ordered");
  c.condemned = true;
}

void observer::check_renewals(time_point next_due) const {
  for (const auto& c : connections_)
    renewal_promise(c.now != phase::open || c.condemned || next_due <= c.renew_by,
                    "the pool wakes up for each connection that is to be replaced");
}

} // namespace moorage::test
