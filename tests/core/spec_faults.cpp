// What became of a case against what it expects, in words.
#include <algorithm>
#include <numeric>

#include "messages/durations.hpp"
#include "tests/core/spec_player.hpp"

namespace moorage::test::spec {

namespace {

bool matches(const event& expected, const event& found) {
  if (expected.kind != found.kind)
    return false;
  return std::all_of(expected.keys.begin(), expected.keys.end(), [&](const auto& key) {
    const auto& [name, wanted] = key;
    if (name == "at" || name == "from" || name == "until") {
      std::chrono::nanoseconds time = std::get<std::chrono::milliseconds>(wanted);
      return name == "at" ? found.at == time : name == "from" ? found.at >= time : found.at <= time;
    }
    auto there = found.keys.find(name);
    return there != found.keys.end() && there->second == wanted;
  });
}

/// Whether some order of the group matches. Groups are small.
bool matches(const std::vector<event>& group, const event* found) {
  std::vector<std::size_t> order(group.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  do {
    std::size_t matching = 0;
    while (matching < group.size() && matches(group[order[matching]], found[matching]))
      ++matching;
    if (matching == group.size())
      return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

std::string in_words(const std::vector<event>& group) {
  std::string text;
  for (const auto& each : group)
    text += (text.empty() ? "" : "; ") + to_string(each);
  return text;
}

void compare_events(const pool_case& expected, const record& found, std::vector<std::string>& faults) {
  std::vector<event> seen;
  std::copy_if(found.events.begin(), found.events.end(), std::back_inserter(seen),
               [&](const event& each) { return !expected.ignored.contains(each.kind); });
  std::size_t next = 0;
  for (std::size_t i = 0; i < expected.events.size(); ++i) {
    const auto& group = expected.events[i];
    auto count = std::min(group.size(), seen.size() - next);
    if (count == group.size() && matches(group, seen.data() + next)) {
      next += count;
      continue;
    }
    std::vector<event> instead(seen.begin() + static_cast<std::ptrdiff_t>(next),
                               seen.begin() + static_cast<std::ptrdiff_t>(next + count));
    faults.push_back("events[" + std::to_string(i) + "]: expected " + in_words(group) + ", but " +
                     (instead.empty() ? "nothing more" : in_words(instead)) + " came");
    return;
  }
  if (next < seen.size())
    faults.push_back("events: no more is expected, but " + to_string(seen[next]) + " came");
}

} // namespace

std::vector<std::string> faults_of(const pool_case& expected, const record& found) {
  auto faults = found.faults;
  compare_events(expected, found, faults);
  for (const auto& [name, outcome] : expected.outcomes) {
    auto there = found.outcomes.find(name);
    auto instead = there == found.outcomes.end() ? "never asked" : there->second;
    if (instead != outcome)
      faults.push_back("outcomes." + name + ": expected " + outcome + ", but it is " + instead);
  }
  for (auto& fault : differences(expected.status, found.status, "status"))
    faults.push_back(std::move(fault));
  return faults;
}

std::vector<std::string> differences(const values& expected, const values& found, const std::string& where) {
  std::vector<std::string> faults;
  for (const auto& [name, wanted] : expected)
    if (found.at(name) != wanted)
      faults.push_back(where + ": expected " + name + " = " + to_string(wanted) + ", but it is " +
                       to_string(found.at(name)));
  return faults;
}

std::string to_string(const value& x) {
  if (const auto* flag = std::get_if<bool>(&x))
    return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&x))
    return std::to_string(*number);
  if (const auto* time = std::get_if<std::chrono::milliseconds>(&x))
    return *time == forever ? "forever" : format_duration(*time);
  return std::get<std::string>(x);
}

std::string to_string(const event& x) {
  auto text = x.kind;
  for (const auto& [name, each] : x.keys)
    text += " " + name + "=" + to_string(each);
  if (x.at.count() > 0)
    text += " at " + to_text(x.at);
  return text;
}

} // namespace moorage::test::spec
