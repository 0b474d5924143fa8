// What is seen of leases beyond their beginning and end: that one is held for long, and that a server opens
// no channel for one, or none in time. And that the certificate which log-ins use ends.
#include <algorithm>
#include <utility>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"

namespace moorage {

/// Leases are watched in the order of granting, in which their ids grow: so whoever is next is due first.
time_point pool_core::leaks_due() const {
  auto next = leases_.upper_bound(watched_);
  if (settings_.leak_threshold.count() == 0 || next == leases_.end())
    return time_point::max();
  return after(next->second.granted, settings_.leak_threshold);
}

/// In portions.
void pool_core::watch_leaks() {
  more_leaks_ = false;
  for (std::size_t told = 0; leaks_due() <= now_; ++told) {
    more_leaks_ = told == ends_per_step;
    if (more_leaks_)
      return;
    auto held = leases_.upper_bound(watched_);
    watched_ = held->first;
    ++counters_.leaks;
    auto who = held->second.label.empty()
                   ? to_string(held->second.holder) + ", without a label"
                   : "'" + held->second.label + "' (" + to_string(held->second.holder) + ")";
    note(event_kind::leaked, held->second.connection, held->first,
         "held for " + to_text(between(held->second.granted, now_)) + " by " + who +
             ": was it forgotten? (leak_threshold)");
    if (settings_.leak_reclaim)
      take_back(held,
                {errc::lease_ended, "it was held for longer than leak_threshold (" +
                                        format_duration(settings_.leak_threshold) + ") and was taken back"},
                true);
  }
}

time_point pool_core::certificate_due() const {
  return stopping_ ? time_point::max() : certificate_.warn_at(settings_.certificate_warning);
}

void pool_core::watch_certificate() {
  if (certificate_due() > now_)
    return;
  certificate_.warned();
  note(event_kind::expiring, {}, {},
       certificate_.in_words(now_) + ", in " + to_text(certificate_.left(now_)) +
           (settings_.renew_command.empty() ? ": get a new one, or set renew_command"
                                            : ": renew_command is run before the next log-in"));
}

/// The lease goes on with another connection, if nothing has run under it: its user's client sees to that,
/// and comes after this.
void pool_core::on(const channel_refused& event) {
  auto* c = find(event.connection);
  if (auto lease = leases_.find(event.lease); lease != leases_.end())
    lease->second.unserved = true;
  if (c == nullptr || !c->open())
    return;
  auto fewer = c->channels.refused(now_, event.carried, event.channels);
  if (event.channels <= event.carried) // that is the server's way, not one moment's
    channels_.refused(now_, event.carried, event.channels);
  refresh(*c);
  if (!fewer)
    return;
  auto limit = c->channels.of(settings_.channels_per_connection);
  if (limit < settings_.channels_per_connection)
    note(event_kind::learnt, c->id, event.lease,
         "its server refused a channel while " + std::to_string(event.carried) +
             " other leases ran commands, so it carries no more than " + std::to_string(limit) + " for " +
             to_text(between(now_, c->channels.due())));
}

/// What is slow always is not late.
std::chrono::nanoseconds pool_core::channel_patience(const connection& c) const {
  return std::min<std::chrono::nanoseconds>(
      std::max<std::chrono::nanoseconds>(channel_late_after, history::slow_factor * c.past.usual_rtt()),
      settings_.probe_timeout);
}

/// Whoever came now would be served at once by a connection that nobody doubts, or by a new one as soon as
/// that is open.
bool pool_core::others_have_room(const connection& c) const {
  if (!waiters_.empty())
    return false;
  auto next = grantable_.begin();
  if (next != grantable_.end() && next->connection == c.id)
    ++next;
  if (next != grantable_.end() && next->doubtful < grant_rank::doubt::doubted)
    return true;
  return connections_.size() < settings_.pool_size && settings_.queue_depth > 0 && !back_off_.latched() &&
         back_off_.may_open_at(true) <= now_ && (wishes_.empty() || delay_.until <= now_);
}

/// What was not sent on a connection that hangs goes to another one, where there is one: its user's client
/// sees to that. Where there is none it is better off where it is, unless its connection has failed since.
void pool_core::on(const channel_late& event) {
  auto* c = find(event.connection);
  auto held = leases_.find(event.lease);
  if (c == nullptr || !c->open() || held == leases_.end() || held->second.connection != c->id ||
      event.waited < channel_patience(*c))
    return;
  auto failed = c->health.failures() > 0 && waiters_.size() < settings_.queue_depth && !back_off_.latched();
  if (!works() || !admits() || !(failed || others_have_room(*c)))
    return;
  held->second.unserved = true;
  c->health.late();
  refresh(*c);
  auto text = "the server opened no channel for a command within " + to_text(event.waited);
  note(event_kind::moved, c->id, event.lease, text);
  emit(give_up_channel{c->id,
                       event.lease,
                       {errc::channel_late, "'" + settings_.name + "': " + text +
                                                ": it hangs, or is too busy, and the command was not sent"}});
}

} // namespace moorage
