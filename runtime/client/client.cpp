#include "runtime/client/client.hpp"

#include <algorithm>
#include <utility>

#include "actors/composure.hpp"
#include "messages/answers.hpp"
#include "messages/exit_words.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/node/socket.hpp"

namespace moorage {

namespace {

struct errand {
  errand(client_gate::work what, client_gate::refusal refused, failure reason = {})
      : what(std::move(what)), refused(std::move(refused)), reason(std::move(reason)) {}
  errand(const errand&) = delete;
  errand& operator=(const errand&) = delete;

  client_gate::work what;
  client_gate::refusal refused;
  failure reason;
  bool done = false;

  ~errand() {
    if (!done && refused)
      refused(std::move(reason));
  }
};

} // namespace

// --- the gate -----------------------------------------------------------------------------------------------------

void client_gate::post(work what, refusal refused) {
  auto order = std::make_shared<errand>(std::move(what), std::move(refused));
  std::lock_guard guard{mutex_};
  order->reason = closed_;
  if (client_)
    caf::anon_send(client_, local_call{order});
  // Else the errand says that it was refused, as it would if the actor ended before it came to it; never
  // while the lock is held: a refusal may post again, and calls a host's callback.
}

std::uint64_t client_gate::next_call() {
  std::lock_guard guard{mutex_};
  return ++calls_;
}

std::shared_ptr<void> client_gate::enter(const std::shared_ptr<client_gate>& self) {
  {
    std::lock_guard guard{self->mutex_};
    if (self->outstanding_ == outstanding_max)
      return nullptr;
    ++self->outstanding_;
  }
  return {self.get(), [self](void*) {
            std::lock_guard guard{self->mutex_};
            --self->outstanding_;
          }};
}

failure client_gate::too_many() {
  failure reason{errc::too_many_requests, {}};
  reason.text = std::to_string(outstanding_max);
  reason.text += " requests of this runtime have no answer yet, and no more are taken: wait for some of them";
  return reason;
}

void client_gate::open(caf::actor client, bool remote) {
  std::lock_guard guard{mutex_};
  client_ = std::move(client);
  remote_ = remote;
}

void client_gate::close(failure reason) {
  caf::actor
      last; // an actor that nobody knows any more ends where the last handle does, and answers what waits
  std::lock_guard guard{mutex_};
  last.swap(client_);
  closed_ = std::move(reason);
}

std::chrono::seconds client_gate::margin() const {
  return remote_ ? node_answer_margin : answer_margin;
}

failure client_gate::no_answer() const {
  std::lock_guard guard{mutex_};
  if (remote_)
    return {errc::node_lost, "the node did not answer in time; is it stopped or frozen?"};
  return {errc::request_timeout,
          "no answer in time: the threads of the actor system are busy; does an actor block them?"};
}

// --- the actor ----------------------------------------------------------------------------------------------------

failure client_state::lost_lease(const lease_key& lease) const {
  auto known = std::find_if(lost_.rbegin(), lost_.rend(), [&](const auto& x) { return x.first == lease; });
  auto why = lease.link != link_     ? loss_
             : known != lost_.rend() ? known->second.text
             : gone_.text.empty()    ? "it was given back, or ended long ago"
                                     : gone_.text;
  return {errc::lease_ended, "lease " + to_string(lease.lease) + " on '" + lease.cluster +
                                 "' is not held any more: " + why + "; acquire anew"};
}

outcome outcome_of(const failure& reason) {
  switch (reason.code) {
  case errc::lease_ended:
  case errc::already_released:
  case errc::unknown_lease:
  case errc::would_block_scheduler:
  case errc::invalid_request:
  case errc::exec_refused:
  case errc::channel_refused:
  case errc::channel_late:
  case errc::receiver_gone:
  case errc::too_many_requests:
  case errc::not_permitted:
  case errc::other_version:
    return {outcome_kind::never_sent, 0, {}, reason};
  default:
    return {outcome_kind::maybe_ran, 0, {}, reason};
  }
}

client_state::~client_state() {
  if (gone_.code == errc::none || away())
    gone_ = {errc::stopping, "the runtime stopped"}; // an answer that asks again is refused at once
  on_loss_.reconnects = false;
  fail_everything(failure{gone_});
  long_work_ahead(); // what a host's callbacks hold ends with them
  for (auto& [number, entry] : watchers_) {
    if (entry.strand)
      entry.strand->close();
    caf::anon_send_exit(entry.actor, caf::exit_reason::user_shutdown);
  }
}

caf::behavior client_state::begin(manager_actor manager, const session_at_node& node,
                                  std::shared_ptr<client_gate> gate, node_loss on_loss) {
  remote_ = !manager;
  gate_ = std::move(gate);
  on_loss_ = std::move(on_loss);
  if (remote_)
    node_.begin(node);
  else
    session_.begin(std::move(manager), gate_->environment());
  keep_composure(self_);
  self_->set_down_handler([this](const caf::down_msg& down) { take(down); });
  return remote_ ? hear_node() : hear_session();
}

void client_state::do_errand(const local_call& call) {
  auto order = std::static_pointer_cast<errand>(call.what);
  order->done = true;
  order->what(*this);
}

/// What comes of pools and connections.
caf::behavior client_state::hear_session() {
  return {
      [this](const local_call& call) { do_errand(call); },
      [this](lease_granted& granted) { session_.take(granted); },
      [this](acquire_refused& refusal) { session_.take(refusal); },
      [this](lease_lost& lost) { session_.take(lost); },
      [this](stream_chunk& chunk) { session_.take(chunk); },
      [this](stream_room& room) { session_.take(room); },
      [this](stream_end& end) { session_.take(end); },
      [this](run_ended& end) { session_.take(end); },
  };
}

/// What comes of the session at the node. That of an earlier link may still be under way when there is
/// another.
caf::behavior client_state::hear_node() {
  auto heard = [this](auto& what) {
    if (gone_.code == errc::none && self_->current_sender() == node_.who())
      tell(what);
  };
  return {
      [this](const local_call& call) { do_errand(call); },
      // Of a node that has no machines to tell of.
      [heard](lease_grant& grant) {
        machine_grant unknown{std::move(grant)};
        heard(unknown);
      },
      [heard](machine_grant& grant) { heard(grant); },
      [heard](acquire_refused& refusal) { heard(refusal); },
      [heard](lease_lost& lost) { heard(lost); },
      [heard](stream_chunk& chunk) { heard(chunk); },
      [heard](stream_room& room) { heard(room); },
      [heard](stream_end& end) { heard(end); },
      [heard](run_ended& end) { heard(end); },
  };
}

void client_state::probe(const lease_key& lease, bool as_pool,
                         std::function<void(result<probe_answer>)> answer) {
  auto found = leases_.find(lease);
  if (found == leases_.end() || found->second.lost) {
    answer(lost_lease(lease));
    return;
  }
  lease_key under{lease.cluster, found->second.grant.lease};
  if (remote_)
    ask<probe_answer>(caf::actor_cast<caf::actor>(node_.session()),
                      caf::make_message(probe_lease{under.cluster, under.lease, as_pool}), std::move(answer));
  else if (auto connection = session_.connection_of(under))
    ask<probe_answer>(connection, caf::make_message(probe_request{as_pool}), std::move(answer));
  else
    answer(lost_lease(lease));
}

template <class Answer>
void client_state::ask(const caf::actor& whom, caf::message request,
                       std::function<void(result<Answer>)> answer) {
  if (gone_.code != errc::none) {
    answer(refusal());
    return;
  }
  if (remote_) {
    using name_of_answer = caf::type_name_by_id<caf::type_id<Answer>::value>;
    const auto& name = self_->system().types().portable_name(request.type(0));
    if (auto lack = node_.lacks({name, name_of_answer::value}); lack.code != errc::none) {
      answer(lack);
      return;
    }
  }
  auto number = ++asks_;
  asked_.emplace(number, [answer](const failure& reason) { answer(reason); });
  self_->request(whom, caf::infinite, std::move(request))
      .then(
          [this, number, answer](Answer& value) {
            if (asked_.erase(number) > 0)
              answer(std::move(value));
          },
          [this, number, answer](const caf::error& error) {
            if (asked_.erase(number) > 0)
              answer(to_failure(error));
          });
}

#define MOORAGE_ANSWER(type)                                                                                 \
  template void client_state::ask<type>(const caf::actor&, caf::message, std::function<void(result<type>)>);
MOORAGE_ANSWERS(MOORAGE_ANSWER)
#undef MOORAGE_ANSWER

void client_state::after(std::chrono::nanoseconds delay, client_gate::work what) {
  self_->delayed_send(self_, delay,
                      local_call{std::make_shared<errand>(std::move(what), client_gate::refusal{})});
}

// --- ends ---------------------------------------------------------------------------------------------

void client_state::take(const caf::down_msg& down) {
  if (down.source != (remote_ ? node_.session().address() : session_.manager().address()))
    return static_cast<void>(session_.take(down));
  if (remote_)
    return lose(down);
  gone_ = {errc::stopping, "the runtime is stopping"};
  if (on_loss_.told)
    on_loss_.told();
  fail_everything(gone_);
}

void client_state::fail_everything(const failure& reason) {
  for (auto& [lease, held] : std::exchange(leases_, {})) {
    refuse_parked(held, {errc::none, "; then " + reason.text});
    is_lost(held, reason);
  }
  renewed_.clear();
  session_.forget();
  awaiting_node_.clear();
  auto asked = std::move(asked_);
  asked_.clear();
  for (auto& [number, entry] : asked)
    entry(reason);
  auto acquires = std::move(acquires_);
  acquires_.clear();
  for (auto& [call, entry] : acquires)
    entry.answer(entry, reason);
  auto runs = std::move(runs_);
  runs_.clear();
  for (auto& [call, entry] : runs) {
    exec_result failed;
    failed.ended = outcome_of(reason);
    entry.answer(std::move(failed));
  }
  auto streams = std::move(streams_);
  streams_.clear();
  for (auto& [call, entry] : streams)
    entry.pipe->finish({outcome_kind::maybe_ran, 0, {}, reason});
}

caf::behavior client(client_state::self_pointer self, manager_actor manager, const session_at_node& node,
                     std::shared_ptr<client_gate> gate, node_loss on_loss) {
  return self->state.begin(std::move(manager), node, std::move(gate), std::move(on_loss));
}

} // namespace moorage
