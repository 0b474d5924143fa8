// A probe: the actor that lives for one health check of one connection, idle or doubted. It waits for its
// turn, asks the connection, waits at most the cluster's `probe_timeout` for that, reports to the pool as an
// ordinary message, and ends. Its failure, crash or silence touches no other.
#pragma once

#include <caf/stateful_actor.hpp>
#include <chrono>

#include "messages/internal_interfaces.hpp"

namespace moorage {

struct probe_order {
  probe_id probe;
  connection_id connection;
  probe_request request;
  std::chrono::milliseconds timeout{0};
};

/// How long a probe waits for its turn among those of all pools (actors/turns.hpp) before it begins without
/// one. Until then its pool has no other sign of that peer's life or death, so it is short: by then a
/// thousand others that are frozen have had theirs.
constexpr std::chrono::seconds probe_turn_patience{30};

struct probe_state {
  probe_state() = default; // else CAF makes it of the actor's address, which is true
  static inline const char* name = "moorage.probe";
  bool begun = false;
};

/// No `turns`: it begins at once, and so it does where they have ended, or gave it none for so long.
caf::behavior probe(caf::stateful_actor<probe_state>* self, pool_actor pool, connection_actor connection,
                    probe_order order, turns_actor turns);

} // namespace moorage
