// Acquires, leases and holders.
#include <algorithm>
#include <utility>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"
#include "messages/ensure.hpp"
#include "messages/printable.hpp"

namespace moorage {

void pool_core::on(const acquire_requested& event) {
  ++counters_.acquires;
  if (!admits())
    return refuse_acquire(event.request, why_not_admitted());
  dormant_ = false;
  auto label = printable(event.label); // it is shown in refusals, events, the log and lists
  fall_due();                          // what has expired must not be granted
  auto asked = now_ - event.waited;
  if (!event.machine.empty()) {
    if (!may_wait_for(event))
      return;
    if (waiters_.asking_for(event.machine) == 0 && may_grant())
      if (auto best = grantable_on(event.machine))
        return give(need(best), event.request, event.holder, std::move(label), asked);
  } else if (event.carries ? may_carry() : waiters_.for_leases() == waiters_.asking() && may_grant()) {
    if (event.carries)
      return carry(need(carriers_.first().connection), event.request, asked);
    return give(need(grantable_.first().connection), event.request, event.holder, std::move(label), asked);
  }
  auto deadline =
      event.deadline == cluster_deadline ? after(asked, settings_.acquire_timeout) : event.deadline;
  if (back_off_.latched()) {
    if (latch_watch_.ask(now_))
      emit(look_at_credentials{latched_for_host_keys()});
    auto servable = event.machine.empty() ? this->servable() : servable_on(event.machine);
    if (!servable && (latch_watch_.until() <= now_ || deadline <= now_))
      return refuse_acquire(event.request, in_vain());
  }
  waiter w{.request = event.request,
           .holder = event.holder,
           .label = std::move(label),
           .asked = asked,
           .deadline = deadline,
           .wait_for_ready = event.wait_for_ready,
           .identity = event.identity,
           .yields = event.deadline == cluster_deadline && !event.wait_for_ready && !event.carries &&
                     event.machine.empty(),
           .carries = event.carries,
           .machine = event.machine};
  if (deadline <= now_)
    return refuse_acquire(
        event.request,
        timed_out(w, situation(),
                  w.carries ? waiters_.to_be_carried()
                            : waiters_.ahead_of_newcomer(w.holder, w.identity, ahead_counted_max + 1)));
  if (waiters_.size() >= settings_.queue_depth)
    return refuse_acquire(event.request,
                          {errc::queue_full, lacking(event.carries) + ": " + std::to_string(waiters_.size()) +
                                                 " wait already, which is its queue_depth; " + situation() +
                                                 "; try later, or raise queue_depth or pool_size"});
  if (!machines_.knows(w.machine) && waiters_.asks_beyond(w.machine, machines_max))
    return refuse_acquire(event.request,
                          {errc::queue_full, lacking(false) + ": " + std::to_string(machines_max) +
                                                 " other machines are waited for already, and " +
                                                 printable(w.machine) + " is not known; try later"});
  if (w.carries && !is_to_carry())
    hurry_for_carriers();
  waiters_.join(std::move(w));
  if (event.carries)
    if (const auto* asks = asking_opening())
      tell_of(*asks, waiters_.newest());
}

/// What a latched pool refuses with.
failure pool_core::in_vain() const {
  return {back_off_.latch().code,
          "not tried again (that takes other files, new settings or a reset): " + back_off_.latch().text +
              (latch_watch_.overdue(now_)
                   ? "; the look whether those files have changed has had no answer yet "
                     "(a file system or an agent hangs?): ask again to see what it finds"
                   : "")};
}

void pool_core::give(connection& c, request_id request, holder_id holder, std::string label,
                     time_point asked) {
  ensure(c.in_grants.listed(), "a lease is granted on an open connection with a free slot");
  ensure(may_grant(), "a pool that is paused, drained or stopping grants nothing");
  lease_id id{next_lease_++};
  c.leases.push_back(id);
  ++c.leases_served;
  c.checks.used(now_);
  c.state == connection_state::idle ? enter(c, connection_state::leased) : refresh(c);
  leases_of_.emplace(holder, id);
  unconfirmed_.insert(unconfirmed_.end(), id);
  ++counters_.grants;
  acquire_latency_.add(between(asked, now_));
  auto said = said_.connection == c.id ? std::exchange(said_, {}) : words_of_opening{};
  emit(grant{request, id, c.id, holder, settings_.output_max, std::move(said.banner),
             std::move(said.warnings), c.machine});
  note(event_kind::granted, c.id, id, label);
  leases_.emplace_hint(leases_.end(), id, lease{c.id, holder, std::move(label), false, now_});
}

void pool_core::serve() {
  serve_carriers();
  while (waiters_.for_leases() > 0 && may_grant()) {
    auto place = waiters_.turn(true, machines_that_grant());
    if (place == 0 || waiters_.at(place).deadline <= now_)
      return; // it is told so in a step that follows at once
    auto w = waiters_.serve(place);
    auto& c = need(w.machine.empty() ? grantable_.first().connection : grantable_on(w.machine));
    if (w.machine.empty())
      overload_.served(now_, between(w.asked, now_), overload_bounds());
    give(c, w.request, w.holder, std::move(w.label), w.asked);
  }
}

void pool_core::on(const acquire_cancelled& event) {
  if (auto waiting = waiters_.of(event.request))
    refuse_waiter(waiting, {errc::cancelled, "the asker withdrew the request"});
}

void pool_core::on(const lease_confirmed& event) {
  auto position = leases_.find(event.lease);
  if (position == leases_.end() || position->second.confirmed)
    return;
  position->second.confirmed = true;
  unconfirmed_.erase(event.lease);
}

void pool_core::on(const lease_released& event) {
  auto position = leases_.find(event.lease);
  if (position == leases_.end()) {
    auto before = ended(event.lease);
    auto theirs = before.how == lease_end::unknown || before.holder == event.holder;
    return answer(event.request, no_such_lease(theirs ? event.lease : lease_id{}));
  }
  if (position->second.holder != event.holder)
    return answer(event.request, no_such_lease({}));
  if (event.abandoned) {
    take_back(position, {errc::lease_ended, "who used it has gone"}, false);
    return answer(event.request);
  }
  auto& c = need(position->second.connection);
  ++counters_.releases;
  emit(end_lease{c.id, event.lease, false, {errc::lease_ended, "it was given back"}});
  note(event_kind::released, c.id, event.lease,
       event.lease <= watched_ ? "after " + to_text(between(position->second.granted, now_)) : std::string{});
  auto unserved = position->second.unserved;
  forget(position, lease_end::released);
  if (event.discarded) {
    discarded(c, event.reason);
  } else {
    if (!unserved) {
      c.health.served();
      was_of_use(c);
    }
    slot_freed(c);
  }
  answer(event.request);
}

/// A holder's word is taken: it sees what no probe does. But one that finds fault with each connection must
/// not have the pool log in again and again, so only a proven one is replaced at once; that commands ran on
/// it proves nothing, as they would have on each of the others.
void pool_core::discarded(connection& c, const std::string& reason) {
  ++counters_.discards;
  if (c.condemned)
    return slot_freed(c);
  auto why = reason.empty() ? std::string{} : ": " + printable(reason);
  if (!c.health.proved() && !back_off_.latched()) {
    auto what = "was discarded by its holder before it had proved itself";
    delay_openings(c.began,
                   {errc::connect_failed, "the connection to '" + settings_.name + "' " + what + why},
                   back_off::reach::inside, to_string(c.id) + " " + what);
  }
  condemn(c, removal_reason::discarded, "by its holder" + why);
}

void pool_core::on(const lease_cleared& event) {
  auto* c = find(event.connection);
  if (c == nullptr)
    return;
  auto position = std::find(c->ending.begin(), c->ending.end(), event.lease);
  if (position == c->ending.end())
    return;
  c->ending.erase(position);
  // What was cut off may have left the session half-way, and the command itself may still run on the other
  // side.
  if (event.was_running && !c->condemned) {
    c->condemned = true;
    c->reason = removal_reason::abandoned;
    if (c->busy())
      note(event_kind::condemned, c->id, {},
           "abandoned: a command was cut off with lease " + to_string(event.lease), c->reason);
  }
  slot_freed(*c);
}

void pool_core::on(const holder_lost& event) {
  gone_.insert(event.holder);
  sender_gone(event.holder);
}

void pool_core::reclaim_from_gone() {
  for (std::size_t ended = 0; !gone_.empty() && ended < ends_per_step; ++ended) {
    auto holder = *gone_.begin();
    auto held = leases_of_.lower_bound({holder, {}});
    if (auto waiting = waiters_.of(holder))
      refuse_waiter(waiting, {errc::cancelled, "the holder has gone"});
    else if (held != leases_of_.end() && held->first == holder)
      take_back(leases_.find(held->second), {errc::lease_ended, "its holder has gone"}, false);
    else
      gone_.erase(holder);
  }
}

void pool_core::on(const ordered<revoke_lease>& event) {
  auto position = leases_.find(event.order.lease);
  if (position == leases_.end())
    return answer(event.request, no_such_lease(event.order.lease));
  const auto& l = position->second;
  auto whose = l.label.empty() ? to_string(l.holder) : "'" + l.label + "'";
  auto text = to_string(event.order.lease) + " on " + to_string(l.connection) + ", which " + whose +
              " held, has ended";
  take_back(position, {errc::lease_ended, "it was revoked by an administrator"}, true);
  answer(event.request, std::move(text));
}

/// Takes the lease off the books and remembers how it ended.
pool_core::lease_map::iterator pool_core::forget(lease_map::iterator position, lease_end how,
                                                 const std::string& why) {
  auto id = position->first;
  const auto& l = position->second;
  auto& held = need(l.connection).leases;
  auto slot = std::find(held.begin(), held.end(), id);
  ensure(slot != held.end(), "a lease is known to its connection");
  held.erase(slot);
  leases_of_.erase({l.holder, id});
  if (!l.confirmed)
    unconfirmed_.erase(id);
  auto place = (id.value - first_id_) % ended_leases_kept;
  if (place >= ended_.size())
    ended_.resize(place + 1);
  ended_[place] = {id, l.holder, how, why};
  return leases_.erase(position);
}

/// Ends a lease without its holder's doing. Its slot stays in use until the connection has said that nothing
/// runs under it any more.
void pool_core::take_back(lease_map::iterator position, failure reason, bool notify) {
  auto id = position->first;
  auto holder = position->second.holder;
  auto& c = need(position->second.connection);
  ++counters_.reclaimed;
  forget(position, lease_end::involuntary, reason.text);
  c.ending.push_back(id);
  refresh(c);
  emit(end_lease{c.id, id, true, reason});
  note(event_kind::reclaimed, c.id, id, reason.text);
  if (notify)
    emit(notify_holder{holder, id, std::move(reason)});
}

/// Every lease of the connection ends with it.
void pool_core::cut_off(connection& c, const failure& reason, bool tell_connection) {
  while (!c.leases.empty()) {
    auto id = c.leases.front();
    auto position = leases_.find(id);
    ensure(position != leases_.end(), "a lease that a connection carries is known");
    auto holder = position->second.holder;
    ++counters_.reclaimed;
    forget(position, lease_end::involuntary, reason.text);
    if (tell_connection)
      emit(end_lease{c.id, id, false, reason});
    note(event_kind::reclaimed, c.id, id, reason.text);
    emit(notify_holder{holder, id, reason});
  }
  c.ending.clear();
  drop_carried(c);
}

ended_lease pool_core::ended(lease_id id) const {
  if (id.value < first_id_ || id.value >= next_lease_)
    return {};
  auto place = (id.value - first_id_) % ended_leases_kept;
  if (place >= ended_.size() || ended_[place].lease != id)
    return {};
  return ended_[place];
}

failure pool_core::no_such_lease(lease_id id) const {
  auto before = ended(id);
  switch (before.how) {
  case lease_end::released:
    return {errc::already_released, "lease " + to_string(id) + " was given back already"};
  case lease_end::involuntary:
    return {errc::lease_ended,
            "lease " + to_string(id) + " had ended before it was given back: " + before.why};
  case lease_end::unknown:
    break;
  }
  if (id.value >= first_id_ && id.value < next_lease_)
    return {errc::lease_ended, "lease " + to_string(id) + " ended so long ago that nobody remembers why"};
  return {errc::unknown_lease, "'" + settings_.name + "' has no lease " + to_string(id)};
}

void pool_core::refuse_acquire(request_id request, failure reason) {
  auto& counter = reason.code == errc::acquire_timeout ? counters_.timeouts
                  : reason.code == errc::cancelled     ? counters_.cancelled
                                                       : counters_.refusals;
  ++counter;
  if (announcing_)
    note(event_kind::refused, {}, {},
         to_string(request) + ": " + to_string(reason.code) + ": " + reason.text);
  emit(refuse{request, std::move(reason)});
}

void pool_core::refuse_waiter(ticket place, failure reason) {
  refuse_acquire(waiters_.leave(place).request, std::move(reason));
}

/// Of those who wait now; in portions. Others who are being refused still are, unless these are all.
void pool_core::refuse_waiters(failure reason, whom which, std::string machine) {
  std::erase_if(dooms_, [&](const doom& each) {
    auto over = !each.machine.empty() && waiters_.asking_for(each.machine) == 0;
    return over || which == whom::all || (each.which == which && each.machine == machine);
  });
  dooms_.push_back(doom{std::move(reason), waiters_.newest(), which, 0, std::move(machine)});
  refuse_doomed();
}

/// The oldest first.
void pool_core::refuse_doomed() {
  for (std::size_t seen = 0; !dooms_.empty(); ++seen) {
    auto& next = dooms_.front();
    auto place = waiters_.next(next.next);
    if (place == 0 || place > next.last) {
      dooms_.erase(dooms_.begin());
      continue;
    }
    if (seen >= ends_per_step)
      return;
    next.next = place + 1;
    const auto& w = waiters_.at(place);
    auto impatient = next.which == whom::impatient || next.which == whom::impatient_of_machine;
    auto of_machine = next.which == whom::of_machine || next.which == whom::impatient_of_machine;
    if ((!impatient || !w.wait_for_ready) && (!of_machine || w.machine == next.machine))
      refuse_waiter(place, next.reason);
  }
}

bool pool_core::dooms_all() const {
  return std::any_of(dooms_.begin(), dooms_.end(), [](const doom& d) { return d.which == whom::all; });
}

bool pool_core::dooms(const std::string& machine) const {
  return std::any_of(dooms_.begin(), dooms_.end(), [&machine](const doom& d) {
    return d.which == whom::all || (d.which == whom::of_machine && d.machine == machine);
  });
}

void pool_core::expire_waiters() {
  std::string now_so; // the same for all
  for (std::size_t ended = 0; ended < ends_per_step && waiters_.due() <= now_; ++ended) {
    if (now_so.empty())
      now_so = situation();
    auto place = waiters_.most_urgent();
    auto ahead = waiters_.ahead_of(place, ahead_counted_max + 1);
    refuse_waiter(place, timed_out(waiters_.at(place), now_so, ahead));
  }
  more_expired_ = !now_so.empty() && waiters_.due() <= now_;
}

void pool_core::expire_grants() {
  more_unconfirmed_ = false;
  for (std::size_t ended = 0; !unconfirmed_.empty(); ++ended) {
    auto position = leases_.find(*unconfirmed_.begin());
    ensure(position != leases_.end(), "an unconfirmed lease exists");
    if (after(position->second.granted, confirm_timeout) > now_)
      return;
    more_unconfirmed_ = ended == ends_per_step;
    if (more_unconfirmed_)
      return;
    take_back(position,
              {errc::lease_ended, "the holder did not confirm it within " + to_text(confirm_timeout)}, true);
  }
}

} // namespace moorage
