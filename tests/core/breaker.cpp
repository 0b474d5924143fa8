// Promises: a pool that has failed to open leaves the server alone for a time that grows, tries once at a
// time, and keeps what is open.
#include <algorithm>
#include <set>

#include "tests/core/story.hpp"
#include "tests/core/watched_pool.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("after an outage one opening at a time is tried, once, and the others follow when it is let in") {
  auto settings = lumi(5);
  settings.connects_at_once = 5;
  story s{settings};
  for (std::uint64_t i = 1; i <= 5; ++i)
    s.step(acquire_requested{request_id{i}, h1, s.now + 1h, {}, true});
  for (std::uint64_t i = 1; i <= 4; ++i)
    s.step(connection_failed{connection_id{i}, error_of(ssh_failure::reset)});
  s.wait(1300ms); // their second tries
  s.step(connection_lost{c5, error_of(ssh_failure::reset)});
  s.step(connection_failed{c1, error_of(ssh_failure::reset)});
  for (auto c : {c2, c3, c4}) // after the first was given up there is no further try
    CHECK(s.step(connection_failed{c, error_of(ssh_failure::reset)}).find("close") == 0);
  for (auto c : {c1, c2, c3, c4})
    s.step(connection_closed{c});
  CHECK(s.next() == "open c6");
  CHECK(s.wait(1min) == "");
  CHECK(s.step(connection_failed{c6, error_of(ssh_failure::reset)}) == "close c6 not_opened");
  s.step(connection_closed{c6});
  CHECK(s.next() == "open c7");
  CHECK(s.step(connection_opened{connection_id{7}}) ==
        "grant r1 l1 c7 h1, open c8, open c9, open c10, open c11");
}

TEST_CASE("a trial that ends for another reason makes room for the next") {
  story s{lumi(2)};
  s.step(acquire_requested{r1, h1, s.now + 1h, {}, true});
  s.step(connection_failed{c1, error_of(ssh_failure::descriptor_limit)});
  s.step(connection_closed{c1});
  s.acquire(r2, h1, 1h);
  REQUIRE(s.next() == "open c2");
  CHECK(s.step(ordered<evict_connection>{r3, {{}, c2}}) == "close c2 evicted, acknowledge r3, open c3");
}

TEST_CASE("who waits for a host that nobody answers at has a trial within 15 s, and a reserve has patience") {
  for (auto waited_for : {false, true}) {
    auto settings = lumi(1);
    settings.min_idle = 1;
    story s{settings};
    s.step(time_passed{});
    for (std::uint64_t c = 1; c <= 20; ++c) {
      while (s.status().opening > 0) {
        s.step(connection_failed{connection_id{c}, error_of(ssh_failure::refused)});
        if (s.status().opening > 0)
          s.next();
      }
      s.step(connection_closed{connection_id{c}});
      if (c == 1 && waited_for)
        s.step(acquire_requested{r1, h1, s.now + 24h, {}, true});
      REQUIRE(s.next().find("open") == 0);
    }
    CHECK(s.took > (waited_for ? 9s : 90s));
    CHECK(s.took <= (waited_for ? 15s : 144s));
  }
}

TEST_CASE("failures of new log-ins leave the open connections alone") {
  for (auto kind :
       {ssh_failure::denied, ssh_failure::refused, ssh_failure::turned_away, ssh_failure::protocol}) {
    story s{lumi(2)};
    s.acquire(r1, h1);
    s.step(connection_opened{c1});
    s.step(lease_confirmed{l1});
    s.acquire(r2, h2, 1h);
    CHECK(s.step(connection_failed{c2, error_of(kind)}).find("c1") == std::string::npos);
    s.wait(1min);
    CHECK(s.status().leased == 1);
    CHECK(s.release(l1, h1).find("grant r2 l2 c1 h2") != std::string::npos);
  }
}

TEST_CASE(
    "one that is let in during the delay that another brought is no failure of its own, and after it is") {
  auto settings = lumi(3);
  settings.min_idle = settings.connects_at_once = 2;
  std::set<bool> waits_again;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    watched_pool pool{settings, seed};
    pool.step(time_passed{});
    pool.step(connection_opened{c1});
    pool.now += 100ms;
    pool.step(connection_lost{c1, error_of(ssh_failure::reset)});
    pool.now += 1s; // the delay is as long, more or less a fifth
    pool.step(connection_opened{c2});
    pool.now += 1s;
    pool.step(connection_lost{c2, error_of(ssh_failure::reset)});
    waits_again.insert(std::any_of(pool.effects.begin(), pool.effects.end(), [](const auto& effect) {
      auto* said = std::get_if<announce>(&effect);
      return said != nullptr && said->what == event_kind::backing_off;
    }));
    for (int i = 0; i < 3 && pool.watch.connections().size() < 4; ++i)
      CHECK_NOTHROW(pool.pass()); // the observer sees whether the next comes too early
    CHECK(pool.watch.connections().size() == 4);
  }
  CHECK(waits_again.size() == 2);
}
