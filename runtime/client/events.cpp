// The client's subscriptions: an actor for each takes the events in, its strand calls back, and what that has taken is
// granted anew.
#include <utility>

#include "actors/composure.hpp"
#include "actors/manager/event_credit.hpp"
#include "runtime/client/client.hpp"

namespace moorage {

namespace {

/// Events that may wait for a callback.
constexpr std::uint32_t events_waiting_max = 256;

caf::behavior watcher(caf::event_based_actor* self, event_sink to, std::function<void()> taken) {
  keep_composure(self);
  if (!to.strand)
    return {[call = std::move(to.call)](const event_record& record) { call(record); }};
  auto call = std::make_shared<const std::function<void(const event_record&)>>(std::move(to.call));
  return {[call, strand = std::move(to.strand), taken = std::move(taken)](event_record& record) {
    auto cluster = record.cluster;
    strand->post(
        std::move(cluster), [call, record = std::move(record)] { (*call)(record); }, taken);
  }};
}

} // namespace

void client_state::watch(std::uint64_t number, const std::string& cluster, event_sink to,
                         std::function<void(result<void>)> answer) {
  // Half of them at a time: often enough that a pool never waits for a callback that keeps up.
  constexpr std::uint32_t portion = events_waiting_max / 2;
  auto taken = [gate = gate_, number, count = std::make_shared<std::uint32_t>(0)] {
    if (++*count < portion)
      return;
    *count = 0;
    gate->post([number](client_state& client) { client.grant_events(number, portion); });
  };
  auto strand = to.strand;
  subscribe_for order{{cluster, strand ? events_waiting_max : event_credit_unlimited}, nullptr};
  auto actor = self_->spawn(watcher, std::move(to), std::function<void()>{std::move(taken)});
  order.subscriber = caf::actor_cast<caf::strong_actor_ptr>(actor);
  watchers_.emplace(number, watcher_entry{std::move(actor), cluster, std::move(strand)});
  ask_manager<done>(caf::make_message(std::move(order)), [this, number, answer](result<done> subscribed) {
    if (subscribed) {
      answer(result<void>{});
    } else {
      unwatch(number);
      answer(subscribed.error());
    }
  });
}

void client_state::unwatch(std::uint64_t number) {
  if (auto node = watchers_.extract(number); !node.empty())
    caf::anon_send_exit(node.mapped().actor, caf::exit_reason::user_shutdown);
}

void client_state::grant_events(std::uint64_t number, std::uint32_t count) {
  auto found = watchers_.find(number);
  if (found == watchers_.end())
    return;
  auto& entry = found->second;
  caf::anon_send(
      session_.manager(),
      grant_event_credit_for{{entry.cluster, count}, caf::actor_cast<caf::strong_actor_ptr>(entry.actor)});
}

} // namespace moorage
