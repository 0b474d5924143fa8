// Connections that carry others: what this one is told to carry, and by what it is carried itself.
#include "actors/connection/connection.hpp"

#include <caf/all.hpp>

#include <utility>

namespace moorage {

/// Its keep-alive questions begin.
void connection_actor_state::begin_to_serve() {
  auto now = self->clock().now();
  serves_since_ = now;
  watch_silence(now);
  set_timer(now);
}

void connection_actor_state::carry(carry_connection& order) {
  if (!order.what)
    return;
  if (now_in != phase::open) { // the pool does not know yet
    order.what->end(gone());
    caf::anon_send(pool, carriage_ended{id, order.request});
    return;
  }
  bool first = !serves();
  stream_id stream{++ids_};
  carried_.emplace(stream, order.request);
  link->carry(stream, std::move(order.what), {std::move(order.host), order.port});
  if (first)
    begin_to_serve();
  drive();
}

/// From the pool of its jump: a touch, say, which its own opening waits for as well.
void connection_actor_state::take(const carrier_waits& told) {
  if (now_in != phase::opening)
    return;
  link->carrier_waits(told);
  drive();
}

void connection_actor_state::fold(carriage_over& event) {
  if (auto over = carried_.extract(event.stream); !over.empty())
    caf::anon_send(pool, carriage_ended{id, over.mapped()});
}

/// By its pool, which knows the way. Its own end is this one's business as well: it is the holder.
void connection_actor_state::fold(carriage_wanted& event) {
  caf::anon_send(pool, carry_for{settings.jump, caf::strong_actor_ptr{self->ctrl()},
                                 "a connection of " + settings.name, std::move(event.to.host), event.to.port,
                                 event.patience, std::move(event.what)});
}

} // namespace moorage
