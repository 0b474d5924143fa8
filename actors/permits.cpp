#include "actors/permits.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/composure.hpp"

namespace moorage {

void permits_actor_state::begin(std::uint32_t at_once, std::uint64_t seed, bool replaces) {
  auto now = self_->clock().now();
  book_.emplace(at_once, seed, replaces ? now + permit_book::cautious_for : time_point::min());
}

void permits_actor_state::ask(const permit_request& request) {
  auto asker = self_->current_sender();
  if (!asker)
    return;
  auto [entry, fresh] = numbers_.try_emplace(caf::actor_cast<caf::actor_addr>(asker),
                                             permit_book::pool_number{pools_seen_ + 1});
  if (fresh) {
    ++pools_seen_;
    pools_.emplace(entry->second, caf::actor_cast<pool_actor>(asker));
    self_->monitor(caf::actor_cast<caf::actor>(asker));
  }
  book_->ask(self_->clock().now(), entry->second, request);
  settle();
}

void permits_actor_state::take_back(const return_permit& what) {
  auto found = numbers_.find(caf::actor_cast<caf::actor_addr>(self_->current_sender()));
  if (found == numbers_.end())
    return;
  book_->take_back(self_->clock().now(), found->second, what);
  settle();
}

void permits_actor_state::end(const caf::actor_addr& pool) {
  auto node = numbers_.extract(pool);
  if (node.empty())
    return;
  pools_.erase(node.mapped());
  book_->pool_ended(self_->clock().now(), node.mapped());
  settle();
}

site_budget permits_actor_state::budget(const get_budget& of) const {
  return {book_->budget_full_in(self_->clock().now(), of.host, of.port)};
}

void permits_actor_state::join(const join_budget& what) {
  book_->join_budget(self_->clock().now(), what.of, what.full_in);
  settle();
}

void permits_actor_state::wake(const wake_up& wake) {
  if (wake.generation == timer_generation_)
    timer_due_ = time_point::max();
  settle();
}

void permits_actor_state::settle() {
  auto now = self_->clock().now();
  for (auto& answer : book_->settle(now)) {
    auto found = pools_.find(answer.pool);
    if (found == pools_.end())
      continue;
    if (answer.until == time_point::min())
      self_->send(found->second, permit_given{answer.permit});
    else
      self_->send(found->second, permit_delayed{answer.permit, answer.until, std::move(answer.why)});
  }
  auto due = book_->next_due();
  if (due >= timer_due_)
    return; // the timer that runs comes earlier and sets the next
  timer_due_ = due;
  self_->delayed_send(self_, std::max(due - now, std::chrono::nanoseconds{0}), wake_up{++timer_generation_});
}

permits_actor::behavior_type permits(permits_actor::stateful_pointer<permits_actor_state> self,
                                     std::uint32_t at_once, std::uint64_t seed, bool replaces) {
  auto state = &self->state; // lives as long as the behaviour
  keep_composure(self);
  self->set_down_handler([state](const caf::down_msg& down) { state->end(down.source); });
  state->begin(at_once, seed, replaces);
  return {
      [state](const permit_request& request) { state->ask(request); },
      [state](const return_permit& what) { state->take_back(what); },
      [state](const wake_up& wake) { state->wake(wake); },
      [state](const get_budget& of) { return state->budget(of); },
      [state](const join_budget& what) { state->join(what); },
  };
}

} // namespace moorage
