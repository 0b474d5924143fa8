// Promises: each of the observer's checks of leases that are held for long, and of what a server lets a
// connection carry, is seen failing once.
#include <catch2/catch.hpp>

#include "tests/core/falsifiers.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

bool is_leak(const announce& e) {
  return e.what == event_kind::leaked;
}

} // namespace

TEST_CASE("an observer notices leases that are forgotten, and more than a server allows", "[planted]") {
  const std::vector<planted> bugs{
      {"a lease that is held for too long is told of",
       drop<announce>([](auto&, const announce& e) { return is_leak(e); })},
      {"a lease is told of once, and only when it is held for too long",
       [](watched_pool& pool) {
         auto leak = announce{event_kind::leaked, {}, lease_id{1}, "planted"};
         for (const auto& effect : pool.effects)
           if (auto* found = std::get_if<announce>(&effect); found != nullptr && is_leak(*found))
             leak = *found;
         if (leak.text == "planted")
           return false;
         pool.effects.emplace_back(leak);
         return true;
       }},
      {"a lease is told of once, and only when it is held for too long",
       [](watched_pool& pool) {
         auto* granted = first<grant>(pool);
         if (granted == nullptr)
           return false;
         pool.effects.emplace_back(
             announce{event_kind::leaked, granted->connection, granted->lease, "early"});
         return true;
       }},
      {"a slot is granted once until its end is known", grant_on([](const watched_pool& pool, const book& c) {
         return well(c) && pool.now < c.carries_until && c.in_use() >= c.carries &&
                c.in_use() < pool.watch.settings().channels_per_connection;
       })},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}
