#include "runtime/scheduler_thread.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/thread_hook.hpp>

namespace moorage {

namespace {

thread_local bool marked = false;

class marking_hook final : public caf::thread_hook {
public:
  void init(caf::actor_system&) override {}
  void thread_started() override { marked = true; }
  void thread_terminates() override { marked = false; }
};

} // namespace

void mark_scheduler_threads(caf::actor_system_config& config) {
  config.add_thread_hook<marking_hook>();
}

bool on_scheduler_thread() {
  return marked;
}

} // namespace moorage
