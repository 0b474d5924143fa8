// The only place where calls that can only block are made: name look-up, key and known_hosts files, the
// secret store, the agent's path. Their threads stand outside the actor system and own nothing but copies, so
// that any of them can be abandoned: no stop ever waits for a resolver or a dead file server.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace moorage {

/// A sign that nobody wants the result any more. Tasks look at it between one blocking call and the next.
class abandonment {
public:
  explicit abandonment(std::function<bool()> asked) : asked_(std::move(asked)) {}
  bool abandoned() const { return asked_ && asked_(); }

private:
  std::function<bool()> asked_;
};

/// What a thread hands back to the one who asked; held by both. edge: a look-up thread hands back its answer.
template <class T>
class handed_back {
public:
  /// By the thread, once. A result that nobody waits for is destroyed here and now.
  void give(T value, const std::function<void()>& wake) {
    {
      std::lock_guard guard{mutex_};
      if (abandoned_)
        return;
      value_.emplace(std::move(value));
    }
    if (wake)
      wake();
  }

  std::optional<T> take() {
    std::lock_guard guard{mutex_};
    return std::exchange(value_, std::nullopt);
  }

  bool ready() const {
    std::lock_guard guard{mutex_};
    return value_.has_value();
  }

  void abandon() {
    std::unique_lock lock{mutex_};
    abandoned_ = true;
    std::optional<T> dropped{std::exchange(value_, std::nullopt)};
    lock.unlock(); // the result is destroyed after that
  }

  bool abandoned() const {
    std::lock_guard guard{mutex_};
    return abandoned_;
  }

private:
  mutable std::mutex mutex_;
  std::optional<T> value_;
  bool abandoned_ = false;
};

/// The asker's end of one blocking call. Destroying it abandons the call; it never waits.
template <class T>
class pending {
public:
  pending() = default; ///< nothing was asked: never ready
  explicit pending(std::shared_ptr<handed_back<T>> slot, bool taken = true)
      : slot_(std::move(slot)), taken_(taken) {}
  pending(pending&&) noexcept = default;
  pending& operator=(pending&& other) noexcept {
    std::swap(slot_, other.slot_);
    std::swap(taken_, other.taken_);
    return *this;
  }
  ~pending() {
    if (slot_)
      slot_->abandon();
  }

  bool asked() const { return slot_ != nullptr; }
  /// The system let us start no thread, and there will be no result.
  bool refused() const { return !taken_; }
  bool ready() const { return slot_ && slot_->ready(); }
  /// The result, once.
  std::optional<T> take() { return slot_ ? slot_->take() : std::nullopt; }

private:
  std::shared_ptr<handed_back<T>> slot_;
  bool taken_ = true;
};

/// Threads for blocking calls. Callable from any thread.
///
/// A thread is started whenever a task finds none idle, up to `threads_max`, so that a stuck call holds up no
/// other. Beyond that tasks queue; whoever asked enforces their deadline. Idle threads end after `linger`.
/// The destructor forgets queued tasks and abandons running ones: it waits for nobody.
class blocking_threads {
public:
  /// A pool opens few connections at once, but a resolver that never answers sticks for a minute or more: 64
  /// lets many clusters be stuck while the others open.
  static constexpr std::size_t threads_max_default = 64;

  explicit blocking_threads(std::size_t threads_max = threads_max_default,
                            std::chrono::milliseconds linger = std::chrono::seconds(5));
  ~blocking_threads();
  blocking_threads(const blocking_threads&) = delete;
  blocking_threads& operator=(const blocking_threads&) = delete;

  /// Runs the task on one of the threads. It must own all it touches. What it throws is swallowed. When no
  /// thread can be started and none is there, the task is dropped and `false` returned.
  bool run(std::function<void()> task);

  /// Runs `task(const abandonment&) -> T` and hands its result back; `wake` is called (on the thread) once it
  /// is there. A task that was abandoned before it began is not run.
  template <class F>
  auto ask(F task, std::function<void()> wake) {
    using result = std::invoke_result_t<F&, const abandonment&>;
    auto slot = std::make_shared<handed_back<result>>();
    // std::function wants copies; tasks own move-only things.
    auto shared = std::make_shared<F>(std::move(task));
    bool taken = run([this_state = state_, slot, shared, wake = std::move(wake)] {
      abandonment sign{[this_state, slot] { return slot->abandoned() || stopped(*this_state); }};
      if (!sign.abandoned())
        slot->give((*shared)(sign), wake);
    });
    return pending<result>{std::move(slot), taken};
  }

  /// At the process's exit, gives tasks that still run 250 ms to finish, and lets none go on after that: what they use
  /// (OpenSSL above all) is being taken down then. To be called once that is in use, so that at exit this comes first;
  /// further calls do nothing.
  static void settle_at_exit();

  std::size_t threads() const; ///< alive now
  std::size_t queued() const;  ///< tasks that wait for a thread

private:
  struct state;
  static bool stopped(const state& s);
  static void work(const std::shared_ptr<state>& s);
  std::shared_ptr<state> state_;
};

} // namespace moorage
