// Promises: each of the observer's checks of persons and certificates is seen failing once (see
// planted_bugs.cpp).
#include <catch2/catch.hpp>

#include "tests/core/falsifiers.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

bool asks(const announce& what) {
  return what.what == event_kind::asking;
}

bool expires(const announce& what) {
  return what.what == event_kind::expiring;
}

bool says_paused(const std::string& why) {
  return why.find("its pool is paused") != std::string::npos;
}

bool says_log_in(const std::string& why) {
  return why.find("log-in is not") != std::string::npos;
}

/// What it was told before.
const std::string& held(const watched_pool& pool, const tell_of_hindrance& told) {
  return pool.watch.requests()[told.request.value].hindered;
}

falsifier repeat_announcement(bool (*which)(const announce&)) {
  return [which](watched_pool& pool) {
    for (const auto& effect : pool.effects)
      if (auto* found = std::get_if<announce>(&effect); found != nullptr && which(*found)) {
        pool.effects.push_back(announce{*found});
        return true;
      }
    return false;
  };
}

} // namespace

TEST_CASE("an observer notices what is told wrong of persons and certificates", "[planted]") {
  const std::vector<planted> bugs{
      {"that a person is waited for is told once, and of the opening that does", repeat_announcement(asks)},
      {"that an opening begins to wait for a person is told at once",
       drop<announce>([](auto&, const announce& e) { return asks(e); })},
      {"no certificate ends that no log-in was let in with",
       add<announce>([](watched_pool& pool, announce& e) {
         e.what = event_kind::expiring;
         return !pool.watch.certificate_in_use();
       })},
      {"a certificate's end is not told of before it is near",
       add<announce>([](watched_pool& pool, announce& e) {
         e.what = event_kind::expiring;
         return pool.watch.certificate_in_use() && pool.watch.certificate_left() > 30min;
       })},
      {"the end of a certificate is told of once", repeat_announcement(expires)},
      {"only who waits to be carried is told what that waits for",
       add<tell_of_wait>([](watched_pool& pool, tell_of_wait& e) {
         e = {pool.watch.waiting().empty() ? request_id{} : pool.watch.waiting().front(), "a touch", 1s};
         return static_cast<bool>(e.request);
       })},
      {"who was told of no wait is not told of its end",
       add<tell_of_wait>([](watched_pool& pool, tell_of_wait& e) {
         if (pool.watch.to_be_carried().empty() || pool.watch.asking() != nullptr || !pool.effects.empty())
           return false;
         e = {pool.watch.to_be_carried().front(), {}, {}};
         return true;
       })},
      {"who waits to be carried is told of a person who is waited for, and of no other",
       add<tell_of_wait>([](watched_pool& pool, tell_of_wait& e) {
         if (pool.watch.to_be_carried().empty() || pool.watch.asking() != nullptr || !pool.effects.empty())
           return false;
         e = {pool.watch.to_be_carried().front(), "a touch", 1s};
         return true;
       })},
      {"who waits to be carried knows which person that waits for",
       drop<tell_of_wait>([](auto&, const tell_of_wait& e) { return !e.for_what.empty(); })},
      {"only who waits to be carried is told what hinders that",
       add<tell_of_hindrance>([](watched_pool& pool, tell_of_hindrance& e) {
         e = {pool.watch.waiting().empty() ? request_id{} : pool.watch.waiting().front(), "trouble", true};
         return static_cast<bool>(e.request);
       })},
      {"who waits to be carried knows why its jump is not there yet",
       drop<tell_of_hindrance>(
           [](auto&, const tell_of_hindrance& e) { return e.why.starts_with("its log-in"); })},
      {"who waits to be carried knows of a pause",
       drop<tell_of_hindrance>([](auto&, const tell_of_hindrance& e) { return says_paused(e.why); })},
      {"who waits to be carried is told when a pause is over",
       drop<tell_of_hindrance>([](auto& pool, const tell_of_hindrance& e) {
         return !e.why.empty() && !says_paused(e.why) && says_paused(held(pool, e));
       })},
      {"who waits to be carried is told of no log-in that is over",
       drop<tell_of_hindrance>([](auto& pool, const tell_of_hindrance& e) {
         return !e.why.empty() && !says_paused(e.why) && !says_log_in(e.why) && says_log_in(held(pool, e));
       })},
      {"who is carried is told that nothing hinders it",
       drop<tell_of_hindrance>([](auto&, const tell_of_hindrance& e) { return e.why.empty(); })},
  };
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify, true, true) == bug.promise);
}
