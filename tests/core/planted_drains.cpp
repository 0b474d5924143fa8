// Promises: each of the observer's checks of suspensions, drains and reconnects is seen failing once (see
// planted_bugs.cpp).
#include <catch2/catch.hpp>

#include <algorithm>
#include <variant>

#include "tests/core/falsifiers.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

bool leased_still(const watched_pool& pool) {
  return pool.watch.state() == pool_state::draining &&
         how_many(pool, [](const book& c) { return !c.live.empty(); }) > 0;
}

bool drained(const errc code) {
  return code == errc::drained;
}

} // namespace

TEST_CASE("an observer notices suspensions that open, and drains that serve, keep or forget somebody",
          "[planted]") {
  const std::vector<planted> bugs{
      {"a pool that drains opens nothing", open_new([](auto& pool) {
         return pool.watch.drains() && !pool.watch.stopping() &&
                first<close_connection>(const_cast<watched_pool&>(pool)) == nullptr;
       })},
      {"a suspended pool opens for those who wait alone", open_new([](auto& pool) {
         return pool.watch.state() == pool_state::suspended && !pool.watch.stopping() &&
                !pool.watch.latched() && pool.watch.waiting().empty() && pool.effects.empty();
       })},
      {"a request is answered at once",
       drop<refuse>([](auto&, const refuse& e) { return e.reason.code == errc::suspended; })},
      {"a request is answered at once",
       drop<refuse>([](auto&, const refuse& e) { return drained(e.reason.code); })},
      {"only who withdrew, or was cut off, is told so",
       refuse_first(errc::drained, [](auto&) { return true; })},
      {"a pool that drains closes what is free",
       drop<close_connection>([](watched_pool& pool, const close_connection& e) {
         return e.reason == removal_reason::drained && !pool.watch.stopping();
       })},
      {"a connection is closed for the reason that is given",
       change<close_connection>([](watched_pool& pool, close_connection& e) {
         return !pool.watch.drains() && e.reason == removal_reason::idle &&
                (e.reason = removal_reason::drained, true);
       })},
      {"a lease that is over is fenced at once",
       drop<end_lease>([](watched_pool& pool, const end_lease& e) { return leased_still(pool) && e.ask; })},
      {"a holder is told at once that its lease is over",
       drop<notify_holder>([](auto&, const notify_holder& e) { return drained(e.reason.code); })},
      {"a pool that drains wakes up for its deadline",
       [](watched_pool& pool) {
         if (!leased_still(pool) || pool.due == time_point::max())
           return false;
         pool.due = time_point::max();
         return true;
       }},
      {"a lease ends once, and for a reason", add<end_lease>([](watched_pool& pool, end_lease& e) {
         for (std::uint64_t i = 1; leased_still(pool) && i < pool.watch.leases().size(); ++i)
           if (const auto& l = pool.watch.leases()[i]; l.live) {
             e = {l.connection, lease_id{i}, true, {errc::drained, "planted: before the deadline"}};
             return true;
           }
         return false;
       })},
      {"an end is acknowledged as soon as nothing is left",
       drop<acknowledge>([](watched_pool& pool, const acknowledge&) {
         return std::any_of(pool.effects.begin(), pool.effects.end(), [](const pool_effect& each) {
           const auto* told = std::get_if<announce>(&each);
           return told != nullptr && told->what == event_kind::drained;
         });
       })},
      {"the pool says whom it serves, and whether it is latched",
       [](watched_pool& pool) {
         auto was_drained = pool.status.state == pool_state::drained;
         if (was_drained)
           pool.status.state = pool_state::draining;
         return was_drained;
       }},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}

TEST_CASE("an observer notices reconnects that spare a connection, or that nobody ordered", "[planted]") {
  const std::vector<planted> bugs{
      {"a connection is condemned for a reconnect only where one was ordered",
       add<announce>([](watched_pool& pool, announce& e) {
         e = {event_kind::condemned,
              one(pool, [](const book& c) { return sound(c) && c.renew_by == time_point::max(); }),
              {},
              {},
              removal_reason::reconnected};
         return static_cast<bool>(e.connection);
       })},
      {"a connection is closed for the reason that is given",
       change<close_connection>([](watched_pool& pool, close_connection& e) {
         return pool.watch.connections()[e.connection.value].renew_by == time_point::max() &&
                e.reason == removal_reason::idle && (e.reason = removal_reason::reconnected, true);
       })},
      {"a condemned connection is closed when it is free",
       drop<close_connection>([](watched_pool& pool, const close_connection& e) {
         return e.reason == removal_reason::reconnected &&
                pool.watch.connections()[e.connection.value].renew_by <= pool.now;
       })},
      {"the pool wakes up for each connection that is to be replaced",
       [](watched_pool& pool) {
         if (!one(pool, [](const book& c) { return sound(c) && c.renew_by < time_point::max(); }) ||
             !pool.watch.waiting().empty() || !pool.watch.permits().empty())
           return false;
         pool.due = time_point::max();
         return true;
       }},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}

/// Who comes to one that drains and stops as well is refused for the stop, and by no other book than this.
TEST_CASE("an observer notices that somebody waits for a pool that drains", "[planted]") {
  cluster_settings settings;
  settings.name = "lumi";
  settings.host = "h";
  watched_pool pool{settings, 1};
  pool.step(ordered<drain_pool>{});
  pool.step(stop_requested{request_id{1}});
  pool.tamper = [](watched_pool& it) {
    CHECK(drop<refuse>()(it));
    it.due = it.now;
  };
  CHECK_THROWS_WITH(pool.step(acquire_requested{request_id{2}, holder_id{1}, time_point::max(), {}}),
                    "nobody waits for a pool that drains");
}
