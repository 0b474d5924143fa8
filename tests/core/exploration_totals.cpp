// Promises: what the explorations reach, all of them together. The long one writes down what it met in
// tests/exploration.txt below the build's folder.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <string_view>
#include <thread>

#include "tests/core/exploration_parts.hpp"
#include "tests/core/sometimes.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// Parts of fewer sequences are played one event deeper by the long run.
constexpr std::uint64_t few = 100'000;

std::string play(const part& each, bool deep, exploration_tally& tally) {
  if (!deep)
    return explore(each, tally);
  exploration_tally usual;
  auto said = explore_by_samples(each, 0, usual);
  if (said == kept && usual.sequences < few)
    return explore_by_samples(each, 1, tally);
  tally.merge(usual);
  return said;
}

/// Plays the parts on all processors.
exploration_tally play(const parts& all, bool deep, std::vector<std::string>& broken) {
  std::atomic<std::size_t> next{0};
  struct share {
    exploration_tally tally;
    std::vector<std::string> broken;
  };
  auto work = [&] {
    share mine;
    for (auto i = next++; i < all.size(); i = next++)
      if (auto said = play(all[i], deep, mine.tally); said != kept)
        mine.broken.push_back(all[i].name + ": " + said);
    return mine;
  };
  std::vector<std::future<share>> shares;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
    shares.push_back(std::async(std::launch::async, work));
  exploration_tally total;
  for (auto& each : shares) {
    auto one = each.get();
    total.merge(one.tally);
    broken.insert(broken.end(), one.broken.begin(), one.broken.end());
  }
  return total;
}

/// Pairs of kinds of events of which the second can change nothing after the first, with the reasons.
struct impossible_pairs {
  std::string_view first;
  std::set<std::string_view> second;
  const char* reason;
};
const std::set<std::string_view> of_what_has_ended{
    "acquire_cancelled",   "lease_confirmed", "holder_lost",  "lease_cleared",
    "connection_opened",   "probe_passed",    "probe_failed", "connection_doubted",
    "connection_answered", "channel_refused", "channel_late", "connection_waits",
    "machine_slept",       "permit_delayed",  "time_passed",  "carriage_ended"};
const std::vector<impossible_pairs> impossible{
    {"disconnect", of_what_has_ended, "nobody waits, and nothing is leased or open any more"},
    {"stop_requested", of_what_has_ended, "nobody waits, and nothing is leased or open any more"},
    {"stop_requested", {"credentials_seen"}, "what stops logs in no more"},
    {"drain",
     {"acquire_cancelled", "connection_opened", "connection_waits", "permit_delayed"},
     "nobody waits, and nothing opens"},
    {"pause", {"channel_late"}, "who moved could not be served"},
    {"suspend", {"channel_late"}, "who moved could not be served"},
    {"drain", {"channel_late"}, "who moved could not be served"},
    {"pause", {"permit_delayed"}, "leave that was asked for is not wanted any more"},
    {"reset", {"credentials_seen"}, "the latch is lifted"},
    {"settings_changed", {"credentials_seen"}, "the latch is lifted"},
    {"settings_changed", {"connection_doubted"}, "here it is another host: all are condemned"},
};

/// Changes something only for those who wait to be carried, of whom few explorations have any.
constexpr std::string_view only_told_on = "connection_hindered";

/// Those that were not met and should have been.
std::vector<std::string> lacking(const exploration_tally::table& met) {
  std::vector<std::string> all;
  const auto& names = event_kind_names();
  for (std::size_t i = 0; i < kinds_of_events; ++i)
    for (std::size_t k = 0; k < kinds_of_events; ++k)
      if (met[i][k] == 0 && names[k] != only_told_on &&
          std::none_of(impossible.begin(), impossible.end(), [&](const auto& each) {
            return each.first == names[i] && each.second.contains(names[k]);
          }))
        all.push_back(names[i] + " is never followed by " + names[k]);
  return all;
}

