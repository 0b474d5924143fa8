// An answer that is still to come: what each call that may wait gives in its other form, through `async()`.
//
//   auto asked = rt.async().acquire("lumi", 5s);       // returns at once
//   …                                                  // something else meanwhile
//   moorage::result<moorage::lease> lease = asked.get();
//
// It can be waited for, given a callback, made a std::future or `co_await`ed: one of these, once. Its answer
// is of the type that the blocking form gives without throwing: a `result`, or what became of a command.
// There always is one, by the deadline of what was asked, also when the runtime stops, was moved from or has
// lost its node. A node that is frozen, which is lost only when it has been silent for a minute, costs a call
// 1 s more than its deadline, whichever way its answer is taken. The deadline is the patience of an acquire;
// a command's time-out and the 3 s that it has to end; a drain's, and 10 s for what it ends; now, for what
// has no patience, questions and other orders. An acquire with the cluster's own patience, a command without
// a time-out, a stream, a probe and a drain of a day or more have none that is known here.
//
// edge: a host thread waits here for what an actor gives.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "messages/exec.hpp"
#include "runtime/result.hpp"
#include "runtime/runtime_options.hpp"

namespace moorage {

class client_gate;
struct pending_access;

#pragma GCC visibility push(default) // not of what is declared above, which is ours

/// Rounded up. One too long to be counted in nanoseconds is taken for a hundred years (`longest_timeout`).
template <class Rep, class Period>
constexpr std::chrono::nanoseconds in_nanoseconds(std::chrono::duration<Rep, Period> given) {
  if (given > std::chrono::duration_cast<std::chrono::duration<double>>(longest_timeout))
    return longest_timeout;
  return std::chrono::ceil<std::chrono::nanoseconds>(given);
}

/// What takes a refusal's place where the answer is no result.
template <class T>
struct refusal_as {
  static T make(failure reason, outcome_kind) { return T{std::move(reason)}; }
};
template <>
struct refusal_as<exec_result> {
  static exec_result make(failure reason, outcome_kind kind);
};

/// Inside: what a pending and whoever answers it share, but for the answer.
class pending_shared : public std::enable_shared_from_this<pending_shared> {
public:
  using clock = std::chrono::steady_clock;

  pending_shared(std::shared_ptr<client_gate> gate, std::string cluster, clock::time_point deadline);
  virtual ~pending_shared();
  pending_shared(const pending_shared&) = delete;
  pending_shared& operator=(const pending_shared&) = delete;

  // For whoever begins the call, in this order.
  void refused_at_once();
  void begun(std::shared_ptr<void> place, std::function<void()> withdraw);
  void withdrawn_by(const std::stop_token& stop);

  // For whoever waits.
  bool ready() const;
  /// False: no answer by then, or this thread must not wait.
  bool wait_until(clock::time_point until);
  /// Waits to its own deadline. Code `none`: the answer is there.
  failure wait();
  void cancel();
  /// Nobody wants the answer any more.
  void drop();
  /// Its deadline is over and nobody has answered: withdrawn, and refused.
  void give_up();
  /// On a thread of CAF's scheduler.
  static bool must_not_wait();
  static failure would_wait();
  static failure nothing_to_give();

protected:
  enum class where { here, on_ours, on_executor };
  /// Calls `then` once the answer is there, or now.
  void continue_with(std::function<void()> then, where place, callback_executor executor = {});
  /// `lock` is of `mutex_`, and let go. The last thing that the one who gives does.
  void tell(std::unique_lock<std::mutex> lock);
  /// The answer has been taken.
  void taken();
  /// Answers it.
  virtual void refuse(failure reason) = 0;
  virtual void forget() = 0;

  mutable std::mutex mutex_;
  bool over_ = false;
  bool dropped_ = false;

private:
  struct stop_link;
  struct continuation {
    std::function<void()> then;
    where place = where::here;
    callback_executor executor;
  };
  void perform(continuation what, bool at_once);
  void be_watched();
  bool wait_until(std::unique_lock<std::mutex>& lock, clock::time_point until);

