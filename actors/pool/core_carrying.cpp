// Connections of other clusters that are carried by this one's, as their jump. They are no leases: each waits
// beside those, takes no slot of theirs, and ends by itself.
#include <algorithm>
#include <utility>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/ensure.hpp"

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

/// They end with the connection, which ends now.
void pool_core::drop_carried(connection& c) {
  carried_ -= c.carried.size();
  c.carried.clear();
}

} // namespace moorage
