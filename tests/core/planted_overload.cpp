// Promises: each of the observer's checks of overload is seen failing once (see planted_bugs.cpp).
#include <catch2/catch.hpp>

#include "tests/core/falsifiers.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

using request = observer::request_book;

/// One who waits, other than whom the pool answers, and is so.
request_id waiting(const watched_pool& pool, const std::function<bool(const request&)>& is) {
  for (auto id : pool.watch.waiting()) {
    const auto& book = pool.watch.requests()[id.value];
    auto answered = std::any_of(pool.effects.begin(), pool.effects.end(), [&](const pool_effect& effect) {
      auto* g = std::get_if<grant>(&effect);
      auto* r = std::get_if<refuse>(&effect);
      return (g != nullptr && g->request == id) || (r != nullptr && r->request == id);
    });
    if (!answered && book.deadline > pool.now && is(book))
      return id;
  }
  return {};
}

bool has_waited(const watched_pool& pool, const request& book) {
  return pool.now - book.asked >= 2 * pool.watch.settings().overload_target;
}

falsifier refuse_one(std::function<bool(const watched_pool&, const request&)> is,
                     std::function<bool(watched_pool&)> when) {
  return add<refuse>([is, when](watched_pool& pool, refuse& effect) {
    effect = {waiting(pool, [&](const request& book) { return is(pool, book); }),
              {errc::overloaded, "planted"}};
    return effect.request && !first<refuse>(pool) && when(pool);
  });
}

bool quiet(watched_pool& pool) {
  return pool.effects.empty() && !pool.watch.free_slot() && !pool.watch.paused();
}

bool yields(const watched_pool&, const request& book) {
  return book.yields;
}

} // namespace

TEST_CASE("an observer notices who is refused for overload and should not be", "[planted]") {
  const std::vector<planted> bugs{
      {"only who named no patience, and waits for no readiness, is refused for overload",
       refuse_one([](auto& pool, auto& book) { return !book.yields && has_waited(pool, book); },
                  [](auto& pool) { return quiet(pool) && pool.watch.overloaded(); })},
      {"nobody is refused for overload while a slot is free, or in a pause",
       refuse_one([](auto& pool, auto& book) { return book.yields && has_waited(pool, book); },
                  [](auto& pool) {
                    return first<grant>(pool) && pool.watch.free_slot() && pool.watch.overloaded();
                  })},
      {"nobody is refused for overload while a slot is free, or in a pause",
       refuse_one(yields, [](auto& pool) { return pool.watch.paused() && pool.effects.empty(); })},
      {"nobody is refused for overload before waits were long for long",
       refuse_one(yields, [](auto& pool) { return quiet(pool) && !pool.watch.overloaded(); })},
      {"nobody is refused for overload before it has waited for twice the target",
       refuse_one([](auto& pool, auto& book) { return book.yields && !has_waited(pool, book); },
                  [](auto& pool) { return quiet(pool) && pool.watch.overloaded(); })},
      {"who has waited longest is refused first for overload", change<refuse>([](auto& pool, refuse& effect) {
         if (effect.reason.code != errc::overloaded || &effect != first<refuse>(pool))
           return false;
         auto asked = pool.watch.requests()[effect.request.value].asked;
         std::vector<request_id> later;
         for (const auto& each : pool.effects)
           if (auto* r = std::get_if<refuse>(&each); r != nullptr && r->reason.code == errc::overloaded &&
                                                     pool.watch.requests()[r->request.value].asked > asked)
             later.push_back(r->request);
         return !later.empty() && (effect.request = later.back(), true);
       })},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}

TEST_CASE("an observer notices who should be refused for overload and is not", "[planted]") {
  const std::vector<planted> bugs{
      {"an overloaded pool refuses who yields, in time",
       [](watched_pool& pool) {
         return pool.due > pool.now && pool.watch.settings().queue_depth > 3 &&
                drop<refuse>([](auto&, const refuse& e) { return e.reason.code == errc::overloaded; })(pool);
       }},
      {"a pool tells when it is overloaded, and when no more",
       drop<announce>([](auto&, const announce& e) { return e.what == event_kind::overloaded; })},
      {"a pool tells when it is overloaded, and when no more",
       drop<announce>([](auto&, const announce& e) { return e.what == event_kind::relieved; })},
      {"a pool wakes up when it becomes overloaded",
       [](watched_pool& pool) {
         auto begins = pool.watch.overload_begins();
         if (!pool.effects.empty() || pool.due != begins || begins == time_point::max())
           return false;
         pool.due += 1ns;
         return true;
       }},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}
