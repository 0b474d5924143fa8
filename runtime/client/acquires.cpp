// The client's acquires: each is kept under its number until the message comes that answers it, and is asked again when
// the pool that it was sent to has ended without a word about it.
#include <utility>

#include "runtime/client/client.hpp"

namespace moorage {

void client_state::acquire_lease(acquire request, std::function<void(result<lease>)> answer) {
  if (gone_.code != errc::none) {
    answer(gone_);
    return;
  }
  request.holder = caf::strong_actor_ptr{self_->ctrl()};
  auto call = request.call;
  auto take = [this, answer = std::move(answer)](asked_acquire& asked, result<lease_grant> grant) {
    if (grant)
      answer(hold(asked, std::move(*grant)));
    else
      answer(grant.reason());
  };
  asked_acquire entry{std::move(request), self_->clock().now(), {}, std::move(take)};
  send_acquire(acquires_.insert_or_assign(call, std::move(entry)).first->second);
}

void client_state::send_acquire(asked_acquire& entry) {
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
void client_state::send_again(asked_acquire& entry) {
  if (auto known = pools_.find(entry.request.cluster);
      known != pools_.end() && known->second.address() == entry.pool)
    pools_.erase(known);
  auto now = self_->clock().now();
  entry.request.waited += now - std::exchange(entry.asked, now);
  send_acquire(entry);
}

/// Its answer is given here and now. A grant that crosses with the cancel is given back when it comes.
void client_state::cancel_acquire_of(std::uint64_t call) {
  auto node = acquires_.extract(call);
  if (node.empty())
    return;
  auto& entry = node.mapped();
  cancel_acquire order{entry.request.cluster, entry.request.holder, call};
  if (auto known = pools_.find(order.cluster); known != pools_.end() && known->second.address() == entry.pool)
    caf::anon_send(known->second, std::move(order));
  else
    caf::anon_send(manager_, std::move(order));
  entry.answer(entry, failure{errc::cancelled, "the acquire was cancelled"});
}

void client_state::take(lease_grant& grant) {
  auto node = acquires_.extract(grant.call);
  if (node.empty()) {
    caf::anon_send(caf::actor_cast<pool_actor>(grant.pool),
                   release_lease{grant.lease, caf::strong_actor_ptr{self_->ctrl()}});
    return;
  }
  node.mapped().answer(node.mapped(), std::move(grant));
}

void client_state::take(const acquire_refused& refusal) {
  auto found = acquires_.find(refusal.call);
  if (found == acquires_.end())
    return;
  // The pool's cluster was removed before we asked it. It may have another by now; the manager knows.
  if (refusal.reason.code == errc::unknown_cluster && found->second.pool) {
    send_again(found->second);
    return;
  }
  auto node = acquires_.extract(found);
  node.mapped().answer(node.mapped(), refusal.reason);
}

/// Its answers have come before its end; what has none it never read.
void client_state::pool_ended(const caf::actor_addr& pool) {
  std::erase_if(pools_, [&pool](const auto& known) { return known.second.address() == pool; });
  for (auto& [call, entry] : acquires_)
    if (entry.pool == pool)
      send_again(entry);
}

void client_state::accept(const lease_grant& grant) {
  auto pool = caf::actor_cast<pool_actor>(grant.pool);
  caf::anon_send(pool, confirm_lease{grant.lease});
  // A node's pool is asked through its manager, which sees to it that none of the acquires gets lost.
  if (auto known = pools_.find(grant.cluster); !remote_ && (known == pools_.end() || known->second != pool)) {
    self_->monitor(pool);
    pools_.insert_or_assign(grant.cluster, std::move(pool));
  }
}

lease client_state::hold(const asked_acquire& asked, lease_grant grant) {
  accept(grant);
  lease made;
  made.gate_ = gate_;
  made.id_ = grant.lease;
  made.connection_ = grant.connection_number;
  made.cluster_ = grant.cluster;
  made.notes_ = std::make_shared<log_in_notes>();
  made.notes_->add({std::move(grant.banner), std::move(grant.warnings)});
  held_lease held;
  held.notes = made.notes_;
  held.asked = asked.request;
  held.asked.waited += self_->clock().now() - asked.asked;
  held.grant = std::move(grant);
  leases_.insert_or_assign(lease_key{made.cluster_, made.id_}, std::move(held));
  return made;
}

void client_state::release(const lease_key& lease, std::function<void(result<void>)> answer) {
  auto node = leases_.extract(lease);
  if (!node.empty())
    let_go(node.mapped(), "; and the lease was given back");
  if (node.empty() || node.mapped().lost) {
    if (answer)
      answer(lost_lease(lease));
    return;
  }
  const auto& grant = node.mapped().grant;
  auto pool = caf::actor_cast<pool_actor>(grant.pool);
  release_lease order{grant.lease, caf::strong_actor_ptr{self_->ctrl()}};
  if (!answer) {
    caf::anon_send(pool, std::move(order));
    return;
  }
  ask<done>(caf::actor_cast<caf::actor>(pool), caf::make_message(std::move(order)),
            [answer](result<done> ended) {
              if (ended)
                answer(result<void>{});
              else
                answer(ended.reason());
            });
}

} // namespace moorage
