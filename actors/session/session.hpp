// A session: the one door of an outsider that speaks by messages, which a host's actor does, and a process on
// a link. It knows who of the outsider's actors asked for what, answers each in its own name, and takes back
// what one held that has ended. It names no actor of ours to anybody.
//
// It ends with its outsider, or with the manager, and lets go of everything: the pools see their holder go.
#pragma once

#include <caf/message.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "actors/session/access.hpp"
#include "actors/session/one_shots.hpp"
#include "actors/session/output_share.hpp"
#include "actors/session/session_state.hpp"
#include "messages/internal_interfaces.hpp"

namespace moorage {

/// What one outsider may have, beyond which it is refused `too_many_requests`. Each costs about a KiB of
/// ours. A runtime's own threads have 200,000 (runtime/client); who is one of many outsiders has less, and
/// will not be helped by more.
struct session_bounds {
  /// Acquires, commands, questions and orders without an answer.
  std::size_t outstanding_max = 10'000;
  std::size_t leases_max = 10'000;
  /// Actors of the outsider's that hold something or have asked for it.
  std::size_t senders_max = 1'000;
  /// What commands that bring no lease have with them, input above all, until they have ended; one always
  /// may.
  std::size_t bytes_max = 64u << 20;
  /// Of an outsider in this process, for `send_env`. None: it is another process, which sends its own.
  process_environment environment = {};
};

class session_actor_state : public outsider {
public:
  static inline const char* name = "moorage.session";
  using self_pointer = inner_session_actor::stateful_pointer<session_actor_state>;

  explicit session_actor_state(self_pointer self) : self_(self), state_(self, *this), one_shots_(state_) {}
  self_pointer self() const { return self_; }
  /// Whoever still waits is told.
  ~session_actor_state();

  void begin(manager_actor manager, const caf::strong_actor_ptr& whom, session_bounds bounds,
             std::string known_as, access_rights rights);

  /// Before anything else looks at a message. Code `none`: it is permitted.
  template <class Message>
  failure refusal(const Message& what) const {
    return rights_.is_everything() ? failure{} : moorage::refusal(rights_, what);
  }

  // From the outsider.
  void take(acquire& request) { take(request, {}, false); }
  void take(acquire_machine& request) { take(request.what, std::move(request.machine), true); }
  void take(const cancel_acquire& request);
  void take(run_command& order);
  void take(run_once& order);
  void take(open_stream& order) { open(order, false); }
  void take(open_last_stream& order) { open(order.what, true); }
  void take(cancel_command& order);
  void take(grant_stream_credit& order);
  void take(const took_stream_output& said);
  /// `waits`: somebody wants an answer.
  void take(const release_lease& request, bool waits, caf::typed_response_promise<done> promise);
  void take(const probe_lease& request, caf::typed_response_promise<probe_answer> promise);
  void take(const subscribe& request, const caf::strong_actor_ptr& sender,
            caf::typed_response_promise<done> promise);
  void take(const grant_event_credit& request);
  /// About a command of the sender's that is under way.
  template <class Order>
  void pass(Order& order) {
    if (auto ours = ours_of(order.call, {order.cluster, order.lease}); ours != 0) {
      order.call = ours;
      state_.pass(std::move(order));
    }
  }
  /// A question or an order for the manager, whose answer becomes the session's own.
  template <class Answer, class Request>
  void ask_manager(Request& request, caf::typed_response_promise<Answer> promise) {
    if (auto wrong = refusal(request); wrong.code != errc::none) {
      promise.deliver(make_error(wrong));
      return;
    }
    ask<Answer>(caf::actor_cast<caf::actor>(state_.manager()), caf::make_message(std::move(request)),
                promise);
  }
  /// The same of an order, which is the sender's.
  template <class Order>
  caf::typed_response_promise<done> order(Order& what) {
    order_sender sender{self_->current_sender()}; // before the promise, which takes it away
    auto promise = self_->make_response_promise<done>();
    if (auto wrong = refusal(what); wrong.code != errc::none) {
      promise.deliver(make_error(wrong));
      return promise;
    }
    what.by = named(what.by);
    ask<done>(caf::actor_cast<caf::actor>(state_.manager()),
              caf::make_message(std::move(what), std::move(sender)), promise);
    return promise;
  }
  /// The same of what is about the clusters themselves, or all of them.
  template <class Order>
  caf::typed_response_promise<done> change(Order& what) {
    auto promise = self_->make_response_promise<done>();
    change(what, promise);
    return promise;
  }
  template <class Order, class Answer>
  void change(Order& what, caf::typed_response_promise<Answer> promise) {
    what.by = named(what.by);
    ask_manager(what, promise);
  }