  const std::shared_ptr<client_gate> gate_;
  const std::string cluster_;
  const clock::time_point deadline_;
  std::condition_variable changed_;
  std::size_t waiting_ = 0;     ///< threads
  std::shared_ptr<void> place_; ///< among the client's requests, until the answer is taken
  std::function<void()> withdraw_;
  std::shared_ptr<stop_link> stop_;
  continuation next_;
  bool at_once_ = false;
};

/// Inside: the same with the answer.
template <class T>
class pending_answer : public pending_shared {
public:
  using pending_shared::pending_shared;

  /// From any thread. The first answer counts.
  void give(T answer) {
    std::optional<T> unwanted{std::move(answer)}; // destroyed without the lock: a lease gives itself back
    std::unique_lock lock{mutex_};
    if (over_)
      return;
    over_ = true;
    if (!dropped_)
      answer_.swap(unwanted);
    tell(std::move(lock));
  }

  /// To be called once, when the answer is there.
  T take() {
    std::optional<T> mine;
    {
      std::lock_guard guard{mutex_};
      mine.swap(answer_);
    }
    taken();
    return std::move(*mine);
  }

  T get() {
    if (auto reason = wait(); reason.code != errc::none) {
      cancel();
      drop();
      return refusal_as<T>::make(std::move(reason), outcome_kind::maybe_ran);
    }
    return take();
  }

  template <class Callback>
  void then(Callback&& callback, callback_executor executor) {
    auto kept = std::make_shared<std::decay_t<Callback>>(std::forward<Callback>(callback));
    auto place = executor ? where::on_executor : where::on_ours;
    continue_with([self = self(), kept] { std::invoke(std::move(*kept), self->take()); }, place,
                  std::move(executor));
  }

  /// Where the answer is given, which must not be held up.
  template <class Callback>
  void then_here(Callback&& callback) {
    auto kept = std::make_shared<std::decay_t<Callback>>(std::forward<Callback>(callback));
    continue_with([self = self(), kept] { std::invoke(std::move(*kept), self->take()); }, where::here);
  }

  std::future<T> to_future() {
    auto promise = std::make_shared<std::promise<T>>();
    continue_with([self = self(), promise] { promise->set_value(self->take()); }, where::here);
    return promise->get_future();
  }

  void resume(std::coroutine_handle<> waiting, callback_executor executor) {
    auto place = executor ? where::on_executor : where::on_ours;
    continue_with(
        [self = self(), waiting] {
          if (self->wanted())
            waiting.resume();
        },
        place, std::move(executor));
  }

private:
  std::shared_ptr<pending_answer> self() {
    return std::static_pointer_cast<pending_answer>(shared_from_this());
  }
  bool wanted() const {
    std::lock_guard guard{mutex_};
    return !dropped_;
  }
  void refuse(failure reason) override {
    give(refusal_as<T>::make(std::move(reason), outcome_kind::maybe_ran));
  }
  void forget() override {
    std::optional<T> unwanted;
    std::lock_guard guard{mutex_};
    unwanted.swap(answer_);
  }

  std::optional<T> answer_;
};

/// An answer to come, of the type T. Used by one thread at a time.
///
/// Destroying one that nobody has taken withdraws its call, as `cancel` does, and throws the answer away: a
/// lease is given back, a command ends. So what goes out of scope, by an exception too, leaves nothing behind
/// that nobody knows of, which is what `lease` and `stream` promise as well. Who wants the call to go on says
/// `detach`.
template <class T>
class [[nodiscard]] pending {
public:
  using value_type = T;

  pending() = default;
  pending(pending&&) noexcept = default;
  pending& operator=(pending&& other) noexcept {
    if (this != &other) {
      withdraw();
      answer_ = std::move(other.answer_);
    }
    return *this;
  }
  ~pending() { withdraw(); }

