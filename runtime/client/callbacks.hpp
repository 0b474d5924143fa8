// Where a host's callbacks are called: never on an actor's thread, so that one that takes its time holds up
// nobody else, and may make blocking calls itself. What a blocking call or a future waits for does not come
// this way: it would wait for the very threads that wait for it.
// edge: actors hand calls to threads here, and the thread that stops a runtime waits for them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/runtime_options.hpp"

namespace moorage {

/// Calls each callback once, with whatever it throws caught and reported. Callable from any thread.
class callback_threads : public std::enable_shared_from_this<callback_threads> {
public:
  /// A callback that waits holds up no other until so many do.
  static constexpr std::size_t threads_max = 4;
  /// Told what callbacks throw, on their thread, until `finish`; must not block. `cluster` may be empty.
  using reporter = std::function<void(const std::string& cluster, const std::string& text)>;

  /// `given`: the host's, instead of threads of our own.
  explicit callback_threads(callback_executor given = {});
  /// `finish`
  ~callback_threads();
  callback_threads(const callback_threads&) = delete;
  callback_threads& operator=(const callback_threads&) = delete;

  void report_to(reporter told);
  /// Calls it later, on another thread; here and now once `finish` is over, or if the system has no thread
  /// for us.
  void run(std::string cluster, std::function<void()> call);
  /// Calls it here and now: for a call that is refused before it began. Never throws.
  void run_here(const std::string& cluster, std::function<void()> call);
  /// The same for one who has taken care that this is the place.
  void guard(const std::string& cluster, const std::function<void()>& call, const char* whose = "a callback");

  /// This thread is in a callback: whoever waits here for the end of all of them waits for ever.
  bool within() const;
  /// Waits until every call that was given to our threads is over, and those that a host's executor has
  /// begun. Not to be called within one.
  void finish();

private:
  struct task {
    std::string cluster;
    std::function<void()> call;
  };
  struct handed_over;

  void run_ourselves(task what);
  void perform(task& what);
  void perform_counted(task& what);
  void one_over();
  void work();
  void report(const std::string& cluster, const std::string& text);

  mutable std::mutex mutex_;
  std::condition_variable arrived_; ///< a task, or the end
  std::condition_variable over_;    ///< a call
  std::shared_ptr<const callback_executor> given_;
  std::shared_ptr<const reporter> told_;
  std::deque<task> queue_; ///< as many as there are requests outstanding and subscriptions
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  std::size_t under_way_ = 0;
  bool finished_ = false;
};

/// Calls one after the other, in order, though on changing threads: the events of one subscription.
class callback_strand : public std::enable_shared_from_this<callback_strand> {
public:
  explicit callback_strand(std::shared_ptr<callback_threads> threads) : threads_(std::move(threads)) {}

  /// `then` follows the call whatever that throws. Both are dropped after the strand's end.
  void post(std::string cluster, std::function<void()> call, std::function<void()> then = {});
  /// No call begins from now on.
  void close();
  /// And none is under way on another thread.
  void end();

private:
  struct entry {
    std::string cluster;
    std::function<void()> call;
    std::function<void()> then;
  };
  /// Calls in a row, before others who wait for the same threads have a turn.
  static constexpr int turns_max = 64;

  void submit();
  void work();
  bool next(entry& into);

  std::shared_ptr<callback_threads> threads_;
  std::mutex mutex_;
  std::condition_variable over_;
  std::deque<entry> queue_; ///< whoever posts has a bound; events have their credit
  std::thread::id runner_;  ///< none: no call is under way
  bool submitted_ = false;
  bool ended_ = false;
};

} // namespace moorage
