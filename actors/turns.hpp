// Turns to compute: so many connections at once, over all pools, and the others wait. Keys are agreed on and
// signatures made within libssh, on whatever thread pumps: a large group takes a fifth of a second there, and
// enough of them at once would leave no thread for messages.
//
// A turn lasts one pump. Pools take turns: whoever waits, waits for one of each other pool, however many
// those have. Within a pool the oldest opening goes first, or all would be done at the end, and past their
// deadline together. A connection that ends, waiting or computing, is seen to.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>
#include <map>

#include "actors/pool/protocol.hpp"
#include "messages/internal_interfaces.hpp"

namespace moorage {

class turns_actor_state {
public:
  static inline const char* name = "moorage.turns";

  explicit turns_actor_state(turns_actor::stateful_pointer<turns_actor_state> self) : self_(self) {}

  void begin(std::size_t count) { free_ = count; }
  void ask(const turn_request& request);
  /// Its turn is over; so is its wait, when it ended.
  void end(const caf::actor_addr& connection);

private:
  struct line {
    caf::strong_actor_ptr pool;
    std::multimap<time_point, caf::strong_actor_ptr> waiting; ///< by when their openings began
  };

  void give();

  turns_actor::stateful_pointer<turns_actor_state> self_;
  std::size_t free_ = 0;
  std::deque<line> lines_; ///< the next turn is the first one's; a line that is left empty goes
  std::map<caf::actor_addr, bool> known_; ///< who waits (false) or computes (true)
};

/// Gives `count` turns at once.
turns_actor::behavior_type turns(turns_actor::stateful_pointer<turns_actor_state> self, std::size_t count);

} // namespace moorage
