// edge: threads of the scheduler, and whoever gives actors something to do; the list of these is all they
// share.
#include "runtime/system/worker_scheduler.hpp"

#include <caf/actor_system.hpp>
#include <caf/local_actor.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/coordinator.hpp>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/system/readiness.hpp"

namespace moorage {

namespace {

/// While there is always something to do, sockets are looked at after so many actors.
constexpr int actors_a_turn = 8;

/// So many actors one thread comes to sooner than another wakes.
constexpr std::size_t left_to_one = 3;

/// Of messages, which one actor takes before others have their turn.
constexpr std::size_t messages_at_once = 100;

/// So many threads that wait for what one actor answers are woken together.
constexpr std::size_t woken_at_once = 64;

class work_list {
public:
  explicit work_list(readiness* loop) : loop_(loop) {}

  void add(caf::resumable* what);
  /// Waits for the next, on a worker that is none's or this list's from then on.
  caf::resumable* next(std::condition_variable& woken);
  /// By a worker, of what it does next.
  void begins(caf::resumable* what);
  void long_work_ahead();
  std::deque<caf::resumable*> take_all();

private:
  using locked = std::unique_lock<std::mutex>;

  void wake_one(locked guard);
  void turn(locked& guard, readiness::patience how_long);
  void sleep(locked& guard, std::condition_variable& woken);

  struct sleeper {
    std::condition_variable* woken;
    bool awake = false;
  };

  readiness* const loop_;
  std::mutex mutex_;
  std::deque<caf::resumable*> waiting_;
  std::vector<sleeper*> asleep_; ///< the last one first: it is the warmest
  bool turning_ = false;         ///< somebody turns the loop
  bool interrupted_ = false;     ///< and will look at the list soon
  int since_turn_ = 0;
};

/// Of a worker: its list, whether it will look at that soon, and has woken somebody meanwhile; whom it wakes
/// then.
thread_local work_list* list_of_this_thread = nullptr;
thread_local bool soon_back = false;
thread_local bool woke_one = false;
thread_local std::vector<std::shared_ptr<std::condition_variable>> waking;

void wake_the_waiting() {
  // What one of them belongs to may end here, and have others woken.
  for (std::size_t i = 0; i < waking.size(); ++i)
    if (auto each = std::move(waking[i]))
      each->notify_all();
  waking.clear();
}

/// Names are all that tells our actors from a host's.
bool is_ours(caf::resumable* what) {
  const auto* actor = dynamic_cast<caf::local_actor*>(what);
  return actor != nullptr && std::string_view{actor->name()}.starts_with("moorage.");
}

void work_list::add(caf::resumable* what) {
  locked guard{mutex_};
  waiting_.push_back(what);
  if (list_of_this_thread != this || !soon_back)
    wake_one(std::move(guard));
}

/// Somebody idle looks at the list, if there is anybody.
void work_list::wake_one(locked guard) {
  if (!asleep_.empty()) {
    auto* one = asleep_.back();
    asleep_.pop_back();
    one->awake = true;
    auto* woken = one->woken; // the worker's, and so there when the sleeper is not any more
    guard.unlock();
    woken->notify_one();
  } else if (turning_ && !interrupted_) {
    interrupted_ = true;
    guard.unlock();
    loop_->interrupt();
  }
}

void work_list::turn(locked& guard, readiness::patience how_long) {
  turning_ = true;
  interrupted_ = how_long == readiness::patience::none;
  guard.unlock();
  loop_->turn(how_long);
  wake_the_waiting(); // should a waker have answered somebody
  woke_one = false;
  guard.lock();
  turning_ = interrupted_ = false;
  since_turn_ = 0;
}

void work_list::sleep(locked& guard, std::condition_variable& woken) {
  sleeper me{&woken};
  asleep_.push_back(&me);
  woken.wait(guard, [&me] { return me.awake; });
}

caf::resumable* work_list::next(std::condition_variable& woken) {
  // It begins, under a name that CAF gives several kinds of threads.
  if (!std::exchange(list_of_this_thread, this))
    pthread_setname_np(pthread_self(), "moorage.worker");
  waking.reserve(woken_at_once);
  wake_the_waiting();
  soon_back = true;
  woke_one = false;
  locked guard{mutex_};
  for (;;) {
    if (loop_ && !turning_ && !waiting_.empty() && ++since_turn_ >= actors_a_turn)
      turn(guard, readiness::patience::none);
    if (!waiting_.empty()) {
      auto* what = waiting_.front();
      waiting_.pop_front();
      if (waiting_.size() > left_to_one)
        wake_one(std::move(guard));
      return what;
    }
    if (loop_ && !turning_)
      turn(guard, readiness::patience::until_something_is);
    else
      sleep(guard, woken);
  }
}

void work_list::begins(caf::resumable* what) {
  if (!is_ours(what))
    long_work_ahead();
}

void work_list::long_work_ahead() {
  if (!std::exchange(soon_back, false))
    return;
  wake_the_waiting();
  locked guard{mutex_};
  if (!waiting_.empty() || (loop_ && !turning_))
    wake_one(std::move(guard));
}

std::deque<caf::resumable*> work_list::take_all() {
  std::lock_guard guard{mutex_};
  return std::exchange(waiting_, {});
}

/// As CAF's coordinator wants it (caf/policy/work_sharing.hpp).
class shared_work : public caf::policy::unprofiled {
public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator* of)
        : work(dynamic_cast<const worker_config&>(of->config()).loop) {}
    work_list work;
  };
  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}
    worker_data(const worker_data&) {} // each has its own
    std::condition_variable woken;
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* what) {
    d(self).work.add(what);
  }
  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* what) {
    d(self->parent()).work.add(what);
  }
  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* what) {
    d(self->parent()).work.add(what);
  }
  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* what) {
    d(self->parent()).work.add(what);
  }
  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    return d(self->parent()).work.next(d(self).woken);
  }
  template <class Worker>
  void before_resume(Worker* self, caf::resumable* what) {
    d(self->parent()).work.begins(what);
  }
  template <class Worker, class Each>
  void foreach_resumable(Worker*, Each) {}
  template <class Coordinator, class Each>
  void foreach_central_resumable(Coordinator* self, Each each) {
    for (auto* what : d(self).work.take_all())
      each(what);
  }
};

} // namespace

void schedule_on_workers(worker_config& config) {
  config.set("scheduler.max-throughput", messages_at_once);
  config.load<caf::scheduler::coordinator<shared_work>>();
}

void long_work_ahead() {
  if (list_of_this_thread != nullptr)
    list_of_this_thread->long_work_ahead();
}

void notify_after_turn(std::shared_ptr<std::condition_variable> what) {
  if (!soon_back || !std::exchange(woke_one, true))
    return what->notify_all();
  waking.push_back(std::move(what));
  if (waking.size() >= woken_at_once)
    wake_the_waiting();
}

} // namespace moorage
