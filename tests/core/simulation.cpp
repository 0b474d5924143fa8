// Promises: what always holds, holds through long lives in an impolite world. MOORAGE_SEED=n replays one
// life, MOORAGE_LIVES=n lives so many.
#include <catch2/catch.hpp>

#include <cstdlib>
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

std::string live(std::uint64_t seed, pool_counters& counters, std::set<event_kind>& told) {
  impolite_world world{seed};
  world.discards = true;
  std::size_t steps = 0;
  world.pool.after = [&steps](const watched_pool& pool) {
    if (++steps % 16 == 0)
      written_and_read(pool.core);
  };
  try {
    world.run(2000);
    world.make_peace();
    counters = world.pool.core.status(world.pool.now).counters;
    told.merge(world.told);
    return "every promise was kept";
  } catch (const std::exception& e) {
    return e.what() + std::string{" (replay with MOORAGE_SEED="} + std::to_string(seed) + ")";
  }
}

} // namespace

TEST_CASE("in a long life in an impolite world every promise is kept", "[simulation]") {
  auto first = from_environment("MOORAGE_SEED", 0);
  auto lives = from_environment("MOORAGE_LIVES", first == 0 ? 60 : 1);
  pool_counters all;
  std::set<event_kind> told;
  for (std::uint64_t seed = std::max<std::uint64_t>(first, 1); lives-- > 0; ++seed) {
    pool_counters counters;
    CHECK(live(seed, counters, told) == "every promise was kept");
    for (const auto& row : counter_rows)
      all.*row.value += counters.*row.value;
    for (std::size_t i = 0; i < all.removed.size(); ++i)
      all.removed[i] += counters.removed[i];
  }
  if (first != 0)
    return;
  // A world in which nothing happens proves nothing.
  CHECK(all.grants > 1000);
  CHECK(all.reclaimed > 100);
  for (const auto& row : counter_rows) {
    INFO(row.name);
    CHECK(all.*row.value > 100);
  }
  for (std::size_t i = 0; i < all.removed.size(); ++i) {
    INFO(removal_rows[i].name);
    CHECK(all.removed[i] > 0);
  }
  // Some are not the core's: the shell warns, the manager tells of a pool's end by a bug, and a client of its
  // node.
  const std::set others{event_kind::warned, event_kind::internal, event_kind::node_lost,
                        event_kind::node_back};
  for (std::size_t i = 0; i < event_rows.size(); ++i) {
    auto what = static_cast<event_kind>(i);
    INFO(event_rows[i].name);
    CHECK(told.contains(what) != others.contains(what));
  }
}
