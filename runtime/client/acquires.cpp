// The client's acquires: each is kept under its number until its session tells what came of it.
#include <utility>

#include "messages/environment.hpp"
#include "runtime/client/client.hpp"

namespace moorage {

void client_state::acquire_lease(acquire_machine request, std::function<void(result<lease>)> answer) {
  if (gone_.code != errc::none && !(away() && request.what.wait_for_ready)) {
    answer(refusal());
    return;
  }
  auto call = request.what.call;
  auto take = [this, answer = std::move(answer)](asked_acquire& asked, result<machine_grant> grant) {
    if (grant)
      answer(hold(asked, std::move(*grant)));
    else
      answer(grant.error());
  };
  send_acquire(
      call, {std::move(request.what), std::move(request.machine), {}, self_->clock().now(), std::move(take)});
}

void client_state::send_acquire(std::uint64_t call, asked_acquire entry) {
  auto& kept = acquires_.insert_or_assign(call, std::move(entry)).first->second;
  if (away())
    return await_node(call, kept);
  if (auto lack = remote_ && !kept.machine.empty() ? node_.lacks(node_door::machine_words) : failure{};
      lack.code != errc::none) {
    auto node = acquires_.extract(call);
    return node.mapped().answer(node.mapped(), std::move(lack));
  }
  at_door([&kept](auto& door) { door.acquire(kept.request, kept.waited, kept.machine); });
}

/// Its answer is given here and now.
void client_state::cancel_acquire_of(std::uint64_t call) {
  auto node = acquires_.extract(call);
  if (node.empty())
    return;
  awaiting_node_.erase({deadline_of(node.mapped()), call});
  if (!away())
    at_door([call](auto& door) { door.cancel_acquire(call); });
  node.mapped().answer(node.mapped(), failure{errc::cancelled, "the acquire was cancelled"});
}

void client_state::tell(machine_grant& grant) {
  if (auto node = acquires_.extract(grant.call); !node.empty())
    node.mapped().answer(node.mapped(), std::move(grant));
  else // it crossed with its cancel
    at_door([&grant](auto& door) { door.release({grant.cluster, grant.lease}); });
}

void client_state::tell(acquire_refused& refusal) {
  // A node that stops says so before it goes, which is one way to go away.
  auto found = acquires_.find(refusal.call);
  if (on_loss_.reconnects && refusal.reason.code == errc::stopping && found != acquires_.end() &&
      found->second.request.wait_for_ready)
    return await_node(refusal.call, found->second);
  if (auto node = acquires_.extract(refusal.call); !node.empty())
    node.mapped().answer(node.mapped(), std::move(refusal.reason));
}

/// Once, to who has the cluster's first lease.
void client_state::tell_what_is_left_out(machine_grant& grant) {
  auto words = left_out_in_words(grant.set_env, grant.send_env, gate_->environment());
  if (!words.empty() && told_of_environment_.insert(grant.cluster).second)
    grant.warnings.push_back(std::move(words));
}

lease client_state::hold(const asked_acquire& asked, machine_grant grant) {
  lease made;
  made.gate_ = gate_;
  made.id_ = grant.lease;
  made.link_ = link_;
  made.connection_ = grant.connection_number;
  made.cluster_ = grant.cluster;
  made.notes_ = std::make_shared<log_in_notes>();
  made.notes_->is_on(grant.machine);
  tell_what_is_left_out(grant);
  made.notes_->add({std::move(grant.banner), std::move(grant.warnings)});
  held_lease held;
  held.notes = made.notes_;
  held.asked = asked.request;
  held.machine = asked.machine;
  held.since = self_->clock().now();
  held.waited = asked.waited + (held.since - asked.asked);
  held.grant = std::move(grant);
  leases_.insert_or_assign(made.key(), std::move(held));
  return made;
}

void client_state::release(const lease_key& lease, std::function<void(result<void>)> answer,
                           std::optional<std::string> bad) {
  auto node = leases_.extract(lease);
  if (!node.empty())
    let_go(node.mapped(), {errc::none, "; and the lease was given back"});
  if (node.empty() || node.mapped().lost) {
    auto ours = !node.empty() && lacks_channel(node.mapped().loss.code); // it was on its way
    if (answer)
      answer(ours ? result<void>{} : result<void>{lost_lease(lease)});
    return;
  }
  lease_key under{lease.cluster, node.mapped().grant.lease};
  if (!answer)
    return at_door([&under](auto& door) { door.release(under); });
  auto take = [answer](result<done> ended) {
    if (ended)
      answer(result<void>{});
    else
      answer(ended.error());
  };
  if (remote_)
    return ask<done>(
        caf::actor_cast<caf::actor>(node_.session()),
        caf::make_message(release_lease{under.cluster, under.lease, bad.has_value(), bad.value_or("")}),
        take);
  auto order = session_.let_go(under);
  if (!order) {
    answer(lost_lease(lease));
    return;
  }
  order->second.discard = bad.has_value();
  order->second.reason = std::move(bad).value_or("");
  ask<done>(order->first, caf::make_message(std::move(order->second)), take);
}

} // namespace moorage
