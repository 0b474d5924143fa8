#include "actors/session/session_state.hpp"

#include <algorithm>
#include <caf/all.hpp>

namespace moorage {

void session_state::begin(manager_actor manager, process_environment own) {
  manager_ = std::move(manager);
  own_ = std::move(own);
  self_->monitor(manager_);
}

// --- acquires

void session_state::acquire(moorage::acquire request, std::chrono::nanoseconds waited, std::string machine) {
  auto call = request.call;
  asked entry{
      {std::move(request), caf::strong_actor_ptr{self_->ctrl()}, waited, std::move(machine)}, now(), {}};
  send(acquires_.insert_or_assign(call, std::move(entry)).first->second);
}

void session_state::send(asked& entry) {
  auto known = pools_.find(entry.request.cluster);
  if (known != pools_.end()) {
    entry.pool = known->second.address();
    caf::anon_send(known->second, entry.request);
  } else {
    entry.pool = {};
    caf::anon_send(manager_, entry.request);
  }
}

/// The pool that it was sent to is no more; what it has waited counts.
void session_state::send_again(asked& entry) {
  if (auto known = pools_.find(entry.request.cluster);
      known != pools_.end() && known->second.address() == entry.pool)
    pools_.erase(known);
  auto at = now();
  entry.request.waited += at - std::exchange(entry.at, at);
  send(entry);
}

std::string session_state::cancel_acquire(std::uint64_t call) {
  auto node = acquires_.extract(call);
  if (node.empty())
    return {};
  auto& entry = node.mapped();
  cancel_acquire_for order{{call}, entry.request.cluster, entry.request.holder};
  if (auto known = pools_.find(order.cluster); known != pools_.end() && known->second.address() == entry.pool)
    caf::anon_send(known->second, std::move(order));
  else
    caf::anon_send(manager_, std::move(order));
  return std::move(entry.request.cluster);
}

void session_state::take(lease_granted& granted) {
  auto pool = caf::actor_cast<pool_actor>(granted.pool);
  if (acquires_.erase(granted.call) == 0) {
    caf::anon_send(pool, release_lease_for{granted.lease, caf::strong_actor_ptr{self_->ctrl()}});
    return;
  }
  caf::anon_send(pool, confirm_lease{granted.lease});
  if (auto known = pools_.find(granted.cluster); known == pools_.end() || known->second != pool) {
    self_->monitor(pool);
    pools_.insert_or_assign(granted.cluster, pool);
  }
  leases_.insert_or_assign(lease_key{granted.cluster, granted.lease},
                           held{std::move(pool), caf::actor_cast<caf::actor>(granted.connection),
                                granted.output_max, granted.set_env, granted.send_env});
  told_.tell(static_cast<machine_grant&>(granted));
}

void session_state::take(acquire_refused& refusal) {
  auto found = acquires_.find(refusal.call);
  if (found == acquires_.end())
    return;
  // The pool's cluster was removed before we asked it. It may have another by now; the manager knows.
  if (refusal.reason.code == errc::unknown_cluster && found->second.pool)
    return send_again(found->second);
  acquires_.erase(found);
  told_.tell(refusal);
}

// --- leases

failure session_state::not_held(const lease_key& lease) const {
  auto known = std::find_if(lost_.rbegin(), lost_.rend(), [&](const auto& x) { return x.first == lease; });
  auto why = known != lost_.rend() ? known->second : "it was given back, or ended long ago";
  return {errc::lease_ended, "lease " + to_string(lease.lease) + " on '" + lease.cluster +
                                 "' is not held any more: " + why + "; acquire anew"};
}

std::optional<std::pair<caf::actor, release_lease_for>> session_state::let_go(const lease_key& lease,
                                                                              bool abandoned) {
  auto node = leases_.extract(lease);
  if (node.empty())
    return std::nullopt;
  return std::pair{caf::actor_cast<caf::actor>(node.mapped().pool),
                   release_lease_for{lease.lease, caf::strong_actor_ptr{self_->ctrl()}, abandoned}};
}

void session_state::release(const lease_key& lease, bool abandoned) {
  if (auto order = let_go(lease, abandoned))
    caf::anon_send(order->first, std::move(order->second));
}

void session_state::take(lease_lost& lost) {
  lease_key lease{lost.cluster, lost.lease};
  if (leases_.erase(lease) == 0)
    return;
  lost_.emplace_back(std::move(lease), lost.reason.text);
  if (lost_.size() > lost_kept)
    lost_.pop_front();
  told_.tell(lost);
}

// --- commands

template <class Order>
void session_state::start(Order order, bool is_stream) {
  auto lease = leases_.find({order.cluster, order.lease});
  if (lease == leases_.end())
    return answer(order.call, {{}, is_stream},
                  {outcome_kind::never_sent, 0, {}, not_held({order.cluster, order.lease})});
  const auto& [pool, connection, output_max, set_env, send_env] = lease->second;
  add_variables(order.what.environment, set_env, send_env, own_);
  under_way_on(connection).insert(order.call);
  commands_.insert_or_assign(order.call, command{connection, is_stream});
  caf::unsafe_send_as(self_, connection, std::move(order));
}

template void session_state::start(run_command, bool);
template void session_state::start(open_stream, bool);

caf::actor session_state::connection_of(const lease_key& lease) {
  auto found = leases_.find(lease);
  if (found == leases_.end())
    return {};
  under_way_on(found->second.connection);
  return found->second.connection;
}

std::uint64_t session_state::output_max(const lease_key& lease) const {
  auto found = leases_.find(lease);
  return found != leases_.end() ? found->second.output_max : 0;
}

void session_state::fit_for_link(exec_request& what, const lease_key& lease) const {
  auto& most = what.output_max;
  most = std::min(most != 0 ? most : output_max(lease), remote_bytes_max);
}

std::set<std::uint64_t>& session_state::under_way_on(const caf::actor& connection) {
  auto [position, fresh] = connections_.try_emplace(connection.address());
  if (fresh)
    self_->monitor(connection);
  return position->second;
}

void session_state::answer(std::uint64_t call, const command& what, const outcome& ended) {
  if (what.is_stream) {
    stream_end end{call, ended};
    told_.tell(end);
  } else {
    run_ended end{call, {}};
    end.result.ended = ended;
    told_.tell(end);
  }
}

void session_state::take(run_ended& end) {
  auto node = commands_.extract(end.call);
  if (node.empty())
    return;
  under_way_on(node.mapped().connection).erase(end.call);
  told_.tell(end);
}

void session_state::take(stream_end& end) {
  auto node = commands_.extract(end.call);
  if (node.empty())
    return;
  under_way_on(node.mapped().connection).erase(end.call);
  told_.tell(end);
}

void session_state::take(stream_chunk& chunk) {
  if (commands_.count(chunk.call) > 0)
    told_.tell(chunk);
}

void session_state::take(stream_room& room) {
  if (commands_.count(room.call) > 0)
    told_.tell(room);
}

// --- ends

bool session_state::take(const caf::down_msg& down) {
  if (auto ended = connections_.extract(down.source); !ended.empty()) {
    // Its answers have come before its end, and what has none it never read.
    outcome unread{outcome_kind::never_sent,
                   0,
                   {},
                   {errc::connection_lost, "the connection had ended before the command was sent"}};
    for (auto call : ended.mapped())
      if (auto node = commands_.extract(call); !node.empty())
        answer(call, node.mapped(), unread);
    return true;
  }
  bool known =
      std::erase_if(pools_, [&down](const auto& each) { return each.second.address() == down.source; }) > 0;
  // Its answers have come before its end; what has none it never read.
  for (auto& [call, entry] : acquires_)
    if (entry.pool == down.source) {
      known = true;
      send_again(entry);
    }
  return known;
}

void session_state::forget() {
  leases_.clear();
  pools_.clear();
  connections_.clear();
  acquires_.clear();
  commands_.clear();
}

void session_state::end(const failure& reason) {
  // A monitor that is left keeps the watcher's memory for as long as the watched lives.
  if (manager_)
    self_->demonitor(manager_.address());
  for (const auto& [cluster, pool] : pools_)
    self_->demonitor(pool.address());
  for (const auto& [connection, calls] : connections_)
    self_->demonitor(connection);
  leases_.clear();
  pools_.clear();
  connections_.clear();
  for (auto& [call, entry] : std::exchange(acquires_, {})) {
    acquire_refused refusal{entry.request.cluster, call, reason};
    told_.tell(refusal);
  }
  for (auto& [call, what] : std::exchange(commands_, {}))
    answer(call, what, {outcome_kind::maybe_ran, 0, {}, reason});
}

} // namespace moorage
