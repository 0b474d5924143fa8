// What admins do, and the end.
#include <algorithm>
#include <chrono>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"
#include "messages/ensure.hpp"
#include "messages/settings_table.hpp"
#include "messages/settings_text.hpp"

namespace moorage {

/// `done`: what has changed, for people.
void pool_core::answer(request_id request, std::string done) {
  if (request)
    emit(acknowledge{request, std::move(done)});
}

void pool_core::answer(request_id request, failure reason) {
  if (request)
    emit(refuse{request, std::move(reason)});
}

bool pool_core::refused_for_stopping(request_id request) {
  if (stopping_)
    answer(request, why_stopping());
  return stopping_;
}

/// For those who come too late.
failure pool_core::why_stopping() const {
  if (removed_)
    return {errc::unknown_cluster, "'" + settings_.name + "' is not registered any more"};
  return {errc::stopping, "'" + settings_.name + "' is stopping"};
}

namespace {

/// How a connection is opened, or where.
bool touches_log_ins(const cluster_settings& before, const cluster_settings& after) {
  auto fields = cluster_fields();
  return std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
    return field.on_change != setting_change::at_once && !field.same(before, after);
  });
}

} // namespace

/// Applied to the living: a change of what `reopens` condemns the open connections, what is for
/// `new_connections` holds for those opened later, all else from now on. The latch and the back-off are
/// lifted where what caused them may be what was changed.
void pool_core::on(const settings_changed& event) {
  if (refused_for_stopping(event.request))
    return;
  auto keep = same_connections(settings_, event.settings);
  auto mended = event.whole || touches_log_ins(settings_, event.settings);
  auto pace_before = pace();
  auto new_probes = settings_.probe != event.settings.probe ||
                    settings_.probe_command != event.settings.probe_command ||
                    settings_.probe_timeout != event.settings.probe_timeout;
  if (event.settings.leak_reclaim && !settings_.leak_reclaim)
    watched_ = {}; // those that were told of are told of once more, and taken back
  settings_ = event.settings;
  know_machines();
  if (!keep) { // of another way
    idle_limit_ = {};
    channels_ = {};
  }
  auto new_pace = pace() != pace_before;
  withdraw_wishes();
  if (mended) { // else what log-ins failed of is as it was
    back_off_.lift();
    latch_watch_.forgive();
  }
  if (mended)
    machines_.forgive();
  dormant_ = false;
  std::string text = keep ? "settings" : "settings; connections under the old ones will be closed";
  note(event_kind::changed, {}, {}, text);
  for (auto& [id, c] : connections_) {
    if (!keep)
      condemn(c, removal_reason::settings, {});
    if (c.open())
      c.age.set_lifetime(c.began, settings_.connection_lifetime);
    if (c.open() && new_pace)
      c.health.failures() > 0 ? c.checks.failed(now_, pace(), random_)
                              : c.checks.restart(now_, pace(), random_);
    refresh(c);
    if (c.open() && c.health.failures() >= settings_.probe_failures_max)
      condemn(c, removal_reason::probe_failures, "fewer failures are allowed now");
  }
  if (new_probes)
    emit(change_probes{settings_.probe, settings_.probe_command, settings_.probe_timeout});
  answer(event.request, "other " + text);
}

void pool_core::on(const ordered<probe_pool>& event) {
  if (refused_for_stopping(event.request))
    return;
  check_all();
  answer(event.request,
         plural(idle_.size(), "idle connection") + (idle_.size() == 1 ? " is" : " are") + " checked");
}

void pool_core::on(const ordered<evict_connection>& event) {
  auto* c = find(event.order.connection);
  if (c == nullptr)
    return answer(event.request, {errc::unknown_connection, "'" + settings_.name + "' has no connection " +
                                                                to_string(event.order.connection)});
  auto closing = c->state == connection_state::closing;
  auto leases = c->in_use();
  condemn(*c, removal_reason::evicted, {});
  answer(event.request,
         to_string(event.order.connection) + (closing      ? " was closing already"
                                              : leases > 0 ? " closes when its " + plural(leases, "lease") +
                                                                 (leases == 1 ? " has" : " have") + " ended"
                                                           : " is closed"));
}

