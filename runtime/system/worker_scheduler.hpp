// The scheduler of a runtime's own actor system: few threads, that turn the readiness loop themselves when
// they have nothing else to do, and wake each other seldom.
//
// CAF's own `sharing` wakes a thread for each actor that has something to do. What an acquire or a command is
// made of are short messages from one actor to the next, and each would be on another thread, which takes
// longer to wake than the message does. So what one of our own actors gives others to do is done by the same
// thread, next; if that is much, another thread helps. No actor of ours takes long, but for a connection that
// computes or has much to read, which says so (`long_work_ahead`). Of a host's actors nothing is known: what
// they give others to do wakes another thread at once.
// edge: threads that wait for an actor's answer are woken by it.
#pragma once

#include <caf/actor_system_config.hpp>
#include <condition_variable>
#include <memory>

namespace moorage {

class readiness;

struct worker_config : caf::actor_system_config {
  /// Turned by whichever thread has nothing else to do (`turned_by::others`), and by one at a time when none
  /// has. Outlives the system. None: there is none to turn.
  readiness* loop = nullptr;
};

/// Of a system that is then made with it, by `scheduler.max-threads`.
void schedule_on_workers(worker_config& config);

/// What this thread does next may take long: whoever is idle looks after what it leaves. Of no effect on a
/// thread that is none of such a scheduler's.
void long_work_ahead();

/// Wakes whoever waits for it: at once, but for all after the first while a thread of such a scheduler does
/// something for one actor, which are woken when it has done that, or before work that takes long. Waking
/// takes longer than most messages, and that of several is not much more than of one.
void notify_after_turn(std::shared_ptr<std::condition_variable> what);

} // namespace moorage
