// Promises: what always holds, holds through long lives in an impolite world. MOORAGE_SEED=n replays one
// life, MOORAGE_LIVES=n lives so many.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <set>

#include "tests/core/copies.hpp"
#include "tests/core/impolite_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  auto* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// What many lives have met.
struct experience {
  pool_counters all{};
  std::set<event_kind> told{};
  sometimes seen{};
  std::size_t copied_each = 16; ///< every so many steps a snapshot is written and read back

  std::string live(std::uint64_t seed) {
    impolite_world world{seed};
    world.discards = world.carriages = world.persons = true;
    std::size_t steps = 0;
    world.pool.after = [this, &steps](const watched_pool& pool) {
      if (++steps % copied_each == 0)
        written_and_read(pool.core);
    };
    try {
      world.run(2000);
      world.make_peace();
    } catch (const std::exception& e) {
      return e.what() + std::string{" (replay with MOORAGE_SEED="} + std::to_string(seed) + ")";
    }
    auto counters = world.pool.core.status(world.pool.now).counters;
    for (const auto& row : counter_rows)
      all.*row.value += counters.*row.value;
    for (std::size_t i = 0; i < all.removed.size(); ++i)
      all.removed[i] += counters.removed[i];
    told.merge(world.told);
    seen.merge(world.seen);
    return "every promise was kept";
  }
};

/// A world in which nothing happens proves nothing.
void check(const experience& met) {
  CHECK(met.all.grants > 1000);
  for (const auto& row : counter_rows) {
    INFO(row.name);
    CHECK(met.all.*row.value > 100);
  }
  for (std::size_t i = 0; i < met.all.removed.size(); ++i) {
    INFO(removal_rows[i].name);
    // Nobody asks for a machine here: that happens in lives of its own (machine_lives.cpp).
    CHECK((met.all.removed[i] > 0 || static_cast<removal_reason>(i) == removal_reason::made_room));
  }
  for (std::size_t i = 0; i < sometimes::rows().size(); ++i) {
    INFO(sometimes::rows()[i].name);
    CHECK(met.seen.count(i) > 0);
  }
  const auto& others = events_not_of_the_core();
  for (std::size_t i = 0; i < event_rows.size(); ++i) {
    auto what = static_cast<event_kind>(i);
    INFO(event_rows[i].name);
    CHECK(met.told.contains(what) != others.contains(what));
  }
}

} // namespace

TEST_CASE("in a long life in an impolite world every promise is kept", "[simulation]") {
  auto first = from_environment("MOORAGE_SEED", 0);
  auto lives = from_environment("MOORAGE_LIVES", first == 0 ? 60 : 1);
  experience met;
  for (std::uint64_t seed = std::max<std::uint64_t>(first, 1); lives-- > 0; ++seed)
    CHECK(met.live(seed) == "every promise was kept");
  if (first == 0)
    check(met);
}

/// What came to pass, and how often, is in tests/simulation.txt below the build's folder.
TEST_CASE("in ten thousand long lives in an impolite world every promise is kept", "[simulation][long]") {
  constexpr std::uint64_t lives = 10'000;
  experience met;
  met.copied_each = 256; // a snapshot costs as much as ten steps
  for (std::uint64_t seed = 1; seed <= lives; ++seed)
    if (auto said = met.live(seed); said != "every promise was kept")
      CHECK(said == "every promise was kept");
  check(met);
  std::ofstream page{std::string{MOORAGE_BUILD_DIR} + "/tests/simulation.txt"};
  page << "simulation: " << lives << " lives, " << met.all.grants << " grants\n";
  for (std::size_t i = 0; i < sometimes::rows().size(); ++i)
    page << "  " << met.seen.count(i) << "  " << sometimes::rows()[i].name << "\n";
}
