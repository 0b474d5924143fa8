#include "runtime/system/io_scheduler.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/io/middleman.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <mutex>
#include <pthread.h>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace moorage {

namespace {

class io_scheduler final : public caf::scheduler::abstract_coordinator {
public:
  using abstract_coordinator::abstract_coordinator;

  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>) {
    return new io_scheduler{system};
  }

  void enqueue(caf::resumable* what) override {
    if (add(what))
      io().post([this] { run(); });
  }

  caf::detail::thread_safe_actor_clock& clock() noexcept override { return clock_; }

protected:
  /// To start a thread takes longer than most messages do, and whoever makes the system has better things to
  /// do.
  void start() override {
    io().post([this] { start_clock(); });
  }

  /// The middleman has been stopped, and its thread with it: what was told to end before does so here. The
  /// clock runs until then, or those who end would wait for it to hear of that.
  void stop() override {
    {
      std::lock_guard guard{mutex_};
      thread_ended_ = true;
    }
    for (int turns = 0; turns < last_turns_max && run(); ++turns)
      ;
    if (timer_.joinable()) {
      clock_.cancel_dispatch_loop();
      timer_.join();
    }
    std::unique_lock guard{mutex_};
    const auto rest = std::exchange(waiting_, {});
    guard.unlock();
    for (auto* each : rest)
      cleanup_and_release(each);
  }

private:
  /// Where the process may have no more threads for now, it is tried again with whatever comes next: until
  /// then what is said is heard, and only what is to be said later waits.
  void start_clock() {
    if (timer_.joinable())
      return;
    try {
      timer_ = std::thread{[this] {
        pthread_setname_np(pthread_self(), "caf.clock"); // as CAF's own scheduler calls it
        system().thread_started();
        clock_.run_dispatch_loop();
        system().thread_terminates();
      }};
    } catch (const std::system_error&) {
    }
  }

  /// Of actors that have more to say to one another at the end.
  static constexpr int last_turns_max = 1'000;

  caf::io::network::multiplexer& io() { return system().middleman().backend(); }

  /// True: the thread is to be told that there are some.
  bool add(caf::resumable* what) {
    std::lock_guard guard{mutex_};
    waiting_.push_back(what);
    return waiting_.size() == 1 && !thread_ended_;
  }

  /// Those that wait now; the others after the next look at the sockets. False: there were none.
  bool run() {
    start_clock();
    std::unique_lock guard{mutex_};
    const auto turn = std::exchange(waiting_, {});
    guard.unlock();
    for (auto* each : turn)
      if (each->resume(&io(), max_throughput_) == caf::resumable::resume_later)
        enqueue(each);
      else
        caf::intrusive_ptr_release(each);
    return !turn.empty();
  }

  caf::detail::thread_safe_actor_clock clock_;
  std::thread timer_;
  // edge: host threads, detached actors and the clock enqueue, the thread of input and output runs.
  std::mutex mutex_;
  std::vector<caf::resumable*> waiting_;
  bool thread_ended_ = false; ///< of input and output
};

} // namespace

void schedule_on_io_thread(caf::actor_system_config& config) {
  config.load<io_scheduler>();
}

} // namespace moorage
