#include "actors/turns.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/composure.hpp"

namespace moorage {

void turns_actor_state::ask(const turn_request& request) {
  auto asker = self_->current_sender();
  if (!asker || !known_.try_emplace(caf::actor_cast<caf::actor_addr>(asker), false).second)
    return; // one turn at a time
  self_->monitor(caf::actor_cast<caf::actor>(asker));
  auto found = std::find_if(lines_.begin(), lines_.end(),
                            [&request](const line& each) { return each.pool == request.pool; });
  if (found == lines_.end())
    found = lines_.insert(lines_.end(), line{request.pool, {}});
  found->waiting.emplace(request.began, std::move(asker));
  give();
}

void turns_actor_state::end(const caf::actor_addr& connection) {
  auto node = known_.extract(connection);
  if (node.empty())
    return;
  self_->demonitor(connection);
  if (node.mapped()) {
    ++free_;
    give();
    return;
  }
  for (auto& each : lines_)
    std::erase_if(each.waiting, [&connection](const auto& waiting) {
      return caf::actor_cast<caf::actor_addr>(waiting.second) == connection;
    });
  std::erase_if(lines_, [](const line& each) { return each.waiting.empty(); });
}

void turns_actor_state::give() {
  for (; free_ > 0 && !lines_.empty(); --free_) {
    auto served = std::move(lines_.front());
    lines_.pop_front();
    auto next = std::move(served.waiting.extract(served.waiting.begin()).mapped());
    known_[caf::actor_cast<caf::actor_addr>(next)] = true;
    caf::anon_send(caf::actor_cast<connection_actor>(next), turn_given{});
    if (!served.waiting.empty())
      lines_.push_back(std::move(served));
  }
}

turns_actor::behavior_type turns(turns_actor::stateful_pointer<turns_actor_state> self, std::size_t count) {
  auto state = &self->state; // lives as long as the behaviour
  keep_composure(self);
  self->set_down_handler([state](const caf::down_msg& down) { state->end(down.source); });
  state->begin(count);
  return {
      [state](const turn_request& request) { state->ask(request); },
      [self, state](const turn_over&) {
        state->end(caf::actor_cast<caf::actor_addr>(self->current_sender()));
      },
  };
}

} // namespace moorage
