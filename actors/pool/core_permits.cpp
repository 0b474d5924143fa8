// Leave to log in: asked for before each try, used at once or given back.
//
// Nothing here waits: a waiter queues in the pool whether a permit comes soon, late or never, and what is
// idle serves it meanwhile. A permit is asked for anew when nothing was heard of it, so that a message that
// was lost, or a giver that was replaced, holds up a log-in for seconds and not for ever.
#include <algorithm>
#include <utility>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"
#include "messages/ensure.hpp"

namespace moorage {

/// For the tries that are due and for new openings; a portion at a time.
std::size_t pool_core::permits_needed() const {
  if (!works())
    return 0;
  auto fresh = may_open_at() <= now_ ? openings_lacking() : 0;
  return std::min(awaiting_.size() + fresh, permits_asked_max);
}

time_point pool_core::permits_due() const {
  if (permits_needed() != wishes_.size())
    return now_;
  auto due = time_point::max();
  for (const auto& wish : wishes_)
    due = std::min(due, wish.ask_again);
  return due;
}

void pool_core::on(const permit_given& event) {
  auto asked = [&event](const permit_wish& wish) { return wish.permit == event.permit; };
  if (std::erase_if(wishes_, asked) > 0) {
    delay_ = {};
    in_hand_.push_back(event.permit);
  } else if (!permits_.contains(event.permit)) { // else it came twice
    emit(return_permit{event.permit});
  }
}

void pool_core::on(const permit_delayed& event) {
  auto wish = std::find_if(wishes_.begin(), wishes_.end(),
                           [&event](const permit_wish& each) { return each.permit == event.permit; });
  if (wish == wishes_.end())
    return;
  // It has been heard: no need to ask soon, but however far off the time, what changes it may have been lost.
  wish->ask_again =
      std::min(after(std::max(event.until, now_), ask_again_interval), after(now_, 6 * ask_again_interval));
  if (event.why != delay_.why)
    note(event_kind::delayed, {}, {}, in_words(permit_delay{event.until, event.why}));
  delay_ = {event.until, event.why};
}

void pool_core::on(const permits_forgotten&) {
  for (const auto& [permit, connection] : permits_)
    emit(request_permit{permit, true});
  for (auto& wish : wishes_)
    wish.ask_again = now_;
}

/// What was asked for under settings that no longer hold.
void pool_core::withdraw_wishes() {
  for (const auto& wish : wishes_)
    emit(return_permit{wish.permit});
  wishes_.clear();
}

void pool_core::use_permits() {
  for (auto permit : std::exchange(in_hand_, {})) {
    if (permits_needed() == 0)
      emit(return_permit{permit});
    else if (!awaiting_.empty())
      attempt(need(awaiting_.first()), permit);
    else
      open_new(permit);
  }
}

void pool_core::ask_for_permits() {
  auto needed = permits_needed();
  for (; wishes_.size() > needed; wishes_.pop_back())
    emit(return_permit{wishes_.back().permit});
  for (auto& wish : wishes_)
    if (wish.ask_again <= now_) {
      wish.ask_again = after(now_, ask_again_interval);
      emit(request_permit{wish.permit, false, std::exchange(anew_, false)});
    }
  while (wishes_.size() < needed) {
    wishes_.push_back({permit_id{next_permit_++}, after(now_, ask_again_interval)});
    emit(request_permit{wishes_.back().permit, false, std::exchange(anew_, false)});
  }
  if (wishes_.empty())
    delay_ = {};
}

/// The log-in has ended, one way or another.
void pool_core::permit_over(connection& c, permit_use use) {
  if (!c.permit)
    return;
  permits_.erase(c.permit);
  emit(return_permit{c.permit, use, between(c.tried, now_)});
  c.permit = {};
}

void pool_core::verify_permits() const {
  std::size_t held = 0, awaiting = 0;
  for (const auto& [id, c] : connections_) {
    held += static_cast<bool>(c.permit);
    awaiting += c.awaits_permit;
    auto trying = c.state == connection_state::opening && c.has_actor;
    ensure(!trying || c.permit, "a log-in has a permit");
    ensure(!c.permit || trying || c.state == connection_state::closing,
           "a permit is given back when its log-in has ended");
    ensure(!c.permit || (permits_.contains(c.permit) && permits_.at(c.permit) == id),
           "a permit is known to its connection");
    ensure(awaiting_.agrees(c.in_awaiting, keys_of(c).awaiting), "who waits for a permit is listed");
  }
  ensure(held == permits_.size(), "a permit belongs to exactly one log-in");
  ensure(awaiting == awaiting_.size(), "every try that waits for a permit is listed");
  ensure(in_hand_.empty(), "no permit is kept in hand");
  ensure(wishes_.size() == permits_needed(), "what is needed is asked for, unless the pool backs off");
  for (const auto& wish : wishes_)
    ensure(wish.ask_again > now_, "a permit that does not come is asked for again");
}

} // namespace moorage
