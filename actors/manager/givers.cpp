// Those who give turns and leave to log in to all pools, and who takes their place when a bug ends one.
#include <algorithm>
#include <caf/all.hpp>

#include "actors/composure.hpp"
#include "actors/durations.hpp"
#include "actors/manager/manager.hpp"
#include "actors/permits.hpp"
#include "actors/turns.hpp"
#include "messages/durations.hpp"
#include "messages/exit_words.hpp"

namespace moorage {

namespace {

/// Who gives turns is replaced at once, since openings wait for it; but one that ends again before it has
/// lasted so long only after a pause that doubles, so that one which ends at its start costs next to nothing.
constexpr std::chrono::seconds turns_lasting{60};
constexpr std::chrono::milliseconds turns_pause_min{100};
constexpr std::chrono::seconds turns_pause_max{10};

/// Who gives permits keeps nothing that cannot wait so long: no pool waits for it with an acquire in its
/// hand.
constexpr std::chrono::seconds permits_pause{1};

/// Ends when the time is over; whoever monitors it hears of that.
caf::behavior pause(caf::event_based_actor* self, std::chrono::nanoseconds length) {
  keep_composure(self);
  return {caf::after(length) >> [self] { self->quit(); }};
}

} // namespace

void manager_actor_state::start_turns(turn_kind what) {
  auto& giver = giver_of(what);
  std::size_t count = what == turn_kind::probe ? world_.probes_at_once : world_.turns;
  if (count == 0)
    return;
  auto pool_max = what == turn_kind::probe ? std::max<std::size_t>(count / 2, 1) : count;
  giver.at = self_->spawn(turns, count, pool_max);
  self_->monitor(giver.at);
  giver.began = self_->clock().now();
  for (auto& [name, entry] : clusters_)
    self_->send(entry.pool, turns_replaced{caf::actor_cast<caf::strong_actor_ptr>(giver.at), what});
}

void manager_actor_state::turns_ended(turn_kind what, const caf::error& reason) {
  auto& giver = giver_of(what);
  if (self_->clock().now() - giver.began >= turns_lasting)
    giver.pause = {};
  auto pause_length = giver.pause;
  giver.pause = std::clamp<std::chrono::nanoseconds>(2 * giver.pause, turns_pause_min, turns_pause_max);
  if (world_.report_bug)
    world_.report_bug({}, std::string{"who gives turns to "} +
                              (what == turn_kind::probe ? "probe" : "compute") + " ended by a bug (" +
                              in_words(reason) + "); a fresh one takes its place" +
                              (pause_length.count() > 0 ? " in " + to_text(pause_length) : ""));
  if (pause_length.count() == 0)
    return start_turns(what);
  giver.pausing = self_->spawn(pause, pause_length);
  self_->monitor(giver.pausing);
}

void manager_actor_state::start_permits(bool replaces) {
  permits_ = self_->spawn(permits, world_.connects_at_once, world_.seed, replaces);
  self_->monitor(permits_);
  for (auto& [name, entry] : clusters_)
    self_->send(entry.pool, permits_replaced{caf::actor_cast<caf::strong_actor_ptr>(permits_)});
}

void manager_actor_state::permits_ended(const caf::error& reason) {
  if (world_.report_bug)
    world_.report_bug({}, "who gives leave to log in ended by a bug (" + in_words(reason) +
                              "); a fresh one takes its place in " + to_text(permits_pause));
  permits_pausing_ = self_->spawn(pause, permits_pause);
  self_->monitor(permits_pausing_);
}

void manager_actor_state::giver_lost(const caf::down_msg& down) {
  auto is = [&down](const auto& each) { return each && each.address() == down.source; };
  for (auto what : {turn_kind::compute, turn_kind::probe}) {
    auto& giver = giver_of(what);
    if (is(giver.at))
      turns_ended(what, down.reason);
    else if (is(giver.pausing)) {
      giver.pausing = nullptr;
      start_turns(what);
    }
  }
  if (is(permits_))
    permits_ended(down.reason);
  if (is(permits_pausing_)) {
    permits_pausing_ = nullptr;
    start_permits(true);
  }
}

} // namespace moorage
