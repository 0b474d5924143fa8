// Connections of other clusters that are carried by this one's, as their jump. They are no leases: each waits
// beside those, takes no slot of theirs, and ends by itself.
#include <algorithm>

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

/// They end with the connection, which ends now.
void pool_core::drop_carried(connection& c) {
  carried_ -= c.carried.size();
  c.carried.clear();
}

} // namespace moorage
