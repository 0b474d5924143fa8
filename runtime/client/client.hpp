// The client: the actor that stands for one host application. It is the session of the application's threads,
// or asks theirs at a node, on their behalf, and gives each call its one answer, whatever becomes of the
// pool, the connection or the node.
#pragma once

#include <caf/all.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "actors/session/moves.hpp"
#include "actors/session/session_state.hpp"
#include "messages/events.hpp"
#include "messages/internal_interfaces.hpp"
#include "runtime/client/callbacks.hpp"
#include "runtime/client/log_in_notes.hpp"
#include "runtime/client/node_door.hpp"
#include "runtime/client/stream_pipe.hpp"
#include "runtime/lease.hpp"
#include "runtime/result.hpp"
#include "runtime/system/worker_scheduler.hpp"

namespace moorage {

class client_state;
class known_nodes;

/// The way from host threads to the client actor; leases, streams and subscriptions hold it and so may
/// outlive the runtime. edge: host threads meet the actor here, and find the door closed once the runtime has
/// stopped.
class client_gate {
public:
  using work = std::function<void(client_state&)>;
  using refusal = std::function<void(failure)>;

  /// `name`: what its host is called in orders. `environment`: what `send_env` takes its host's variables
  /// from.
  explicit client_gate(std::shared_ptr<callback_threads> callbacks = std::make_shared<callback_threads>(),
                       std::string name = {}, process_environment environment = {})
      : callbacks_(std::move(callbacks)), name_(std::move(name)), environment_(std::move(environment)) {}

  const std::shared_ptr<callback_threads>& callbacks() const { return callbacks_; }
  const std::string& name() const { return name_; }
  const process_environment& environment() const { return environment_; }
  /// The pools are somebody else's, who could name all of it; before any host thread comes.
  void withhold_environment() { environment_ = {}; }
  /// Does the work on the actor, or calls `refused` (from any thread, perhaps this one) if that cannot be any
  /// more.
  void post(work what, refusal refused = {});
  /// A place for one request among those of this client that have no answer yet; it is free again when the
  /// token and its copies are gone. None: there are `outstanding_max` already, and the request is refused
  /// `too_many_requests`.
  static std::shared_ptr<void> enter(const std::shared_ptr<client_gate>& self);
  static failure too_many();
  std::uint64_t next_call();
  /// `remote`: the client's pools are a node's.
  void open(caf::actor client, bool remote);
  /// Later posts are refused.
  void close(failure reason = {errc::stopping, "the runtime has stopped"});
  /// For a call that was not answered in time; what is wrong then.
  failure no_answer() const;
  /// What is added to the deadline of whatever is asked, see `answer_margin`.
  std::chrono::seconds margin() const;
  /// The other nodes that calls may be led to; before any host thread comes.
  void lead_to(std::shared_ptr<known_nodes> nodes) { nodes_ = std::move(nodes); }
  const std::shared_ptr<known_nodes>& nodes() const { return nodes_; }
  /// `remote` of `open`, which comes before any host thread does.
  bool remote() const { return remote_; }

  /// Each costs about a KiB. Who has so many under way will not be helped by one more.
  static constexpr std::size_t outstanding_max = 200'000;

private:
  const std::shared_ptr<callback_threads> callbacks_;
  const std::string name_;
  process_environment environment_;
  /// Held while a message is handed over, so that no handle outlives the actor system.
  mutable std::mutex mutex_;
  caf::actor client_;
  failure closed_{errc::stopping, "the runtime has stopped"};
  bool remote_ = false;
  std::shared_ptr<known_nodes> nodes_; ///< none: there are no others
  std::uint64_t calls_ = 0;
  std::size_t outstanding_ = 0;
};

/// What is done when whom the client asks has gone.
struct node_loss {
  /// Called by the client, before it tells anybody; must not wait. May be empty.
  std::function<void()> told = {};
  /// Somebody connects to the node again from then on, and says `node_is_back`.
  bool reconnects = false;
};

/// Where a subscription's events go.
struct event_sink {
  std::function<void(const event_record&)> call;
  /// None: called there and then, without a credit. For what never blocks nor throws: the log.
  std::shared_ptr<callback_strand> strand;
  /// A node's loss and return are told whatever it says: they are about the subscription itself.
  event_filter wanted = {};
};

/// Where a lease's end is told that is not its holder's doing.
struct loss_sink {
  using callback = std::function<void(const failure&)>;
  /// What a host's callback holds may take long to end, or wait for a thread of the host's.
  static std::shared_ptr<const callback> kept(callback call) {
    return {new callback{std::move(call)}, [](const callback* ended) {
              long_work_ahead();
              delete ended;
            }};
  }
  std::shared_ptr<const callback> call;
  std::shared_ptr<callback_strand> strand; ///< the lease closes it when it is given back
  void tell(const std::string& cluster, const failure& why) const {
    strand->post(cluster, [told = call, why] { (*told)(why); });
  }
};

class client_state : private outsider {
public:
  static inline const char* name = "moorage.client";
  using self_pointer = caf::stateful_actor<client_state>*;

