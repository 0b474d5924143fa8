// Whether this thread is one of an actor system's: blocking there for an actor's answer can starve that actor.
#pragma once

namespace caf {
class actor_system_config;
} // namespace caf

namespace moorage {

/// Has every thread that systems of this configuration start marked (workers, timers, detached actors, I/O).
void mark_scheduler_threads(caf::actor_system_config& config);
bool on_scheduler_thread();

} // namespace moorage
