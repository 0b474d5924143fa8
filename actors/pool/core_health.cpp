// Ageing, and the health checks.
#include <algorithm>
#include <utility>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"
#include "messages/ensure.hpp"

namespace moorage {

void pool_core::connection_due(connection& c) {
  if (c.channels.due() <= now_) {
    c.channels.lapse(now_);
    refresh(c);
    if (due_of(c) > now_)
      return;
  }
  if (c.health.probe_overdue(now_)) {
    probe_has_failed(c, "its probe has told nothing");
    if (!c.open() || due_of(c) > now_)
      return; // else its lifetime ended too, while nobody looked
  }
  if (c.renew_at <= now_ && c.open() && !c.condemned && c.busy() &&
      connections_.size() >= settings_.pool_size) {
    c.renew_at = after(now_, renewal_pause); // there is no room for another, and it may have slots
    refresh(c);
  }
  if (c.renew_at <= now_ && c.open() && !c.condemned) {
    condemn(c, removal_reason::reconnected, {});
    if (!c.open() || due_of(c) > now_)
      return;
  }
  if (c.open() && c.age.due(c.state == connection_state::idle) <= now_) {
    lifetime_over(c);
    if (!c.open() || due_of(c) > now_)
      return; // else its check fell due as well
  }
  if (c.health.failures() == 0 && c.checks.put_off(now_, c.busy(), pace(), random_))
    return refresh(c);
  queue_probe(c);
}

/// Stale connections go without a probe. One that is needed in reserve stays until its replacement is open.
void pool_core::lifetime_over(connection& c) {
  c.age.outlive();
  if (c.state == connection_state::leased)
    return refresh(c);
  auto needed = idle_.size() <= settings_.min_idle && keeps_reserve() && may_open_at() <= now_;
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

check_pace pool_core::pace() const {
  return {settings_.probe_interval, settings_.probe_interval_max, settings_.probe_interval_unhealthy,
          idle_limit_.at(now_)};
}

void pool_core::check_all() {
  for (const auto& place : idle_)
    queue_probe(need(place.second));
  checking_all_ = !checks_.empty();
  note(event_kind::checking, {}, {}, std::to_string(idle_.size()) + " idle connections");
}

void pool_core::queue_probe(connection& c) {
  c.probe_queued = !c.health.probe();
  refresh(c);
}

void pool_core::dequeue_probe(connection& c) {
  c.probe_queued = false;
  refresh(c);
}

/// It is asked as soon as may be, whatever share of the idle ones is being checked: somebody doubts it, or it
/// was silent and carries leases, so that it is no idle one's turn that it takes.
bool pool_core::in_doubt(const connection& c) {
  return c.health.doubted() || (c.health.failures() > 0 && c.state != connection_state::idle);
}

/// Checks at a time; who is in doubt is not counted.
std::size_t pool_core::checks_max() const {
  return checking_all_ ? idle_.size() + checking_
                       : std::max<std::size_t>((idle_.size() * settings_.probe_share + 99) / 100, 1);
}

/// Who is doubted goes first, but not twice in a row before one whose check is due: or users who cut short
/// what they run could put that off without end. None: nobody, or as many are asked as may be.
connection_id pool_core::next_to_ask() const {
  if (settings_.probes_at_once > 0 && probing_ >= settings_.probes_at_once)
    return {};
  auto may_check = !checks_.empty() && checking_ < checks_max();
  if (!doubts_.empty() && !(may_check && asked_doubt_))
    return doubts_.first().second;
  return may_check ? checks_.first().second : connection_id{};
}

void pool_core::start_probes() {
  connection_id next;
  for (std::size_t seen = 0; seen < probes_per_step && (next = next_to_ask()); ++seen) {
    auto& c = need(next);
    // While it waited for its turn it may have been leased, or have answered somebody else.
    auto leased = !c.may_be_probed();
    auto sound = c.health.failures() == 0 && !c.health.doubted();
    auto put_off = sound && (leased || !checking_all_) && c.checks.put_off(now_, leased, pace(), random_);
    leased || put_off ? dequeue_probe(c) : begin_probe(c);
    checking_all_ = checking_all_ && !checks_.empty();
  }
}

void pool_core::begin_probe(connection& c) {
  probe_id probe{next_probe_++};
  // Under a lease only the peer's life is asked for: a command would take a session from its holder.
  auto run = c.state == connection_state::idle && settings_.probe == probe_method::exec;
  asked_doubt_ = in_doubt(c);
  c.checking = !asked_doubt_;
  checking_ += c.checking;
  ++probing_;
  ++counters_.probes;
  c.health.probe_started(probe, run, now_, settings_.probe_timeout + probe_wait_);
  c.checks.asked(now_);
  c.silent_meanwhile = false;
  emit(start_probe{probe, c.id, run, settings_.probe_timeout});
  dequeue_probe(c);
}

void pool_core::probe_over(connection& c) {
  --probing_;
  checking_ -= std::exchange(c.checking, false);
}

void pool_core::drop_probe(connection& c) {
  if (c.health.probe_dropped())
    probe_over(c);
}

void pool_core::on(const probe_passed& event) {
  auto* c = find(event.connection);
  if (c == nullptr || !event.probe || c->health.probe() != event.probe)
    return;
  probe_over(*c);
  c->past.add(now_, evidence_kind::probe, true, event.rtt, c->health.probe_runs());
  c->health.probe_passed(event.rtt, settings_.probe);
  idle_limit_.survived(c->checks.idle_when_asked());
  c->checks.passed(now_, pace(), random_);
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
  probe_over(c);
  // A command that does not end says nothing of the way there.
  auto peer_silent = !c.health.probe_runs() || c.silent_meanwhile;
  c.health.probe_failed(now_);
  ++counters_.probes_failed;
  has_failed(c, event_kind::probe_failed, evidence_kind::probe, peer_silent, text);
}

void pool_core::has_failed(connection& c, event_kind what, evidence_kind of, bool peer_silent,
                           const std::string& text) {
  c.past.add(now_, of, false);
  c.checks.failed(now_, pace(), random_);
  refresh(c);
  auto failures = c.health.failures();
  note(what, c.id, {},
       std::to_string(failures) + " of " + std::to_string(settings_.probe_failures_max) + ": " + text);
  if (failures < settings_.probe_failures_max) {
    if (c.past.flapping(settings_.probe_failures_max))
      condemn(c, removal_reason::flapping,
              std::to_string(c.past.checks_failed()) + " of its last " +
                  std::to_string(history::checks_kept) + " checks failed: " + text);
    return;
  }
  if (peer_silent)
    learn_idle_limit(c, ssh_failure::silent);
  condemn(c, removal_reason::probe_failures, text);
}

namespace {

/// The link's end, not what was said on it.
bool is_end(ssh_failure kind) {
  return kind == ssh_failure::timed_out || kind == ssh_failure::reset || kind == ssh_failure::silent ||
         kind == ssh_failure::closed;
}

} // namespace

/// From an open connection that is found dead, or was closed by its server.
void pool_core::learn_idle_limit(const connection& c, ssh_failure how) {
  if (!is_end(how))
    return;
  auto idle = c.checks.idle_at_end(now_, c.busy());
  if (!idle || !idle_limit_.learn(now_, *idle))
    return;
  shorten_from_ = connections_.begin()->first;
  note(event_kind::learnt, c.id, {},
       "it did not survive " + to_text(*idle) + " of idleness, so none is left idle for more than " +
           to_text(idle_limit_.at(now_)) + " without a check, for a while");
}

/// In portions.
void pool_core::shorten_intervals() {
  if (!shorten_from_)
    return;
  auto shorter = pace();
  auto next = connections_.lower_bound(*shorten_from_);
  for (std::size_t seen = 0; next != connections_.end() && seen < ends_per_step; ++next, ++seen) {
    if (next->second.checks.shorten(now_, shorter, random_))
      refresh(next->second);
  }
  shorten_from_ = next == connections_.end() ? std::nullopt : std::optional{next->first};
}

void pool_core::on(const machine_slept& event) {
  certificate_.slept(event.how_long);
  auto open = count(connection_state::idle) + count(connection_state::leased);
  if (open == 0)
    return;
  doubt_from_ = connections_.begin()->first;
  note(event_kind::checking, {}, {},
       "the machine was asleep for " + to_text(event.how_long) + ": " + std::to_string(open) +
           (open == 1 ? " open connection is" : " open connections are") + " in doubt");
}

/// In portions.
void pool_core::doubt_open_ones() {
  if (!doubt_from_)
    return;
  auto next = connections_.lower_bound(*doubt_from_);
  for (std::size_t seen = 0; next != connections_.end() && seen < ends_per_step; ++next, ++seen) {
    auto& c = next->second;
    if (c.open() && !c.condemned && c.health.doubt())
      queue_probe(c);
  }
  doubt_from_ = next == connections_.end() ? std::nullopt : std::optional{next->first};
}

void pool_core::on(const connection_doubted& event) {
  auto* c = find(event.connection);
  if (c == nullptr || !c->open() || c->condemned)
    return;
  c->silent_meanwhile = c->silent_meanwhile || event.silent;
  if (!event.silent) {
    if (c->health.doubt())
      queue_probe(*c);
    return refresh(*c);
  }
  if (!c->health.silence_counts(now_, settings_.probe_timeout))
    return;
  c->health.failed(now_);
  has_failed(*c, event_kind::silent, event.of, true, event.text);
}

void pool_core::on(const connection_answered& event) {
  auto* c = find(event.connection);
  if (c == nullptr || !c->open())
    return;
  if (event.ran) {
    c->health.served();
    for (auto id : c->leases) // whose command that was is not said
      leases_.at(id).unserved = false;
  }
  c->health.answered(event.ran, settings_.probe);
  c->checks.answered(now_);
  if (!c->health.probe()) // whose answer this may be
    c->past.answered(now_, settings_.probe_interval);
  c->past.add(now_, event.of, true, event.rtt);
  refresh(*c);
}

} // namespace moorage
