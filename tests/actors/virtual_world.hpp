// Actors in virtual time: CAF's test coordinator runs every message on this thread, and the clock moves only
// when a test moves it. The network is a script: how each connection opens, answers and breaks.
#pragma once

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "actors/manager/manager.hpp"
#include "messages/internal_interfaces.hpp"

namespace moorage::test {

using namespace std::chrono_literals;

/// How transports behave; looked at when they act, so a test may change its mind on the way.
struct scripted_network {
  std::chrono::nanoseconds open_takes{0};
  ssh_error open_fails; ///< none: it succeeds
  bool open_hangs = false;
  std::string awaited;                        ///< by an opening
  std::vector<opening_step> steps;            ///< of an opening
  std::string banner;                         ///< of the log-in
  std::vector<std::string> warnings;          ///< of the opening, whatever becomes of it
  std::size_t computes = 0;                   ///< pumps of an opening that compute
  std::chrono::nanoseconds peer_takes{0};     ///< before each of them but the first
  std::chrono::nanoseconds open_timeout{30s}; ///< kept by openings that compute
  std::vector<std::size_t> computed;          ///< transports, in the order of those pumps
  std::chrono::nanoseconds answer_takes{0};   ///< of a question
  std::string refusal; ///< with which the peer answers questions; empty: it opens a channel
  std::chrono::nanoseconds run_takes{0};
  bool endless = false;        ///< streams end by a cancel only, and say all that they have credit for
  bool cancel_hangs = false;   ///< a cancelled command has not ended yet
  bool cancel_is_seen = false; ///< it is seen to end, by the signal
  /// Transports, by the order in which they were made, that have fallen silent: nothing is answered any more.
  std::vector<std::size_t> silent;
  /// Transports to break at their next pump.
  std::vector<std::size_t> broken;
  /// Transports that break as soon as they are given a command, before they have sent it.
  std::vector<std::size_t> close_at_command;
  /// Commands at once that a transport has a channel for.
  std::size_t channels_max = std::numeric_limits<std::size_t>::max();
  std::map<std::size_t, std::string> input; ///< of streams, by transport
  std::size_t made = 0;
  std::size_t alive = 0;
  std::size_t opened = 0;
  std::uint64_t questions = 0;
  /// Commands that were started, in order.
  std::vector<std::string> commands;
  /// Where connections of other clusters were to be carried to, in order.
  std::vector<std::string> carried_to;
  std::vector<std::string> carriers_wait; ///< what carriers were said to wait for
};

class scripted_transport final : public transport {
public:
  scripted_transport(std::shared_ptr<scripted_network> network, waker wake)
      : network_(std::move(network)), wake_(std::move(wake)), number_(network_->made++) {
    ++network_->alive;
  }
  ~scripted_transport() override { --network_->alive; }