void pool_core::on(const ordered<resize_pool>& event) {
  if (refused_for_stopping(event.request))
    return;
  auto changed = settings_;
  changed.pool_size = event.order.size;
  if (auto wrong = check_settings(changed); wrong.code != errc::none)
    return answer(event.request, wrong);
  auto text = describe_change(settings_, changed, "pool_size");
  on(settings_changed{{}, std::move(changed), false});
  answer(event.request, std::move(text));
}

void pool_core::on(const ordered<set_setting>& event) {
  if (refused_for_stopping(event.request))
    return;
  auto changed = settings_;
  const auto& key = event.order.key;
  if (auto wrong = change_setting(changed, key, event.order.value); wrong.code != errc::none)
    return answer(event.request, wrong);
  auto text = describe_change(settings_, changed, key);
  if (!(changed == settings_))
    on(settings_changed{{}, std::move(changed), false});
  answer(event.request, std::move(text));
}

void pool_core::on(const ordered<reset_pool>& event) {
  if (refused_for_stopping(event.request))
    return;
  back_off_.lift();
  latch_watch_.forgive();
  machines_.forgive();
  withdraw_wishes(); // asked for anew
  anew_ = true;
  idle_limit_ = {};
  channels_ = {};
  openings_rate_ = {};
  dormant_ = false;
  for (auto& [id, c] : connections_) {
    c.health.forget_failures();
    c.past.forget();
    c.channels = {};
    refresh(c);
  }
  std::string text = "reset: latch, back-off, signs of a ban, failures and what was learnt are forgotten";
  note(event_kind::changed, {}, {}, text);
  answer(event.request, std::move(text));
}

void pool_core::on(const ordered<reconnect_pool>& event) {
  using std::chrono::milliseconds;
  constexpr milliseconds longest = std::chrono::hours{24 * 365};
  if (refused_for_stopping(event.request))
    return;
  std::chrono::nanoseconds spread = std::clamp(event.order.spread, milliseconds{0}, longest);
  auto open = count(connection_state::idle) + count(connection_state::leased);
  auto text = plural(open, "connection") + " within " + to_text(spread);
  note(event_kind::reconnecting, {}, {}, text);
  std::uint32_t place = 0; // each has an equal part of the time, and a moment within that by chance
  for (auto& [id, c] : connections_) {
    if (!c.open())
      continue;
    auto share = (place++ + random_.unit()) / open;
    auto delay = static_cast<std::int64_t>(static_cast<double>(spread.count()) * share);
    c.renew_at = std::min(c.renew_at, after(now_, std::chrono::nanoseconds{delay}));
    refresh(c);
  }
  answer(event.request, text + " to be replaced");
}

void pool_core::on(const ordered<record_pool>& event) {
  if (!refused_for_stopping(event.request))
    emit(write_recording{event.request});
}

void pool_core::on(const ordered<disconnect_pool>& event) {
  dormant_ = true;
  close_everything(
      {errc::disconnected, "'" + settings_.name + "' was disconnected by an administrator; ask again"});
  pending_.push_back({event.request, connection_id{next_connection_ - 1}});
}

void pool_core::on(const stop_requested& event) {
  removed_ = removed_ || (event.removed && !stopping_);
  stopping_ = true;
  close_everything(removed_
                       ? failure{errc::cluster_removed, "the cluster '" + settings_.name + "' was removed"}
                       : why_stopping());
  pending_.push_back({event.request, connection_id{next_connection_ - 1}});
}

void pool_core::close_everything(const failure& reason) {
  refuse_waiters(reason);
  while (!dooms_.empty())
    refuse_doomed();
  for (auto& [id, c] : connections_) {
    if (c.state == connection_state::closing)
      continue;
    cut_off(c, reason, true);
    close(c, removal_reason::disconnected);
  }
  ensure(leases_.empty(), "a pool without open connections has no leases");
}

void pool_core::answer_pending() {
  auto done = [this](const pending_request& p) {
    if (!connections_.empty() && connections_.begin()->first <= p.last)
      return false;
    if (p.drains && !waiters_.empty()) // being refused, in portions
      return false;
    answer(p.request, "no connection is left");
    return true;
  };
  if (pending_.empty())
    return;
  auto before = pending_.size();
  pending_.erase(std::remove_if(pending_.begin(), pending_.end(), done), pending_.end());
  if (stopping_ && pending_.size() < before && connections_.empty())
    note(event_kind::stopped);
}

} // namespace moorage
