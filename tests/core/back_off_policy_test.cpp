// Promises of the back-off by itself: how long a pool waits after openings that failed, and what lifts the
// latch.
#include <catch2/catch.hpp>

#include "actors/pool/policies/back_off.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

/// Somebody who opens by a back-off; `may_open` tells what an opening would have to wait for.
struct opener {
  back_off policy;
  seeded_random random;
  time_point now{1h};
  back_off::reach how_far = back_off::reach::site;

  explicit opener(std::uint64_t seed = 1) : random(seed) {}

  bool fails(const char* why = "no answer") { return fails_since(now, why); }
  bool fails_since(time_point began, const char* why = "no answer") {
    return policy.failed(now, began, {errc::connect_failed, why}, how_far, random);
  }
  void denied(const char* why) { policy.set_latch({errc::auth_denied, why}); }
  std::chrono::nanoseconds delay() const { return between(now, policy.may_open_at(false)); }
  std::chrono::nanoseconds delay_waited_for() const { return between(now, policy.may_open_at(true)); }
  void sit_out() { now = policy.may_open_at(false); }
  std::string may_open() const {
    if (policy.latched())
      return "not until it is lifted: " + policy.hindrance(now).text;
    return delay() > 0s ? "later, for: " + policy.hindrance(now).text : "at once";
  }
  bool retries(ssh_failure kind, std::uint32_t attempt) {
    return policy.retry_at(now, kind, attempt, 3, random).has_value();
  }
};

/// Each length more or less by a fifth.
bool about(std::chrono::nanoseconds length, std::chrono::nanoseconds expected) {
  return length >= expected * 8 / 10 && length <= expected * 12 / 10;
}

} // namespace

TEST_CASE("each failure in a row makes the back-off longer by three fifths, to two minutes, and a fifth is "
          "left to chance") {
  std::chrono::nanoseconds shortest = 1h, longest = 0s;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    opener l{seed};
    for (auto expected :
         {1'000'000us, 1'600'000us, 2'560'000us, 4'096'000us, 6'553'600us, 10'485'760us, 16'777'216us,
          26'843'546us, 42'949'673us, 68'719'477us, 109'951'163us, 120'000'000us, 120'000'000us}) {
      CHECK(l.may_open() == "at once");
      CHECK(l.fails());
      CHECK(l.may_open() == "later, for: no answer");
      CHECK(about(l.delay(), expected));
      if (expected == 4096ms) {
        shortest = std::min(shortest, l.delay());
        longest = std::max(longest, l.delay());
      }
      l.sit_out();
    }
    for (int i = 0; i < 100; ++i, l.sit_out()) {
      CHECK(l.fails());
      CHECK(about(l.delay(), 120s));
    }
  }
  CHECK(shortest < 3500ms);
  CHECK(longest > 4500ms);
}

TEST_CASE("openings that were under way together are one failure, told by the last of them") {
  opener l;
  auto began = l.now;
  CHECK(l.fails());
  auto due = l.policy.may_open_at(false);
  l.now += 100ms;
  CHECK_FALSE(l.fails_since(began, "refused"));
  CHECK(l.policy.may_open_at(false) == due);
  CHECK(l.may_open() == "later, for: refused");
  l.now = due;
  CHECK(l.fails());
  CHECK(about(l.delay(), 1600ms));
}

TEST_CASE("where not even a TCP connection came about, who waits has a trial within fifteen seconds") {
  std::chrono::nanoseconds longest = 0s;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    opener l{seed};
    l.how_far = back_off::reach::nobody;
    for (int i = 0; i < 20; ++i, l.sit_out()) {
      l.fails();
      CHECK(l.delay_waited_for() <= std::min<std::chrono::nanoseconds>(l.delay(), 15s));
      longest = std::max(longest, l.delay_waited_for());
    }
    l.fails();
    CHECK(about(l.delay(), 120s));
    auto began = l.now;
    l.now += l.delay_waited_for(); // the trial that is waited for comes first, and is one of its own
    CHECK(l.delay_waited_for() == 0s);
    CHECK_FALSE(l.fails_since(began));
    CHECK(l.fails());
  }
  CHECK(longest > 13s);
}

TEST_CASE("of openings that fail together one that reached the site makes those who wait spare it") {
  opener l;
  l.how_far = back_off::reach::nobody;
  for (int i = 0; i < 12; ++i, l.sit_out())
    l.fails();
  auto began = l.now;
  l.fails();
  CHECK(l.delay_waited_for() <= 15s);
  l.how_far = back_off::reach::site;
  l.fails_since(began);
  CHECK(l.delay_waited_for() == l.delay());
}

