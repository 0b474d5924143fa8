// The client's subscriptions.
// edge: the thread that ends a subscription meets the one that calls back.
#include <map>
#include <utility>

#include "runtime/client.hpp"

namespace moorage {

namespace {

constexpr std::uint32_t event_credit = 256;

caf::behavior watcher(caf::event_based_actor* self, manager_actor manager,
                      std::shared_ptr<event_callback> callback) {
  auto taken = std::make_shared<std::map<std::string, std::uint32_t>>(); // each pool has a credit of its own
  return {[self, manager, callback, taken](const event_record& record) {
    (*callback)(record);
    if (auto& count = (*taken)[record.cluster]; ++count == event_credit / 2)
      caf::anon_send(manager, grant_event_credit{record.cluster, caf::strong_actor_ptr{self->ctrl()},
                                                 std::exchange(count, 0)});
  }};
}

} // namespace

void event_callback::operator()(const event_record& record) {
  std::lock_guard guard{mutex_};
  if (!ended_)
    call_(record);
}

void event_callback::end() {
  std::lock_guard guard{mutex_};
  ended_ = true;
}

void client_state::watch(std::uint64_t number, const std::string& cluster,
                         std::shared_ptr<event_callback> callback, std::function<void(result<void>)> answer) {
  auto actor = self_->spawn(watcher, manager_, callback);
  watchers_.emplace(number, watcher_entry{actor, std::move(callback)});
  subscribe order{cluster, caf::actor_cast<caf::strong_actor_ptr>(actor), event_credit};
  ask<done>(manager_, {}, std::move(order), [this, number, answer](result<done> subscribed) {
    if (subscribed) {
      answer(result<void>{});
    } else {
      unwatch(number);
      answer(subscribed.reason());
    }
  });
}

void client_state::unwatch(std::uint64_t number) {
  if (auto node = watchers_.extract(number); !node.empty())
    caf::anon_send_exit(node.mapped().actor, caf::exit_reason::user_shutdown);
}

} // namespace moorage
