// The embedding API for actors: the same by messages. A host's actor sends to the manager what messages/interfaces.hpp
// lists, naming itself as holder, and hears `lease_grant` or `acquire_refused`:
//
//   self->send(moorage::manager_of(rt), moorage::acquire{"lumi", self_ptr, 1, 5s, "sync"})
#pragma once

#include "messages/interfaces.hpp"
#include "runtime/runtime.hpp"

namespace moorage {

// Both throw `error` when the runtime was moved from (`invalid_request`) or has stopped (`stopping`).
/// The runtime's manager, or the node's. Valid until the runtime stops.
manager_actor manager_of(const runtime& of);
/// The actor system that the runtime lives in. A thread that has had a `scoped_actor` of one that the runtime brought holds
/// up the runtime's stop until it ends, unless it is the one that stops it (CAF 0.17.6: it keeps the system's log).
caf::actor_system& system_of(const runtime& of);

} // namespace moorage
