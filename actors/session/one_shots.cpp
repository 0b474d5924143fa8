#include "actors/session/one_shots.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace moorage {

run_ended one_shots::unsent(std::uint64_t call, failure why, std::uint32_t moves) {
  run_ended end{call, {}};
  end.result.ended = {outcome_kind::never_sent, 0, {}, std::move(why)};
  end.result.ended.moves = moves;
  return end;
}

void one_shots::begin(run_once order, bool to_link) {
  auto call = order.from.call;
  one_shot entry;
  entry.from = std::move(order.from);
  entry.what = std::move(order.what);
  entry.asked = state_.now();
  entry.to_link = to_link;
  entry.bytes = bytes_of(entry.what);
  bytes_ += entry.bytes;
  entry.once_more = entry.what.input.size() <= kept_input_max;
  ++waiting_;
  state_.acquire(under_way_.emplace(call, std::move(entry)).first->second.from);
}

bool one_shots::take(const lease_grant& grant) {
  auto found = under_way_.find(grant.call);
  if (found == under_way_.end())
    return false;
  auto& entry = found->second;
  --waiting_;
  entry.lease = {grant.cluster, grant.lease};
  auto now = state_.now();
  if (entry.moves.made() == 0)
    entry.moves = {now, entry.from.patience, now - entry.asked, {}, entry.what.timeout};
  entry.moves.is_on(grant.connection_number);
  entry.what.timeout = entry.moves.timeout_from(now);
  if (entry.to_link)
    state_.fit_for_link(entry.what, entry.lease);
  state_.run({grant.cluster, grant.lease, grant.call, entry.once_more ? entry.what : std::move(entry.what)});
  return true;
}

std::optional<run_ended> one_shots::take(const acquire_refused& refusal) {
  auto found = under_way_.find(refusal.call);
  if (found == under_way_.end())
    return std::nullopt;
  --waiting_;
  auto& entry = found->second;
  auto why = refusal.reason;
  if (entry.moves.timed_out(state_.now()))
    why = entry.moves.timed_out_waiting(state_.now(), entry.unsent);
  else if (entry.moves.made() > 0)
    why.text = entry.unsent.text + entry.moves.in_words(state_.now(), true) +
               "; nor was there another connection: " + why.text;
  auto made = entry.moves.made();
  forget(found);
  return unsent(refusal.call, std::move(why), made);
}

bool one_shots::goes_on(run_ended& end) {
  auto found = under_way_.find(end.call);
  if (found == under_way_.end())
    return false;
  auto& entry = found->second;
  state_.release(std::exchange(entry.lease, {}));
  auto now = state_.now();
  auto& ended = end.result.ended;
  entry.moves.tell_whole(ended.cause);
  auto lacking = ended.kind == outcome_kind::never_sent && lacks_channel(ended.cause.code);
  auto timed_out = ended.kind == outcome_kind::never_sent && ended.cause.code == errc::command_timeout;
  auto for_want_of_channel = lacking && entry.moves.may_go_on(now);
  if (entry.cancelled || !entry.once_more || ended.kind != outcome_kind::never_sent ||
      !(for_want_of_channel || ended.cause.code == errc::connection_lost)) {
    ended.moves = entry.moves.made();
    if (lacking || timed_out)
      ended.cause.text += entry.moves.in_words(now);
    forget(found);
    return false;
  }
  entry.moves.go_on();
  entry.unsent = std::move(ended.cause);
  entry.once_more = for_want_of_channel;
  ++waiting_;
  auto other = entry.from;
  other.patience = entry.moves.patience(entry.from.patience, now);
  state_.acquire(std::move(other), entry.moves.waited(now));
  return true;
}

std::optional<run_ended> one_shots::cancel(std::uint64_t call) {
  auto found = under_way_.find(call);
  auto& entry = found->second;
  entry.cancelled = true;
  if (!is_waiting(entry)) {
    state_.pass(cancel_command{entry.lease.cluster, entry.lease.lease, call});
    return std::nullopt;
  }
  // Answered here and now; a grant that crosses with it is given back when it comes.
  --waiting_;
  state_.cancel_acquire(call);
  auto moves = entry.moves.made();
  forget(found);
  return unsent(call, {errc::cancelled, "it was cancelled before it was sent"}, moves);
}

bool one_shots::drop(std::uint64_t call) {
  auto found = under_way_.find(call);
  if (found == under_way_.end())
    return false;
  if (!is_waiting(found->second)) {
    state_.release(found->second.lease, true);
  } else {
    --waiting_;
    state_.cancel_acquire(call);
  }
  forget(found);
  return true;
}

} // namespace moorage
