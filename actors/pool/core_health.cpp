// Ageing, and the health checks.
#include <algorithm>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/ensure.hpp"

namespace moorage {

void pool_core::set_lifetime(connection& c) {
  auto lifetime = std::chrono::nanoseconds{settings_.connection_lifetime};
  auto share = static_cast<std::int64_t>(static_cast<double>(lifetime.count()) * c.lifetime_share);
  c.expires = lifetime.count() > 0 ? after(c.began, std::chrono::nanoseconds{share}) : time_point::max();
  c.outlived = false;
  c.replace_by = time_point::min();
}

void pool_core::connection_due(connection& c) {
  if (c.probe && c.probe_by <= now_) {
    probe_has_failed(c, "its probe has told nothing");
    if (!c.open() || c.due > now_)
      return; // else its lifetime ended too, while nobody looked
  }
  if (c.open() &&
      (c.outlived ? c.state == connection_state::idle && c.replace_by <= now_ : c.expires <= now_))
    return lifetime_over(c);
  queue_probe(c);
}

/// Stale connections go without a probe, and never under a lease. One that is needed in reserve stays until
/// its replacement is open, but no longer than an opening may take.
void pool_core::lifetime_over(connection& c) {
  c.outlived = true;
  if (c.state == connection_state::leased)
    return refresh(c);
  auto kept = c.replace_by == time_point::min() && idle_.size() <= settings_.min_idle && !dormant_ &&
              !paused_ && back_off_.may_open_at() <= now_ && connections_.size() < settings_.pool_size;
  if (!kept)
    return close(c, removal_reason::lifetime);
  c.replace_by = after(now_, std::max<std::chrono::nanoseconds>(settings_.connect_timeout, probe_grace));
  refresh(c);
}

void pool_core::close_replaced() {
  while (!outlived_.empty() && idle_.size() > settings_.min_idle)
    close(need(*outlived_.begin()), removal_reason::lifetime);
}

void pool_core::close_idle() {
  auto timeout = settings_.idle_timeout;
  while (timeout.count() > 0 && idle_.size() > settings_.min_idle) {
    auto& c = need(idle_.begin()->second);
    if (after(c.idle_since, timeout) > now_)
      return;
    close(c, removal_reason::idle);
  }
}

/// A round begins only while something is open: a pool that holds nothing does not wake up.
void pool_core::schedule_round() {
  auto open = count(connection_state::idle) + count(connection_state::leased) > 0;
  auto interval = settings_.probe_interval;
  next_round_ = open && interval.count() > 0 ? after(now_, random_.around(interval, 0.2)) : time_point::max();
}

void pool_core::begin_round() {
  schedule_round();
  if (idle_.empty())
    return;
  ++counters_.probe_rounds;
  note(announcement::probe_round, {}, {}, std::to_string(idle_.size()) + " idle connections");
  for (const auto& place : idle_)
    queue_probe(need(place.second));
}

void pool_core::queue_probe(connection& c, bool first) {
  if (c.probe || (c.probe_queued && !first))
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
    auto idle = c->state == connection_state::idle;
    if (!c->probe && (idle || (c->open() && c->in_question()))) {
      c->probe = probe_id{next_probe_++};
      // Under a lease only the peer's life is asked for: a command would take a session from its holder.
      c->probe_runs = idle && settings_.probe == probe_method::exec;
      c->probe_by = after(after(now_, settings_.probe_timeout), probe_grace);
      ++probing_;
      ++started;
      emit(start_probe{c->probe, c->id, c->probe_runs});
    }
    refresh(*c);
  }
}

void pool_core::probe_ended(connection& c) {
  if (!c.probe)
    return;
  c.probe = {};
  --probing_;
}

void pool_core::on(const probe_passed& event) {
  auto* c = find(event.connection);
  if (c == nullptr || !c->probe || c->probe != event.probe)
    return;
  probe_ended(*c);
  c->last_rtt = event.rtt;
  ++counters_.probes_passed;
  probe_rtt_.add(event.rtt);
  has_answered(*c, c->probe_runs);
  was_of_use(*c);
  note(announcement::probe_passed, c->id, {}, to_text(event.rtt));
}

void pool_core::on(const probe_failed& event) {
  auto* c = find(event.connection);
  if (c != nullptr && c->probe && c->probe == event.probe)
    probe_has_failed(*c, event.text);
}

void pool_core::probe_has_failed(connection& c, const std::string& text) {
  probe_ended(c);
  c.exec_failures += c.probe_runs;
  ++counters_.probes_failed;
  has_failed(c, announcement::probe_failed, text);
}

void pool_core::has_failed(connection& c, announcement what, const std::string& text) {
  ++c.failures;
  c.doubted = false;
  c.failed_at = now_;
  auto interval = std::chrono::nanoseconds{settings_.probe_interval};
  auto retry = std::chrono::nanoseconds{probe_retry_interval};
  c.probe_again = after(now_, interval.count() > 0 ? std::min(interval, retry) : retry);
  refresh(c);
  note(what, c.id, {},
       std::to_string(c.failures) + " of " + std::to_string(settings_.probe_failures_max) + ": " + text);
  if (c.failures >= settings_.probe_failures_max)
    condemn(c, removal_reason::probe_failures, text);
}

/// A channel that opens does not say that commands run: where that is what probes ask, only a command's end does.
void pool_core::has_answered(connection& c, bool ran) {
  if (ran || settings_.probe == probe_method::channel)
    c.exec_failures = 0;
  c.failures = c.exec_failures;
  c.doubted = false;
  refresh(c);
}

void pool_core::on(const connection_doubted& event) {
  auto* c = find(event.connection);
  if (c == nullptr || !c->open() || c->condemned)
    return;
  if (!event.silent) {
    if (!std::exchange(c->doubted, true))
      queue_probe(*c, true);
    return refresh(*c);
  }
  // One silence counts once: a probe in flight hears it too, and one that has failed just now has counted it.
  if (!c->probe && (c->failures == 0 || after(c->failed_at, settings_.probe_timeout) <= now_))
    has_failed(*c, announcement::silent, event.text);
}

void pool_core::on(const connection_answered& event) {
  auto* c = find(event.connection);
  if (c == nullptr || !c->open())
    return;
  c->served = c->served || event.ran;
  has_answered(*c, event.ran);
}

} // namespace moorage
