// Leases that are held for long, and channels that a server refuses, as the observer books and judges them.
#include <algorithm>

#include "tests/core/observer.hpp"

namespace moorage::test {

using namespace std::chrono_literals;

/// What the settings allow, and its server.
std::uint32_t observer::slots(const connection_book& c) const {
  auto most = settings_.channels_per_connection;
  if (now_ < c.carries_until)
    most = std::min(most, c.carries);
  if (now_ < c.carries_now_until)
    most = std::min(most, c.carries_now);
  return most;
}

errc observer::late_release(lease_id lease, holder_id holder) const {
  if (lease.value >= leases_.size() || !leases_[lease.value].known || leases_[lease.value].holder != holder)
    return errc::unknown_lease;
  return leases_[lease.value].released ? errc::already_released : errc::lease_ended;
}

void observer::hear(const channel_refused& event) {
  if (event.lease.value < leases_.size() && leases_[event.lease.value].live)
    leases_[event.lease.value].unserved = true;
  if (event.connection.value >= connections_.size() || event.carried == 0)
    return;
  auto& c = connections_[event.connection.value];
  if (c.now != phase::open)
    return;
  if (event.channels > event.carried) {
    c.carries_now = now_ < c.carries_now_until ? std::min(c.carries_now, event.carried) : event.carried;
    c.carries_now_until = now_ + 1min;
    return;
  }
  c.may_carry(event.carried, now_);
  newcomer_.may_carry(event.carried, now_);
}

/// And nobody doubts it.
bool observer::one_idle_besides(const connection_book& c) const {
  return std::any_of(connections_.begin(), connections_.end(), [&](const auto& other) {
    return &other != &c && other.idle() && grantable(other) && other.probe_failures == 0 && !other.doubted;
  });
}

/// Whoever came now would have a lease on another connection, or one is opened for it.
bool observer::others_have_room(const connection_book& c) const {
  if (waiters() > 0)
    return false;
  for (const auto& other : connections_)
    if (&other != &c && grantable(other) && other.probe_failures == 0 && !other.doubted)
      return true;
  auto total = count(phase::trying, phase::between_tries) + count(phase::open, phase::closing);
  return total < settings_.pool_size && settings_.queue_depth > 0 && !latched_ && not_before_ <= now_;
}

/// Judged as things stand before anything else that is due at this time.
void observer::hear(const channel_late& event) {
  if (event.lease.value >= leases_.size() || event.connection.value >= connections_.size())
    return;
  auto& c = connections_[event.connection.value];
  const auto& l = leases_[event.lease.value];
  auto patience = std::min<double>(std::max(2'000.0, 4 * c.usual[c.last_ran]),
                                   static_cast<double>(settings_.probe_timeout.count()));
  if (!l.live || l.connection != event.connection || c.now != phase::open ||
      static_cast<double>(event.waited.count()) < 1e6 * patience)
    return;
  late_ = event.lease;
  auto serves = works() && state_ == pool_state::running;
  auto failed = c.probe_failures > 0 && waiters() < settings_.queue_depth;
  may_move_ = serves && (failed || others_have_room(c));
  must_move_ = serves && waiters() == 0 && one_idle_besides(c);
}

void observer::see(const give_up_channel& effect) {
  if (!late_ || effect.lease != late_)
    throw broken_promise{"a command is moved when its channel is late, once"};
  if (leases_[late_.value].connection != effect.connection)
    throw broken_promise{"a command is moved from its lease's own connection"};
  if (!may_move_)
    throw broken_promise{"a command is moved where another connection can take it, or its own has failed"};
  connections_[effect.connection.value].late = true;
  leases_[late_.value].unserved = true;
  late_ = {};
}

/// Of what its server lets others carry.
void observer::begins_with_lessons(connection_book& c) {
  newcomer_.fade(now_);
  c.carries = newcomer_.carries;
  c.carries_until = newcomer_.carries_until;
  c.believed = newcomer_.believed;
}

/// Each is told of once, and taken back where that is asked for.
void observer::leaked_leases() {
  if (settings_.leak_threshold.count() == 0)
    return;
  for (std::uint64_t i = 0; i < leases_.size(); ++i) {
    auto& book = leases_[i];
    if (!book.live || book.leaked || now_ - book.granted < settings_.leak_threshold)
      continue;
    book.leaked = true;
    leaks_.emplace_back(i);
    if (settings_.leak_reclaim)
      end(lease_id{i}, true, true);
  }
}

void observer::see(const announce& effect) {
  tells_of_overload(effect);
  tells_of_persons(effect);
  tells_of_renewals(effect);
  tells_who_ordered(effect);
  if (effect.what == event_kind::probe_failed) // perhaps in the step that moved a command away from there
    connections_[effect.connection.value].late = false;
  if (effect.what != event_kind::leaked)
    return;
  auto due = std::find(leaks_.begin(), leaks_.end(), effect.lease);
  if (due == leaks_.end())
    throw broken_promise{"a lease is told of once, and only when it is held for too long"};
  leaks_.erase(due);
}

bool observer::takes_carriage(const connection_book& c) const {
  return c.now == phase::open && !c.condemned && !c.late && c.carriages.size() < settings_.carried_max &&
         (c.probe_failures == 0 || !c.busy());
}

void observer::see(const begin_carriage& effect) {
  auto promise = [](bool kept, const char* what) {
    if (!kept)
      throw broken_promise{what};
  };
  promise(std::erase(to_be_carried_, effect.request) == 1, "what is carried has asked for it, and waits");
  promise(effect.connection.value < connections_.size(), "what is carried is carried by a known connection");
  auto& c = connections_[effect.connection.value];
  promise(works(), "a pool that is paused, drained or stopping carries nothing more");
  promise(requests_[effect.request.value].hindered.empty(), "who is carried is told that nothing hinders it");
  promise(takes_carriage(c), "what is carried is carried by an open connection that has room for it");
  c.carriages.push_back(effect.request);
  c.carried = true;
  c.unheard_since = std::min(c.unheard_since, now_);
  answered(effect.request);
}

} // namespace moorage::test
