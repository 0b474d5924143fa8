#include "runtime/system/blocking.hpp"

#include <csignal>
#include <cstdlib>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <system_error>
#include <thread>

#include "messages/durations.hpp"

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
  std::atomic<void (*)()> at_thread_end = nullptr;

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

  void end_thread() {
    auto give_back = at_thread_end.load();
    if (give_back == nullptr)
      return;
    begin();
    give_back();
    end();
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
  using clock = std::chrono::steady_clock;

  struct call {
    blocking_call about;
    waiting_task task;
    bool begun = false; ///< else it has a thread that is on its way
    clock::time_point since;
  };
  /// One cluster's. There while it has calls.
  struct lane {
    std::list<call> running; ///< threads_a_cluster at most
    std::list<call> waiting;
  };

  state(std::chrono::milliseconds stuck, std::chrono::milliseconds idle_for)
      : stuck_after(stuck), linger(idle_for) {}

  bool is_stuck(const lane& one) const {
    const auto now = clock::now();
    return one.running.size() >= threads_a_cluster &&
           std::all_of(one.running.begin(), one.running.end(),
                       [&](const call& each) { return each.begun && now - each.since >= stuck_after; });
  }

  /// "the look-up of the name 'lumi' (for 12 s), …"
  static std::string described(const lane& one) {
    std::string text;
    const auto now = clock::now();
    for (const auto& each : one.running) {
      const auto took = now - each.since;
      text += (text.empty() ? "" : ", ") + each.about.what;
      if (each.begun && took >= std::chrono::seconds{1})
        text += " (for " + to_text(took) + ")";
    }
    return text;
  }

  /// The next of the cluster's takes the place of one that has ended.
  void finish(std::list<call>::iterator ended, std::unique_lock<std::mutex>& lock) {
    std::list<call> over; // its closures go without the lock
    auto found = lanes.find(ended->about.cluster);
    auto& one = found->second;
    over.splice(over.end(), one.running, ended);
    if (!one.waiting.empty() && !stopped) {
      one.running.splice(one.running.end(), one.waiting, one.waiting.begin());
      ready.push_back(std::prev(one.running.end()));
    } else if (one.running.empty() && one.waiting.empty()) {
      lanes.erase(found);
    }
    lock.unlock();
    over.clear();
    lock.lock();
  }

  const std::chrono::milliseconds stuck_after;
  const std::chrono::milliseconds linger;
  mutable std::mutex mutex;
  std::condition_variable arrived;
  std::map<std::string, lane> lanes;
  /// Running calls that no thread has taken yet. Each has a thread that is free or being started, as long as
  /// the system gives us threads.
  std::deque<std::list<call>::iterator> ready;
  std::size_t threads = 0;
  std::size_t idle = 0;
  bool stopped = false;
};

blocking_threads::blocking_threads(std::chrono::milliseconds stuck_after, std::chrono::milliseconds linger)
    : state_(std::make_shared<state>(stuck_after, linger)) {}

blocking_threads::~blocking_threads() {
  std::list<state::call> forgotten; // destroyed without the lock: tasks own what they own
  {
    std::lock_guard guard{state_->mutex};
    state_->stopped = true;
    state_->ready.clear();
    for (auto& [cluster, lane] : state_->lanes) {
      forgotten.splice(forgotten.end(), lane.waiting);
      for (auto each = lane.running.begin(); each != lane.running.end();) {
        auto next = std::next(each);
        if (!each->begun)
          forgotten.splice(forgotten.end(), lane.running, each);
        each = next;
      }
    }
  }
  state_->arrived.notify_all();
}

void blocking_threads::run(blocking_call call, waiting_task task) {
  std::list<state::call> ours; // and, when there is nothing to wait for, those that wait
  ours.push_back({std::move(call), std::move(task), false, {}});
  std::list<state::call> unwanted;
  call_refusal why;
  std::unique_lock lock{state_->mutex};
  auto& lane = state_->lanes[ours.front().about.cluster];
  if (lane.running.size() < threads_a_cluster) {
    lane.running.splice(lane.running.end(), ours);
    state_->ready.push_back(std::prev(lane.running.end()));
    if (state_->idle >= state_->ready.size() || start_thread(state_)) {
      lock.unlock();
      state_->arrived.notify_one();
      return;
    }
    ours.splice(ours.end(), lane.running, state_->ready.back());
    state_->ready.pop_back();
    if (lane.running.empty())
      state_->lanes.erase(ours.front().about.cluster);
    why = {false, "the system lets this process start no more threads"};
  } else if (state_->is_stuck(lane)) {
    why = {true,
           "no more than " + std::to_string(threads_a_cluster) +
               " calls that block are made for one cluster, and these are stuck: " + state::described(lane)};
    ours.splice(ours.end(), lane.waiting);
  } else {
    // A slow call must not make those pile up that were given up meanwhile.
    for (auto each = lane.waiting.begin(); each != lane.waiting.end();) {
      auto next = std::next(each);
      if (each->task.unwanted())
        unwanted.splice(unwanted.end(), lane.waiting, each);
      each = next;
    }
    lane.waiting.splice(lane.waiting.end(), ours);
  }
  lock.unlock();
  for (auto& each : ours)
    each.task.refuse(why);
}

/// With the lock held. False: there is none, and none can be had.
bool blocking_threads::start_thread(const std::shared_ptr<state>& s) {
  // The host's signal handlers are none of these threads' business; a new thread inherits the mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    ++s->threads;
    std::thread{[s] { work(s); }}.detach();
  } catch (const std::system_error&) {
    --s->threads;
    started = s->threads > 0; // those that are there will come to it
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

void blocking_threads::work(const std::shared_ptr<state>& s) {
  std::unique_lock lock{s->mutex};
  for (;;) {
    if (s->ready.empty() && !s->stopped) {
      ++s->idle;
      bool called = s->arrived.wait_for(lock, s->linger, [&] { return s->stopped || !s->ready.empty(); });
      --s->idle;
      if (!called)
        break;
    }
    if (s->stopped)
      break;
    auto mine = s->ready.front();
    s->ready.pop_front();
    mine->begun = true;
    mine->since = state::clock::now();
    auto run = std::move(mine->task.run);
    lock.unlock();
    running_tasks::all().begin();
    try {
      run();
    } catch (...) {
      // Out of memory, in practice. Nobody is given a result, and the asker's deadline says so.
    }
    run = nullptr; // what it owned goes before the lock is taken
    running_tasks::all().end();
    lock.lock();
    s->finish(mine, lock);
  }
  --s->threads;
  lock.unlock();
  running_tasks::all().end_thread();
}

void blocking_threads::settle_at_exit(void (*at_thread_end)()) {
  if (at_thread_end != nullptr)
    running_tasks::all().at_thread_end = at_thread_end;
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

std::string blocking_threads::held_up_by(const std::string& cluster) const {
  std::lock_guard guard{state_->mutex};
  auto found = state_->lanes.find(cluster);
  if (found == state_->lanes.end() || found->second.running.size() < threads_a_cluster)
    return {};
  return state::described(found->second);
}

std::size_t blocking_threads::waiting() const {
  std::lock_guard guard{state_->mutex};
  std::size_t count = 0;
  for (const auto& [cluster, lane] : state_->lanes)
    count += lane.waiting.size();
  return count;
}

} // namespace moorage