  explicit client_state(self_pointer self) : self_(self), session_(self, *this), node_(self) {}
  /// Answers every call that still waits.
  ~client_state();

  /// With a `manager` it is a session; without one it asks `node`, its session there.
  caf::behavior begin(manager_actor manager, const session_at_node& node, std::shared_ptr<client_gate> gate,
                      node_loss on_loss);

  void acquire_lease(acquire_machine request, std::function<void(result<lease>)> answer);
  void cancel_acquire_of(std::uint64_t call);
  void run(const lease_key& lease, std::uint64_t call, exec_request request,
           std::function<void(exec_result)> answer);
  void cancel_run(std::uint64_t call);
  void open(const lease_key& lease, std::uint64_t call, exec_request request,
            std::shared_ptr<stream_pipe> pipe, std::uint64_t credit, bool is_last);
  void grant_credit(std::uint64_t call, std::uint64_t bytes);
  void send_input(std::uint64_t call, std::string bytes);
  void end_input(std::uint64_t call);
  void cancel_stream_of(std::uint64_t call);
  void probe(const lease_key& lease, bool as_pool, std::function<void(result<probe_answer>)> answer);
  /// Without `answer` nobody waits for it. With `bad` its connection is discarded, for that reason.
  void release(const lease_key& lease, std::function<void(result<void>)> answer,
               std::optional<std::string> bad = {});
  /// Told once, when the lease is lost; at once, if it was.
  void watch_lease(const lease_key& lease, loss_sink to);
  void watch(std::uint64_t number, const std::string& cluster, event_sink to,
             std::function<void(result<void>)> answer);
  void unwatch(std::uint64_t number);
  /// The runtime stops: from now on a link's end is no loss.
  void end_soon() { ending_ = true; }
  /// Its callback has taken so many events.
  void grant_events(std::uint64_t number, std::uint32_t count);
  /// Called with an event of each loss of the node, until the client ends; at once, if there is none at the
  /// moment.
  void watch_loss(std::uint64_t number, event_sink to);

  // From whoever connects to the node again.
  void node_is_back(const session_at_node& node);
  void node_is_away(const failure& reason);
  /// The call is given up unless it is answered in so much time: for those that no thread waits for.
  void watch_deadline(std::chrono::nanoseconds left, std::weak_ptr<pending_shared> call);

  /// One request to the manager, or to the session at the node, and its one answer, of the type that
  /// messages/interfaces.hpp says.
  template <class Answer>
  void ask_manager(caf::message request, std::function<void(result<Answer>)> answer) {
    ask<Answer>(remote_ ? caf::actor_cast<caf::actor>(node_.session())
                        : caf::actor_cast<caf::actor>(session_.manager()),
                std::move(request), std::move(answer));
  }

  /// The same of an order, whose sender the client is.
  template <class Order>
  void order(Order what, std::function<void(result<done>)> answer) {
    what.by = gate_->name();
    if (remote_)
      ask_manager<done>(caf::make_message(std::move(what)), std::move(answer));
    else
      ask_manager<done>(
          caf::make_message(std::move(what), order_sender{caf::strong_actor_ptr{self_->ctrl()}}),
          std::move(answer));
  }

private:
  /// How a request under way is refused: CAF never answers those whose node has gone.
  using refusing = std::function<void(const failure&)>;
  using time_point = std::chrono::steady_clock::time_point;

