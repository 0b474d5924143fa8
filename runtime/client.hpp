// The client: the actor that stands for one host application. It holds the leases of the application's threads, asks on
// their behalf, and gives each call its one answer, whatever becomes of the pool, the connection or the node.
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "messages/events.hpp"
#include "messages/interfaces.hpp"
#include "runtime/lease.hpp"
#include "runtime/result.hpp"
#include "runtime/stream_pipe.hpp"

namespace moorage {

class client_state;

/// A lease as the client knows it: ids are a pool's own.
struct lease_key {
  std::string cluster;
  lease_id lease;
  friend auto operator<=>(const lease_key&, const lease_key&) = default;
};

/// The way from host threads to the client actor; leases, streams and subscriptions hold it and so may outlive the
/// runtime. edge: host threads meet the actor here, and find the door closed once the runtime has stopped.
class client_gate {
public:
  using work = std::function<void(client_state&)>;
  using refusal = std::function<void(failure)>;

  /// Does the work on the actor, or calls `refused` (from any thread, perhaps this one) if that cannot be any more.
  void post(work what, refusal refused = {});
  std::uint64_t next_call();
  void open(caf::actor client);
  /// Later posts are refused.
  void close();

private:
  /// Held while a message is handed over, so that no handle outlives the actor system; recursive, because an actor that
  /// has just ended refuses the message there and then, and a refusal may post again (a lease gives itself back).
  std::recursive_mutex mutex_;
  caf::actor client_;
  std::uint64_t calls_ = 0;
};

/// A subscriber's callback, and its end: after `end` no call begins, and none is under way on another thread.
/// edge: the thread that ends a subscription and the one that calls back meet here.
class event_callback {
public:
  explicit event_callback(std::function<void(const event_record&)> call) : call_(std::move(call)) {}
  void operator()(const event_record& record);
  void end();

private:
  std::recursive_mutex mutex_; // a callback may end its own subscription
  bool ended_ = false;
  std::function<void(const event_record&)> call_;
};

class client_state {
public:
  static inline const char* name = "moorage.client";
  using self_pointer = caf::stateful_actor<client_state>*;

  explicit client_state(self_pointer self) : self_(self) {}
  /// Answers every call that still waits.
  ~client_state();

  caf::behavior begin(manager_actor manager, std::shared_ptr<client_gate> gate, bool remote,
                      std::function<void()> on_loss);

  void acquire_lease(const std::string& cluster, std::uint64_t call, std::chrono::nanoseconds patience,
                     const std::string& label, std::function<void(result<lease>)> answer);
  void cancel_acquire_of(const std::string& cluster, std::uint64_t call);
  void run(const lease_key& lease, std::uint64_t call, exec_request request,
           std::function<void(exec_result)> answer);
  void cancel_run(const lease_key& lease, std::uint64_t call);
  void open(const lease_key& lease, std::uint64_t call, exec_request request,
            std::shared_ptr<stream_pipe> pipe, std::uint64_t credit);
  void grant_credit(std::uint64_t call, std::uint64_t bytes);
  void send_input(std::uint64_t call, std::string bytes);
  void end_input(std::uint64_t call);
  void cancel_stream_of(std::uint64_t call);
  void round_trip(const lease_key& lease, std::function<void(result<std::chrono::nanoseconds>)> answer);
  /// Without `answer` nobody waits for it.
  void release(const lease_key& lease, std::function<void(result<void>)> answer);
  void watch(std::uint64_t number, const std::string& cluster, std::shared_ptr<event_callback> callback,
             std::function<void(result<void>)> answer);
  void unwatch(std::uint64_t number);

  /// One request to the manager and its one answer.
  template <class Answer, class Request>
  void ask_manager(Request request, std::function<void(result<Answer>)> answer) {
    ask<Answer>(manager_, lease_key{}, std::move(request), std::move(answer));
  }

private:
  /// A request under way: CAF never answers those whose node has gone, so each can be failed from here.
  struct asked {
    lease_key lease; ///< none: not under a lease
    std::function<void(const failure&)> fail;
  };
  struct open_stream_entry {
    std::shared_ptr<stream_pipe> pipe;
    connection_actor connection;
    lease_key lease;
    stream_id stream; ///< 0: not opened yet
    std::uint64_t early_room = 0;
    bool input_ended = false;
    bool cancelled = false;
  };

  template <class Answer, class Target, class Request>
  void ask(const Target& target, const lease_key& lease, Request request,
           std::function<void(result<Answer>)> answer);
  void hold(lease_grant grant, const std::function<void(result<lease>)>& answer);
  connection_actor connection_of(const lease_key& lease) const;
  void opened(std::uint64_t call, stream_id stream);
  void finish(std::uint64_t call, outcome ended);
  void take(const lease_lost& lost);
  void take(const caf::down_msg& down);
  void fail_everything(const failure& reason);

  self_pointer self_;
  manager_actor manager_;
  std::shared_ptr<client_gate> gate_;
  bool remote_ = false;
  std::function<void()> on_loss_;
  failure gone_; ///< set once the manager is no more
  std::uint64_t asks_ = 0;
  std::unordered_map<std::uint64_t, asked> asked_;
  std::map<lease_key, lease_grant> leases_;
  /// Those that have granted: asked directly, without the manager in between.
  std::unordered_map<std::string, pool_actor> pools_;
  std::unordered_map<std::uint64_t, open_stream_entry> streams_;
  struct watcher_entry {
    caf::actor actor;
    std::shared_ptr<event_callback> callback;
  };
  std::unordered_map<std::uint64_t, watcher_entry> watchers_;
};

template <class Answer, class Target, class Request>
void client_state::ask(const Target& target, const lease_key& lease, Request request,
                       std::function<void(result<Answer>)> answer) {
  if (gone_.code != errc::none) {
    answer(gone_);
    return;
  }
  auto number = ++asks_;
  asked_.emplace(number, asked{lease, [answer](const failure& reason) { answer(reason); }});
  self_->request(target, caf::infinite, std::move(request))
      .then(
          [this, number, answer](Answer& value) {
            if (asked_.erase(number) > 0)
              answer(std::move(value));
          },
          [this, number, answer](const caf::error& error) {
            if (asked_.erase(number) == 0)
              return;
            if (error == caf::sec::request_receiver_down) // it never read the request
              answer(failure{errc::lease_ended, "the connection had ended; nothing was sent"});
            else
              answer(to_failure(error));
          });
}

caf::behavior client(client_state::self_pointer self, manager_actor manager,
                     std::shared_ptr<client_gate> gate, bool remote, std::function<void()> on_loss);

/// What an unanswered run means, by the refusal that took the answer's place.
outcome outcome_of(const failure& reason);

} // namespace moorage
