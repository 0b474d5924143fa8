// Ageing, and the health checks.
#include <algorithm>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"
#include "messages/ensure.hpp"

namespace moorage {

void pool_core::connection_due(connection& c) {
  if (c.health.probe_overdue(now_)) {
    probe_has_failed(c, "its probe has told nothing");
    if (!c.open() || due_of(c) > now_)
      return; // else its lifetime ended too, while nobody looked
  }
  if (c.open() && c.age.due(c.state == connection_state::idle) <= now_)
    return lifetime_over(c);
  queue_probe(c);
}

/// Stale connections go without a probe. One that is needed in reserve stays until its replacement is open.
void pool_core::lifetime_over(connection& c) {
  c.age.outlive();
  if (c.state == connection_state::leased)
    return refresh(c);
  auto needed = idle_.size() <= settings_.min_idle && !dormant_ && may_open_at() <= now_;
  if (!needed || !c.age.await_replacement(now_, settings_.connect_timeout))
    return close(c, removal_reason::lifetime);
  refresh(c);
}

void pool_core::close_replaced() {
  while (!outlived_.empty() && idle_.size() > settings_.min_idle)
    close(need(outlived_.first()), removal_reason::lifetime);
}

time_point pool_core::surplus_due() const {
  if (idle_.empty())
    return time_point::max();
  const auto& longest = connections_.at(idle_.first().second);
  return ageing::surplus_due(longest.idle_since, idle_.size(), settings_.min_idle, settings_.idle_timeout);
}

/// A round begins only while something is open: a pool that holds nothing does not wake up.
void pool_core::schedule_round() {
  auto open = count(connection_state::idle) + count(connection_state::leased) > 0;
  next_round_ = open ? health::next_round(now_, settings_.probe_interval, random_) : time_point::max();
}

void pool_core::begin_round() {
  schedule_round();
  if (idle_.empty())
    return;
  ++counters_.probe_rounds;
  note(event_kind::probe_round, {}, {}, std::to_string(idle_.size()) + " idle connections");
  for (const auto& place : idle_)
    queue_probe(need(place.second));
}

void pool_core::queue_probe(connection& c, bool first) {
  if (c.health.probe() || (c.probe_queued && !first))
    return;
  if (c.probe_queued)
    probe_queue_.erase(std::find(probe_queue_.begin(), probe_queue_.end(), c.id));
  c.probe_queued = true;
  first ? probe_queue_.push_front(c.id) : probe_queue_.push_back(c.id);
  refresh(c);
}

bool pool_core::may_probe() const {
  return settings_.probes_at_once == 0 || probing_ < settings_.probes_at_once;
}

void pool_core::start_probes() {
  for (std::size_t started = 0; !probe_queue_.empty() && may_probe() && started < probes_per_step;) {
    auto* c = find(probe_queue_.front());
    probe_queue_.pop_front();
    if (c == nullptr)
      continue;
    c->probe_queued = false;
    if (!c->health.probe() && c->may_be_probed()) {
      probe_id probe{next_probe_++};
      // Under a lease only the peer's life is asked for: a command would take a session from its holder.
      auto run = c->state == connection_state::idle && settings_.probe == probe_method::exec;
      c->health.probe_started(probe, run, now_, settings_.probe_timeout);
      ++probing_;
      ++started;
      emit(start_probe{probe, c->id, run, settings_.probe_timeout});
    }
    refresh(*c);
  }
}

void pool_core::drop_probe(connection& c) {
  if (c.health.probe_dropped())
    --probing_;
}

void pool_core::on(const probe_passed& event) {
  auto* c = find(event.connection);
  if (c == nullptr || !event.probe || c->health.probe() != event.probe)
    return;
  --probing_;
  c->health.probe_passed(event.rtt, settings_.probe);
  refresh(*c);
  ++counters_.probes_passed;
  probe_rtt_.add(event.rtt);
  was_of_use(*c);
  note(event_kind::probe_passed, c->id, {}, to_text(event.rtt));
}

void pool_core::on(const probe_failed& event) {
  auto* c = find(event.connection);
  if (c != nullptr && event.probe && c->health.probe() == event.probe)
    probe_has_failed(*c, event.text);
}

void pool_core::probe_has_failed(connection& c, const std::string& text) {
  --probing_;
  c.health.probe_failed(now_, settings_.probe_interval);
  ++counters_.probes_failed;
  has_failed(c, event_kind::probe_failed, text);
}

void pool_core::has_failed(connection& c, event_kind what, const std::string& text) {
  refresh(c);
  auto failures = c.health.failures();
  note(what, c.id, {},
       std::to_string(failures) + " of " + std::to_string(settings_.probe_failures_max) + ": " + text);
  if (failures >= settings_.probe_failures_max)
    condemn(c, removal_reason::probe_failures, text);
}

void pool_core::on(const connection_doubted& event) {
  auto* c = find(event.connection);
  if (c == nullptr || !c->open() || c->condemned)
    return;
  if (!event.silent) {
    if (c->health.doubt())
      queue_probe(*c, true);
    return refresh(*c);
  }
  if (!c->health.silence_counts(now_, settings_.probe_timeout))
    return;
  c->health.failed(now_, settings_.probe_interval);
  has_failed(*c, event_kind::silent, event.text);
}

void pool_core::on(const connection_answered& event) {
  auto* c = find(event.connection);
  if (c == nullptr || !c->open())
    return;
  if (event.ran)
    c->health.served();
  c->health.answered(event.ran, settings_.probe);
  refresh(*c);
}

} // namespace moorage
