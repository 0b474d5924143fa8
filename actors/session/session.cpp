#include "actors/session/session.hpp"

#include <caf/all.hpp>
#include <set>

#include "messages/answers.hpp"
#include "messages/printable.hpp"

namespace moorage {

namespace {

/// Of what an outsider calls itself.
constexpr std::size_t own_words_max = 100;

const failure over{errc::stopping, "the session that it was asked of has ended"};

} // namespace

session_actor_state::~session_actor_state() {
  end(over);
}

void session_actor_state::begin(manager_actor manager, const caf::strong_actor_ptr& whom,
                                session_bounds bounds, std::string known_as, access_rights rights) {
  bounds_ = bounds;
  known_as_ = std::move(known_as);
  rights_ = std::move(rights);
  kept_ = caf::strong_actor_ptr{self_->ctrl()};
  state_.begin(std::move(manager), bounds_.environment);
  if (whom) {
    whom_ = caf::actor_cast<caf::actor_addr>(whom);
    know(whom);
  }
}

// --- who asks

/// False: there are too many.
bool session_actor_state::know(const caf::strong_actor_ptr& sender) {
  auto address = caf::actor_cast<caf::actor_addr>(sender);
  if (senders_.count(address) > 0)
    return true;
  if (senders_.size() >= bounds_.senders_max)
    sweep_senders();
  if (senders_.size() >= bounds_.senders_max)
    return false;
  senders_.emplace(address, false);
  self_->monitor(caf::actor_cast<caf::actor>(sender));
  return true;
}

/// Kept until they end, since to monitor anew with every lease costs more; but those that hold nothing make
/// room.
void session_actor_state::sweep_senders() {
  std::set<caf::actor_addr> holding{whom_};
  for (const auto& [sender, share] : shares_)
    holding.insert(sender);
  for (const auto& [lease, owner] : leases_)
    holding.insert(owner);
  for (const auto* all : {&acquires_, &commands_})
    for (const auto& [ours, entry] : *all)
      holding.insert(caf::actor_cast<caf::actor_addr>(entry.whom));
  std::erase_if(senders_, [&](const auto& sender) {
    auto idle = !sender.second && holding.count(sender.first) == 0;
    if (idle)
      self_->demonitor(sender.first);
    return idle;
  });
}

failure session_actor_state::too_many() const {
  return {errc::too_many_requests,
          "this session has " + std::to_string(outstanding()) + " requests without an answer, " +
              std::to_string(state_.leases()) + " leases and " + std::to_string(senders_.size()) +
              " actors that ask, and may have " + std::to_string(bounds_.outstanding_max) + ", " +
              std::to_string(bounds_.leases_max) + " and " + std::to_string(bounds_.senders_max) +
              ": wait for some of them, or give some back"};
}

session_actor_state::asked session_actor_state::forget(asked_by_number::iterator entry,
                                                       std::map<theirs, std::uint64_t>& names) {
  auto who = std::move(entry->second);
  auto name = names.find({caf::actor_cast<caf::actor_addr>(who.whom), who.call});
  if (name != names.end() && name->second == entry->first)
    names.erase(name);
  return who;
}

// --- acquires

void session_actor_state::take(acquire& request, std::string machine, bool tells_machine) {
  auto sender = self_->current_sender();
  if (!sender)
    return; // nobody could be told
  theirs name{caf::actor_cast<caf::actor_addr>(sender), request.call};
  if (request.call != 0 && acquire_names_.count(name) > 0)
    return; // asked twice, answered once
  auto wrong = refusal(request);
  // Whoever waits will have a lease, too.
  if (wrong.code == errc::none && (full() || !may_acquire() || !know(sender)))
    wrong = too_many();
  if (wrong.code != errc::none) {
    acquire_refused refused{std::move(request.cluster), request.call, std::move(wrong)};
    return send(sender, refused);
  }
  auto ours = ++numbers_;
  if (request.call != 0)
    acquire_names_.emplace(std::move(name), ours);
  acquires_.emplace(ours, asked{std::move(sender), std::exchange(request.call, ours), {}, tells_machine});
  state_.acquire(std::move(request), {}, std::move(machine));
}

void session_actor_state::take(const cancel_acquire& request) {
  theirs name{caf::actor_cast<caf::actor_addr>(self_->current_sender()), request.call};
  auto found = acquire_names_.find(name);
  if (found == acquire_names_.end())
    return;
  // Answered here and now; a grant that crosses with it is given back when it comes.
  auto ours = found->second;
  acquire_refused refusal{state_.cancel_acquire(ours), ours, {errc::cancelled, "the acquire was cancelled"}};
  tell(refusal);
}

void session_actor_state::tell(machine_grant& grant) {
  if (one_shots_.take(grant))
    return;
  auto found = acquires_.find(grant.call);
  lease_key lease{grant.cluster, grant.lease};
  if (found == acquires_.end())
    return state_.release(lease);
  auto who = forget(found, acquire_names_);
  acquires_.erase(found);
  leases_.insert_or_assign(std::move(lease), caf::actor_cast<caf::actor_addr>(who.whom));
  grant.call = who.call;
  if (!rights_.is_everything()) { // the session itself sets them; they are the owner's, secrets perhaps
    grant.set_env.clear();
    grant.send_env.clear();
  }
  if (who.tells_machine)
    send(who.whom, grant);
  else
    send(who.whom, static_cast<lease_grant&>(grant));
}

void session_actor_state::tell(acquire_refused& refusal) {
  keep_seen(rights_, refusal.reason);
  if (auto end = one_shots_.take(refusal))
    return tell_last(*end);
  auto found = acquires_.find(refusal.call);
  if (found == acquires_.end())
    return;
  auto who = forget(found, acquire_names_);
  acquires_.erase(found);
  refusal.call = who.call;
  send(who.whom, refusal);
}

// --- leases

void session_actor_state::take(const release_lease& request, bool waits,
                               caf::typed_response_promise<done> promise) {
  lease_key lease{request.cluster, request.lease};
  leases_.erase(lease);
  auto order = state_.let_go(lease);
  if (order) {
    order->second.discard = request.discard;
    order->second.reason = request.reason;
  }
  if (order && waits)
    // Never too many: leases have a bound of their own, and a lease whose release is refused would be
    // nobody's.
    ask<done>(order->first, caf::make_message(std::move(order->second)), promise, false);
  else if (order)
    caf::anon_send(order->first, std::move(order->second));
  else if (waits)
    promise.deliver(make_error(state_.not_held(lease)));
}

void session_actor_state::tell(lease_lost& lost) {
  auto node = leases_.extract({lost.cluster, lost.lease});
  if (node.empty())
    return;
  if (auto whom = caf::actor_cast<caf::strong_actor_ptr>(node.mapped()))
    send(whom, lost);
}

void session_actor_state::take(const probe_lease& request,
                               caf::typed_response_promise<probe_answer> promise) {
  lease_key lease{request.cluster, request.lease};
  if (auto connection = state_.connection_of(lease))
    ask<probe_answer>(connection, caf::make_message(probe_request{request.as_pool}), promise);
  else
    promise.deliver(make_error(state_.not_held(lease)));
}

// --- questions, orders, events

template <class Answer>
void session_actor_state::ask(const caf::actor& whom, caf::message request,
                              caf::typed_response_promise<Answer> promise, bool bounded) {
  if (bounded && full()) {
    promise.deliver(make_error(too_many()));
    return;
  }
  auto number = ++numbers_;
  questions_.emplace(number, [promise](caf::error why) mutable { promise.deliver(std::move(why)); });
  self_->request(whom, caf::infinite, std::move(request))
      .then(
          [this, number, promise](Answer& answer) mutable {
            if (questions_.erase(number) == 0)
              return;
            if (!rights_.is_everything())
              keep_seen(rights_, answer);
            promise.deliver(std::move(answer));
          },
          [this, number](caf::error& error) {
            auto node = questions_.extract(number);
            if (node.empty())
              return;
            if (rights_.is_everything())
              return node.mapped()(std::move(error));
            auto reason = to_failure(error);
            keep_seen(rights_, reason);
            node.mapped()(make_error(reason));
          });
}

#define MOORAGE_ANSWER(type)                                                                                 \
  template void session_actor_state::ask<type>(const caf::actor&, caf::message,                              \
                                               caf::typed_response_promise<type>, bool);
MOORAGE_ANSWERS(MOORAGE_ANSWER)
#undef MOORAGE_ANSWER

std::string session_actor_state::named(const std::string& words) const {
  auto own = printable(words, own_words_max);
  if (own.empty() || known_as_.empty())
    return own.empty() ? known_as_ : own;
  return own + " (" + known_as_ + ")";
}

void session_actor_state::take(const subscribe& request, const caf::strong_actor_ptr& sender,
                               caf::typed_response_promise<done> promise) {
  if (!sender)
    return;
  auto wrong = refusal(request);
  if (wrong.code == errc::none && !know(sender))
    wrong = too_many();
  if (wrong.code != errc::none) {
    promise.deliver(make_error(wrong));
    return;
  }
  senders_[caf::actor_cast<caf::actor_addr>(sender)] = true;
  subscribe_for order{request, sender};
  ask<done>(caf::actor_cast<caf::actor>(state_.manager()), caf::make_message(std::move(order)), promise);
}

void session_actor_state::take(const grant_event_credit& request) {
  if (const auto& sender = self_->current_sender())
    caf::anon_send(state_.manager(), grant_event_credit_for{request, sender});
}

// --- ends

void session_actor_state::take(const caf::down_msg& down) {
  if (down.source == state_.manager().address())
    return quit({errc::stopping, "the runtime is stopping"});
  if (whom_ && down.source == whom_)
    return quit(over);
  if (senders_.erase(down.source) == 0)
    return static_cast<void>(state_.take(down));
  sender_ended(down.source);
  if (outsider_gone_ && senders_.empty())
    quit(over);
}

void session_actor_state::take(const outsider_gone&) {
  outsider_gone_ = true;
  if (senders_.empty())
    quit(over);
}

/// What it holds goes back, as if it had been the holder; what it has asked for is not wanted any more. The
/// manager and the pools see for themselves that a subscriber has ended.
void session_actor_state::sender_ended(const caf::actor_addr& sender) {
  shares_.erase(sender);
  auto is_theirs = [&sender](const auto& entry) {
    return caf::actor_cast<caf::actor_addr>(entry.second.whom) == sender;
  };
  for (auto entry = acquires_.begin(); entry != acquires_.end();) {
    if (!is_theirs(*entry)) {
      ++entry;
      continue;
    }
    state_.cancel_acquire(entry->first);
    forget(entry, acquire_names_);
    entry = acquires_.erase(entry);
  }
  for (auto entry = commands_.begin(); entry != commands_.end();) {
    if (!is_theirs(*entry)) {
      ++entry;
      continue;
    }
    // Under a lease of its own the command ends with that, and the pool hears how.
    const auto& lease = entry->second.lease;
    auto owner = leases_.find(lease);
    auto ends_with_lease = owner != leases_.end() && owner->second == sender;
    if (!one_shots_.drop(entry->first) && !ends_with_lease)
      state_.pass(cancel_command{lease.cluster, lease.lease, entry->first});
    forget(entry, command_names_);
    entry = commands_.erase(entry);
  }
  std::erase_if(leases_, [&](const auto& entry) {
    auto held = entry.second == sender;
    if (held)
      state_.release(entry.first, true);
    return held;
  });
}

void session_actor_state::quit(const failure& reason) {
  for (const auto& [sender, subscribed] : senders_)
    if (auto whom = subscribed ? caf::actor_cast<caf::strong_actor_ptr>(sender) : caf::strong_actor_ptr{})
      caf::anon_send(state_.manager(), end_subscriptions{std::move(whom)});
  end(reason);
  kept_ = nullptr;
  self_->quit();
}

/// Each that waits has its answer.
void session_actor_state::end(const failure& reason) {
  state_.end(reason);
  for (auto& [lease, owner] : std::exchange(leases_, {}))
    if (auto whom = caf::actor_cast<caf::strong_actor_ptr>(owner)) {
      lease_lost lost{lease.cluster, lease.lease, reason};
      send(whom, lost);
    }
  for (auto& [number, refuse] : std::exchange(questions_, {}))
    refuse(make_error(reason));
}

} // namespace moorage
