// Who is refused when everybody waits too long.
#include <string>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"

namespace moorage {

overload::bounds pool_core::overload_bounds() const {
  return {settings_.overload_target, settings_.overload_interval};
}

void pool_core::watch_overload() {
  auto bounds = overload_bounds();
  overload_.look(now_, waiters_.for_leases() > waiters_.asking() && works() && servable(), bounds);
  if (overload_.lasts() == overload_told_)
    return;
  overload_told_ = overload_.lasts();
  if (overload_told_)
    note(event_kind::overloaded, {}, {},
         overload_in_words() + "; who named no patience is refused after " + to_text(2 * bounds.target) +
             "; " + situation());
  else if (announcing_)
    note(event_kind::relieved, {}, {}, why_relieved());
}

std::string pool_core::why_relieved() const {
  if (waiters_.for_leases() == waiters_.asking())
    return "nobody waits any more";
  if (!works())
    return "the pool serves nobody for now";
  if (!servable())
    return "no connection is open";
  if (overload_.since() == now_)
    return "somebody was served within " + to_text(overload_bounds().target);
  return "overload_target or overload_interval was changed";
}

/// "nobody was served within 5 s for 42 s"
std::string pool_core::overload_in_words() const {
  return "nobody was served within " + to_text(overload_bounds().target) + " for " +
         to_text(between(overload_.since(), now_));
}

/// The oldest first. Before openings are looked at, since who is refused needs none; after those who can be
/// served were, and never while another can.
void pool_core::refuse_overloaded() {
  watch_overload();
  if (!overload_.lasts() || may_grant())
    return;
  // More connections help only where there is no room for more.
  auto full = connections_.size() >= settings_.pool_size;
  std::string now_so; // the same for all
  for (std::size_t ended = 0; ended < ends_per_step && yields_at() <= now_; ++ended) {
    if (now_so.empty())
      now_so = overload_in_words() + "; " + situation();
    auto place = waiters_.first_to_yield();
    ++counters_.overload_refusals;
    refuse_waiter(place, {errc::overloaded, "no lease for '" + settings_.name + "' after " +
                                                to_text(between(waiters_.at(place).asked, now_)) +
                                                ", since the pool is overloaded: " + now_so +
                                                "; name how long you will wait, " +
                                                (full ? "try later, or raise pool_size" : "or try later")});
  }
}

/// When the next is refused who yields; `time_point::max()`: nobody is.
time_point pool_core::yields_at() const {
  auto place = overload_.lasts() ? waiters_.first_to_yield() : 0;
  return place == 0 ? time_point::max() : overload::yields_at(waiters_.at(place).asked, overload_bounds());
}

} // namespace moorage
