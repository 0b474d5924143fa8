// Turns: so many at once, over all pools, and the others wait. Two things are done by turns.
//
// Connections compute: keys are agreed on and signatures made within libssh, on whatever thread pumps: a
// large group takes a fifth of a second there, and enough of them at once would leave no thread for messages.
// A turn lasts one pump.
//
// Probes check: a turn lasts until the probe's actor has ended. Where peers are frozen that is the whole
// `probe_timeout`, so no pool may have more than half of them.
//
// Pools take turns: whoever waits, waits for one of each other pool, however many those have. Within a pool
// the oldest goes first; or all openings would be done at the end, and past their deadline together. Who
// ends, waiting or at their turn, is seen to.
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

  void begin(std::size_t count, std::size_t pool_max) {
    free_ = count;
    pool_max_ = pool_max;
  }
  void ask(const turn_request& request);
  /// Its turn is over; so is its wait, when it ended.
  void end(const caf::actor_addr& whom);

private:
  struct line {
    caf::strong_actor_ptr pool;
    std::multimap<time_point, caf::strong_actor_ptr> waiting; ///< by when their openings began
  };

  struct asked {
    caf::actor_addr pool;
    bool given = false;
  };

  void give();
  bool may_have_more(const line& one) const;

  turns_actor::stateful_pointer<turns_actor_state> self_;
  std::size_t free_ = 0;
  std::size_t pool_max_ = 0;
  std::deque<line> lines_; ///< the next turn is the first one's; a line that is left empty goes
  std::map<caf::actor_addr, asked> known_;
  std::map<caf::actor_addr, std::size_t> given_; ///< to each pool; none of none
};

/// Gives `count` turns at once, of which one pool has `pool_max` at most.
turns_actor::behavior_type turns(turns_actor::stateful_pointer<turns_actor_state> self, std::size_t count,
                                 std::size_t pool_max);

} // namespace moorage