  void open() override { opening_ = true; }
  void start(stream_id stream, exec_request request, std::uint64_t credit) override {
    if (running_.size() >= network_->channels_max) {
      cancelled_.push_back(stream_over{
          stream,
          {outcome_kind::never_sent, 0, {}, {errc::channel_refused, "the server has no more channels"}}});
      return;
    }
    network_->commands.push_back(request.command);
    running_.emplace(stream, run{std::move(request.command), request.timeout, {}, {}, credit});
  }
  bool awaits_channel(stream_id stream) const override {
    auto found = running_.find(stream);
    return found != running_.end() && !found->second.ends;
  }
  void grant_credit(stream_id stream, std::uint64_t bytes) override {
    if (auto found = running_.find(stream); found != running_.end())
      found->second.credit += bytes;
  }
  void input(stream_id, std::string bytes) override { network_->input[number_] += bytes; }
  void end_input(stream_id) override {}
  void cancel(stream_id stream, failure cause) override {
    auto node = running_.extract(stream);
    if (node.empty())
      return;
    auto accepted = node.mapped().ends.has_value();
    parked_ = parked_ || !accepted; // the answer is still owed
    auto kind = !accepted                  ? outcome_kind::never_sent
                : network_->cancel_is_seen ? outcome_kind::signalled
                                           : outcome_kind::maybe_ran;
    cancelled_.push_back(stream_over{stream, {kind, 0, {}, std::move(cause)}});
  }
  void carry(stream_id stream, std::shared_ptr<carriage> what, carriage_target to) override {
    carried_.emplace(stream, std::move(what));
    network_->carried_to.push_back(to.host + ":" + std::to_string(to.port));
  }
  void carrier_waits(const moorage::carrier_waits& told) override {
    network_->carriers_wait.push_back(told.for_what);
  }
  void ask(std::uint64_t question) override {
    ++network_->questions;
    asked_.emplace_back(question, std::nullopt);
  }
  void close() override {
    closing_ = true;
    soon_.push_back(transport_closed{});
  }
  bool pump(time_point now, std::vector<transport_event>& events) override;
  time_point computes_until() const override {
    return opening_ && !open_ && !closing_ && computed_ < network_->computes ? deadline_ : time_point::min();
  }
  time_point next_due() const override { return due_; }
  std::string awaited() const override { return network_->awaited; }
  std::vector<opening_step> steps(time_point /*now*/) const override { return network_->steps; }
  time_point last_heard() const override { return heard_; }
  time_point owed_since() const override { return owed_since_; }
  std::uint64_t answers() const override { return answers_; }

private:
  struct run {
    std::string command;
    std::chrono::milliseconds timeout{0};
    std::optional<time_point> overdue;
    std::optional<time_point> ends; ///< once the peer has accepted it
    std::uint64_t credit = 0;
  };

  bool is_in(const std::vector<std::size_t>& list) const;
  void pump_opening(time_point now, std::vector<transport_event>& events);
  bool computing(time_point now, std::vector<transport_event>& events);
  void pump_open(time_point now, std::vector<transport_event>& events);
  void pump_timeouts(time_point now);
  void note_owed(time_point now);
  void due(time_point when) { due_ = std::min(due_, when); }

  std::shared_ptr<scripted_network> network_;
  waker wake_;
  std::size_t number_;
  bool opening_ = false;
  bool open_ = false;
  bool closing_ = false;
  bool more_ = false;
  std::size_t computed_ = 0;
  time_point heard_from_peer_{};
  time_point deadline_ = time_point::min();
  std::optional<time_point> opens_at_;
  std::map<stream_id, run> running_;
  std::map<stream_id, std::shared_ptr<carriage>> carried_;
  std::vector<std::pair<std::uint64_t, std::optional<time_point>>> asked_;
  std::vector<transport_event> cancelled_;
  std::vector<transport_event> soon_;
  time_point due_ = time_point::max();
  time_point heard_{};
  bool parked_ = false;
  time_point owed_since_ = time_point::max();
  std::uint64_t answers_ = 0;
};

/// Where recordings go: none is written before a test says so.
struct scripted_recordings {
  std::vector<recording> begun;
  failure fails;              ///< of those that are written
  std::function<void()> wake; ///< of the last
  bool written = false;

  void finish() {
    written = true;
    wake();
  }
};

class virtual_world {
public:
  /// `sleeps`: pools look at `asleep`, at least every ten seconds while they have connections.
  /// `change`: of what the manager is handed.
  explicit virtual_world(cluster_settings settings, bool sleeps = false,
                         const std::function<void(manager_world&)>& change = {});
  ~virtual_world();

  /// Runs every message that is ready, then moves the clock, in steps small enough for every timer to have
  /// its turn.
  void pass(std::chrono::nanoseconds time, std::chrono::nanoseconds step = 10ms);
  void settle() { sched.run(); }
  /// One message to one actor; false: there is none.
  bool one_message() {
    if (sched.jobs.empty())
      return false;
    sched.run_once();
    return true;
  }
  std::chrono::nanoseconds now() const { return sched_clock().time_since_epoch(); }

