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
      {"a command is moved when its channel is late, once", repeat<give_up_channel>()},
      {"a command is moved from its lease's own connection",
       change<give_up_channel>([](auto&, give_up_channel& e) { return e.connection = {}, true; })},
      {"a command is moved where another connection can take it, or its own has failed",
       add<give_up_channel>([](watched_pool& pool, give_up_channel& e) {
         e.lease = pool.watch.late();
         if (e.lease)
           e.connection = pool.watch.leases()[e.lease.value].connection;
         return e.lease && !pool.watch.may_move();
       })},
      {"a command whose channel is late is moved where another connection is idle",
       drop<give_up_channel>(
           [](watched_pool& pool, const give_up_channel&) { return pool.watch.must_move(); })},
      {"a connection that opens channels too late takes no new lease",
       grant_on([](const watched_pool& pool, const book& c) {
         return sound(c) && c.late && c.in_use() < pool.watch.settings().channels_per_connection &&
                pool.now >= std::max(c.carries_until, c.carries_now_until);
       })},
      {"a slot is granted once until its end is known", grant_on([](const watched_pool& pool, const book& c) {
         return well(c) && pool.now < c.carries_until && c.in_use() >= c.carries &&
                c.in_use() < pool.watch.settings().channels_per_connection;
       })},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}
