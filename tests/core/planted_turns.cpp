// Promises: each of the observer's checks of whose turn it was is seen failing once (see planted_bugs.cpp).
#include <catch2/catch.hpp>

#include "tests/core/falsifiers.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

using request = observer::request_book;
using turn = observer::turn_book;

/// To another who waits, instead of whose turn it is.
falsifier grant_to(std::function<bool(watched_pool&, request_id other, request_id chosen)> is) {
  return change<grant>([is](watched_pool& pool, grant& effect) {
    if (first<grant>(pool) != &effect || first<refuse>(pool)) // else it is judged by other books
      return false;
    for (auto other : pool.watch.waiting()) {
      const auto& book = pool.watch.requests()[other.value];
      if (other == effect.request || book.deadline <= pool.now || !is(pool, other, effect.request))
        continue;
      effect.request = other;
      effect.holder = book.holder;
      return true;
    }
    return false;
  });
}

const request& of(const watched_pool& pool, request_id id) {
  return pool.watch.requests()[id.value];
}

/// The first of its holder.
bool is_first(const watched_pool& pool, request_id id) {
  for (auto other : pool.watch.waiting())
    if (observer::name_of(of(pool, other)) == observer::name_of(of(pool, id)))
      return other == id;
  return false;
}

/// Whether somebody who waits has seen this one served since it came or was served itself.
bool seen_served(watched_pool& pool, const std::string& name, turn (*book_of)(watched_pool&, request_id)) {
  const auto& waiting = pool.watch.waiting();
  return std::any_of(waiting.begin(), waiting.end(),
                     [&](request_id other) { return book_of(pool, other).served.contains(name); });
}

turn of_identity(watched_pool& pool, request_id id) {
  return pool.watch.identity_turn(id);
}
turn of_holder(watched_pool& pool, request_id id) {
  return pool.watch.holder_turn(id);
}

falsifier grant_to_identity(bool that_was_served) {
  return grant_to([=](watched_pool& pool, request_id other, request_id chosen) {
    const auto& identity = of(pool, other).identity;
    return identity != of(pool, chosen).identity && is_first(pool, other) &&
           seen_served(pool, identity, of_identity) == that_was_served;
  });
}

falsifier grant_to_sibling(bool that_was_served) {
  return grant_to([=](watched_pool& pool, request_id other, request_id chosen) {
    const auto& o = of(pool, other);
    const auto& c = of(pool, chosen);
    return o.identity == c.identity && o.holder != c.holder && is_first(pool, other) &&
           seen_served(pool, observer::name_of(o), of_holder) == that_was_served;
  });
}

} // namespace

TEST_CASE("an observer notices who is served out of turn", "[planted]") {
  const std::vector<planted> bugs{
      {"of one holder who came first is served first",
       grant_to([](watched_pool& pool, request_id other, request_id chosen) {
         return observer::name_of(of(pool, other)) == observer::name_of(of(pool, chosen));
       })},
      {"while an identity waits each other is served once at most", grant_to_identity(true)},
      {"an identity that comes takes the last turn", grant_to_identity(false)},
      {"while a holder waits each other of its identity is served once at most", grant_to_sibling(true)},
      {"a holder that comes takes the last turn", grant_to_sibling(false)},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}
