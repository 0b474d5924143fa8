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

  explicit opener(std::uint64_t seed = 1) : random(seed) {}

  bool fails(const char* why = "no answer") { return fails_since(now, why); }
  bool fails_since(time_point began, const char* why = "no answer") {
    return policy.failed(now, began, {errc::connect_failed, why}, random);
  }
  void denied(const char* why) { policy.set_latch({errc::auth_denied, why}); }
  std::chrono::nanoseconds delay() const { return between(now, policy.may_open_at()); }
  std::string may_open() const {
    if (policy.latched())
      return "not until it is lifted: " + policy.hindrance(now).text;
    return delay() > 0s ? "later, for: " + policy.hindrance(now).text : "at once";
  }
  bool retries(ssh_failure kind, std::uint32_t attempt) {
    return policy.retry_at(now, kind, attempt, random).has_value();
  }
};

/// Each length more or less by a fifth.
bool about(std::chrono::nanoseconds length, std::chrono::nanoseconds expected) {
  return length >= expected * 8 / 10 && length <= expected * 12 / 10;
}

} // namespace

TEST_CASE("each failure in a row doubles the back-off, to ten seconds, and a fifth is left to chance") {
  std::chrono::nanoseconds shortest = 1h, longest = 0s;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    opener l{seed};
    for (auto expected : {1s, 2s, 4s, 8s, 10s, 10s}) {
      CHECK(l.may_open() == "at once");
      CHECK(l.fails());
      CHECK(l.may_open() == "later, for: no answer");
      CHECK(about(l.delay(), expected));
      if (expected == 4s) {
        shortest = std::min(shortest, l.delay());
        longest = std::max(longest, l.delay());
      }
      l.now = l.policy.may_open_at();
    }
    for (int i = 0; i < 100; ++i, l.now = l.policy.may_open_at()) {
      CHECK(l.fails());
      CHECK(about(l.delay(), 10s));
    }
  }
  CHECK(shortest < 3500ms);
  CHECK(longest > 4500ms);
}

TEST_CASE("openings that were under way together are one failure, told by the last of them") {
  opener l;
  auto began = l.now;
  CHECK(l.fails());
  auto due = l.policy.may_open_at();
  l.now += 100ms;
  CHECK_FALSE(l.fails_since(began, "refused"));
  CHECK(l.policy.may_open_at() == due);
  CHECK(l.may_open() == "later, for: refused");
  l.now = due;
  CHECK(l.fails());
  CHECK(about(l.delay(), 2s));
}

TEST_CASE(
    "an opening that succeeds ends the wait, and only a connection that proves itself ends the series") {
  opener l;
  l.fails();
  l.now += 500ms;
  l.policy.opened();
  CHECK(l.may_open() == "at once");
  CHECK(l.policy.reason().code == errc::none);
  l.now += 500ms;
  auto before = l.now;
  l.now += 1s;
  l.fails();
  CHECK(about(l.delay(), 2s));

  l.policy.proved(before);
  l.now = l.policy.may_open_at();
  l.fails();
  CHECK(about(l.delay(), 4s));

  l.policy.proved(l.now);
  l.now = l.policy.may_open_at();
  l.fails();
  CHECK(about(l.delay(), 1s));
}

TEST_CASE("a latch outlasts time, success and proof, and keeps its first reason until it is lifted") {
  opener l;
  l.fails();
  l.denied("wrong key");
  CHECK(l.may_open() == "not until it is lifted: wrong key");
  l.now += 24h;
  CHECK(l.may_open() == "not until it is lifted: wrong key");
  CHECK(l.policy.may_open_at() == time_point::max());
  l.policy.opened();
  l.policy.proved(l.now);
  l.denied("wrong password");
  CHECK(l.may_open() == "not until it is lifted: wrong key");
  l.policy.lift();
  CHECK(l.may_open() == "at once");
  CHECK(l.policy.latch().code == errc::none);
}

TEST_CASE("lifting forgets the delay, its reason and the series") {
  opener l;
  for (int i = 0; i < 4; ++i, l.now = l.policy.may_open_at())
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
  CHECK(about(*l.policy.retry_at(l.now, ssh_failure::reset, 1, l.random) - l.now, 1s));
  CHECK(about(*l.policy.retry_at(l.now, ssh_failure::reset, 2, l.random) - l.now, 2s));
  l.denied("wrong key");
  CHECK_FALSE(l.retries(ssh_failure::reset, 1));
}
