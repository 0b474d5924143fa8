#include "runtime/pending.hpp"

#include <atomic>

#include "runtime/begin_call.hpp"
#include "runtime/client/callbacks.hpp"
#include "runtime/client/client.hpp"
#include "runtime/system/scheduler_thread.hpp"
#include "runtime/system/worker_scheduler.hpp"

namespace moorage {

namespace {

/// A callback in the hands of an executor that may run it twice, never, or on its way out of an exception.
struct handed_call {
  handed_call(std::shared_ptr<callback_threads> ours, std::string cluster, std::function<void()> call)
      : ours(std::move(ours)), cluster(std::move(cluster)), call(std::move(call)) {}
  ~handed_call() {
    if (!begun.exchange(true))
      ours->run(std::move(cluster), std::move(call));
  }
  handed_call(const handed_call&) = delete;
  handed_call& operator=(const handed_call&) = delete;

  void run() {
    if (!begun.exchange(true))
      ours->run_here(cluster, std::move(call));
  }

  std::shared_ptr<callback_threads> ours;
  std::string cluster;
  std::function<void()> call;
  std::atomic<bool> begun = false;
};

} // namespace

/// Withdraws the call when the token says so.
struct pending_shared::stop_link {
  stop_link(const std::stop_token& stop, std::weak_ptr<pending_shared> call)
      : withdraw(stop, [call = std::move(call)] {
          if (auto mine = call.lock())
            mine->cancel();
        }) {}

  std::stop_callback<std::function<void()>> withdraw;
};

exec_result refusal_as<exec_result>::make(failure reason, outcome_kind kind) {
  exec_result refused;
  refused.ended.kind = kind;
  refused.ended.cause = std::move(reason);
  return refused;
}

pending_shared::pending_shared(std::shared_ptr<client_gate> gate, std::string cluster,
                               clock::time_point deadline)
    : gate_(std::move(gate)), cluster_(std::move(cluster)), deadline_(deadline) {}

pending_shared::~pending_shared() = default;

bool pending_shared::must_not_wait() {
  return on_scheduler_thread();
}

failure pending_shared::would_wait() {
  return would_block();
}

failure pending_shared::nothing_to_give() {
  return {errc::invalid_request,
          "this pending has nothing to give: its answer was taken already, or it was moved from"};
}

const std::shared_ptr<client_gate>& gate_of_nothing() {
  static const auto gate = [] {
    auto made = std::make_shared<client_gate>();
    made->callbacks()->finish();
    return made;
  }();
  return gate;
}

// --- whoever begins the call, and answers it ----------------------------------------------------------------------

void pending_shared::refused_at_once() {
  std::lock_guard guard{mutex_};
  at_once_ = true;
}

void pending_shared::begun(std::shared_ptr<void> place, std::function<void()> withdraw) {
  std::lock_guard guard{mutex_};
  place_ = std::move(place);
  withdraw_ = std::move(withdraw);
}

void pending_shared::withdrawn_by(const std::stop_token& stop) {
  if (!stop.stop_possible())
    return;
  auto link = std::make_shared<stop_link>(stop, weak_from_this());
  std::lock_guard guard{mutex_};
  if (!over_)
    stop_.swap(link);
}

void pending_shared::tell(std::unique_lock<std::mutex> lock) {
  // Each ends without the lock: the token's callback may be waiting for it on its own thread.
  auto next = std::exchange(next_, {});
  auto withdraw = std::exchange(withdraw_, nullptr);
  auto stop = std::exchange(stop_, nullptr);
  auto place = dropped_ ? std::exchange(place_, nullptr) : nullptr;
  auto at_once = at_once_;
  auto awaited = waiting_ > 0;
  lock.unlock();
  if (awaited)
    notify_after_turn({shared_from_this(), &changed_});
  if (next.then)
    perform(std::move(next), at_once);
}

// --- whoever waits ------------------------------------------------------------------------------------------------

bool pending_shared::ready() const {
  std::lock_guard guard{mutex_};
  return over_;
}

bool pending_shared::wait_until(clock::time_point until) {
  std::unique_lock lock{mutex_};
  if (!over_ && !on_scheduler_thread())
    wait_until(lock, until);
  return over_;
}

failure pending_shared::wait() {
  std::unique_lock lock{mutex_};
  return wait_until(lock, deadline_) ? failure{} : gate_->no_answer();
}

bool pending_shared::wait_until(std::unique_lock<std::mutex>& lock, clock::time_point until) {
  auto there = [this] { return over_; };
  ++waiting_;
  if (until == clock::time_point::max())
    changed_.wait(lock, there);
  else
    changed_.wait_until(lock, until, there);
  --waiting_;
  return over_;
}

void pending_shared::cancel() {
  std::function<void()> withdraw;
  {
    std::lock_guard guard{mutex_};
    withdraw = withdraw_;
  }
  if (withdraw)
    withdraw();
}

void pending_shared::drop() {
  std::shared_ptr<void> place;
  continuation next;
  {
    std::lock_guard guard{mutex_};
    dropped_ = true;
    std::swap(next, next_);
    if (over_)
      place.swap(place_);
  }
  forget();
}

void pending_shared::taken() {
  std::shared_ptr<void> place;
  std::lock_guard guard{mutex_};
  place.swap(place_);
}

void pending_shared::continue_with(std::function<void()> then, where place, callback_executor executor) {
  continuation what{std::move(then), place, std::move(executor)};
  std::unique_lock lock{mutex_};
  if (!over_) {
    next_ = std::move(what);
    lock.unlock();
    return be_watched();
  }
  auto at_once = at_once_;
  lock.unlock();
  perform(std::move(what), at_once);
}

/// No thread waits that would notice that a node is frozen.
void pending_shared::be_watched() {
  if (deadline_ != clock::time_point::max() && gate_->remote())
    gate_->post([call = weak_from_this(), left = deadline_ - clock::now()](client_state& client) {
      client.watch_deadline(left, call);
    });
}

void pending_shared::give_up() {
  cancel();
  refuse(gate_->no_answer());
}

void pending_shared::perform(continuation what, bool at_once) {
  if (what.place == where::here) {
    what.then();
    return;
  }
  const auto& ours = gate_->callbacks();
  if (what.place == where::on_ours) {
    // A call that was refused before it began has no place, so nothing else bounds what would wait here.
    if (at_once)
      ours->run_here(cluster_, std::move(what.then));
    else
      ours->run(cluster_, std::move(what.then));
    return;
  }
  auto call = std::make_shared<handed_call>(ours, cluster_, std::move(what.then));
  ours->guard(
      cluster_, [&] { what.executor([mine = std::move(call)] { mine->run(); }); },
      "the executor of a callback");
}

} // namespace moorage
