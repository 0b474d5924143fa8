// How a connection waits for its turn to compute.
#include "actors/connection/connection.hpp"

#include <caf/all.hpp>
#include <utility>

namespace moorage {

/// True: the next pump is for when the turn comes, which is asked for; nothing more is read from the peer
/// until then.
bool connection_actor_state::waits_for_turn(time_point now) {
  if (turn_ == turn::given || now >= link->computes_until())
    return false;
  if (std::exchange(turn_, turn::asked) == turn::none)
    ask_for_turn();
  return true;
}

void connection_actor_state::ask_for_turn() {
  self->send(turns, turn_request{caf::actor_cast<caf::strong_actor_ptr>(pool), began});
}

/// What was asked for is lost with whoever was asked.
void connection_actor_state::ask_anew(const turns_replaced& order) {
  turns = caf::actor_cast<turns_actor>(order.by);
  if (turn_ == turn::asked)
    ask_for_turn();
}

void connection_actor_state::take_turn() {
  if (turn_ != turn::asked)
    return;
  turn_ = turn::given;
  drive();
}

/// Never kept for the next pump: the peer may take its time until then.
void connection_actor_state::give_turn_back() {
  if (turn_ != turn::given)
    return;
  turn_ = turn::none;
  self->send(turns, turn_over{});
}

} // namespace moorage
