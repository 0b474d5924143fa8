#include "runtime/blocking.hpp"

#include <csignal>
#include <cstdlib>

#include <condition_variable>
#include <deque>
#include <system_error>
#include <thread>

namespace moorage {

namespace {

constexpr std::chrono::milliseconds exit_patience{250};

/// What runs, in the whole process. Never destroyed: threads look at it until the very end.
/// edge: the exiting thread waits here for tasks.
struct running_tasks {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t count = 0;
  bool exiting = false;

  static running_tasks& all() {
    static auto* tasks = new running_tasks;
    return *tasks;
  }

  void begin() {
    std::unique_lock lock{mutex};
    go_on(lock);
    ++count;
  }

  void end() {
    std::unique_lock lock{mutex};
    --count;
    changed.notify_all();
    go_on(lock);
  }

  void check() {
    std::unique_lock lock{mutex};
    if (!exiting)
      return;
    --count;
    changed.notify_all();
    go_on(lock);
  }

  /// Does not return once the process exits.
  void go_on(std::unique_lock<std::mutex>& lock) {
    changed.wait(lock, [this] { return !exiting; });
  }

  void settle() {
    std::unique_lock lock{mutex};
    exiting = true;
    changed.wait_for(lock, exit_patience, [this] { return count == 0; });
  }
};

} // namespace

// edge: askers hand tasks to threads that may outlive everything else, so the state is owned by whoever is
// left.
struct blocking_threads::state {
  state(std::size_t most, std::chrono::milliseconds idle_for) : threads_max(most), linger(idle_for) {}

  const std::size_t threads_max;
  const std::chrono::milliseconds linger;
  mutable std::mutex mutex;
  std::condition_variable arrived;
  std::deque<std::function<void()>> tasks;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool stopped = false;
};

blocking_threads::blocking_threads(std::size_t threads_max, std::chrono::milliseconds linger)
    : state_(std::make_shared<state>(threads_max == 0 ? 1 : threads_max, linger)) {}

blocking_threads::~blocking_threads() {
  std::deque<std::function<void()>> forgotten; // destroyed without the lock: tasks own what they own
  {
    std::lock_guard guard{state_->mutex};
    state_->stopped = true;
    forgotten.swap(state_->tasks);
  }
  state_->arrived.notify_all();
}

bool blocking_threads::run(std::function<void()> task) {
  std::unique_lock lock{state_->mutex};
  state_->tasks.push_back(std::move(task));
  if (state_->idle >= state_->tasks.size() || state_->threads >= state_->threads_max) {
    lock.unlock();
    state_->arrived.notify_one();
    return true;
  }
  // The host's signal handlers are none of these threads' business; a new thread inherits the mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    ++state_->threads;
    std::thread{[s = state_] { work(s); }}.detach();
  } catch (const std::system_error&) {
    --state_->threads;
    started = state_->threads > 0; // those that are there will come to it
    if (!started)
      state_->tasks.pop_back();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

void blocking_threads::work(const std::shared_ptr<state>& s) {
  std::unique_lock lock{s->mutex};
  for (;;) {
    if (s->tasks.empty() && !s->stopped) {
      ++s->idle;
      bool called = s->arrived.wait_for(lock, s->linger, [&] { return s->stopped || !s->tasks.empty(); });
      --s->idle;
      if (!called)
        break;
    }
    if (s->stopped)
      break;
    auto task = std::move(s->tasks.front());
    s->tasks.pop_front();
    lock.unlock();
    running_tasks::all().begin();
    try {
      task();
    } catch (...) {
      // Out of memory, in practice. Nobody is given a result, and the asker's deadline says so.
    }
    task = nullptr; // what it owned goes before the lock is taken
    running_tasks::all().end();
    lock.lock();
  }
  --s->threads;
}

void blocking_threads::settle_at_exit() {
  static const bool registered = [] {
    running_tasks::all();
    return std::atexit([] { running_tasks::all().settle(); }) == 0;
  }();
  static_cast<void>(registered);
}

/// Asked by tasks, between one blocking call and the next.
bool blocking_threads::stopped(const state& s) {
  running_tasks::all().check();
  std::lock_guard guard{s.mutex};
  return s.stopped;
}

std::size_t blocking_threads::threads() const {
  std::lock_guard guard{state_->mutex};
  return state_->threads;
}

std::size_t blocking_threads::queued() const {
  std::lock_guard guard{state_->mutex};
  return state_->tasks.size();
}

} // namespace moorage