std::size_t met_of(const exploration_tally::table& pairs) {
  std::size_t met = 0;
  for (const auto& row : pairs)
    met += static_cast<std::size_t>(std::count_if(row.begin(), row.end(), [](auto n) { return n > 0; }));
  return met;
}

void write_down(const exploration_tally& all, double seconds) {
  std::ofstream page{std::string{MOORAGE_BUILD_DIR} + "/tests/exploration.txt"};
  page << "explorations: " << all.sequences << " sequences, " << all.steps << " steps, " << all.states.size()
       << " distinct states, " << met_of(all.told) << " of " << kinds_of_events * kinds_of_events
       << " pairs of kinds of events told, " << met_of(all.changing) << " of them each with a change, "
       << all.played_out << " endings played out twice, " << seconds << " processor seconds\n";
  for (std::size_t i = 0; i < all.signs.size(); ++i)
    page << "  " << all.signs[i] << "  " << policy_signs()[i].policy << ": " << policy_signs()[i].sign
         << "\n";
  for (std::size_t i = 0; i < all.announced.size(); ++i)
    page << "  " << all.announced[i] << "  told: " << event_rows[i].name << "\n";
  for (std::size_t i = 0; i < all.closed.size(); ++i)
    page << "  " << all.closed[i] << "  closed: " << removal_rows[i].name << "\n";
  page << "pairs, the first down, the second across, how often both changed something:\n";
  const auto& names = event_kind_names();
  for (std::size_t i = 0; i < kinds_of_events; ++i) {
    page << names[i];
    for (auto count : all.changing[i])
      page << "\t" << count;
    page << "\n";
  }
}

double processor_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

} // namespace

TEST_CASE("every kind of event follows every other, in every condition of a pool") {
  std::vector<std::string> broken;
  auto all = play(anything(), false, broken);
  CHECK(broken == std::vector<std::string>{});
  CHECK(met_of(all.told) == kinds_of_events * kinds_of_events);
}

TEST_CASE("each of the pool's policies has a sign by which an exploration knows it", "[exploration]") {
  std::set<std::string> policies, signs;
  for (const auto& file :
       std::filesystem::directory_iterator{std::string{MOORAGE_SOURCE_DIR} + "/actors/pool/policies"})
    policies.insert(file.path().stem().string());
  policies.erase("machine_book"); // these worlds have no machines: machine_lives.cpp has
  for (const auto& each : policy_signs())
    signs.emplace(each.policy);
  CHECK(signs == policies);
}

TEST_CASE("ten million sequences reach every pair of events, every policy and every end of a connection",
          "[exploration][long]") {
  auto began = processor_seconds();
  std::vector<std::string> broken;
  auto all = play(all_parts(), true, broken);
  write_down(all, processor_seconds() - began);
  CHECK(broken == std::vector<std::string>{});
  CHECK(all.sequences >= 10'000'000);
  CHECK(met_of(all.told) == kinds_of_events * kinds_of_events); // a pool is told anything
  CHECK(lacking(all.changing) == std::vector<std::string>{});
  for (std::size_t i = 0; i < all.signs.size(); ++i) {
    INFO(policy_signs()[i].policy << ": " << policy_signs()[i].sign);
    CHECK(all.signs[i] > 0);
  }
  const auto& nobodys = events_not_of_the_core();
  for (std::size_t i = 0; i < all.announced.size(); ++i) {
    INFO(event_rows[i].name);
    CHECK((all.announced[i] > 0) != nobodys.contains(static_cast<event_kind>(i)));
  }
  for (std::size_t i = 0; i < all.closed.size(); ++i) {
    INFO(removal_rows[i].name);
    auto reason = static_cast<removal_reason>(i);
    CHECK((all.closed[i] > 0) != (reason == removal_reason::lost || reason == removal_reason::made_room));
  }
}
