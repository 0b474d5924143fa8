// What a session knows and its outsider does not: the manager, the pool of each cluster that has granted, the
// connection of each lease, and what is under way on it. A value inside the actor that is the session: for a
// host's threads that is the actor which they post to, so that they have no message more to wait for.
//
// It knows what ends mean. What a connection had not read when it ended was never sent; what a pool had not
// answered is asked again, with what it has waited.
#pragma once

#include <caf/actor_addr.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/send.hpp>
#include <caf/system_messages.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "messages/environment.hpp"
#include "messages/internal_interfaces.hpp"

namespace moorage {

/// Whom a session answers, under the numbers that it was asked with.
class outsider {
public:
  virtual ~outsider() = default;
  virtual void tell(machine_grant& grant) = 0;
  virtual void tell(acquire_refused& refusal) = 0;
  virtual void tell(lease_lost& lost) = 0;
  virtual void tell(run_ended& end) = 0;
  virtual void tell(stream_chunk& chunk) = 0;
  virtual void tell(stream_room& room) = 0;
  virtual void tell(stream_end& end) = 0;
};

class session_state {
public:
  /// `self`: the actor that this is the state of, the holder that pools see.
  session_state(caf::scheduled_actor* self, outsider& told) : self_(self), told_(told) {}
  session_state(const session_state&) = delete;
  session_state& operator=(const session_state&) = delete;

  /// Monitors the manager: its end is for the actor to deal with. `own`: the outsider's environment, where
  /// the outsider is in this process.
  void begin(manager_actor manager, process_environment own = {});
  const manager_actor& manager() const { return manager_; }
  std::chrono::steady_clock::time_point now() const { return self_->clock().now(); }

  /// `call` differs from that of every other acquire under way. `waited`: what of the patience is used up.
  void acquire(moorage::acquire request, std::chrono::nanoseconds waited = {}, std::string machine = {});
  /// Of which cluster it was. No answer comes any more: a grant that crosses with it is given back.
  std::string cancel_acquire(std::uint64_t call);

  bool holds(const lease_key& lease) const { return leases_.count(lease) > 0; }
  /// The refusal of what is asked under a lease that is not held, with the reason of its end.
  failure not_held(const lease_key& lease) const;
  /// Nobody waits for the answer. `abandoned`: who used it has died.
  void release(const lease_key& lease, bool abandoned = false);
  /// The same in two parts, for who waits: what to send, and to which pool. Nothing: it is not held.
  std::optional<std::pair<caf::actor, release_lease_for>> let_go(const lease_key& lease,
                                                                 bool abandoned = false);

  /// A `run_command` or an `open_stream` under a lease that is held; its `call` differs from that of all
  /// others under way.
  void run(run_command order) { start(std::move(order), false); }
  void open(open_stream order) { start(std::move(order), true); }
  /// More about one: nothing happens once it has ended.
  template <class Order>
  void pass(Order order) {
    if (auto found = commands_.find(order.call); found != commands_.end())
      caf::unsafe_send_as(self_, found->second.connection, std::move(order));
  }
  /// Where to ask for a probe; it is monitored. None: the lease is not held.
  caf::actor connection_of(const lease_key& lease);
  /// What is collected of a command under it that does not say it itself.
  std::uint64_t output_max(const lease_key& lease) const;
  /// No more of it is to be collected than fits into the message that tells it to another process.
  void fit_for_link(exec_request& what, const lease_key& lease) const;

  void take(lease_granted& granted);
  void take(acquire_refused& refusal);
  void take(lease_lost& lost);
  void take(run_ended& end);
  void take(stream_chunk& chunk);
  void take(stream_room& room);
  void take(stream_end& end);
  /// True: it was a connection's or a pool's end, and is dealt with.
  bool take(const caf::down_msg& down);

  /// Acquires and commands that have no answer yet.
  std::size_t outstanding() const { return acquires_.size() + commands_.size(); }
  std::size_t leases() const { return leases_.size(); }
  /// Nothing more comes of the pools: each that waits is told so, and no lease is held any more.
  void end(const failure& reason);
  /// The same, and nobody is told.
  void forget();

private:
  using time_point = std::chrono::steady_clock::time_point;

  struct asked {
    acquire_for request;
    time_point at;
    caf::actor_addr pool; ///< none: the manager was asked
  };
  struct held {
    pool_actor pool;
    caf::actor connection;
    std::uint64_t output_max = 0;
    std::string set_env, send_env;
  };
  struct command {
    caf::actor connection;
    bool is_stream = false;
  };
  /// Leases that ended without our doing, whose end can still be explained to those who go on using them.
  static constexpr std::size_t lost_kept = 64;

  void send(asked& entry);
  void send_again(asked& entry);
  template <class Order>
  void start(Order order, bool is_stream);
  std::set<std::uint64_t>& under_way_on(const caf::actor& connection);
  void answer(std::uint64_t call, const command& what, const outcome& ended);

  caf::scheduled_actor* self_;
  outsider& told_;
  manager_actor manager_;
  process_environment own_;
  std::unordered_map<std::uint64_t, asked> acquires_;
  std::map<lease_key, held> leases_;
  std::deque<std::pair<lease_key, std::string>> lost_; ///< the last that ended without our doing, and why
  /// Those that have granted: asked directly, without the manager in between, and monitored.
  std::unordered_map<std::string, pool_actor> pools_;
  std::unordered_map<std::uint64_t, command> commands_;
  /// Those that were asked something: monitored, with the commands that are under way on each.
  std::map<caf::actor_addr, std::set<std::uint64_t>> connections_;
};

} // namespace moorage