  /// An acquire under way. Answered by message, so it is kept here and found by its number.
  struct asked_acquire {
    acquire request;
    std::string machine;                ///< that it asks for; empty: any
    std::chrono::nanoseconds waited{0}; ///< of its patience, before it was asked
    time_point asked;
    std::function<void(asked_acquire&, result<machine_grant>)> answer;
  };
  /// Leases that ended without our doing, whose end can still be explained to those who go on using them.
  static constexpr std::size_t lost_leases_kept = 64;
  /// A lease as its owner knows it. Its first connection may end before anything has run under it; then it
  /// goes on with the lease of another connection, under the same key.
  struct held_lease {
    machine_grant grant;
    std::shared_ptr<log_in_notes> notes;
    acquire asked;                      ///< as it was asked for
    std::string machine;                ///< that it was asked for; empty: any
    std::chrono::nanoseconds waited{0}; ///< what of its patience that took
    time_point since;                   ///< when it was granted
    std::size_t under_way = 0;          ///< commands that were sent and have no outcome
    bool used = false;                  ///< a command has run under it, or may have
    bool lost = false;                  ///< its connection has ended, as its pool says, or was given up
    failure loss;                       ///< and why
    std::vector<loss_sink> on_lost;     ///< who wants to know of its end
    std::uint64_t renewal = 0;          ///< the acquire of another connection's, under way
    std::vector<std::uint64_t> parked;  ///< commands never sent, which wait for that
  };
  /// What the two kinds of command have in common.
  struct command {
    lease_key lease;       ///< its owner's
    lease_id under;        ///< under which it was sent
    exec_request request;  ///< kept while it may have to be sent once more
    command_moves moves;   ///< to other connections
    bool once_more = true; ///< it may still be sent once more
    bool cancelled = false;
    bool parked = false;
    time_point parked_until;
    failure unsent; ///< why it was not sent
  };
  struct run_entry : command {
    std::function<void(exec_result)> answer;
  };
  struct stream_entry : command {
    std::shared_ptr<stream_pipe> pipe;
    std::uint64_t credit = 0;
    int rooms = 0;            ///< how often the connection it runs on gave room
    bool room_given = false;  ///< the pipe has had the first room
    std::string unsent_input; ///< what came of it while it may have to be sent once more
    bool input_ended = false;
    bool is_last = false;       ///< its lease ends with it
    bool is_last_there = false; ///< and the node gives that back
  };

  /// Instantiated in client.cpp, for each type of answer: what CAF makes of a request takes a compiler
  /// seconds.
  template <class Answer>
  void ask(const caf::actor& whom, caf::message request, std::function<void(result<Answer>)> answer);
  void send_acquire(std::uint64_t call, asked_acquire entry);
  /// `what` is done with whatever the pools are reached through.
  template <class Work>
  void at_door(Work what) {
    if (remote_)
      what(node_);
    else
      what(session_);
  }
  void end_lease_of(const stream_entry& last);
  template <class Order>
  void pass(Order order) {
    at_door([&order](auto& door) { door.pass(std::move(order)); });
  }
  caf::behavior hear_session();
  caf::behavior hear_node();
  void do_errand(const local_call& call);

  // What the session tells.
  void tell(machine_grant& grant) override;
  void tell(acquire_refused& refusal) override;
  void tell(lease_lost& lost) override;
  void tell(run_ended& end) override { run_over(end.call, std::move(end.result)); }
  void tell(stream_chunk& chunk) override;
  void tell(stream_room& room) override;
  void tell(stream_end& end) override { finish(end.call, std::move(end.ended)); }
  void tell_what_is_left_out(machine_grant& grant);
  lease hold(const asked_acquire& asked, machine_grant grant);

  struct watcher_books;
  /// What is to be done by the watcher, in its name.
  using watcher_work = std::function<void(caf::event_based_actor*, watcher_books&)>;
  struct watcher_state {
    watcher_state() = default; // else CAF makes it of the actor's address, which is true
    static inline const char* name = "moorage.watcher";
  };
  static caf::behavior watcher(caf::stateful_actor<watcher_state>* self, event_sink to,
                               std::function<void()> taken, watcher_work begin);
  void add_watcher(std::uint64_t number, const std::string& cluster, event_sink to, bool subscribes,
                   watcher_work begin);
  watcher_work subscribe_at_node(const std::string& cluster, const event_filter& wanted,
                                 std::function<void(result<done>)> answer);
  failure lacks_events() const;
  void subscribe_again(std::uint64_t number);
  void tell_watcher(std::uint64_t number, event_kind what, const std::string& text);
  void tell_watchers(event_kind what, const std::string& text, bool of_loss);

