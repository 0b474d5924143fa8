// The step, and what moves a connection from state to state.
#include "actors/pool/core.hpp"

#include "actors/durations.hpp"
#include "messages/ensure.hpp"

namespace moorage {

pool_core::pool_core(cluster_settings settings, std::uint64_t seed, std::uint64_t first_id)
    : settings_(std::move(settings)), random_(seed), first_id_(first_id), next_connection_(first_id),
      next_lease_(first_id), next_probe_(first_id), next_permit_(first_id) {
  ensure(first_id > 0, "ids begin with 1 or more, since 0 stands for none");
  know_machines();
}

namespace {

/// Nobody: it was no order.
template <class Event>
const std::string* ordered_by(const Event& event) {
  if constexpr (requires { event.order.by; })
    return &event.order.by;
  else if constexpr (requires { event.by; })
    return &event.by;
  else
    return nullptr;
}

} // namespace

void pool_core::step(time_point now, const pool_event& event, pool_effects& effects) {
  struct borrow {
    pool_core& core;
    borrow(pool_core& core, pool_effects& effects) : core(core) { core.effects_ = &effects; }
    ~borrow() {
      core.effects_ = nullptr;
      core.by_ = nullptr;
    }
  };
  borrow lent{*this, effects};
  now_ = std::max(now_, now);
  std::visit(
      [this](const auto& what) {
        by_ = ordered_by(what);
        on(what);
        by_ = nullptr;
      },
      event);
  fall_due();
  settle();
  // An acquire does not carry the start of many probes on its back: `next_due` says that there is more to do
  // at once.
  if (!std::holds_alternative<acquire_requested>(event))
    start_probes();
  look_whether_drained();
  answer_pending();
}

pool_effects pool_core::step(time_point now, const pool_event& event) {
  pool_effects effects;
  step(now, event, effects);
  return effects;
}

void pool_core::fall_due() {
  reclaim_from_gone();
  expire_waiters();
  expire_grants();
  watch_leaks();
  watch_certificate();
  end_drained_leases();
  shorten_intervals();
  doubt_open_ones();
  while (!timers_.empty() && timers_.first().first <= now_) {
    auto due = timers_.first();
    connection_due(need(due.second));
    ensure(timers_.empty() || timers_.first() != due, "what fell due has been done");
  }
  for (std::size_t closed = 0; closed < ends_per_step && surplus_due() <= now_; ++closed)
    close(need(idle_.first().second), removal_reason::idle);
}

void pool_core::settle() {
  trim();
  close_replaced();
  serve();
  if (make_room())
    serve();
  said_ = {};
  refuse_doomed();
  refuse_in_vain();
  refuse_distrusted();
  refuse_overloaded();
  retry_due();
  use_permits();
  ask_for_permits();
  watch_overload(); // an opening that was given up may have had them refused
  pass_on_waits();  // likewise
  pass_on_hindrances();
}

time_point pool_core::next_due() const {
  auto due = time_point::max();
  auto at = [&](time_point when) { due = std::min(due, when); };
  at(waiters_.due());
  if (back_off_.latched() && !waiters_.empty() && latch_watch_.until() > now_)
    at(latch_watch_.until());
  at(overload_.begins_at(overload_bounds()));
  at(yields_at());
  if (!unconfirmed_.empty())
    at(after(leases_.at(*unconfirmed_.begin()).granted, confirm_timeout));
  if (!timers_.empty())
    at(timers_.first().first);
  at(surplus_due());
  if (!retries_.empty() && works())
    at(retries_.first().first);
  at(leaks_due());
  at(certificate_due());
  at(permits_due());
  at(machines_due());
  if (waiters_.asking() > 0 && machines_.looks_until() > now_)
    at(machines_.looks_until());
  at(drain_due());
  if (openings_lacking() > 0 && may_open_at() > now_)
    at(may_open_at());
  if (!gone_.empty() || !dooms_.empty() || shrinking_ || shorten_from_ || doubt_from_ || next_to_ask() ||
      more_to_tell_of_hindrance())
    at(now_);
  return due;
}

void pool_core::note(event_kind what, connection_id connection, lease_id lease, std::string text,
                     removal_reason removed) {
  note(announce{what, connection, lease, std::move(text), removed});
}

/// What is wrong is kept, whoever listens.
void pool_core::note(announce what) {
  if (!announcing_ && event_rows[static_cast<std::size_t>(what.what)].matters < severity::warning)
    return;
  if (by_ != nullptr)
    what.by = *by_;
  emit(std::move(what));
}

pool_core::connection* pool_core::find(connection_id id) {
  auto position = connections_.find(id);
  return position == connections_.end() ? nullptr : &position->second;
}

pool_core::connection& pool_core::need(connection_id id) {
  auto* c = find(id);
  ensure(c != nullptr, "what an index names exists");
  return *c;
}

/// Those that stay unless something happens; the closing ones are on their way out.
std::uint32_t pool_core::live() const {
  return count(connection_state::opening) + count(connection_state::idle) + count(connection_state::leased);
}

void pool_core::enter(connection& c, connection_state state) {
  --count(c.state);
  ++count(state);
  c.state = state;
  waits_changed_ = waits_changed_ || !c.waits_for.empty();
  c.waits_for.clear();
  c.hindered.clear();
  c.jump_failed = false;
  c.steps.clear();
  refresh(c);
}

/// Its clock runs under a lease too, and is set anew there, so that a lease does not touch the timers. A
/// failure that can only be asked about when it is idle waits for that.
bool pool_core::needs_probe(const connection& c) {
  return c.open() && !c.condemned && !c.probe_queued && !c.health.probe() &&
         (c.health.failures() == 0 || c.may_be_probed());
}

time_point pool_core::due_of(const connection& c) {
  if (!c.open())
    return time_point::max();
  auto due = std::min({c.health.due(), c.age.due(c.state == connection_state::idle), c.channels.due()});
  if (!c.condemned)
    due = std::min(due, c.renew_at);
  return needs_probe(c) ? std::min(due, c.checks.due()) : due;
}

namespace {

template <class Key>
std::optional<Key> only_if(bool listed, Key key) {
  return listed ? std::optional{key} : std::nullopt;
}

} // namespace

pool_core::keys pool_core::keys_of(const connection& c) const {
  auto opening = c.state == connection_state::opening;
  auto idle = c.state == connection_state::idle;
  auto due = due_of(c);
  keys k;
  if (c.servable && c.id != held_back_)
    k.grant =
        rank_for_grant({c.id, c.in_use(), c.channels.of(settings_.channels_per_connection), c.age.outlived(),
                        c.stamp, c.past.demerits(), c.past.slow(), settings_.spread_leases, c.busy()},
                       c.health);
  if (c.servable && c.id != held_back_)
    k.carry = rank_for_grant({c.id, static_cast<std::uint32_t>(c.carried.size()), settings_.carried_max,
                              c.age.outlived(), c.stamp, c.past.demerits(), c.past.slow(),
                              settings_.spread_leases, c.busy()},
                             c.health);
  k.opening = only_if(opening, c.id);
  k.retry = only_if(opening && !c.has_actor && !c.awaits_permit, std::pair{c.retry_at, c.id});
  k.awaiting = only_if(opening && c.awaits_permit, c.id);
  k.idle = only_if(idle, std::pair{c.stamp, c.id});
  k.outlived = only_if(idle && c.age.outlived(), c.id);
  k.timer = only_if(due != time_point::max(), std::pair{due, c.id});
  auto queued = c.probe_queued && c.open();
  k.doubt = only_if(queued && in_doubt(c), std::pair{c.checks.last(), c.id});
  k.check = only_if(queued && !in_doubt(c), std::pair{c.checks.last(), c.id});
  return k;
}

/// Brings every index up to date with the connection; called after every change to it.
void pool_core::refresh(connection& c) {
  auto serves = c.open() && !c.condemned;
  if (serves != c.servable) {
    c.servable = serves;
    serves ? ++servable_ : --servable_;
  }
  if (c.hangs() != c.hanging) {
    c.hanging = c.hangs();
    c.hanging ? ++hanging_ : --hanging_;
  }
  auto k = keys_of(c);
  grantable_.list(c.in_grants, k.grant);
  carriers_.list(c.in_carriers, k.carry);
  openings_.list(c.in_openings, k.opening);
  retries_.list(c.in_retries, k.retry);
  awaiting_.list(c.in_awaiting, k.awaiting);
  idle_.list(c.in_idle, k.idle);
  outlived_.list(c.in_outlived, k.outlived);
  timers_.list(c.in_timers, k.timer);
  doubts_.list(c.in_doubts, k.doubt);
  checks_.list(c.in_checks, k.check);
}

void pool_core::becomes_idle(connection& c) {
  c.stamp = next_stamp_++;
  c.idle_since = now_;
  if (c.health.failures() == 0)
    c.checks.given_back(now_, pace(), random_);
  enter(c, connection_state::idle);
}

void pool_core::slot_freed(connection& c) {
  if (c.busy())
    refresh(c);
  else if (c.condemned)
    close(c, c.reason);
  else if (drains())
    close(c, removal_reason::drained);
  else
    becomes_idle(c);
}

/// No new lease, and closed as soon as it carries nothing. The first reason stands.
void pool_core::condemn(connection& c, removal_reason reason, std::string text) {
  if (c.condemned || c.state == connection_state::closing)
    return;
  if (!c.busy())
    return close(c, reason, std::move(text));
  c.condemned = true;
  c.reason = reason;
  refresh(c);
  note(event_kind::condemned, c.id, {}, to_string(reason) + (text.empty() ? "" : ": " + text), reason);
}

void pool_core::close(connection& c, removal_reason reason, std::string text) {
  ensure(c.state != connection_state::closing, "a connection is closed once");
  ensure(!c.busy(), "a connection that is closed carries nothing");
  if (reason == removal_reason::probe_failures || reason == removal_reason::flapping)
    count_if_useless(c, "its probes failed" + (text.empty() ? "" : ": " + text));
  drop_probe(c);
  c.awaits_permit = false;
  c.reason = reason;
  enter(c, connection_state::closing);
  emit(close_connection{c.id, reason});
  note(event_kind::closing, c.id, {}, to_string(reason) + (text.empty() ? "" : ": " + text), reason);
}

/// The connection has gone. `c` ends here.
void pool_core::remove(connection& c, removal_reason reason) {
  ensure(!c.busy(), "a connection that is gone carries nothing");
  drop_probe(c);
  permit_over(c, permit_use::cut_short);
  c.awaits_permit = false;
  move_to(c, {});
  if (held_back_ == c.id)
    held_back_ = {};
  enter(c, connection_state::closing); // out of every index
  --count(connection_state::closing);
  ++counters_.removed[static_cast<std::size_t>(reason)];
  connections_.erase(c.id);
}

/// After the pool was made smaller: the longest idle go first, then openings, the newest first; leased ones
/// when they are given back. Before waiters are served, so that a busy pool shrinks too.
void pool_core::trim() {
  shrinking_ = false;
  for (std::size_t closed = 0; live() > settings_.pool_size && !(idle_.empty() && openings_.empty());
       ++closed) {
    shrinking_ = closed == ends_per_step;
    if (shrinking_)
      return;
    close(need(idle_.empty() ? openings_.last() : idle_.first().second), removal_reason::shrunk);
  }
}

} // namespace moorage
