// Who waits, and in which order.
#include "actors/pool/policies/waiter_queue.hpp"

#include "messages/ensure.hpp"

namespace moorage {

void waiter_queue::join(waiter who) {
  auto place = ++last_;
  ensure(by_request_.emplace(who.request, place).second, "a request is made once");
  by_holder_.emplace(who.holder, place);
  if (who.deadline != time_point::max())
    deadlines_.emplace(who.deadline, place);
  waiters_.emplace_hint(waiters_.end(), place, std::move(who));
}

waiter waiter_queue::leave(ticket place) {
  auto node = waiters_.extract(place);
  ensure(!node.empty(), "a ticket names one who waits");
  auto who = std::move(node.mapped());
  by_request_.erase(who.request);
  by_holder_.erase({who.holder, place});
  deadlines_.erase({who.deadline, place});
  return who;
}

waiter_queue::ticket waiter_queue::next(ticket from) const {
  auto position = waiters_.lower_bound(from);
  return position == waiters_.end() ? 0 : position->first;
}

waiter_queue::ticket waiter_queue::of(request_id request) const {
  auto position = by_request_.find(request);
  return position == by_request_.end() ? 0 : position->second;
}

waiter_queue::ticket waiter_queue::of(holder_id holder) const {
  auto position = by_holder_.lower_bound({holder, 0});
  return position == by_holder_.end() || position->first != holder ? 0 : position->second;
}

std::size_t waiter_queue::ahead_of(ticket place, std::size_t limit) const {
  std::size_t ahead = 0;
  for (auto before = waiters_.begin(); ahead < limit && before != waiters_.end() && before->first < place;
       ++before)
    ++ahead;
  return ahead;
}

void waiter_queue::verify() const {
  std::size_t with_deadline = 0;
  for (const auto& [place, w] : waiters_) {
    with_deadline += w.deadline != time_point::max();
    ensure(w.deadline == time_point::max() || deadlines_.count({w.deadline, place}) == 1,
           "a deadline is watched");
    ensure(by_holder_.count({w.holder, place}) == 1, "a waiter is known to its holder");
    ensure(of(w.request) == place, "a waiter is found by its request");
  }
  ensure(deadlines_.size() == with_deadline, "a deadline has its waiter");
  ensure(by_request_.size() == waiters_.size() && by_holder_.size() == waiters_.size(), "nobody waits twice");
}

} // namespace moorage