  // comeback.cpp
  bool away() const { return on_loss_.reconnects && gone_.code != errc::none; }
  failure refusal() const;
  void lose(const caf::down_msg& down);
  time_point deadline_of(const asked_acquire& entry) const;
  void await_node(std::uint64_t call, asked_acquire& entry);
  void ask_what_awaits();
  void watch_clock();

  // commands.cpp
  void say_what_arrives();
  void note_arrived(std::uint64_t bytes);
  void begin(std::uint64_t call, command& what);
  void send(std::uint64_t call, command& what);
  void send_input(std::uint64_t call, stream_entry& entry, std::string bytes);
  command* find_command(std::uint64_t call);
  void cancel(std::uint64_t call, command& what);
  void run_over(std::uint64_t call, exec_result finished);
  void finish(std::uint64_t call, outcome ended);
  void end(std::uint64_t call, outcome ended);

  // renewal.cpp
  bool goes_on(std::uint64_t call, command& what, outcome& ended);
  void park(std::uint64_t call, command& what, held_lease& held);
  void look_after(const lease_key& lease);
  void refuse_parked(held_lease& held, const failure& more);
  void renew(const lease_key& lease, held_lease& held);
  void renewed(const lease_key& lease, const asked_acquire& asked, result<machine_grant> grant);
  void watch_parked();
  /// The refusal of what is asked under a lease that is not held, with the reason of its end.
  failure lost_lease(const lease_key& lease) const;
  void let_go(held_lease& held, const failure& why = {});
  void note_loss(const lease_key& lease, const failure& why);
  void is_lost(held_lease& held, const failure& why);
  /// Does it later, in this actor. For moments: it cannot be called off.
  void after(std::chrono::nanoseconds delay, client_gate::work what);

  void take(const caf::down_msg& down);
  void fail_everything(const failure& reason);

  self_pointer self_;
  session_state session_; ///< of no use when the pools are a node's
  node_door node_;        ///< of use only then
  std::shared_ptr<client_gate> gate_;
  bool remote_ = false;
  node_loss on_loss_;
  bool ending_ = false;
  failure gone_;           ///< set once the manager is no more, or until the node is back
  std::uint64_t link_ = 0; ///< which of its links to the node in turn
  std::string loss_;       ///< why the last one ended
  time_point lost_at_;     ///< and when
  failure last_try_;       ///< what came of connecting again
  std::string told_;       ///< the last of these that the watchers were told
  std::set<std::pair<time_point, std::uint64_t>> awaiting_node_; ///< acquires, by their deadlines
  std::multimap<time_point, std::weak_ptr<pending_shared>> deadlines_;
  static constexpr std::size_t deadlines_looked_at = 1024;
  std::size_t deadlines_max_ = deadlines_looked_at; ///< so many, and those that are over are sought out
  bool watching_clock_ = false;
  std::uint64_t asks_ = 0;
  std::unordered_map<std::uint64_t, refusing> asked_;
  std::unordered_map<std::uint64_t, asked_acquire> acquires_;
  std::map<lease_key, held_lease> leases_;
  std::deque<std::pair<lease_key, failure>> lost_; ///< the last that ended without our doing, and why
  std::map<lease_key, lease_key> renewed_;         ///< the owner's key by the pool's, where these differ
  std::unordered_map<std::uint64_t, run_entry> runs_;
  std::unordered_map<std::uint64_t, stream_entry> streams_;
  bool says_arrived_ = false; ///< to this node
  bool saying_soon_ = false;
  std::set<std::string> told_of_environment_; ///< clusters, of whose send_env something is left out
  std::uint64_t arrived_ = 0;                 ///< of streams' output, and not said yet
  bool watching_parked_ = false;
  struct watcher_entry {
    caf::actor actor;
    std::string cluster;
    event_filter wanted;
    std::shared_ptr<callback_strand> strand;
    bool subscribes = true;  ///< to the node's events, too
    std::uint64_t asked = 0; ///< the number of its question at the node
  };
  std::unordered_map<std::uint64_t, watcher_entry> watchers_;
};

/// See `client_state::begin`.
caf::behavior client(client_state::self_pointer self, manager_actor manager, const session_at_node& node,
                     std::shared_ptr<client_gate> gate, node_loss on_loss);

/// What an unanswered run means, by the refusal that took the answer's place.
outcome outcome_of(const failure& reason);

} // namespace moorage
