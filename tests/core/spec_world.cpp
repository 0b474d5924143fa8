// Time, and what the pool does: each effect in the format's words, and what the world answers by itself.
#include "tests/core/spec_world.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <variant>

#include "messages/ensure.hpp"
#include "tests/core/spec_words.hpp"

namespace moorage::test::spec {

namespace {

std::string code_or_none(const failure& reason) {
  return reason.code == errc::none ? "none" : to_string(reason.code);
}

} // namespace

world::world(const pool_case& played, const played_pool& pool)
    : case_(played), pool_(pool), core_(apply(played.settings, any_cluster(), pool.deaf_to), pool.seed) {}

record world::play() {
  try {
    settle(now_);
    for (const auto& each : case_.steps) {
      at_ = each.where + " (" + each.operation + ")";
      take(each);
      settle(now_);
    }
  } catch (const impossible& fault) {
    record_.faults.push_back(at_ + ": " + fault.why);
  } catch (const broken_invariant& broken) {
    record_.faults.push_back(at_ + ": an invariant is broken: " + broken.what());
  } catch (const std::out_of_range&) {
    record_.faults.push_back(at_ + ": the pool speaks of a connection that it has not begun to open");
  }
  record_.status = status();
  return std::move(record_);
}

/// What the world does goes first: an answer that comes together with its deadline is in time.
void world::settle(time_point until) {
  constexpr int rounds_max = 100'000;
  for (int round = 0; round < rounds_max; ++round) {
    auto next = std::min(core_.next_due(), due_.empty() ? time_point::max() : due_.begin()->first);
    if (next > until)
      return;
    now_ = std::max(now_, next);
    if (!due_.empty() && due_.begin()->first <= now_)
      tell(due_.extract(due_.begin()).mapped());
    else
      tell(time_passed{});
  }
  throw impossible{"the pool never comes to rest"};
}

void world::tell(const pool_event& what) {
  if (const auto* opened = std::get_if<connection_opened>(&what))
    links_.at(opened->connection).now = phase::open;
  if (const auto* closed = std::get_if<connection_closed>(&what))
    links_.at(closed->connection).now = phase::gone;
  pool_effects effects;
  core_.step(now_, what, effects);
  core_.verify();
  if (pool_.bug)
    pool_.bug(effects);
  for (const auto& effect : effects)
    std::visit([this](const auto& each) { saw(each); }, effect);
}

bool world::by_steps(const char* key, const char* otherwise) const {
  return text_or(case_.world, key, otherwise) == "steps";
}

void world::happened(std::string kind, values keys) {
  record_.events.push_back({std::move(kind), std::move(keys), now_ - began_});
}

void world::answered(request_id request, const std::string& outcome) {
  auto name = names_.find(request);
  if (name == names_.end())
    return record_.faults.push_back(at_ + ": an answer (" + outcome + ") to nothing that was asked");
  auto& known = record_.outcomes[name->second];
  if (known != "waiting")
    record_.faults.push_back(at_ + ": " + name->second + " is answered twice: " + known + ", " + outcome);
  known = outcome;
}

std::string world::label_of(lease_id lease) const {
  for (const auto& [label, each] : asked_)
    if (each.lease == lease)
      return label;
  return {};
}

std::int64_t world::number_of(connection_id connection) const {
  auto known = links_.find(connection);
  return known == links_.end() ? 0 : known->second.number;
}

values world::status() const {
  auto said = core_.status(now_);
  auto number = [](std::uint64_t count) { return value{static_cast<std::int64_t>(count)}; };
  return {{"size", number(said.size)},
          {"total", number(said.total)},
          {"opening", number(said.opening)},
          {"idle", number(said.idle)},
          {"leased", number(said.leased)},
          {"closing", number(said.closing)},
          {"leases", number(said.leases)},
          {"waiters", number(said.waiters)},
          {"probing", number(said.probing)},
          {"state", value{to_string(said.state)}},
          {"paused", value{!said.pauses.empty()}},
          {"pauses", value{static_cast<std::int64_t>(said.pauses.size())}},
          {"latched", value{code_or_none(said.latched)}},
          {"backing_off", value{code_or_none(said.backing_off)}}};
}

void world::saw(const request_permit& effect) {
  if (!by_steps("budget", "free"))
    soon(permit_given{effect.permit});
  else if (std::find(wishes_.begin(), wishes_.end(), effect.permit) == wishes_.end())
    wishes_.push_back(effect.permit);
}

void world::saw(const return_permit& effect) {
  std::erase(wishes_, effect.permit);
}

void world::saw(const open_connection& effect) {
  auto& c = links_[effect.connection];
  if (c.number == 0)
    c.number = static_cast<std::int64_t>(links_.size());
  c.now = phase::trying;
  happened("opening", {{"connection", c.number}, {"try", static_cast<std::int64_t>(effect.attempt)}});
  if (!by_steps("log_ins", "steps"))
    soon(connection_opened{effect.connection}, time_or(case_.world, "log_in_takes", {}));
}

void world::saw(const close_connection& effect) {
  if (std::exchange(links_.at(effect.connection).closing, true))
    record_.faults.push_back(at_ + ": a connection is closed twice");
  if (!by_steps("closing", "at_once"))
    soon(connection_closed{effect.connection});
}

void world::saw(const grant& effect) {
  answered(effect.request, "granted");
  auto label = names_.contains(effect.request) ? names_.at(effect.request) : std::string{};
  happened("granted", {{"label", label}, {"connection", number_of(effect.connection)}});
  auto waiting = asked_.find(label);
  if (waiting == asked_.end())
    return;
  waiting->second.lease = effect.lease;
  waiting->second.connection = effect.connection;
  if (waiting->second.confirms)
    soon(lease_confirmed{effect.lease});
}

void world::saw(const refuse& effect) {
  answered(effect.request, to_string(effect.reason.code));
  if (names_.contains(effect.request))
    happened("refused", {{"label", names_.at(effect.request)}, {"error", to_string(effect.reason.code)}});
}

void world::saw(const acknowledge& effect) {
  answered(effect.request, "done");
  if (names_.contains(effect.request))
    happened("done", {{"label", names_.at(effect.request)}});
}

void world::saw(const end_lease& effect) {
  if (effect.ask && !by_steps("clearing", "at_once"))
    soon(lease_cleared{effect.connection, effect.lease, false});
}

void world::saw(const give_up_channel& effect) {
  happened("moved", {{"label", label_of(effect.lease)}, {"connection", number_of(effect.connection)}});
}

void world::saw(const notify_holder& effect) {
  values keys{{"label", label_of(effect.lease)}, {"error", to_string(effect.reason.code)}};
  for (const auto& [name, holder] : holders_)
    if (holder == effect.holder)
      keys.emplace("holder", name);
  happened("holder_told", std::move(keys));
}

void world::saw(const start_probe& effect) {
  links_.at(effect.connection).probes.push_back(effect.probe);
  happened("probe_started", {{"connection", number_of(effect.connection)}, {"command", effect.run}});
  if (!by_steps("probes", "pass"))
    soon(probe_passed{effect.probe, effect.connection, std::chrono::milliseconds{1}});
}

/// What was seen as an effect is not told again; what the format has no word for is not told.
void world::saw(const announce& effect) {
  auto kind = to_string(effect.what);
  const auto* known = find(event_kinds(), kind);
  if (known == nullptr || kind == "opening" || kind == "granted" || kind == "refused" || kind == "moved")
    return;
  values keys;
  for (const auto& key : known->keys)
    if (key.name == "connection")
      keys.emplace(key.name, number_of(effect.connection));
    else if (key.name == "label")
      keys.emplace(key.name, label_of(effect.lease));
    else if (key.name == "reason")
      keys.emplace(key.name, to_string(effect.removed));
    else if (key.name == "kind")
      keys.emplace(key.name, to_string(effect.error.kind));
  happened(kind, std::move(keys));
}

std::string text_or(const values& keys, const char* key, std::string otherwise) {
  auto found = keys.find(key);
  return found == keys.end() ? std::move(otherwise) : std::get<std::string>(found->second);
}

bool flag_or(const values& keys, const char* key, bool otherwise) {
  auto found = keys.find(key);
  return found == keys.end() ? otherwise : std::get<bool>(found->second);
}

std::int64_t number_or(const values& keys, const char* key, std::int64_t otherwise) {
  auto found = keys.find(key);
  return found == keys.end() ? otherwise : std::get<std::int64_t>(found->second);
}

std::chrono::milliseconds time_or(const values& keys, const char* key, std::chrono::milliseconds otherwise) {
  auto found = keys.find(key);
  return found == keys.end() ? otherwise : std::get<std::chrono::milliseconds>(found->second);
}

} // namespace moorage::test::spec
