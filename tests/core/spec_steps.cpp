// What happens to the pool: each operation as the core's event.
#include <algorithm>
#include <utility>

#include "tests/core/spec_world.hpp"

namespace moorage::test::spec {

namespace {

/// How far an opening came that failed so.
ssh_error error_of_kind(const std::string& kind) {
  auto found = ssh_failure::none;
  while (to_string(found) != kind)
    found = static_cast<ssh_failure>(static_cast<int>(found) + 1);
  auto stage = ssh_stage::connect;
  if (is_latching(found) || found == ssh_failure::no_credentials)
    stage = ssh_stage::authenticate;
  else if (found == ssh_failure::reset || found == ssh_failure::protocol || found == ssh_failure::turned_away)
    stage = ssh_stage::key_exchange;
  else if (found == ssh_failure::descriptor_limit)
    stage = ssh_stage::prepare;
  return {stage, found, "as the case says"};
}

} // namespace

void world::take(const step& now) {
  if (now.operation == "expect") {
    for (auto& fault : differences(now.keys, status(), at_))
      record_.faults.push_back(std::move(fault));
  } else if (now.operation == "wait") {
    auto until = now_ + time_or(now.keys, "time", {});
    settle(until);
    now_ = until;
    tell(time_passed{});
  } else if (!take_of_user(now) && !take_of_log_ins(now) && !take_of_world(now)) {
    order(now);
  }
}

bool world::take_of_user(const step& now) {
  const auto& what = now.operation;
  if (what == "acquire")
    acquire(now);
  else if (what == "cancel")
    tell(acquire_cancelled{asked_by(now.keys).request});
  else if (what == "confirm")
    tell(lease_confirmed{leased_by(now.keys).lease});
  else if (what == "release" || what == "discard")
    give_back(now, what == "discard");
  else if (what == "holder_dies")
    tell(holder_lost{holder(text_or(now.keys, "holder", {}))});
  else
    return false;
  return true;
}

/// Openings, and leave to begin them.
bool world::take_of_log_ins(const step& now) {
  const auto& what = now.operation;
  if (what == "allow_log_in" || what == "delay_log_in") {
    if (wishes_.empty())
      throw impossible{"no log-in waits for leave"};
    auto wish = wishes_.front();
    if (what == "delay_log_in")
      tell(permit_delayed{wish, now_ + time_or(now.keys, "time", {}), "as the case says"});
    else
      wishes_.erase(wishes_.begin());
    if (what == "allow_log_in")
      tell(permit_given{wish});
  } else if (what == "opened" || what == "fails") {
    auto& c = link_at(now.keys);
    if (c.now != phase::trying)
      throw impossible{"this connection is not being opened"};
    auto id = connection_at(now.keys);
    if (what == "opened")
      tell(connection_opened{id});
    else {
      c.now = c.closing ? phase::gone : phase::between_tries;
      tell(connection_failed{id, error_of_kind(text_or(now.keys, "kind", {}))});
    }
  } else {
    return false;
  }
  return true;
}

bool world::take_of_world(const step& now) {
  const auto& what = now.operation;
  if (what == "cleared") {
    const auto& of = leased_by(now.keys);
    tell(lease_cleared{of.connection, of.lease, flag_or(now.keys, "cut_off", false)});
  } else if (what == "lost") {
    link_at(now.keys).now = phase::gone;
    auto error = error_of_kind(text_or(now.keys, "kind", {}));
    error.stage = ssh_stage::session;
    tell(connection_lost{connection_at(now.keys), error});
  } else if (what == "closed") {
    if (!link_at(now.keys).closing)
      throw impossible{"nobody closes this connection"};
    tell(connection_closed{connection_at(now.keys)});
  } else if (what == "probe_passes" || what == "probe_fails") {
    probe_ended(now, what == "probe_passes");
  } else if (what == "cut_short" || what == "silent") {
    tell(connection_doubted{connection_at(now.keys), what == "silent", "as the case says"});
  } else if (what == "answers") {
    tell(connection_answered{connection_at(now.keys), flag_or(now.keys, "ran", false)});
  } else if (what == "channel_refused") {
    const auto& of = leased_by(now.keys);
    auto count = [&](const char* key) { return static_cast<std::uint32_t>(number_or(now.keys, key, 0)); };
    tell(channel_refused{of.connection, of.lease, count("carried"), count("channels")});
  } else if (what == "channel_late") {
    const auto& of = leased_by(now.keys);
    tell(channel_late{of.connection, of.lease, time_or(now.keys, "waited", {})});
  } else if (what == "machine_sleeps") {
    tell(machine_slept{time_or(now.keys, "time", {})});
  } else {
    return false;
  }
  return true;
}

void world::order(const step& now) {
  const auto& what = now.operation;
  auto request = new_request(now.keys, "as");
  if (what == "pause")
    tell(ordered<pause_pool>{request, {{}, flag_or(now.keys, "keep", false)}, sender(now.keys)});
  else if (what == "suspend")
    tell(ordered<suspend_pool>{request});
  else if (what == "drain")
    tell(ordered<drain_pool>{request, {{}, time_or(now.keys, "within", {})}});
  else if (what == "reconnect")
    tell(ordered<reconnect_pool>{request, {{}, time_or(now.keys, "spread", {})}});
  else if (what == "resume")
    tell(ordered<resume_pool>{request, {{}, flag_or(now.keys, "all", false)}, sender(now.keys)});
  else if (what == "probe_all")
    tell(ordered<probe_pool>{request});
  else if (what == "evict")
    tell(ordered<evict_connection>{request, {{}, connection_at(now.keys, true)}});
  else if (what == "revoke")
    tell(ordered<revoke_lease>{request, {{}, leased_by(now.keys).lease}});
  else if (what == "resize")
    tell(ordered<resize_pool>{request, {{}, static_cast<std::uint32_t>(number_or(now.keys, "size", 0))}});
  else if (what == "reset")
    tell(ordered<reset_pool>{request});
  else if (what == "disconnect")
    tell(ordered<disconnect_pool>{request});
  else if (what == "stop" || what == "remove")
    tell(stop_requested{request, what == "remove"});
  else if (what == "set")
    tell(settings_changed{request, apply(now.changed, core_.settings(), pool_.deaf_to)});
  else if (what == "set_one")
    tell(ordered<set_setting>{request,
                              {{}, text_or(now.keys, "setting", {}), text_or(now.keys, "value", {})}});
  else
    throw impossible{"this player cannot do that"};
}

void world::acquire(const step& now) {
  auto label = text_or(now.keys, "label", {});
  auto thread = text_or(now.keys, "thread", {});
  for (const auto& [other, each] : asked_)
    if (each.thread == thread && record_.outcomes.at(other) == "waiting")
      throw impossible{"thread " + thread + " is still waiting for " + other};
  acquire_requested asks;
  asks.request = new_request(now.keys, "label");
  auto holder_name = text_or(now.keys, "holder", thread);
  asks.holder = holder(holder_name);
  asks.deadline = cluster_deadline;
  if (now.keys.contains("patience")) {
    auto patience = time_or(now.keys, "patience", {});
    asks.deadline = patience == forever ? time_point::max() : now_ + patience;
  }
  asks.label = label;
  asks.identity = text_or(now.keys, "identity", {});
  asks.wait_for_ready = flag_or(now.keys, "wait_for_ready", false);
  asked_[label] = {thread, holder_name, asks.request, flag_or(now.keys, "confirm", true), {}, {}};
  tell(asks);
}

void world::give_back(const step& now, bool discarded) {
  const auto& lease = leased_by(now.keys);
  lease_released release;
  release.request = new_request(now.keys, "as");
  release.lease = lease.lease;
  release.holder = holder(text_or(now.keys, "holder", lease.holder));
  release.discarded = discarded;
  release.reason = text_or(now.keys, "why", {});
  tell(release);
}

void world::probe_ended(const step& now, bool passed) {
  const auto& probes = links_.at(connection_at(now.keys)).probes; // it may have gone meanwhile
  auto n = number_or(now.keys, "probe", static_cast<std::int64_t>(probes.size()));
  if (n < 1 || n > static_cast<std::int64_t>(probes.size()))
    throw impossible{"this connection was not probed as often"};
  auto probe = probes[static_cast<std::size_t>(n - 1)];
  if (passed)
    tell(probe_passed{probe, connection_at(now.keys),
                      time_or(now.keys, "took", std::chrono::milliseconds{1})});
  else
    tell(probe_failed{probe, connection_at(now.keys), "as the case says"});
}

world::asked& world::asked_by(const values& keys) {
  return asked_.at(text_or(keys, "label", {}));
}

world::asked& world::leased_by(const values& keys) {
  auto& found = asked_by(keys);
  if (!found.lease)
    throw impossible{text_or(keys, "label", {}) + " was not granted"};
  return found;
}

connection_id world::connection_at(const values& keys, bool may_be_unknown) const {
  constexpr std::uint64_t nobodys = 1'000'000'000;
  auto number = number_or(keys, "connection", 0);
  for (const auto& [id, c] : links_)
    if (c.number == number)
      return id;
  if (!may_be_unknown)
    throw impossible{"the pool has opened no connection " + std::to_string(number)};
  return connection_id{nobodys};
}

world::link& world::link_at(const values& keys) {
  auto& found = links_.at(connection_at(keys));
  if (found.now == phase::gone)
    throw impossible{"connection " + std::to_string(found.number) + " has gone"};
  return found;
}

holder_id world::holder(const std::string& name) {
  return holders_.emplace(name, holder_id{holders_.size() + 1}).first->second;
}

/// Of an order; it may be nobody's.
holder_id world::sender(const values& keys) {
  auto name = text_or(keys, "holder", {});
  return name.empty() ? holder_id{} : holder(name);
}

request_id world::new_request(const values& keys, const char* name_key) {
  auto name = text_or(keys, name_key, {});
  if (name.empty())
    return {};
  request_id request{++last_request_};
  names_.emplace(request, name);
  record_.outcomes.emplace(name, "waiting");
  return request;
}

record play(const pool_case& played, const played_pool& pool) {
  return world{played, pool}.play();
}

} // namespace moorage::test::spec
