#include "runtime/client/callbacks.hpp"

#include <atomic>
#include <exception>
#include <system_error>
#include <utility>

#include "runtime/system/worker_scheduler.hpp"

namespace moorage {

namespace {

/// The callbacks that this thread is in, the innermost first: one may destroy a runtime of its own.
struct frame {
  explicit frame(const callback_threads* of) : of(of), outer(std::exchange(innermost, this)) {}
  ~frame() { innermost = outer; }
  frame(const frame&) = delete;
  frame& operator=(const frame&) = delete;

  const callback_threads* of;
  const frame* outer;
  static thread_local const frame* innermost;
};

thread_local const frame* frame::innermost = nullptr;

} // namespace

/// A call in a host's executor's hands, which may run it twice, never, or on its way out of an exception.
struct callback_threads::handed_over {
  handed_over(std::shared_ptr<callback_threads> to, task what) : to(std::move(to)), what(std::move(what)) {}
  ~handed_over() {
    if (!begun.exchange(true))
      to->run_ourselves(std::move(what));
  }
  handed_over(const handed_over&) = delete;
  handed_over& operator=(const handed_over&) = delete;

  void run() {
    if (!begun.exchange(true))
      to->perform_counted(what);
  }

  std::shared_ptr<callback_threads> to;
  task what;
  std::atomic<bool> begun = false;
};

callback_threads::callback_threads(callback_executor given)
    : given_(given ? std::make_shared<const callback_executor>(std::move(given)) : nullptr) {}

callback_threads::~callback_threads() {
  finish();
}

void callback_threads::report_to(reporter told) {
  std::lock_guard guard{mutex_};
  told_ = std::make_shared<const reporter>(std::move(told));
}

void callback_threads::run(std::string cluster, std::function<void()> call) {
  task what{std::move(cluster), std::move(call)};
  std::shared_ptr<const callback_executor> given;
  {
    std::lock_guard guard{mutex_};
    given = given_;
    under_way_ += given != nullptr; // the executor is not called after `finish`
  }
  if (!given) {
    run_ourselves(std::move(what));
    return;
  }
  auto where = what.cluster;
  auto handed = std::make_shared<handed_over>(shared_from_this(), std::move(what));
  guard(
      where, [&] { (*given)([mine = std::move(handed)] { mine->run(); }); }, "the executor of callbacks");
  one_over();
}

void callback_threads::one_over() {
  {
    std::lock_guard guard{mutex_};
    --under_way_;
  }
  over_.notify_all();
}

void callback_threads::run_ourselves(task what) {
  std::unique_lock lock{mutex_};
  bool threadless = finished_;
  if (!threadless) {
    queue_.push_back(std::move(what));
    if (idle_ < queue_.size() && threads_.size() < threads_max) {
      try {
        threads_.emplace_back([this] { work(); });
      } catch (const std::system_error&) {
        threadless = threads_.empty(); // else those that are there will come to it
      }
    }
    if (threadless) {
      what = std::move(queue_.back());
      queue_.pop_back();
    }
  }
  lock.unlock();
  if (threadless)
    perform_counted(what);
  else
    arrived_.notify_one();
}

void callback_threads::run_here(const std::string& cluster, std::function<void()> call) {
  task what{cluster, std::move(call)};
  perform_counted(what);
}

void callback_threads::perform_counted(task& what) {
  {
    std::lock_guard guard{mutex_};
    ++under_way_;
  }
  perform(what);
  one_over();
}

void callback_threads::perform(task& what) {
  frame here{this};
  guard(what.cluster, what.call);
  what.call = nullptr; // what it holds ends within it: a runtime, perhaps
}

void callback_threads::guard(const std::string& cluster, const std::function<void()>& call,
                             const char* whose) {
  long_work_ahead(); // a host's, who may take long where they should not
  try {
    call();
  } catch (const std::exception& thrown) {
    report(cluster, std::string{whose} + " threw: " + thrown.what());
  } catch (...) {
    report(cluster, std::string{whose} + " threw what is no std::exception");
  }
}

void callback_threads::report(const std::string& cluster, const std::string& text) {
  std::shared_ptr<const reporter> told;
  {
    std::lock_guard guard{mutex_};
    told = told_;
  }
  if (told)
    (*told)(cluster, text);
}

void callback_threads::work() {
  std::unique_lock lock{mutex_};
  for (;;) {
    ++idle_;
    arrived_.wait(lock, [this] { return finished_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty())
      return;
    auto what = std::move(queue_.front());
    queue_.pop_front();
    ++under_way_;
    lock.unlock();
    perform(what);
    lock.lock();
    --under_way_;
    over_.notify_all();
  }
}

bool callback_threads::within() const {
  for (const auto* each = frame::innermost; each != nullptr; each = each->outer)
    if (each->of == this)
      return true;
  return false;
}

void callback_threads::finish() {
  std::unique_lock lock{mutex_};
  over_.wait(lock, [this] { return queue_.empty() && under_way_ == 0; });
  finished_ = true;
  auto threads = std::exchange(threads_, {});
  auto given = std::exchange(given_, nullptr); // the host's, and destroyed without the lock
  auto told = std::exchange(told_, nullptr);
  lock.unlock();
  arrived_.notify_all();
  for (auto& each : threads)
    each.join();
}

// --- one after the other ------------------------------------------------------------------------------------------

void callback_strand::post(std::string cluster, std::function<void()> call, std::function<void()> then) {
  {
    std::lock_guard guard{mutex_};
    if (ended_)
      return;
    queue_.push_back({std::move(cluster), std::move(call), std::move(then)});
    if (std::exchange(submitted_, true))
      return;
  }
  submit();
}

void callback_strand::submit() {
  threads_->run({}, [self = shared_from_this()] { self->work(); });
}

/// The one before it is over.
bool callback_strand::next(entry& into) {
  std::lock_guard guard{mutex_};
  runner_ = {};
  over_.notify_all();
  if (queue_.empty()) {
    submitted_ = false;
    return false;
  }
  into = std::move(queue_.front());
  queue_.pop_front();
  runner_ = std::this_thread::get_id();
  return true;
}

void callback_strand::work() {
  for (int turn = 0; turn < turns_max; ++turn) {
    entry mine;
    if (!next(mine))
      return;
    threads_->guard(mine.cluster, mine.call);
    mine.call = nullptr;
    if (mine.then)
      mine.then();
  }
  {
    std::lock_guard guard{mutex_};
    runner_ = {};
  }
  over_.notify_all();
  submit();
}

void callback_strand::close() {
  std::deque<entry> dropped; // destroyed without the lock
  std::lock_guard guard{mutex_};
  ended_ = true;
  dropped.swap(queue_);
}

void callback_strand::end() {
  close();
  std::unique_lock lock{mutex_};
  over_.wait(lock, [this] { return runner_ == std::thread::id{} || runner_ == std::this_thread::get_id(); });
}

} // namespace moorage
