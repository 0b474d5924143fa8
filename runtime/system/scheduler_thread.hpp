// Whether this thread is one of an actor system's: blocking there for an actor's answer can starve that
// actor.
#pragma once

#include "messages/errors.hpp"

namespace caf {
class actor_system;
class actor_system_config;
} // namespace caf

namespace moorage {

/// Has every thread that systems of this configuration start marked (workers, timers, detached actors, I/O).
void mark_scheduler_threads(caf::actor_system_config& config);
bool on_scheduler_thread();
/// With which a blocking call is refused there.
failure would_block();
/// The system was made with a configuration that had been given to `mark_scheduler_threads` by then.
bool scheduler_threads_marked(caf::actor_system& system);

} // namespace moorage
