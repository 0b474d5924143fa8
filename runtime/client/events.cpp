// The client's subscriptions: an actor for each takes the events in, its strand calls back, and what that has
// taken is granted anew.
#include <algorithm>
#include <utility>

#include <caf/all.hpp>

#include "actors/composure.hpp"
#include "actors/manager/event_credit.hpp"
#include "runtime/client/client.hpp"

namespace moorage {

namespace {

/// Events that may wait for a callback.
constexpr std::uint32_t events_waiting_max = 256;

} // namespace

/// What a watcher knows; its own.
struct client_state::watcher_books {
  std::shared_ptr<const std::function<void(const event_record&)>> call;
  std::shared_ptr<callback_strand> strand;
  std::function<void()> taken;
  /// Events of which the callback is not known to have taken them. With the credit that a node has they are
  /// `events_waiting_max`, but for those of our own making.
  std::uint32_t waiting = 0;
  std::uint64_t missed = 0; ///< of these

  void take(event_record record) {
    ++waiting;
    auto cluster = record.cluster;
    strand->post(
        std::move(cluster), [call = call, record = std::move(record)] { (*call)(record); }, taken);
  }
};

/// `begin`: done by it, first.
caf::behavior client_state::watcher(caf::stateful_actor<watcher_state>* self, event_sink to,
                                    std::function<void()> taken, watcher_work begin) {
  keep_composure(self);
  if (!to.strand)
    return {[call = std::move(to.call)](const event_record& record) { call(record); }};
  auto books = std::make_shared<watcher_books>();
  books->call = std::make_shared<const std::function<void(const event_record&)>>(std::move(to.call));
  books->strand = std::move(to.strand);
  books->taken = std::move(taken);
  if (begin)
    begin(self, *books);
  return {[books](event_record& record) { books->take(std::move(record)); },
          [books, self](const local_call& order) {
            (*std::static_pointer_cast<watcher_work>(order.what))(self, *books);
          }};
}

void client_state::add_watcher(std::uint64_t number, const std::string& cluster, event_sink to,
                               bool subscribes, watcher_work begin) {
  // Half of them at a time: often enough that a pool never waits for a callback that keeps up.
  constexpr std::uint32_t portion = events_waiting_max / 2;
  auto taken = [gate = gate_, number, count = std::make_shared<std::uint32_t>(0)] {
    if (++*count < portion)
      return;
    *count = 0;
    gate->post([number](client_state& client) { client.grant_events(number, portion); });
  };
  auto strand = to.strand;
  auto wanted = to.wanted;
  auto actor =
      self_->spawn(watcher, std::move(to), std::function<void()>{std::move(taken)}, std::move(begin));
  watchers_.emplace(number, watcher_entry{actor, cluster, wanted, std::move(strand), subscribes});
}

void client_state::watch(std::uint64_t number, const std::string& cluster, event_sink to,
                         std::function<void(result<void>)> answer) {
  if (gone_.code != errc::none)
    return answer(refusal()); // nobody would answer the watcher
  if (auto lack = lacks_events(); lack.code != errc::none)
    return answer(lack);
  auto subscribed = [this, number, answer](result<done> taken) {
    if (taken) {
      answer(result<void>{});
    } else {
      unwatch(number);
      answer(taken.error());
    }
  };
  subscribe order{cluster, to.strand ? events_waiting_max : event_credit_unlimited, to.wanted};
  auto wanted = to.wanted;
  add_watcher(number, cluster, std::move(to), true,
              remote_ ? subscribe_at_node(cluster, wanted, subscribed) : nullptr);
  if (remote_)
    watchers_.at(number).asked = asks_;
  else
    ask_manager<done>(
        caf::make_message(subscribe_for{std::move(order),
                                        caf::actor_cast<caf::strong_actor_ptr>(watchers_.at(number).actor)}),
        std::move(subscribed));
}

/// To a session the sender is the subscriber: so it is the watcher that asks, and the answer comes back here.
client_state::watcher_work client_state::subscribe_at_node(const std::string& cluster,
                                                           const event_filter& wanted,
                                                           std::function<void(result<done>)> answer) {
  auto number = ++asks_;
  asked_.emplace(number, [answer](const failure& reason) { answer(reason); });
  auto give = [gate = gate_, number, answer](result<done> taken) {
    gate->post([number, answer, taken](client_state& client) {
      if (client.asked_.erase(number) > 0)
        answer(taken);
    });
  };
  return
      [session = node_.session(), cluster, wanted, give](caf::event_based_actor* self, watcher_books& books) {
        subscribe order{cluster, events_waiting_max - std::min(events_waiting_max, books.waiting), wanted};
        self->request(session, caf::infinite, std::move(order))
            .then([give](done& taken) { give(std::move(taken)); },
                  [give](const caf::error& error) { give(to_failure(error)); });
      };
}

/// Why its node, which may be of another version, has no events for us.
failure client_state::lacks_events() const {
  return remote_ ? node_.lacks({"subscribe", "grant_event_credit", "event_record"}) : failure{};
}

/// At the session of a node that is back.
void client_state::subscribe_again(std::uint64_t number) {
  if (auto lack = lacks_events(); lack.code != errc::none)
    return tell_watcher(number, event_kind::node_lost, lack.text);
  const auto& entry = watchers_.at(number);
  auto subscribed = [this, number](const result<done>& taken) {
    if (!taken && taken.error().code != errc::node_lost)
      tell_watcher(number, event_kind::node_lost,
                   "the node does not tell its events any more: " + taken.error().text);
  };
  auto ask = subscribe_at_node(entry.cluster, entry.wanted, subscribed);
  caf::anon_send(entry.actor, local_call{std::make_shared<watcher_work>(std::move(ask))});
}

void client_state::watch_loss(std::uint64_t number, event_sink to) {
  if (!remote_)
    return;
  add_watcher(number, {}, std::move(to), false, {});
  if (gone_.code != errc::none)
    tell_watcher(number, event_kind::node_lost, loss_);
}

/// An event of our own making: in the order of the others, and for one whose callback takes none for ever,
/// not without end.
void client_state::tell_watcher(std::uint64_t number, event_kind what, const std::string& text) {
  auto found = watchers_.find(number);
  if (found == watchers_.end())
    return;
  event_record record;
  record.cluster = found->second.cluster;
  record.at = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  record.what = what;
  record.text = text;
  watcher_work tell = [record](caf::event_based_actor*, watcher_books& books) mutable {
    if (books.waiting >= 2 * events_waiting_max) {
      ++books.missed;
      return;
    }
    record.missed = std::exchange(books.missed, 0);
    books.take(std::move(record));
  };
  caf::anon_send(found->second.actor, local_call{std::make_shared<watcher_work>(std::move(tell))});
}

/// `of_loss`: also to those who watch for nothing else.
void client_state::tell_watchers(event_kind what, const std::string& text, bool of_loss) {
  for (const auto& [number, entry] : watchers_)
    if (entry.subscribes || of_loss)
      tell_watcher(number, what, text);
}

void client_state::unwatch(std::uint64_t number) {
  auto node = watchers_.extract(number);
  if (node.empty())
    return;
  asked_.erase(node.mapped().asked); // nobody is left who could answer
  caf::anon_send_exit(node.mapped().actor, caf::exit_reason::user_shutdown);
}

void client_state::grant_events(std::uint64_t number, std::uint32_t count) {
  auto found = watchers_.find(number);
  if (found == watchers_.end())
    return;
  auto& entry = found->second;
  auto subscriber = caf::actor_cast<caf::strong_actor_ptr>(entry.actor);
  if (!remote_) {
    caf::anon_send(session_.manager(), grant_event_credit_for{{entry.cluster, count}, std::move(subscriber)});
    return;
  }
  // By the watcher, whose credit it is, and which knows what it has when it subscribes anew.
  auto session = entry.subscribes && gone_.code == errc::none ? node_.session() : session_actor{};
  watcher_work grant = [session, cluster = entry.cluster, count](caf::event_based_actor* self,
                                                                 watcher_books& books) {
    books.waiting -= std::min(count, books.waiting);
    if (session)
      self->send(session, grant_event_credit{cluster, count});
  };
  caf::anon_send(entry.actor, local_call{std::make_shared<watcher_work>(std::move(grant))});
}

} // namespace moorage
