// Who hears of what the pools tell: subscriptions to one pool are that pool's own; those to every pool have
// an account.
#include <caf/all.hpp>

#include "actors/manager/manager.hpp"
#include "messages/printable.hpp"

namespace moorage {

manager_actor_state::subscription* manager_actor_state::subscription_of(const caf::strong_actor_ptr& whom,
                                                                        const std::string& cluster) {
  for (auto& one : subscribers_)
    if (one.whom == whom && one.cluster == cluster)
      return &one;
  return nullptr;
}

bool manager_actor_state::hears(const subscription& one, const std::string& cluster) {
  if (!one.cluster.empty())
    return one.cluster == cluster;
  return cluster.empty() || subscription_of(one.whom, cluster) == nullptr; // empty: it is no pool's event
}

caf::actor manager_actor_state::hearer(const subscription& one) {
  return one.account ? caf::actor_cast<caf::actor>(one.account) : caf::actor_cast<caf::actor>(one.whom);
}

/// An account takes all that a pool tells: what the subscriber misses is counted there.
void manager_actor_state::subscribe_at(const pool_actor& pool, const subscription& one) {
  auto credit = one.account ? event_credit_unlimited : one.credit;
  caf::anon_send(pool, subscribe_for{{one.cluster, credit, one.wanted},
                                     caf::actor_cast<caf::strong_actor_ptr>(hearer(one))});
}

/// Of one that hears every pool.
void manager_actor_state::change_filter(subscription& one, const event_filter& wanted) {
  one.wanted = wanted;
  for (auto& [name, entry] : clusters_)
    if (hears(one, name))
      caf::anon_send(entry.pool,
                     subscribe_for{{{}, 0, wanted}, caf::actor_cast<caf::strong_actor_ptr>(hearer(one))});
}

bool manager_actor_state::take(const subscribe_for& request) {
  if (!request.subscriber || (!request.cluster.empty() && !pool_of(request.cluster)))
    return request.cluster.empty(); // else the answer is the pool's, or that there is none
  auto* own = subscription_of(request.subscriber, request.cluster);
  auto* all = subscription_of(request.subscriber, {});
  if (all != nullptr && all->account && (own == nullptr || own == all)) {
    caf::anon_send(all->account, grant_event_credit_for{{{}, request.credit}, request.subscriber});
    if (own == all)
      change_filter(*all, request.wanted);
    return true;
  }
  if (own != nullptr) {
    if (request.cluster.empty())
      change_filter(*own, request.wanted);
    own->wanted = request.wanted;
    return request.cluster.empty(); // the pool adds the credit
  }
  self_->monitor(caf::actor_cast<caf::actor>(request.subscriber));
  subscription fresh{request.subscriber, request.cluster, request.credit, request.wanted, {}};
  if (request.cluster.empty() && request.credit != event_credit_unlimited)
    fresh.account = self_->spawn(event_account, request.subscriber, request.credit);
  subscribers_.push_back(fresh);
  if (!request.cluster.empty())
    return false;
  for (auto& [name, entry] : clusters_)
    if (hears(fresh, name))
      subscribe_at(entry.pool, fresh);
  return true;
}

void manager_actor_state::take(grant_event_credit_for& request) {
  auto* own = request.cluster.empty() ? nullptr : subscription_of(request.subscriber, request.cluster);
  auto* all = subscription_of(request.subscriber, {});
  if (own == nullptr && all != nullptr && all->account)
    caf::anon_send(all->account, std::move(request));
  else if (auto pool = pool_of(request.cluster))
    caf::anon_send(pool, std::move(request));
}

/// True: it was one.
bool manager_actor_state::forget_subscriber(const caf::actor_addr& whom) {
  return std::erase_if(subscribers_, [&whom](const subscription& one) {
           auto ended = caf::actor_cast<caf::actor_addr>(one.whom) == whom;
           if (ended && one.account)
             caf::anon_send(one.account, stop_all{});
           return ended;
         }) > 0;
}

void manager_actor_state::take(const end_subscriptions& order) {
  auto whom = caf::actor_cast<caf::actor_addr>(order.subscriber);
  if (!forget_subscriber(whom))
    return;
  self_->demonitor(whom);
  for (auto& [name, entry] : clusters_)
    caf::anon_send(entry.pool, order);
}

void manager_actor_state::tell_subscribers(const std::string& cluster, event_kind what,
                                           const std::string& text, const std::string& by) {
  event_record record;
  record.cluster = cluster;
  record.at = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  record.what = what;
  record.text = printable(text, printable_whole);
  record.by = by;
  for (auto& one : subscribers_)
    if (one.wanted.lets(what) && hears(one, cluster))
      caf::anon_send(hearer(one), record);
}

} // namespace moorage
