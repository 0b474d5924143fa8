// Which machine is gone to next.
#include "actors/pool/policies/machine_book.hpp"

#include <algorithm>

#include "messages/ensure.hpp"

namespace moorage {

namespace {

std::chrono::nanoseconds avoidance_after(std::uint32_t failures) {
  std::chrono::nanoseconds delay = machine_book::delay_first;
  for (; failures > 1 && delay < machine_book::delay_max; --failures)
    delay *= 2;
  return std::min<std::chrono::nanoseconds>(delay, machine_book::delay_max);
}

} // namespace

machine_book::entry* machine_book::find(const std::string& machine) {
  auto found = std::find_if(entries_.begin(), entries_.end(),
                            [&machine](const entry& each) { return each.name == machine; });
  return found == entries_.end() ? nullptr : &*found;
}

const machine_book::entry* machine_book::find(const std::string& machine) const {
  return const_cast<machine_book*>(this)->find(machine);
}

machine_book::entry& machine_book::need(const std::string& machine) {
  if (auto* known = find(machine))
    return *known;
  entries_.emplace_back().name = machine;
  return entries_.back();
}

/// A name server may tell of new ones for ever. The first known goes first, but for what is used or given;
/// and what was asked for, and is not known to be one, at once.
void machine_book::forget_surplus() {
  auto idle = [](const entry& each) { return !each.given && each.connections == 0; };
  std::erase_if(entries_, [&idle](const entry& each) { return !each.listed && idle(each); });
  for (auto each = entries_.begin(); entries_.size() > machines_max && each != entries_.end();)
    each = idle(*each) ? entries_.erase(each) : each + 1;
}

void machine_book::is_made_of(const std::vector<std::string>& machines, bool all) {
  whole_ = all;
  auto before = std::move(entries_);
  entries_.clear();
  for (const auto& name : machines) {
    auto known = std::find_if(before.begin(), before.end(), [&](const entry& x) { return x.name == name; });
    entries_.push_back(known == before.end() ? entry{} : *known);
    entries_.back().name = name;
    entries_.back().given = true;
  }
  for (auto& each : before)
    if (find(each.name) == nullptr) {
      each.given = each.listed = false; // what is open there still counts
      entries_.push_back(std::move(each));
    }
  forget_surplus();
}

void machine_book::joined(const std::string& machine) {
  if (!machine.empty())
    ++need(machine).connections;
}

void machine_book::left(time_point now, const std::string& machine) {
  if (machine.empty())
    return;
  auto& at = need(machine);
  ensure(at.connections > 0, "who leaves a machine was there");
  --at.connections;
  if (at.used_at != time_point::min())
    at.used_at = now;
  forget_surplus();
}

/// Where it is unknown what the log-in saw that met such a machine, the first look stands for it.
bool machine_book::changed(time_point now, const std::string& host_keys) {
  bool any = false;
  for (auto& each : entries_) {
    if (!each.distrusted || host_keys.empty())
      continue;
    if (each.distrusted_by.empty())
      each.distrusted_by = host_keys;
    if (each.distrusted_by == host_keys)
      continue;
    each.distrusted = false;
    each.retry_at = now;
    any = true;
  }
  return any;
}

bool machine_book::looked(time_point now, const std::string& host_keys) {
  look_.seen({});
  return changed(now, host_keys);
}

void machine_book::found(time_point now, const std::vector<machine_seen>& machines,
                         const std::string& host_keys) {
  changed(now, host_keys);
  for (const auto& seen : machines) {
    if (whole_ && find(seen.machine) == nullptr)
      continue; // under settings that no longer hold
    auto& at = need(seen.machine);
    at.listed = true;
    if (seen.found == machine_finding::listed)
      continue;
    ++at.failures;
    at.failed_at = now;
    at.retry_at = after(now, avoidance_after(at.failures));
    at.trouble = seen.text;
    if (seen.found == machine_finding::refused) {
      at.distrusted = true;
      at.distrusted_as = seen.code == errc::none ? errc::host_key_changed : seen.code;
      at.distrusted_by = host_keys;
    }
  }
  forget_surplus();
}

void machine_book::opened(time_point now, const std::string& machine, const std::string& host_key) {
  auto* at = find(machine);
  if (at == nullptr)
    return;
  at->failures = 0;
  at->failed_at = at->retry_at = time_point::min();
  at->used_at = now;
  at->distrusted = false;
  at->distrusted_by.clear();
  at->trouble.clear();
  at->host_key = host_key;
}

void machine_book::tried(time_point now, const std::string& machine) {
  if (auto* at = find(machine); at != nullptr && at->failures > 0) {
    at->failed_at = now;
    at->retry_at = after(now, avoidance_after(at->failures));
  }
}

void machine_book::forgive() {
  for (auto& each : entries_) {
    each.failures = 0;
    each.failed_at = each.retry_at = time_point::min();
    each.distrusted = false;
    each.distrusted_by.clear();
    each.trouble.clear();
  }
}

machine_choice machine_book::choose(time_point now, bool spread) const {
  std::vector<const entry*> well, unwell;
  machine_choice result;
  for (const auto& each : entries_) {
    if (!each.given && !each.listed)
      continue; // whoever asked for it says so, and nobody else
    if (each.distrusted)
      result.never.push_back(each.name);
    else
      (each.failures > 0 && each.retry_at > now ? unwell : well).push_back(&each);
  }
  std::stable_sort(well.begin(), well.end(), [spread](const entry* a, const entry* b) {
    if (a->connections != b->connections)
      return spread ? a->connections < b->connections : a->connections > b->connections;
    return spread ? a->used_at < b->used_at : a->used_at > b->used_at;
  });
  std::stable_sort(unwell.begin(), unwell.end(),
                   [](const entry* a, const entry* b) { return a->retry_at < b->retry_at; });
  for (const auto* each : well)
    result.first.push_back(each->name);
  for (const auto* each : unwell)
    result.last.push_back(each->name);
  return result;
}

bool machine_book::may_have(const std::string& machine) const {
  const bool in_digits = machine.find_first_not_of("0123456789abcdefABCDEF.:%") == std::string::npos;
  return find(machine) != nullptr || (!whole_ && in_digits);
}

bool machine_book::knows(const std::string& machine) const {
  const auto* at = find(machine);
  return at != nullptr && (at->given || at->listed);
}

time_point machine_book::may_open_at(const std::string& machine) const {
  const auto* at = find(machine);
  if (at == nullptr || at->failures == 0)
    return time_point::min();
  return at->distrusted ? time_point::max() : std::min(at->retry_at, after(at->failed_at, delay_asked_for));
}

bool machine_book::distrusts(const std::string& machine) const {
  const auto* at = find(machine);
  return at != nullptr && at->distrusted;
}

errc machine_book::distrusted_as(const std::string& machine) const {
  const auto* at = find(machine);
  return at == nullptr ? errc::host_key_changed : at->distrusted_as;
}

std::string machine_book::trouble_of(const std::string& machine) const {
  const auto* at = find(machine);
  return at == nullptr ? std::string{} : at->trouble;
}

std::string machine_book::in_words() const {
  std::string text;
  for (const auto& each : entries_)
    text += (text.empty() ? "" : ", ") + each.name;
  return text;
}

std::vector<machine_status> machine_book::status(time_point now) const {
  std::vector<machine_status> result;
  for (const auto& each : entries_) {
    auto& told = result.emplace_back();
    told.machine = each.name;
    told.connections = each.connections;
    told.failures = each.failures;
    told.avoided_for = each.failures > 0 ? between(now, each.retry_at) : std::chrono::nanoseconds{0};
    told.distrusted = each.distrusted;
    told.trouble = each.trouble;
    told.host_key = each.host_key;
    told.last_use =
        each.used_at == time_point::min() ? std::chrono::nanoseconds{-1} : between(each.used_at, now);
  }
  return result;
}

std::uint32_t machine_book::connections_on(const std::string& machine) const {
  const auto* at = find(machine);
  return at == nullptr ? 0 : at->connections;
}

std::size_t machine_book::connections() const {
  std::size_t all = 0;
  for (const auto& each : entries_)
    all += each.connections;
  return all;
}

} // namespace moorage
