// What a connection knows of leases: which it was told of, and what runs under one that has ended.
#include "actors/connection/connection.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <cstdint>
#include <set>

#include "actors/durations.hpp"

namespace moorage {

void connection_actor_state::begin(const begin_lease& order) {
  bool first = !serves();
  leases_.insert(order.lease);
  settings.output_max = order.output_max;
  if (first && now_in == phase::open)
    begin_to_serve();
}

void connection_actor_state::end(const end_lease& request) {
  if (leases_.erase(request.lease) > 0) {
    fenced_.emplace_back(request.lease, request.reason);
    if (fenced_.size() > fenced_kept)
      fenced_.pop_front();
  }
  bool was_running = false;
  for (auto& [stream, command] : commands_) {
    if (command.name.lease == request.lease && request.lease) {
      was_running = true;
      cut_short(command);
      link->cancel(stream,
                   {request.reason.code, "the lease ended while the command ran: " + request.reason.text});
    }
  }
  if (request.ask && was_running)
    clearing_.emplace(request.lease, false);
  else if (request.ask)
    caf::anon_send(pool, lease_cleared{id, request.lease, false});
  if (was_running)
    drive();
}

/// The pool hears that a lease is cleared when the last command under it has ended: one that was seen to end
/// leaves a session that can be used again.
void connection_actor_state::note_cleared(stream_id ended, lease_id lease, outcome_kind how) {
  auto clearing = clearing_.find(lease);
  if (clearing == clearing_.end())
    return;
  clearing->second = clearing->second || how == outcome_kind::maybe_ran;
  for (const auto& [stream, other] : commands_)
    if (other.name.lease == lease && stream != ended)
      return;
  caf::anon_send(pool, lease_cleared{id, lease, clearing->second});
  clearing_.erase(clearing);
}

/// The pool hears of it before whoever sent the command does, so that it grants another connection from then
/// on. A server that opens no channel though there is no other would open none on another connection either.
void connection_actor_state::channel_was_refused(const connection_command& command, failure& why) {
  std::set<lease_id> others;
  std::uint32_t channels = 0;
  for (const auto& [stream, other] : commands_)
    if (other.name.lease && other.name.lease != command.name.lease) {
      others.insert(other.name.lease);
      ++channels;
    }
  if (commands_.size() < 2 && questions_.empty())
    why.code = errc::exec_refused;
  if (command.name.lease)
    caf::anon_send(
        pool, channel_refused{id, command.name.lease, static_cast<std::uint32_t>(others.size()), channels});
}

std::chrono::nanoseconds connection_actor_state::lateness() const {
  return std::min<std::chrono::nanoseconds>(channel_late_after, settings.probe_timeout);
}

/// After what came of a pump was folded in. The pool decides what becomes of it, since it knows whether there
/// is a better connection.
void connection_actor_state::watch_channels(time_point now) {
  late_due_ = time_point::max();
  if (now_in != phase::open)
    return;
  for (auto& [stream, command] : commands_) {
    if (command.late <= now && !link->awaits_channel(stream))
      command.late = time_point::max();
    if (command.late <= now) {
      peer_doubted_ = true; // so that its answer is told at once
      caf::anon_send(pool, channel_late{id, command.name.lease, between(command.started, now)});
      command.late = after(now, lateness());
    }
    late_due_ = std::min(late_due_, command.late);
  }
}

void connection_actor_state::give_up(const give_up_channel& order) {
  bool any = false;
  for (auto& [stream, command] : commands_) {
    if (command.name.lease != order.lease || !order.lease || !link->awaits_channel(stream))
      continue;
    any = true;
    link->cancel(stream, order.reason);
  }
  if (any)
    drive();
}

failure connection_actor_state::lease_over(lease_id lease) const {
  auto text = "lease " + to_string(lease) + " on '" + settings.name + "' has ended";
  for (const auto& [ended, reason] : fenced_)
    if (ended == lease)
      text += " (" + reason.text + ")";
  return {errc::lease_ended, text + "; the command was not sent: acquire anew"};
}

} // namespace moorage