  // From pools and connections.
  session_state& state() { return state_; }
  void take(const caf::down_msg& down);
  /// From the network: what the outsider's actors said may still be on its way, and their ends come after it.
  void take(const outsider_gone&);

  // To the outsider, by session_state.
  void tell(machine_grant& grant) override;
  void tell(acquire_refused& refusal) override;
  void tell(lease_lost& lost) override;
  void tell(run_ended& end) override;
  void tell(stream_chunk& chunk) override;
  void tell(stream_room& room) override { tell_more(room); }
  void tell(stream_end& end) override;

private:
  /// Under which number of its own who asked for it.
  struct asked {
    caf::strong_actor_ptr whom; ///< kept alive until it is told, as by a request of CAF's
    std::uint64_t call = 0;
    lease_key lease;            ///< of a command
    bool tells_machine = false; ///< of an acquire
    bool is_last = false;       ///< of a command: its lease ends with it
  };
  using theirs = std::pair<caf::actor_addr, std::uint64_t>;
  using asked_by_number = std::unordered_map<std::uint64_t, asked>;

  /// `tells_machine`: it is answered by a `machine_grant`.
  void take(acquire& request, std::string machine, bool tells_machine);
  /// Whoever calls themselves so, with what is known of them.
  std::string named(const std::string& words) const;
  /// Instantiated in session.cpp, for each type of answer: what CAF makes of a request takes a compiler
  /// seconds.
  template <class Answer>
  void ask(const caf::actor& whom, caf::message request, caf::typed_response_promise<Answer> promise,
           bool bounded = true);
  template <class Message>
  void send(const caf::strong_actor_ptr& whom, Message& what) {
    caf::unsafe_send_as(self_, caf::actor_cast<caf::actor>(whom), std::move(what));
  }
  template <class Message>
  void tell_more(Message& what);
  template <class Message>
  void tell_last(Message& what);
  template <class Order>
  failure begin_command(Order& order);
  failure begin_command(run_once& order);
  /// Under a number of the session's own, if the sender gave one that names nothing else.
  failure name_command(std::uint64_t& call, lease_key lease);
  void open(open_stream& order, bool is_last);
  void refuse(std::uint64_t call, failure why);
  bool may_acquire() const {
    return state_.leases() + acquires_.size() + one_shots_.waiting() < bounds_.leases_max;
  }
  bool from_elsewhere(const caf::strong_actor_ptr& whom) const { return whom->node() != self_->node(); }
  asked forget(asked_by_number::iterator entry, std::map<theirs, std::uint64_t>& names);
  std::uint64_t ours_of(std::uint64_t call, const lease_key& lease) const;
  output_share* share_of(const caf::strong_actor_ptr& sender);
  void lend(std::uint64_t ours, std::uint64_t credit);
  failure too_many() const;
  std::size_t outstanding() const { return state_.outstanding() + questions_.size(); }
  bool full() const { return outstanding() >= bounds_.outstanding_max; }
  bool know(const caf::strong_actor_ptr& sender);
  void sweep_senders();
  void sender_ended(const caf::actor_addr& sender);
  void end(const failure& reason);
  void quit(const failure& reason);

  self_pointer self_;
  session_state state_;
  one_shots one_shots_;
  caf::strong_actor_ptr kept_; ///< itself: it lives until its outsider ends, whoever still knows it
  caf::actor_addr whom_;
  bool outsider_gone_ = false;
  session_bounds bounds_;
  std::string known_as_;
  access_rights rights_;
  std::uint64_t numbers_ = 0;
  std::unordered_map<std::uint64_t, std::function<void(caf::error)>> questions_; ///< how each is refused
  asked_by_number acquires_;
  asked_by_number commands_;
  std::map<theirs, std::uint64_t> acquire_names_;
  std::map<theirs, std::uint64_t> command_names_;
  std::map<lease_key, caf::actor_addr> leases_;       ///< whose they are
  std::map<caf::actor_addr, output_share> shares_;    ///< of those who say what arrived
  std::unordered_map<caf::actor_addr, bool> senders_; ///< monitored; whether it subscribed
};

/// Ends with `whom`; none: when it is told `outsider_gone`. With the manager at the latest. `known_as`: what
/// is known of the outsider and cannot be made up, such as "pid 1234"; empty: nothing. `rights`: what it may
/// do, beyond which it is refused `not_permitted`.
inner_session_actor::behavior_type session(session_actor_state::self_pointer self, manager_actor manager,
                                           caf::strong_actor_ptr whom, session_bounds bounds,
                                           std::string known_as, access_rights rights);

} // namespace moorage