  /// One request to the manager, answered without time passing. No value: no answer yet (or an error: see
  /// `refused`).
  template <class Answer, class Request>
  std::optional<Answer> ask(Request request) {
    refused = {};
    std::optional<Answer> answer;
    caf::scoped_actor self{system};
    auto handle = [&] {
      if constexpr (requires { Request::name; }) // an order, of nobody who could be seen to end
        return self->request(manager, caf::infinite, std::move(request), order_sender{});
      else
        return self->request(manager, caf::infinite, std::move(request));
    }();
    sched.run();
    handle.receive([&](Answer& value) { answer = std::move(value); },
                   [&](caf::error& error) { refused = to_failure(error); });
    return answer;
  }

  pool_status status() { return ask<pool_status>(get_pool{cluster.name}).value(); }
  std::vector<connection_status> connections() {
    return ask<connection_list>(get_connections{cluster.name}).value().connections;
  }

  caf::actor_system_config config;
  caf::actor_system system;
  caf::scheduler::test_coordinator& sched;
  std::shared_ptr<scripted_network> network = std::make_shared<scripted_network>();
  cluster_settings cluster;
  manager_actor manager;
  std::chrono::nanoseconds asleep{0}; ///< the machine, in all; virtual time stood still meanwhile
  failure refused;
  std::vector<std::string> bugs; ///< as the manager reports them
  std::shared_ptr<scripted_recordings> recordings = std::make_shared<scripted_recordings>();

private:
  time_point sched_clock() const { return const_cast<virtual_world*>(this)->sched.clock().now(); }
};

/// Who gives turns in this world, found where the next message for it waits; messages before that are read.
turns_actor next_giver(virtual_world& world);

/// A holder, as pools see sessions, that writes down what it hears. It asks for leases and confirms them
/// unless told not to.
class holder {
public:
  explicit holder(virtual_world& world, std::string label = "test");
  ~holder() { die(); }
  holder(const holder&) = delete;
  holder& operator=(const holder&) = delete;

  void acquire(std::chrono::nanoseconds patience = 30s, bool wait_for_ready = false);
  void cancel(std::uint64_t call);
  /// The same as messages that the test sends itself. Each request has the next number.
  acquire_for request(std::chrono::nanoseconds patience = 30s, bool wait_for_ready = false);
  cancel_acquire_for cancellation(std::uint64_t call) const;
  /// The `index`th lease that was granted to it.
  void release(std::size_t index = 0);
  void run(const std::string& command, std::size_t index = 0, std::chrono::milliseconds timeout = 0ms);
  void run_under(std::uint64_t call, const std::string& command, std::size_t index = 0,
                 std::chrono::milliseconds timeout = {});
  /// Cancels its last run.
  void cancel_run(std::size_t index = 0);
  /// What a probe of the lease's connection says.
  void probe(bool as_pool, std::size_t index = 0);
  void die();

  struct memory {
    bool confirms = true;
    std::vector<lease_granted> grants;
    std::vector<failure> refusals;
    std::vector<lease_lost> lost;
    std::vector<exec_result> results;
    std::vector<probe_answer> probes;
    std::vector<failure> probe_errors;
    std::vector<failure> releases; ///< answers; code none: done
    std::vector<std::chrono::nanoseconds> answered_at;
    std::map<std::uint64_t, int> answers; ///< to acquires, by the holder's own numbers

    void answered(std::uint64_t call, std::chrono::nanoseconds at) {
      answered_at.push_back(at);
      ++answers[call];
    }
  };
  std::shared_ptr<memory> heard = std::make_shared<memory>();

private:
  template <class F>
  void act(F what);

  virtual_world& world_;
  std::string label_;
  std::uint64_t calls_ = 0;
  std::uint64_t runs_ = 0;
  caf::actor actor_;
};

inline cluster_settings plain_cluster(std::uint32_t size = 2) {
  cluster_settings settings;
  settings.name = "alpha";
  settings.host = "alpha.example.org";
  settings.user = "me";
  settings.pool_size = size;
  settings.channels_per_connection = 1; // what sharing one does has tests of its own
  settings.log_ins_per_minute = 0;      // what holds up log-ins has tests of its own
  settings.penalty_max = 0ms;
  return settings;
}

} // namespace moorage::test
