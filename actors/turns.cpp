#include "actors/turns.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/composure.hpp"

namespace moorage {

void turns_actor_state::ask(const turn_request& request) {
  auto asker = self_->current_sender();
  asked what{caf::actor_cast<caf::actor_addr>(request.pool)};
  if (!asker || !known_.try_emplace(caf::actor_cast<caf::actor_addr>(asker), what).second)
    return; // one turn at a time
  self_->monitor(caf::actor_cast<caf::actor>(asker));
  auto found = std::find_if(lines_.begin(), lines_.end(),
                            [&request](const line& each) { return each.pool == request.pool; });
  if (found == lines_.end())
    found = lines_.insert(lines_.end(), line{request.pool, {}});
  found->waiting.emplace(request.began, std::move(asker));
  give();
}

void turns_actor_state::end(const caf::actor_addr& whom) {
  auto node = known_.extract(whom);
  if (node.empty())
    return;
  self_->demonitor(whom);
  if (node.mapped().given) {
    ++free_;
    if (auto pool = given_.find(node.mapped().pool); --pool->second == 0)
      given_.erase(pool);
    give();
    return;
  }
  for (auto& each : lines_)
    std::erase_if(each.waiting, [&whom](const auto& waiting) {
      return caf::actor_cast<caf::actor_addr>(waiting.second) == whom;
    });
  std::erase_if(lines_, [](const line& each) { return each.waiting.empty(); });
}

bool turns_actor_state::may_have_more(const line& one) const {
  auto pool = given_.find(caf::actor_cast<caf::actor_addr>(one.pool));
  return pool == given_.end() || pool->second < pool_max_;
}

void turns_actor_state::give() {
  while (free_ > 0) {
    auto next =
        std::find_if(lines_.begin(), lines_.end(), [this](const line& each) { return may_have_more(each); });
    if (next == lines_.end())
      return;
    auto served = std::move(*next);
    lines_.erase(next);
    auto whom = std::move(served.waiting.extract(served.waiting.begin()).mapped());
    known_[caf::actor_cast<caf::actor_addr>(whom)].given = true;
    ++given_[caf::actor_cast<caf::actor_addr>(served.pool)];
    --free_;
    caf::anon_send(caf::actor_cast<caf::actor>(whom), turn_given{});
    if (!served.waiting.empty())
      lines_.push_back(std::move(served));
  }
}

turns_actor::behavior_type turns(turns_actor::stateful_pointer<turns_actor_state> self, std::size_t count,
                                 std::size_t pool_max) {
  auto state = &self->state; // lives as long as the behaviour
  keep_composure(self);
  self->set_down_handler([state](const caf::down_msg& down) { state->end(down.source); });
  state->begin(count, pool_max);
  return {
      [state](const turn_request& request) { state->ask(request); },
      [self, state](const turn_over&) {
        state->end(caf::actor_cast<caf::actor_addr>(self->current_sender()));
      },
  };
}

} // namespace moorage
