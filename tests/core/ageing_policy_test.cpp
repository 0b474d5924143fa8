// Promises of ageing by itself: how long a connection lives, waits for its replacement, and may be idle.
#include <catch2/catch.hpp>

#include "actors/pool/policies/ageing.hpp"
#include "messages/durations.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

struct ageing_one {
  ageing policy;
  seeded_random random;
  time_point opened{1h};

  explicit ageing_one(std::chrono::nanoseconds lifetime = 1h, std::uint64_t seed = 1) : random(seed) {
    policy.opened(opened, lifetime, random);
  }
  /// After it was opened; "never".
  std::string due(bool idle) const {
    auto at = policy.due(idle);
    return at == time_point::max() ? "never" : to_text(between(opened, at));
  }
  std::string due_idle() const { return due(true); }
  std::string due_leased() const { return due(false); }
};

} // namespace

TEST_CASE("connections live as long as they may, less up to a tenth, each another time") {
  std::chrono::nanoseconds shortest = 2h, longest = 0s;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    ageing_one l{1h, seed};
    CHECK(l.policy.due(true) == l.policy.due(false));
    shortest = std::min(shortest, between(l.opened, l.policy.due(true)));
    longest = std::max(longest, between(l.opened, l.policy.due(true)));
  }
  CHECK(shortest >= 54min);
  CHECK(shortest < 55min);
  CHECK(longest > 59min);
  CHECK(longest <= 60min);
}

TEST_CASE("a lifetime of 0 has no end, and a new lifetime holds for what is open, spread as before") {
  ageing_one l{0s};
  CHECK(l.due_idle() == "never");
  l.policy.set_lifetime(l.opened, 1000s);
  auto at = between(l.opened, l.policy.due(true));
  l.policy.set_lifetime(l.opened, 2000s);
  CHECK(between(l.opened, l.policy.due(true)) - 2 * at < 1us);
  CHECK(2 * at - between(l.opened, l.policy.due(true)) < 1us);
  l.policy.set_lifetime(l.opened, 0s);
  CHECK(l.due_idle() == "never");
}

TEST_CASE("what has outlived its time is due as soon as it is idle, and waits for its replacement once") {
  ageing_one l;
  l.policy.outlive();
  CHECK(l.policy.outlived());
  CHECK(l.due_leased() == "never");
  CHECK(l.policy.due(true) < l.opened); // at once
  CHECK(l.policy.await_replacement(l.opened + 1h, 30s));
  CHECK(between(l.opened + 1h, l.policy.due(true)) == 30s);
  CHECK(l.due_leased() == "never");
  CHECK_FALSE(l.policy.await_replacement(l.opened + 2h, 30s));
  CHECK(between(l.opened + 1h, l.policy.due(true)) == 30s);
}

TEST_CASE("a replacement is waited for a second at least") {
  ageing_one l;
  l.policy.outlive();
  CHECK(l.policy.await_replacement(l.opened, 1ms));
  CHECK(l.due_idle() == "1 s");
}

TEST_CASE("a new lifetime takes back that the old one was over") {
  ageing_one l;
  l.policy.outlive();
  l.policy.await_replacement(l.opened + 1h, 30s);
  l.policy.set_lifetime(l.opened, 10h);
  CHECK_FALSE(l.policy.outlived());
  CHECK(l.policy.due(true) > l.opened + 8h);
  l.policy.outlive();
  CHECK(l.policy.await_replacement(l.opened + 10h, 30s));
}

TEST_CASE("the longest idle is closed at its time, while more are idle than the reserve") {
  time_point since{1h};
  CHECK(ageing::surplus_due(since, 3, 2, 5min) == since + 5min);
  CHECK(ageing::surplus_due(since, 2, 2, 5min) == time_point::max());
  CHECK(ageing::surplus_due(since, 1, 2, 5min) == time_point::max());
  CHECK(ageing::surplus_due(since, 3, 2, 0s) == time_point::max());
}
