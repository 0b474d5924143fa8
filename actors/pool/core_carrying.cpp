// Connections of other clusters that are carried by this one's, as their jump. They are no leases: each waits
// beside those, takes no slot of theirs, and ends by itself.
#include <algorithm>
#include <utility>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "actors/pool/last_failure.hpp"
#include "messages/ensure.hpp"
#include "messages/printable.hpp"

namespace moorage {

void pool_core::carry(connection& c, request_id request, time_point asked) {
  ensure(c.in_carriers.listed(), "what is carried is carried by an open connection with room");
  ensure(may_carry(), "a pool that is paused, drained or stopping carries nothing more");
  c.carried.push_back(request);
  ++carried_;
  c.checks.used(now_);
  c.state == connection_state::idle ? enter(c, connection_state::leased) : refresh(c);
  ++counters_.carriages;
  acquire_latency_.add(between(asked, now_));
  emit(begin_carriage{request, c.id});
}

void pool_core::serve_carriers() {
  while (waiters_.to_be_carried() > 0 && may_carry()) {
    auto place = waiters_.first_to_be_carried();
    if (waiters_.at(place).deadline <= now_)
      return; // it is told so in a step that follows at once
    auto w = waiters_.leave(place);
    if (w.left.count() >= 0)
      emit(tell_of_wait{w.request, {}, {}});
    if (place <= hindrance_told_to_ ? !hindrance_.why.empty() : place <= hindrance_stale_to_)
      emit(tell_of_hindrance{w.request, {}});
    carry(need(carriers_.first().connection), w.request, w.asked);
  }
}

/// What permits were asked for before is asked for again: those who wait hold some themselves.
void pool_core::hurry_for_carriers() {
  for (auto& wish : wishes_)
    wish.ask_again = now_;
}

void pool_core::on(const carriage_ended& event) {
  auto* c = find(event.connection);
  if (c == nullptr)
    return;
  auto position = std::find(c->carried.begin(), c->carried.end(), event.carriage);
  if (position == c->carried.end())
    return;
  c->carried.erase(position);
  --carried_;
  was_of_use(*c);
  slot_freed(*c);
}

/// One that waits for a person; none: nobody is waited for.
const pool_core::connection* pool_core::asking_opening() const {
  for (auto id : openings_)
    if (const auto& c = connections_.at(id); !c.waits_for.empty())
      return &c;
  return nullptr;
}

/// Whoever waits to be carried has a deadline of its own, which stands still as ours does.
void pool_core::tell_of(const connection& asks, ticket place) {
  waiters_.stop_clock(place, now_, asks.waits_until);
  auto where = " at the jump host '" + settings_.name + "'";
  // Of the first jump host on the way, where ours is carried itself.
  bool ours = asks.waits_for.find(" at the jump host '") == std::string::npos;
  emit(tell_of_wait{waiters_.at(place).request, asks.waits_for + (ours ? where : std::string{}),
                    between(now_, asks.waits_until)});
}

/// A touch is given to the process, so whoever waits behind it is told of it as well.
void pool_core::pass_on_waits() {
  if (!std::exchange(waits_changed_, false) || waiters_.to_be_carried() == 0)
    return;
  const auto* asks = asking_opening();
  const auto places = waiters_.carriers();
  for (auto place : places)
    if (asks != nullptr) {
      tell_of(*asks, place);
    } else if (waiters_.at(place).left.count() >= 0) {
      waiters_.run_clock(place, now_);
      emit(tell_of_wait{waiters_.at(place).request, {}, {}});
    }
}

/// For people at the other end, who do not see this pool. Of a permit that is awaited only where there is
/// nothing else to say: each that is given and spent would be told twice to all.
hindrance pool_core::why_not_carried() const {
  std::string why;
  auto add = [&why](const std::string& part) { why += (why.empty() || part.empty() ? "" : "; ") + part; };
  if (!works())
    add(stopping_ ? why_stopping().text
                  : "its pool is " + (paused() ? "paused by " + pausers() : to_string(state_)));
  if (!openings_.empty()) {
    const auto& c = connections_.at(openings_.first());
    add("its log-in is not done (" + opening_in_words(c) +
        (says_more(c, settings_.jump, machines_.several())
             ? ", last failure: " + printable(in_words(c.last_error), hindrance_failure_max)
             : "") +
        ")");
  } else if (const auto& last = back_off_.latched() ? back_off_.latch() : back_off_.reason();
             last.code != errc::none) {
    add(last.text);
  } else if (servable()) {
    add("each of its connections carries as many as its carried_max allows");
  }
  if (why.empty())
    add(delay_.why);
  // Escaped, then cut: the bound is of what is passed on.
  return {printable(printable(why, hindrance_bytes_max), hindrance_bytes_max), in_trouble()};
}

/// Those who wait have deadlines of their own, and what they are told then is to name the cause. All of them
/// when it changes, else whoever has come since; a portion in each step.
void pool_core::pass_on_hindrances() {
  if (waiters_.to_be_carried() == 0) {
    hindrance_ = {};
    hindrance_told_to_ = hindrance_stale_to_ = 0;
    return;
  }
  if (auto now = why_not_carried(); now != hindrance_) {
    if (!hindrance_.why.empty())
      hindrance_stale_to_ = std::max(hindrance_stale_to_, hindrance_told_to_);
    hindrance_ = std::move(now);
    hindrance_told_to_ = 0;
  }
  const auto& places = waiters_.carriers();
  auto next = places.upper_bound(hindrance_told_to_);
  for (std::size_t told = 0; told < ends_per_step && more_to_tell_of_hindrance(); ++told, ++next) {
    hindrance_told_to_ = *next;
    emit(tell_of_hindrance{waiters_.at(*next).request, hindrance_.why, hindrance_.failed});
  }
  if (!more_to_tell_of_hindrance())
    hindrance_stale_to_ = 0;
}

/// That nothing hinders is told to those alone who were told what did.
bool pool_core::more_to_tell_of_hindrance() const {
  const auto& places = waiters_.carriers();
  auto next = places.upper_bound(hindrance_told_to_);
  return next != places.end() && (!hindrance_.why.empty() || *next <= hindrance_stale_to_);
}

/// They end with the connection, which ends now.
void pool_core::drop_carried(connection& c) {
  carried_ -= c.carried.size();
  c.carried.clear();
}

} // namespace moorage
