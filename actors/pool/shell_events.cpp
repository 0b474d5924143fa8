// What a pool tells: to subscribers as it happens, and what went wrong to who asks later.
#include <algorithm>
#include <caf/all.hpp>
#include <chrono>

#include "actors/pool/shell.hpp"
#include "messages/printable.hpp"

namespace moorage {

event_record pool_actor_state::recorded(announce& effect) const {
  event_record record;
  record.cluster = settings().name;
  record.at = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  record.what = effect.what;
  record.connection = effect.connection;
  record.lease = effect.lease;
  // Labels, a peer's words, paths: nothing in them may look like the end of a line, and of a record.
  record.text = printable(effect.text, printable_whole);
  record.steps = std::move(effect.steps);
  for (auto& step : record.steps)
    step.text = printable(step.text, printable_whole);
  record.keys = std::move(effect.keys); // fit to be shown
  record.error = {effect.error.stage, effect.error.kind, printable(effect.error.text, printable_whole)};
  record.removed = effect.removed;
  record.by = printable(effect.by, printable_whole);
  return record;
}

void pool_actor_state::apply(announce& effect) {
  auto hears = [&effect](const subscriber& each) { return each.wanted.lets(effect.what); };
  auto is_error = event_rows[static_cast<std::size_t>(effect.what)].matters >= severity::warning;
  if (!is_error && std::none_of(subscribers_.begin(), subscribers_.end(), hears))
    return;
  if (effect.what == event_kind::opened && !whole_banner_.empty())
    effect.text = banner_in_words(whole_banner_);
  auto record = recorded(effect);
  for (auto& entry : subscribers_)
    if (hears(entry) && entry.credit.spend(record.missed))
      caf::anon_send(caf::actor_cast<caf::actor>(entry.whom), record); // it may not know the message
  if (!is_error)
    return;
  record.missed = 0;
  record.steps.clear();
  record.keys.clear();
  record.text = printable(record.text, error_text_kept);
  record.error.text = printable(record.error.text, error_text_kept);
  errors_.push_back(std::move(record));
  if (errors_.size() > errors_kept)
    errors_.pop_front();
}

void pool_actor_state::subscribe_to_events(const subscribe_for& request) {
  if (!request.subscriber)
    return;
  for (auto& entry : subscribers_)
    if (entry.whom == request.subscriber) {
      entry.credit.add(request.credit);
      entry.wanted = request.wanted;
      return;
    }
  self_->monitor(caf::actor_cast<caf::actor>(request.subscriber));
  subscribers_.push_back({request.subscriber, {request.credit, 0}, request.wanted});
}

void pool_actor_state::credit_events(const grant_event_credit_for& request) {
  for (auto& entry : subscribers_)
    if (entry.whom == request.subscriber)
      entry.credit.add(request.credit);
}

void pool_actor_state::end_subscriptions_of(const caf::actor_addr& whom) {
  auto ended = std::erase_if(subscribers_, [&whom](const subscriber& entry) {
    return caf::actor_cast<caf::actor_addr>(entry.whom) == whom;
  });
  if (ended > 0 && holder_ids_.count(whom) == 0)
    self_->demonitor(whom);
}

} // namespace moorage