  /// Nobody has taken the answer. What follows, used on another, gives the refusal `invalid_request`.
  bool valid() const noexcept { return answer_ != nullptr; }
  /// The answer is there: `get` would not wait.
  bool ready() const { return answer_ && answer_->ready(); }
  /// Waits at most so long for the answer; true if it is there. Takes nothing. On a thread of CAF's scheduler
  /// it does not wait.
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> patience) const {
    return answer_ && answer_->wait_until(pending_shared::clock::now() + in_nanoseconds(patience));
  }

  /// Waits for the answer and takes it. That of a node which is frozen is `node_lost`, 1 s after the deadline
  /// of what was asked. On a thread of CAF's scheduler it does not wait: what is not there yet is refused
  /// `would_block_scheduler`, and still to be had.
  T get() {
    if (!answer_)
      return nothing();
    if (!answer_->ready() && pending_shared::must_not_wait())
      return refusal_as<T>::make(pending_shared::would_wait(), outcome_kind::maybe_ran);
    return std::exchange(answer_, nullptr)->get();
  }

  /// Calls it with the answer, once, as runtime/lease.hpp says of callbacks: on a thread of its own or by
  /// `executor` (none given: the runtime's). Needs no copying. What `executor` refuses or drops is called as
  /// if none had been given.
  template <class Callback>
  void then(Callback&& callback, callback_executor executor = {}) {
    if (!answer_)
      std::invoke(std::forward<Callback>(callback), nothing());
    else
      std::exchange(answer_, nullptr)->then(std::forward<Callback>(callback), std::move(executor));
  }

  /// Destroying the future withdraws nothing.
  std::future<T> to_future() {
    if (answer_)
      return std::exchange(answer_, nullptr)->to_future();
    std::promise<T> none;
    none.set_value(nothing());
    return none.get_future();
  }

  /// Asks for the end of what was asked, if it is not over; the answer comes all the same, once. An acquire
  /// is answered `cancelled`. A command that was not sent is `never_sent`; one that runs is ended by signals
  /// and tells what became of it, at the latest 3 s after (`exec_request::timeout`). What an administrator
  /// ordered is carried out once it was sent. Harmless afterwards, and twice.
  void cancel() {
    if (answer_)
      answer_->cancel();
  }

  /// Lets it go on, and throws the answer away when it comes.
  void detach() {
    if (auto answer = std::exchange(answer_, nullptr))
      answer->drop();
  }

  class awaiter;
  /// `co_await rt.async().acquire("lumi")`: a coroutine of any kind goes on where callbacks are called, or
  /// where it is if the answer is there. One that is destroyed while it waits withdraws the call; not while
  /// it is being resumed.
  awaiter operator co_await() { return awaiter{std::move(*this), {}}; }
  /// `co_await asked.on(executor)`: the same, going on by the executor.
  awaiter on(callback_executor executor) { return awaiter{std::move(*this), std::move(executor)}; }

private:
  friend struct pending_access;
  explicit pending(std::shared_ptr<pending_answer<T>> answer) : answer_(std::move(answer)) {}
  static T nothing() {
    return refusal_as<T>::make(pending_shared::nothing_to_give(), outcome_kind::never_sent);
  }
  void withdraw() {
    if (auto answer = std::exchange(answer_, nullptr)) {
      // In this order: the answer to the cancel must not resume a coroutine that is being destroyed.
      answer->drop();
      answer->cancel();
    }
  }

  std::shared_ptr<pending_answer<T>> answer_;
};

template <class T>
class pending<T>::awaiter {
public:
  awaiter(pending asked, callback_executor executor)
      : asked_(std::move(asked)), executor_(std::move(executor)) {}

  bool await_ready() const { return !asked_.valid() || asked_.ready(); }
  void await_suspend(std::coroutine_handle<> waiting) {
    // Kept by the call itself: the coroutine may have gone on, and this be gone, before it returns.
    auto answer = asked_.answer_;
    answer->resume(waiting, std::move(executor_));
  }
  T await_resume() {
    return asked_.answer_ ? std::exchange(asked_.answer_, nullptr)->take() : pending::nothing();
  }

private:
  pending asked_;
  callback_executor executor_;
};

} // namespace moorage

#pragma GCC visibility pop
