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
#include <string>
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

/// Why a call was not made.
struct call_refusal {
  bool stuck = false; ///< the cluster's threads are stuck in other calls; else the system gives us no thread
  std::string text;   ///< in words, with what they are stuck in

  explicit operator bool() const { return !text.empty(); }
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

  /// In place of a result.
  void refuse(call_refusal why, const std::function<void()>& wake) {
    {
      std::lock_guard guard{mutex_};
      refusal_ = std::move(why);
    }
    if (wake)
      wake();
  }

  call_refusal refusal() const {
    std::lock_guard guard{mutex_};
    return refusal_;
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
  call_refusal refusal_;
  bool abandoned_ = false;
};

/// The asker's end of one blocking call. Destroying it abandons the call; it never waits.
template <class T>
class blocking_answer {
public:
  blocking_answer() = default; ///< nothing was asked: never ready
  explicit blocking_answer(std::shared_ptr<handed_back<T>> slot) : slot_(std::move(slot)) {}
  blocking_answer(blocking_answer&&) noexcept = default;
  blocking_answer& operator=(blocking_answer&& other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~blocking_answer() {
    if (slot_)
      slot_->abandon();
  }

  bool asked() const { return slot_ != nullptr; }
  /// It was not made, and there will be no result.
  bool refused() const { return static_cast<bool>(refusal()); }
  call_refusal refusal() const { return slot_ ? slot_->refusal() : call_refusal{}; }
  bool ready() const { return slot_ && slot_->ready(); }
  /// The result, once.
  std::optional<T> take() { return slot_ ? slot_->take() : std::nullopt; }

private:
  std::shared_ptr<handed_back<T>> slot_;
};

/// Who wants a call, and what it is.
struct blocking_call {
  std::string cluster; ///< whose threads it takes
  std::string what;    ///< for texts: "the look-up of the name 'lumi'"
};

/// Threads for blocking calls. Callable from any thread.
///
/// A cluster has at most two calls running, so that a resolver or a file server that never answers costs a
/// bounded number of threads and holds up no other cluster: there is no limit for all together. While its two
/// threads are busy a cluster's next calls wait their turn; whoever asked enforces their deadline. Once both
/// have been in one call for `stuck_after`, the calls that wait and those that come are refused until one of
/// the two ends.
///
/// Idle threads serve every cluster, and end after `linger`. The destructor forgets calls that wait and
/// abandons running ones: it waits for nobody.
class blocking_threads {
public:
  /// One looks the name up while the other reads the files.
  static constexpr std::size_t threads_a_cluster = 2;
  /// As long as a resolver waits for a name server before it asks the next (resolv.conf(5): timeout).
  static constexpr std::chrono::milliseconds stuck_after_default{5'000};

  explicit blocking_threads(std::chrono::milliseconds stuck_after = stuck_after_default,
                            std::chrono::milliseconds linger = std::chrono::seconds(5));
  ~blocking_threads();
  blocking_threads(const blocking_threads&) = delete;
  blocking_threads& operator=(const blocking_threads&) = delete;

  /// Runs `task(const abandonment&) -> T` on one of the threads and hands its result back; `wake` is called
  /// (on any thread, also on this one) once that or a refusal is there. The task must own all it touches;
  /// what it throws is swallowed. One that was abandoned before it began is not run.
  template <class F>
  auto ask(blocking_call call, F task, std::function<void()> wake) {
    using result = std::invoke_result_t<F&, const abandonment&>;
    auto slot = std::make_shared<handed_back<result>>();
    // std::function wants copies; tasks own move-only things.
    auto shared = std::make_shared<F>(std::move(task));
    waiting_task wanted;
    wanted.unwanted = [slot] { return slot->abandoned(); };
    wanted.refuse = [slot, wake](call_refusal why) { slot->refuse(std::move(why), wake); };
    wanted.run = [this_state = state_, slot, shared, wake = std::move(wake)] {
      abandonment sign{[this_state, slot] { return slot->abandoned() || stopped(*this_state); }};
      if (!sign.abandoned())
        slot->give((*shared)(sign), wake);
    };
    run(std::move(call), std::move(wanted));
    return blocking_answer<result>{std::move(slot)};
  }

  /// At the process's exit, gives tasks that still run 250 ms to finish, and lets none go on after that: what
  /// they use (OpenSSL above all) is being taken down then. To be called once that is in use, so that at exit
  /// this comes first; further calls only say another `at_thread_end`. That gives back what a library keeps
  /// for a thread as it ends (nullptr: nothing), while the exiting one still waits: by itself it would go
  /// when the thread is gone, and meet the library's own end.
  static void settle_at_exit(void (*at_thread_end)() = nullptr);

  /// What holds the cluster's threads up, in words; empty: one is free.
  std::string held_up_by(const std::string& cluster) const;

  std::size_t threads() const; ///< alive now
  std::size_t waiting() const; ///< calls that wait for another to end

private:
  struct state;
  struct waiting_task {
    std::function<void()> run;
    std::function<bool()> unwanted;
    std::function<void(call_refusal)> refuse;
  };
  void run(blocking_call call, waiting_task task);
  static bool stopped(const state& s);
  static bool start_thread(const std::shared_ptr<state>& s);
  static void work(const std::shared_ptr<state>& s);
  std::shared_ptr<state> state_;
};

} // namespace moorage
