// A session's runs and streams: under whose number, and to whom what comes of them goes.
#include <algorithm>
#include <caf/all.hpp>

#include "actors/session/session.hpp"

namespace moorage {

failure session_actor_state::name_command(std::uint64_t& call, lease_key lease) {
  auto sender = self_->current_sender();
  auto ours = numbers_ + 1;
  auto [name, fresh] =
      command_names_.try_emplace(theirs{caf::actor_cast<caf::actor_addr>(sender), call}, ours);
  if (!fresh)
    return {errc::invalid_request,
            "command " + std::to_string(call) + " has not ended: give each that runs a number of its own"};
  if (full() || !know(sender)) {
    command_names_.erase(name);
    return too_many();
  }
  numbers_ = ours;
  commands_.emplace(ours, asked{std::move(sender), std::exchange(call, ours), std::move(lease)});
  return {};
}

/// What keeps it from being started.
template <class Order>
failure session_actor_state::begin_command(Order& order) {
  lease_key lease{order.cluster, order.lease};
  if (!state_.holds(lease))
    return state_.not_held(lease);
  return name_command(order.call, std::move(lease));
}

failure session_actor_state::begin_command(run_once& order) {
  if (auto wrong = refusal(order); wrong.code != errc::none)
    return wrong;
  if (!may_acquire())
    return too_many();
  if (one_shots_.bytes() > 0 && one_shots_.bytes() + one_shots::bytes_of(order.what) > bounds_.bytes_max)
    return {errc::too_many_requests,
            "commands of this session that bring no lease have " + std::to_string(one_shots_.bytes()) +
                " bytes with them, and together may have " + std::to_string(bounds_.bytes_max) +
                ": wait for some of them, or write the input to a stream"};
  return name_command(order.from.call, {order.from.cluster, {}});
}

void session_actor_state::refuse(std::uint64_t call, failure why) {
  run_ended end{call, {}};
  end.result.ended = {outcome_kind::never_sent, 0, {}, std::move(why)};
  send(self_->current_sender(), end);
}

void session_actor_state::take(run_command& order) {
  const auto& sender = self_->current_sender();
  if (!sender)
    return; // nobody could be told
  if (auto wrong = begin_command(order); wrong.code != errc::none)
    return refuse(order.call, std::move(wrong));
  if (from_elsewhere(sender))
    state_.fit_for_link(order.what, {order.cluster, order.lease});
  state_.run(std::move(order));
}

void session_actor_state::take(run_once& order) {
  const auto& sender = self_->current_sender();
  if (!sender)
    return;
  if (auto wrong = begin_command(order); wrong.code != errc::none)
    return refuse(order.from.call, std::move(wrong));
  one_shots_.begin(std::move(order), from_elsewhere(sender));
}

void session_actor_state::take(cancel_command& order) {
  auto ours = ours_of(order.call, {order.cluster, order.lease});
  if (!one_shots_.has(ours))
    return pass(order);
  if (auto end = one_shots_.cancel(ours))
    tell_last(*end);
}

void session_actor_state::open(open_stream& order, bool is_last) {
  if (!self_->current_sender())
    return;
  auto wrong = begin_command(order);
  if (wrong.code == errc::none) {
    commands_.at(order.call).is_last = is_last;
    if (auto* share = share_of(self_->current_sender()))
      order.credit = share->open(order.call, order.credit);
    return state_.open(std::move(order));
  }
  stream_end end{order.call, {outcome_kind::never_sent, 0, {}, std::move(wrong)}};
  send(self_->current_sender(), end);
}

// --- what is under way to a sender ---

/// None: nobody says what arrives there.
output_share* session_actor_state::share_of(const caf::strong_actor_ptr& sender) {
  auto found = shares_.find(caf::actor_cast<caf::actor_addr>(sender));
  return found != shares_.end() ? &found->second : nullptr;
}

void session_actor_state::lend(std::uint64_t ours, std::uint64_t credit) {
  if (auto found = commands_.find(ours); credit > 0 && found != commands_.end()) {
    const auto& lease = found->second.lease;
    state_.pass(grant_stream_credit{lease.cluster, lease.lease, ours, credit});
  }
}

void session_actor_state::take(grant_stream_credit& order) {
  auto* share = share_of(self_->current_sender());
  auto ours = ours_of(order.call, {order.cluster, order.lease});
  if (share == nullptr || !share->counts(ours)) // it was opened before its sender said what arrives
    return pass(order);
  lend(ours, share->grant(ours, order.bytes));
}

void session_actor_state::take(const took_stream_output& said) {
  const auto& sender = self_->current_sender();
  if (!sender || !know(sender))
    return;
  shares_[caf::actor_cast<caf::actor_addr>(sender)].arrived(
      said.bytes, [this](std::uint64_t ours, std::uint64_t credit) { lend(ours, credit); });
}

void session_actor_state::tell(stream_chunk& chunk) {
  auto found = commands_.find(chunk.call);
  if (found == commands_.end())
    return; // who asked for it has ended
  auto* share = share_of(found->second.whom);
  auto ours = chunk.call, more = share != nullptr ? share->pass(ours, chunk.bytes.size()) : 0;
  tell_more(chunk);
  lend(ours, more);
}

/// 0: nothing of the sender's that is under way has that name.
std::uint64_t session_actor_state::ours_of(std::uint64_t call, const lease_key& lease) const {
  auto found = command_names_.find({caf::actor_cast<caf::actor_addr>(self_->current_sender()), call});
  return found != command_names_.end() && commands_.at(found->second).lease == lease ? found->second : 0;
}

template <class Message>
void session_actor_state::tell_more(Message& what) {
  auto found = commands_.find(what.call);
  if (found == commands_.end())
    return; // who asked for it has ended
  what.call = found->second.call;
  send(found->second.whom, what);
}

template <class Message>
void session_actor_state::tell_last(Message& what) {
  auto found = commands_.find(what.call);
  if (found == commands_.end())
    return;
  auto who = forget(found, command_names_);
  commands_.erase(found);
  if (auto* share = share_of(who.whom))
    share->end(what.call);
  what.call = who.call;
  send(who.whom, what);
}

void session_actor_state::tell(stream_end& end) {
  auto found = commands_.find(end.call);
  if (found != commands_.end() && found->second.is_last && end.ended.kind != outcome_kind::never_sent) {
    leases_.erase(found->second.lease);
    state_.release(found->second.lease);
  }
  tell_last(end);
}

/// To another process goes what fits into a message.
void session_actor_state::tell(run_ended& end) {
  if (one_shots_.goes_on(end))
    return;
  auto found = commands_.find(end.call);
  if (found != commands_.end() && from_elsewhere(found->second.whom)) {
    auto room = remote_bytes_max;
    for (auto* part : {&end.result.output, &end.result.error_output}) {
      if (part->size() > room) {
        part->resize(room);
        end.result.output_cut = true;
      }
      room -= part->size();
    }
  }
  tell_last(end);
}

template void session_actor_state::tell_more(stream_room&);
template void session_actor_state::tell_last(stream_end&);
template void session_actor_state::tell_last(run_ended&);

} // namespace moorage
