// Promises: each of the observer's checks of leave to log in is seen failing once.
#include <catch2/catch.hpp>

#include "tests/core/falsifiers.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// Leave that is not in use, and not returned in this step.
permit_id wished(const watched_pool& pool) {
  for (const auto& [permit, book] : pool.watch.permits())
    if (!book.given)
      return permit;
  return {};
}

} // namespace

TEST_CASE("an observer notices log-ins without leave, and leave that is kept", "[planted]") {
  const std::vector<planted> bugs{
      {"a log-in begins with leave of its own",
       change<open_connection>([](auto&, open_connection& e) { return e.permit = permit_id{99'999}, true; })},
      {"a permit's id is never used again", change<request_permit>([](auto& pool, request_permit& e) {
         if (e.permit.value < 3 || pool.watch.permits().contains(permit_id{1}))
           return false;
         return e.permit = permit_id{1}, true;
       })},
      {"a permit is asked for again only when nothing was heard of it",
       [](watched_pool& pool) {
         auto again = wished(pool);
         if (!again || !pool.effects.empty() || pool.watch.paused() || pool.watch.stopping() ||
             pool.watch.permits().at(again).asked == pool.now ||
             pool.now - pool.watch.permits().at(again).asked > 5s)
           return false;
         pool.effects.push_back(request_permit{again});
         return true;
       }},
      {"a pool that is paused, drained or stopping asks for no leave",
       [](watched_pool& pool) {
         if (!pool.watch.paused() || !pool.effects.empty())
           return false;
         pool.effects.push_back(request_permit{permit_id{99'999}});
         return true;
       }},
      {"a permit is given back once", repeat<return_permit>()},
      {"a permit that was not used is given back as such", change<return_permit>([](auto&, return_permit& e) {
         return e.use == permit_use::unused && (e.use = permit_use::let_in, true);
       })},
      {"a permit goes back with what became of it", change<return_permit>([](auto&, return_permit& e) {
         return e.use == permit_use::let_in && (e.use = permit_use::denied, true);
       })},
      {"a permit goes back as soon as its log-in has ended",
       drop<return_permit>([](auto&, const return_permit& e) { return e.use == permit_use::let_in; })},
      {"a permit that is not needed goes back at once",
       drop<return_permit>([](watched_pool& pool, const return_permit& e) {
         return e.use == permit_use::unused && !pool.watch.permits().contains(e.permit);
       })},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}

TEST_CASE("an observer notices leave that is waited for in vain, or that nobody is told of", "[planted]") {
  const std::vector<planted> bugs{
      {"a permit is used at once, or given back",
       drop<open_connection>([](watched_pool& pool, const open_connection& e) {
         return e.attempt == 1 && pool.watch.waiting().empty();
       })},
      {"who opens nothing waits for no leave",
       drop<return_permit>([](watched_pool& pool, const return_permit& e) {
         auto found = pool.watch.permits().find(e.permit);
         return pool.watch.paused() && found != pool.watch.permits().end() && !found->second.given;
       })},
      {"a new giver is told of everything",
       drop<request_permit>([](auto&, const request_permit& e) { return e.held; })},
      {"a permit that does not come is asked for again",
       [](watched_pool& pool) {
         if (!wished(pool) || !pool.watch.waiting().empty() || pool.watch.paused() || !pool.effects.empty())
           return false;
         pool.due = time_point::max();
         return true;
       }},
      {"a permit goes back when its log-in has ended, not before",
       [](watched_pool& pool) {
         for (const auto& [permit, book] : pool.watch.permits())
           if (book.connection && pool.effects.empty() &&
               pool.watch.connections()[book.connection.value].now == phase::trying) {
             pool.effects.push_back(return_permit{permit, permit_use::let_in});
             return true;
           }
         return false;
       }},
      {"only a new giver is told of what is in use", add<request_permit>([](auto& pool, request_permit& e) {
         e = {wished(pool), true};
         return static_cast<bool>(e.permit);
       })},
      {"signs of a ban are forgotten where an administrator says so, and only there",
       change<request_permit>([](auto&, request_permit& e) { return !e.held && (e.anew = !e.anew, true); })},
      {"no more leave is asked for than may be used",
       [](watched_pool& pool) {
         if (!wished(pool) || pool.watch.settings().connects_at_once != 1 || !pool.effects.empty() ||
             pool.watch.paused())
           return false;
         pool.effects.push_back(request_permit{permit_id{99'999}});
         return true;
       }},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}

TEST_CASE("an observer notices looks at credentials that nobody needs", "[planted]") {
  const std::vector<planted> bugs{
      {"credentials are looked at only where a log-in was denied",
       add<look_at_credentials>([](watched_pool& pool, look_at_credentials&) {
         return !pool.watch.latched() && !first<close_connection>(pool);
       })},
      {"credentials are looked at every second at most",
       [](watched_pool& pool) {
         if (first<look_at_credentials>(pool) == nullptr || first<close_connection>(pool) != nullptr)
           return false;
         pool.effects.emplace_back(look_at_credentials{});
         return true;
       }},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}
