// Promises of one connection's clock by itself: when it is checked next, and what puts that off.
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <string>

#include "actors/pool/policies/check_clock.hpp"
#include "messages/durations.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

/// A connection that was opened just now, by the hour that its clock has.
struct clock_life {
  explicit clock_life(std::uint64_t seed = 1) : random(seed) { policy.opened(now, pace, random); }

  /// Asked when it is due, and it passes: how long its interval is from then on.
  std::string passes() {
    now = std::max(now, policy.due());
    policy.asked(now);
    policy.passed(now, pace, random);
    return to_text(policy.interval());
  }
  std::string fails() {
    policy.failed(now, pace, random);
    return to_text(policy.interval());
  }
  std::chrono::nanoseconds due_in() const { return between(now, policy.due()); }
  bool needs_no_check(bool leased = false) {
    now = std::max(now, policy.due());
    return policy.put_off(now, leased, pace, random);
  }

  check_pace pace{1min, 10min, 10s};
  check_clock policy;
  seeded_random random;
  time_point now{1h};
};

} // namespace

TEST_CASE("checks that pass double the interval up to the maximum, and one that fails makes it short") {
  clock_life l;
  CHECK(l.policy.interval() == 1min);
  CHECK(l.passes() == "2 min");
  CHECK(l.passes() == "4 min");
  CHECK(l.passes() == "8 min");
  CHECK(l.passes() == "10 min");
  CHECK(l.passes() == "10 min");
  CHECK(l.fails() == "10 s");
  CHECK(l.fails() == "10 s");
  CHECK(l.passes() == "20 s");
}

TEST_CASE(
    "an interval is spread by a fifth either way, so that what was opened together is not asked together") {
  std::chrono::nanoseconds shortest = 1h, longest = 0s;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    auto due = clock_life{seed}.due_in();
    shortest = std::min(shortest, due);
    longest = std::max(longest, due);
  }
  CHECK(shortest >= 48s);
  CHECK(shortest < 52s);
  CHECK(longest > 68s);
  CHECK(longest <= 72s);
}

TEST_CASE(
    "a failure is asked about no later than the first interval, and in ten seconds where there is none") {
  clock_life l;
  l.pace.first = 2s;
  CHECK(l.fails() == "2 s");
  l.pace.first = 0s;
  CHECK(l.fails() == "10 s");
  CHECK(l.due_in() <= 12s);
  l.policy.passed(l.now, l.pace, l.random);
  CHECK(l.policy.due() == time_point::max());
}

TEST_CASE("where the maximum is shorter than the first interval, it does not grow") {
  clock_life l;
  l.pace.longest = 1s;
  CHECK(l.passes() == "60 s");
}

TEST_CASE("what has answered within the interval needs no check, and what has not is asked when it is due") {
  clock_life l;
  CHECK_FALSE(l.needs_no_check());
  l.policy.answered(l.now - 20s);
  CHECK(l.needs_no_check());
  CHECK(l.due_in() >= 28s);
  CHECK(l.due_in() <= 52s);
  CHECK_FALSE(l.needs_no_check());
  CHECK(l.policy.interval() == 1min); // traffic does not double it
}

TEST_CASE("under a lease the clock is set anew, since the connection asks there by itself") {
  clock_life l;
  CHECK(l.needs_no_check(true));
  CHECK(l.due_in() >= 48s);
}

TEST_CASE("no interval is longer than the limit, whatever is left to chance, and none is the same") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    clock_life l{seed};
    l.pace.limit = 40s;
    l.policy.shorten(l.now, l.pace, l.random);
    CHECK(l.due_in() <= 40s);
    CHECK(l.due_in() >= 26s);
    l.passes();
    l.passes();
    CHECK(l.due_in() <= 40s);
  }
}

TEST_CASE("a limit that is learnt while a connection is idle for longer has it checked at once") {
  clock_life l;
  l.passes();
  l.now += 90s;
  l.pace.limit = 40s;
  l.policy.shorten(l.now, l.pace, l.random);
  CHECK(l.due_in() == 0s);
}

TEST_CASE("how long one was idle is told from its last answer to the first question that it did not answer") {
  clock_life l;
  l.now += 100s;
  CHECK(l.policy.idle_at_end(l.now, false) == 100s); // nobody had asked: its server closed it
  l.policy.asked(l.now);
  l.now += 30s;
  CHECK(l.policy.idle_at_end(l.now, false) == 100s);
  l.policy.answered(l.now);
  l.now += 50s;
  l.policy.used(l.now);
  l.now += 5s;
  CHECK(l.policy.idle_at_end(l.now, true) == 50s);
  l.now += 2min; // under a lease that nobody uses
  CHECK_FALSE(l.policy.idle_at_end(l.now, true));
  l.policy.given_back(l.now, l.pace, l.random);
  CHECK(l.policy.idle_at_end(l.now, false) == 175s);
  CHECK_FALSE(l.policy.idle_at_end(l.now, true));
}

TEST_CASE("what was not heard of under a lease, or before the intervals changed, is no less idle for it") {
  clock_life l;
  l.pace.limit = 100s;
  l.policy.passed(l.now, l.pace, l.random);
  l.now += 90s;
  SECTION("a lease that nobody used") {
    CHECK(l.needs_no_check(true));
    l.policy.given_back(l.now, l.pace, l.random);
  }
  SECTION("other intervals") {
    l.policy.restart(l.now, l.pace, l.random);
  }
  CHECK(l.due_in() <= 10s);
}
