// Promises: what a pool's flight recorder keeps is written and read back whole, gives the same effects when
// it is replayed, and is refused when it is damaged, never followed blindly.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

#include "actors/pool/recording/flight_recorder.hpp"
#include "tests/core/copies.hpp"
#include "tests/core/impolite_world.hpp"
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

const recording_header an_hour_later{"0.1", {}, 1'700'000'000s, time_point{2h}, "a test asks"};

/// A pool's life in an impolite world, as its recorder has it.
recording a_life(std::uint64_t seed, std::size_t steps, std::size_t bytes) {
  flight_recorder recorder{bytes};
  impolite_world world{seed};
  world.discards = world.persons = true;
  world.pool.before = [&](const watched_pool& pool, const pool_event& event) {
    recorder.before(pool.core, pool.now, event);
  };
  world.pool.after = [&](const watched_pool& pool) { recorder.after(pool.effects); };
  world.run(steps);
  REQUIRE(recorder.size() <= bytes + 8'192);
  return recorder.kept(world.pool.core, an_hour_later);
}

/// How a replay ends, in words.
std::string replayed(const recording& what) {
  replay player{what};
  replayed_step step;
  while (player.next(step))
    if (!step.difference.empty())
      return "step " + std::to_string(step.number) + ": " + step.difference;
  return player.fault().empty() ? "the same" : player.fault();
}

recording read_back(const recording& what) {
  recording result;
  REQUIRE(read_recording(to_bytes(what), "0.1", result) == failure{});
  return result;
}

std::string why_refused(std::string_view bytes, const std::string& version = "0.1") {
  recording result;
  return read_recording(bytes, version, result).text;
}

/// A short life, as a file has it.
std::string short_life() {
  return to_bytes(a_life(3, 200, 4'096));
}

/// A pool with a little of everything, recorded from its beginning.
struct recorded_story {
  void step(const pool_event& event) {
    recorder.before(core, now, event);
    pool_effects effects;
    core.step(now, event, effects);
    recorder.after(effects);
    for (const auto& effect : effects)
      if (const auto* asked = std::get_if<request_permit>(&effect))
        step(permit_given{asked->permit});
  }
  recording kept() const { return recorder.kept(core, an_hour_later); }

  flight_recorder recorder{1 << 20};
  pool_core core{lumi(2), 1};
  time_point now{1h};
};

} // namespace

TEST_CASE("members and values are counted as they are") {
  STATIC_REQUIRE(members_of<time_passed>() == 0);
  STATIC_REQUIRE(members_of<acquire_cancelled>() == 1);
  STATIC_REQUIRE(members_of<start_probe>() == 4);
  STATIC_REQUIRE(members_of<acquire_requested>() == 9);
  STATIC_REQUIRE(members_of<waiter>() == 11);
  STATIC_REQUIRE(values_of<connection_state>() == 4);
  STATIC_REQUIRE(values_of<ssh_failure>() == static_cast<std::size_t>(ssh_failure::denied_too_often) + 1);
  STATIC_REQUIRE(values_of<errc>() >= static_cast<std::size_t>(errc::count_));
}

TEST_CASE("whatever a recording can hold is read back as it was written") {
  std::tuple all{std::uint64_t{0},
                 std::numeric_limits<std::uint64_t>::max(),
                 std::numeric_limits<std::int64_t>::min(),
                 std::numeric_limits<std::int64_t>::max(),
                 std::uint16_t{65'535},
                 true,
                 0.1,
                 std::string{"a\0b", 3},
                 time_point::min(),
                 time_point::max(),
                 -1ms,
                 removal_reason::none,
                 std::optional<connection_id>{},
                 std::optional{connection_id{7}},
                 std::vector<std::string>{"", "x"},
                 std::set{lease_id{1}, lease_id{200}},
                 std::map<permit_id, connection_id>{{{1}, {2}}, {{3}, {4}}}};
  archive_writer out;
  std::apply(out, all);
  archive_reader in{out.bytes()};
  decltype(all) read{};
  std::apply(in, read);
  CHECK(in.fault() == "");
  CHECK(in.at_end());
  CHECK(read == all);
}

TEST_CASE("a number is read within its type, an enumeration within its values, a set in order") {
  auto fault = [](std::string_view bytes, auto into) {
    archive_reader in{bytes};
    in(into);
    return in.fault();
  };
  CHECK(fault(std::string_view{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, std::uint64_t{}) ==
        "offset 10: a number is too large");
  CHECK(fault("\x80\x80\x04", std::uint16_t{}) == "offset 3: a number is too large");
  CHECK(fault("\x04", connection_state{}) == "offset 0: a value is none of those that there are");
  CHECK(fault("\x02", bool{}) == "offset 0: a yes or no is neither");
  CHECK(fault("\x05zwei", std::string{}) == "offset 1: it ends too early");
  CHECK(fault("\xff\xff\xff\x7f"
              "a",
              std::vector<std::string>{}) == "offset 5: it ends too early");
  CHECK(fault("\x02\x02\x01", std::set<lease_id>{}) == "offset 3: what is in order is not");
  CHECK(fault("\x02\x01\x01", std::set<lease_id>{}) == "offset 3: what is in order is not");
}

TEST_CASE("a recording gives the same effects when it is replayed, through every leg") {
  std::uint64_t agreed = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto what = read_back(a_life(seed, 1'000, 32'768));
    INFO("seed " << seed);
    CHECK(replayed(what) == "the same");
    replay player{what};
    replayed_step step;
    while (player.next(step))
      ;
    CHECK(player.steps() > 100);
    agreed += player.snapshots_agreed();
  }
  CHECK(agreed > 10); // else none had two legs
}

TEST_CASE("a recording is the same whoever listens to announcements, and when") {
  recorded_story s;
  s.recorder = flight_recorder{4'096};
  for (std::uint64_t i = 1; i <= 200; ++i) {
    s.now += 1ms;
    s.core.set_announcing(i % 3 == 0);
    s.step(acquire_requested{request_id{i}, h1, s.now + 30s, "one"});
    if (i == 1)
      s.step(connection_opened{c1});
    s.core.set_announcing(i % 2 == 0);
    s.step(lease_released{{}, lease_id{i}, h1});
    auto what = s.kept();
    replay player{what};
    replayed_step step;
    while (player.next(step))
      CHECK(step.difference == "");
    CHECK(player.fault() == "");
  }
  CHECK(s.kept().legs.size() == 2);
}

TEST_CASE("a replay names the first step whose effects are others than those that were recorded") {
  recorded_story s;
  s.step(acquire_requested{r1, h1, s.now + 30s, "one"});
  s.step(connection_opened{c1});
  auto what = s.kept();
  REQUIRE(replayed(what) == "the same");
  what.legs[0].events.back() ^= 1; // the last bytes are the last step's digest
  CHECK(replayed(what) == "step 3: the effects are others than those that were recorded");
}

TEST_CASE("a replay notices a core that comes to another state than the one that was recorded") {
  auto what = a_life(3, 400, 4'096);
  REQUIRE(what.legs.size() == 2);
  what.legs[1].snapshot += '\0';
  CHECK_THAT(replayed(what), Catch::Contains("the core is another than the one that was recorded"));
}

TEST_CASE("an invariant that does not hold is in the recording, and is met again when it is replayed") {
  recorded_story s;
  s.step(acquire_requested{r1, h1, s.now + 30s, {}});
  acquire_requested again{r1, h1, s.now + 30s, {}};
  s.recorder.before(s.core, s.now, again);
  pool_effects effects;
  try {
    s.core.step(s.now, again, effects);
    FAIL("a request is made once");
  } catch (const broken_invariant& broken) {
    s.recorder.broke(broken.what());
  }
  auto what = read_back(s.kept());
  CHECK(replayed(what) == "the same");
  replay player{what};
  replayed_step step;
  while (player.next(step))
    ;
  CHECK(step.broke == "a request is made once");
  CHECK(player.core() == nullptr);
}

TEST_CASE("a pool that is too large for snapshots on the way is recorded as it is when somebody asks") {
  flight_recorder recorder;
  auto settings = lumi(1);
  settings.queue_depth = 10'000;
  pool_core core{settings, 1};
  time_point now{1h};
  auto acquire = [&](std::uint64_t i) {
    acquire_requested event{request_id{i}, holder_id{1}, now + 30s, {}};
    recorder.before(core, now, event);
    pool_effects effects;
    core.step(now, event, effects);
    recorder.after(effects);
  };
  for (std::uint64_t i = 1; i <= 10'000; ++i)
    acquire(i);
  auto what = read_back(recorder.kept(core, an_hour_later));
  REQUIRE(what.legs.size() == 1);
  CHECK(what.legs[0].events.empty());
  replay player{what};
  replayed_step step;
  CHECK_FALSE(player.next(step));
  CHECK(player.fault() == "");
  REQUIRE(player.core() != nullptr);
  CHECK(*player.core() == core);
}

TEST_CASE("a recording of another version or format is refused, and says so") {
  auto bytes = short_life();
  CHECK(why_refused(bytes, "0.2") == "the recording was written by moorage 0.1, and this is 0.2: only the "
                                     "version that wrote one can replay it");
  CHECK(why_refused("moorfl9\nx") == "the recording is of a format that this version does not read");
  CHECK(why_refused("host = lumi") == "this is no recording: it does not begin as one does");
  CHECK(why_refused("") == "this is no recording: it does not begin as one does");
}

TEST_CASE("a recording that was cut short anywhere is refused, and the offset is told") {
  auto bytes = short_life();
  for (std::size_t size = 8; size < bytes.size(); ++size) {
    auto why = why_refused(std::string_view{bytes}.substr(0, size));
    INFO(size);
    CHECK(why.starts_with("the recording is damaged: offset "));
  }
}

TEST_CASE("a recording with a byte that is another is refused, or was written by somebody else") {
  auto bytes = short_life();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ (1 << i % 8));
    INFO(i);
    CHECK(why_refused(changed) != "");
  }
}

TEST_CASE("whatever somebody writes into a recording, its replay ends in words") {
  auto what = a_life(5, 300, 8'192);
  std::mt19937_64 random{1};
  std::map<bool, int> ends;
  for (int i = 0; i < 3'000; ++i) {
    auto changed = what;
    auto& leg = changed.legs[random() % changed.legs.size()];
    auto& bytes = random() % 3 == 0 ? leg.snapshot : leg.events;
    for (auto n = random() % 3; n <= 2 && !bytes.empty(); ++n)
      switch (random() % 3) {
      case 0:
        bytes[random() % bytes.size()] = static_cast<char>(random());
        break;
      case 1:
        bytes.erase(random() % bytes.size(), random() % 9);
        break;
      default:
        bytes.insert(random() % bytes.size(), random() % 9, static_cast<char>(random()));
      }
    ++ends[replayed(read_back(changed)) == "the same"];
  }
  CHECK(ends[false] > 1'000);
}
