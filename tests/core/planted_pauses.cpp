// Promises: each of the observer's checks of pauses, and of who ordered what, is seen failing once (see
// planted_bugs.cpp).
#include <catch2/catch.hpp>

#include "tests/core/falsifiers.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("an observer notices pauses that are lost or made up, and orders that are nobody's", "[planted]") {
  const std::vector<planted> bugs{
      {"the pool names those who pause it, the oldest first, and nobody else",
       [](watched_pool& pool) {
         auto any = !pool.status.pauses.empty();
         pool.status.pauses.clear();
         return any;
       }},
      {"the pool names those who pause it, the oldest first, and nobody else",
       [](watched_pool& pool) {
         for (auto& pause : pool.status.pauses)
           if (!pause.keep)
             return pause.keep = true;
         return false;
       }},
      {"the pool says whom it serves, and whether it is latched",
       [](watched_pool& pool) {
         auto both = pool.watch.paused() && pool.status.state == pool_state::suspended;
         if (both)
           pool.status.state = pool_state::paused;
         return both;
       }},
      {"a pool that is paused, drained or stopping grants nothing",
       add<grant>([](watched_pool& pool, grant& effect) {
         if (!pool.watch.paused() || pool.watch.state() != pool_state::suspended || pool.watch.stopping() ||
             pool.watch.waiting().empty() || !pool.effects.empty())
           return false;
         auto request = pool.watch.waiting().front();
         const auto& asked = pool.watch.requests()[request.value];
         effect = {request, lease_id{pool.watch.leases().size() + 5}, one(pool, sound), asked.holder};
         return asked.deadline > pool.now;
       })},
      {"an order's event tells who gave it", change<announce>([](watched_pool&, announce& e) {
         auto named = e.what == event_kind::paused && !e.by.empty();
         if (named)
           e.by.clear();
         return named;
       })},
      {"nobody is named who has not ordered it", change<announce>([](watched_pool&, announce& e) {
         auto granted = e.what == event_kind::granted;
         if (granted)
           e.by = "planted";
         return granted;
       })},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}
