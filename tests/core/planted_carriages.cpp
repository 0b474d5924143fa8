// Promises: each of the observer's checks of what is carried is seen failing once.
#include <catch2/catch.hpp>

#include "tests/core/falsifiers.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("an observer notices what is carried by the wrong connection, twice, or not at all", "[planted]") {
  const std::vector<planted> bugs{
      {"what is carried has asked for it, and waits", repeat<begin_carriage>()},
      {"what is carried is carried by a known connection",
       change<begin_carriage>(
           [](auto&, begin_carriage& e) { return e.connection = connection_id{99'999'999}, true; })},
      {"what is carried is carried by an open connection that has room for it",
       change<begin_carriage>([](watched_pool& pool, begin_carriage& e) {
         auto other = one(pool, [](const book& c) { return c.now == phase::closing || c.condemned; });
         return other && (e.connection = other, true);
       })},
      {"a pool that is paused, drained or stopping carries nothing more",
       add<begin_carriage>([](watched_pool& pool, begin_carriage& e) {
         auto open = one(pool, sound);
         if (!open || !pool.watch.paused() || pool.watch.to_be_carried().empty() || !pool.effects.empty())
           return false;
         e = {pool.watch.to_be_carried().front(), open};
         return true;
       })},
      {"nobody waits while a connection has room for it", drop<begin_carriage>()},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify, true) == bug.promise);
}
