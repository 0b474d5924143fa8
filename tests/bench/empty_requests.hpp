#pragma once

#include <caf/all.hpp>
#include <sched.h>

namespace moorage::bench {

/// What CAF itself costs: an actor that answers with the same number, in a system without any code of ours,
/// which has the faster of CAF's two schedulers for it.
class empty_requests {
public:
  /// `beside`: with as many threads.
  explicit empty_requests(const caf::actor_system& beside);
  ~empty_requests();
  caf::actor_system& system() { return system_; }
  /// Waits for the answer.
  void ask(caf::scoped_actor& from);

private:
  caf::actor_system_config config_;
  caf::actor_system system_;
  caf::actor echo_;
};

/// All threads of this process, and those that they begin, on one processor: whether a thread is woken on the
/// same one or on an idle one is the kernel's choice, may last for seconds, and makes a message between two
/// of them cost 5 us or 50.
class on_one_processor {
public:
  on_one_processor();
  ~on_one_processor();
  on_one_processor(const on_one_processor&) = delete;
  on_one_processor& operator=(const on_one_processor&) = delete;

private:
  cpu_set_t before_;
};

} // namespace moorage::bench