TEST_CASE(
    "after a failure there is one trial at a time, with one try, until an opening succeeds or it is lifted") {
  opener l;
  CHECK_FALSE(l.policy.on_trial());
  l.fails();
  CHECK(l.policy.on_trial());
  CHECK_FALSE(l.retries(ssh_failure::reset, 1));
  l.sit_out();
  CHECK(l.policy.on_trial());
  SECTION("success") {
    l.policy.opened(l.now);
  }
  SECTION("lifted") {
    l.policy.lift();
  }
  CHECK_FALSE(l.policy.on_trial());
  CHECK(l.retries(ssh_failure::reset, 1));
}

TEST_CASE(
    "an opening that succeeds ends the wait, and only a connection that proves itself ends the series") {
  opener l;
  l.fails();
  l.now += 500ms;
  l.policy.opened(l.now);
  CHECK(l.may_open() == "at once");
  CHECK(l.policy.reason().code == errc::none);
  l.now += 500ms;
  auto before = l.now;
  l.now += 1s;
  l.fails();
  CHECK(about(l.delay(), 1600ms));

  l.policy.proved(before);
  l.sit_out();
  l.fails();
  CHECK(about(l.delay(), 2560ms));

  l.policy.proved(l.now);
  l.sit_out();
  l.fails();
  CHECK(about(l.delay(), 1s));
}

TEST_CASE("an opening that was under way when another was found of no use does not end the wait") {
  opener l;
  auto before = l.now;
  l.now += 1s;
  l.fails("refused");
  l.policy.opened(before);
  CHECK(l.may_open() == "at once");
  l.how_far = back_off::reach::inside;
  l.fails("was of no use");
  l.policy.opened(before);
  CHECK(l.may_open() == "later, for: was of no use");
  CHECK(l.policy.on_trial());
}

TEST_CASE("a latch outlasts time, success and proof, and keeps its first reason until it is lifted") {
  opener l;
  l.fails();
  l.denied("wrong key");
  CHECK(l.may_open() == "not until it is lifted: wrong key");
  l.now += 24h;
  CHECK(l.may_open() == "not until it is lifted: wrong key");
  CHECK(l.policy.may_open_at(false) == time_point::max());
  CHECK(l.policy.may_open_at(true) == time_point::max());
  l.policy.opened(l.now);
  l.policy.proved(l.now);
  l.denied("wrong password");
  CHECK(l.may_open() == "not until it is lifted: wrong key");
  l.policy.lift();
  CHECK(l.may_open() == "at once");
  CHECK(l.policy.latch().code == errc::none);
}

TEST_CASE("lifting forgets the delay, its reason and the series") {
  opener l;
  for (int i = 0; i < 4; ++i, l.sit_out())
    l.fails();
  l.fails();
  l.policy.lift();
  CHECK(l.may_open() == "at once");
  CHECK(l.policy.reason().code == errc::none);
  l.fails();
  CHECK(about(l.delay(), 1s));
}

TEST_CASE("an opening has three tries for what may pass, one for what may not, and no other under a latch") {
  opener l;
  CHECK(l.retries(ssh_failure::timed_out, 1));
  CHECK(l.retries(ssh_failure::reset, 2));
  CHECK_FALSE(l.retries(ssh_failure::reset, 3));
  CHECK_FALSE(l.retries(ssh_failure::denied, 1));
  CHECK(about(*l.policy.retry_at(l.now, ssh_failure::reset, 1, 5, l.random) - l.now, 1s));
  CHECK(about(*l.policy.retry_at(l.now, ssh_failure::reset, 2, 5, l.random) - l.now, 2s));
  l.denied("wrong key");
  CHECK_FALSE(l.retries(ssh_failure::reset, 1));
}

TEST_CASE("an opening has as many tries as connect_tries says, no two of them more than ten seconds apart") {
  opener l;
  auto next = [&l](std::uint32_t attempt, std::uint32_t most) {
    return l.policy.retry_at(l.now, ssh_failure::reset, attempt, most, l.random);
  };
  CHECK_FALSE(next(1, 1));
  CHECK(next(1, 2));
  for (std::uint32_t attempt = 4; attempt < 10; ++attempt)
    CHECK(about(*next(attempt, 10) - l.now, 8s));
  CHECK_FALSE(next(10, 10));
  l.fails();
  CHECK_FALSE(next(1, 10)); // on trial
}
