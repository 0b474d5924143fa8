// The client's subscriptions: an actor for each takes the events in, its strand calls back, and what that has taken is
// granted anew.
#include <utility>

#include <caf/all.hpp>

#include "actors/composure.hpp"
#include "actors/manager/event_credit.hpp"
#include "runtime/client/client.hpp"

namespace moorage {

namespace {

/// Events that may wait for a callback.
constexpr std::uint32_t events_waiting_max = 256;

/// `begin`: done by it, first.
caf::behavior watcher(caf::event_based_actor* self, event_sink to, std::function<void()> taken,
                      std::function<void(caf::event_based_actor*)> begin) {
  keep_composure(self);
  if (begin)
    begin(self);
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
  if (gone_.code != errc::none)
    return answer(gone_); // nobody would answer the watcher
  // Half of them at a time: often enough that a pool never waits for a callback that keeps up.
  constexpr std::uint32_t portion = events_waiting_max / 2;
  auto taken = [gate = gate_, number, count = std::make_shared<std::uint32_t>(0)] {
    if (++*count < portion)
      return;
    *count = 0;
    gate->post([number](client_state& client) { client.grant_events(number, portion); });
  };
  auto strand = to.strand;
  auto subscribed = [this, number, answer](result<done> taken) {
    if (taken) {
      answer(result<void>{});
    } else {
      unwatch(number);
      answer(taken.error());
    }
  };
  subscribe order{cluster, strand ? events_waiting_max : event_credit_unlimited};
  auto begin = remote_ ? subscribe_at_node(order, subscribed) : nullptr;
  auto actor =
      self_->spawn(watcher, std::move(to), std::function<void()>{std::move(taken)}, std::move(begin));
  watchers_.emplace(number, watcher_entry{actor, cluster, std::move(strand)});
  if (!remote_)
    ask_manager<done>(
        caf::make_message(subscribe_for{std::move(order), caf::actor_cast<caf::strong_actor_ptr>(actor)}),
        std::move(subscribed));
}

/// To a session the sender is the subscriber: so it is the watcher that asks, and the answer comes back here.
std::function<void(caf::event_based_actor*)>
client_state::subscribe_at_node(subscribe order, std::function<void(result<done>)> answer) {
  auto number = ++asks_;
  asked_.emplace(number, [answer](const failure& reason) { answer(reason); });
  auto give = [gate = gate_, number, answer](result<done> taken) {
    gate->post([number, answer, taken](client_state& client) {
      if (client.asked_.erase(number) > 0)
        answer(taken);
    });
  };
  return [session = node_.session(), order, give](caf::event_based_actor* self) {
    self->request(session, caf::infinite, order)
        .then([give](done& taken) { give(std::move(taken)); },
              [give](const caf::error& error) { give(to_failure(error)); });
  };
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
  grant_event_credit credit{entry.cluster, count};
  if (remote_)
    caf::send_as(entry.actor, caf::actor_cast<caf::actor>(node_.session()), std::move(credit));
  else
    caf::anon_send(
        session_.manager(),
        grant_event_credit_for{std::move(credit), caf::actor_cast<caf::strong_actor_ptr>(entry.actor)});
}

} // namespace moorage
