#include "runtime/system/scheduler_thread.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/thread_hook.hpp>

namespace moorage {

namespace {

thread_local bool marked = false;

class marking_hook final : public caf::thread_hook {
public:
  void init(caf::actor_system&) override { begun = true; }
  void thread_started() override { marked = true; }
  void thread_terminates() override { marked = false; }

  bool begun =
      false; ///< a system was made with it: the systems of one configuration are made one after the other
};

} // namespace

void mark_scheduler_threads(caf::actor_system_config& config) {
  config.add_thread_hook<marking_hook>();
}

bool on_scheduler_thread() {
  return marked;
}

failure would_block() {
  return {errc::would_block_scheduler,
          "a blocking call on a thread of the actor system; use the future, callback or message form there"};
}

bool scheduler_threads_marked(caf::actor_system& system) {
  const auto& hooks = system.config().thread_hooks_;
  return std::any_of(hooks.begin(), hooks.end(), [](const auto& hook) {
    const auto* ours = dynamic_cast<const marking_hook*>(hook.get());
    return ours != nullptr && ours->begun;
  });
}

} // namespace moorage
