// Whom the pool serves, pauses aside: suspensions and drains. core_pauses.cpp has their end.
#include <algorithm>
#include <chrono>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"
#include "messages/ensure.hpp"

namespace moorage {

/// For whoever comes.
failure pool_core::why_not_admitted() const {
  if (stopping_)
    return why_stopping();
  if (state_ == pool_state::suspended)
    return {errc::suspended,
            "'" + settings_.name + "' is suspended by an administrator; ask again when it is resumed"};
  return {errc::drained,
          "'" + settings_.name + "' is drained by an administrator; ask again when it is resumed"};
}

/// Only who resumes it says that its maintenance is over.
bool pool_core::refused_for_draining(request_id request) {
  if (drains())
    answer(request, {errc::invalid_request,
                     "'" + settings_.name + "' is " + to_string(state_) + ", which only a resume ends"});
  return drains();
}

void pool_core::on(const ordered<suspend_pool>& event) {
  if (refused_for_stopping(event.request) || refused_for_draining(event.request))
    return;
  auto anew = state_ != pool_state::suspended;
  if (anew)
    note(event_kind::suspended);
  state_ = pool_state::suspended;
  answer(event.request, std::string{anew ? "suspended" : "suspended already"} +
                            (paused() ? "; paused by " + pausers() + " as well" : ""));
}

/// What is leased is not condemned: if the drain is undone it stays, and costs no log-in.
void pool_core::on(const ordered<drain_pool>& event) {
  using std::chrono::milliseconds;
  constexpr milliseconds longest = std::chrono::hours{24 * 365};
  if (refused_for_stopping(event.request))
    return;
  auto within = std::clamp(event.order.within, milliseconds{0}, longest);
  drain_by_ = after(now_, within);
  pending_.push_back({event.request, connection_id{next_connection_ - 1}, true});
  if (state_ == pool_state::drained)
    return;
  note(event_kind::draining, {}, {},
       std::to_string(leases_.size()) + " leases, which end within " + to_text(within));
  state_ = pool_state::draining;
  refuse_waiters(why_not_admitted());
  for (auto& [id, c] : connections_)
    if (!c.busy() && c.state != connection_state::closing)
      close(c, removal_reason::drained);
}

time_point pool_core::drain_due() const {
  return state_ == pool_state::draining && (!leases_.empty() || carried_ > 0) ? drain_by_ : time_point::max();
}

/// In portions. What is carried ends with the connection that carries it.
void pool_core::end_drained_leases() {
  if (carried_ > 0 && drain_due() <= now_)
    for (auto& [id, c] : connections_)
      if (!c.carried.empty()) {
        drop_carried(c);
        slot_freed(c);
      }
  for (std::size_t ended = 0; ended < ends_per_step && drain_due() <= now_; ++ended)
    take_back(leases_.begin(), {errc::drained, "'" + settings_.name + "' was drained by an administrator"},
              true);
}

void pool_core::look_whether_drained() {
  if (state_ != pool_state::draining || !connections_.empty() || !waiters_.empty())
    return;
  state_ = pool_state::drained;
  note(event_kind::drained);
}

void pool_core::undo_drains() {
  std::erase_if(pending_, [this](const pending_request& each) {
    if (each.drains)
      answer(each.request, {errc::cancelled, "'" + settings_.name + "' was resumed before it was drained"});
    return each.drains;
  });
}

void pool_core::verify_drain() const {
  ensure(!drains() || (idle_.empty() && openings_.empty()), "a pool that drains keeps only what is leased");
  ensure(!drains() || waiters_.empty() || dooms_all(), "nobody waits for a pool that drains");
  ensure(state_ != pool_state::drained || (connections_.empty() && waiters_.empty()),
         "a drained pool has nothing left");
  ensure(drains() || std::none_of(pending_.begin(), pending_.end(), [](const auto& p) { return p.drains; }),
         "nobody waits for the end of a drain that was undone");
}

} // namespace moorage
