// Promises of what a pool learns of idleness by itself: the limit, how it fades, and what confirms it.
#include <catch2/catch.hpp>

#include <chrono>
#include <string>

#include "actors/pool/policies/idle_limit.hpp"
#include "messages/durations.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

struct lesson {
  idle_limit policy;
  time_point now{1h};

  std::string known() const {
    auto limit = policy.at(now);
    return limit == std::chrono::nanoseconds::max() ? "none" : to_text(limit);
  }
  std::string dies_after(std::chrono::nanoseconds idle) {
    return policy.learn(now, idle) ? known() : "no news";
  }
  std::string after_a(std::chrono::nanoseconds time) { return now += time, known(); }
};

} // namespace

TEST_CASE("a connection that did not survive its idleness leaves a limit of four fifths of it") {
  lesson l;
  CHECK(l.known() == "none");
  CHECK(l.dies_after(300s) == "4 min");
  CHECK(l.dies_after(400s) == "no news");
  CHECK(l.dies_after(300s) == "no news");
  CHECK(l.dies_after(100s) == "80 s");
}

TEST_CASE("what ends within ten seconds teaches nothing") {
  lesson l;
  CHECK(l.dies_after(9s) == "no news");
  CHECK(l.known() == "none");
  CHECK(l.dies_after(10s) == "8 s");
}

TEST_CASE("a lesson fades: the limit doubles each hour, until it is forgotten") {
  lesson l;
  l.dies_after(100s);
  CHECK(l.after_a(1h) == "2.7 min");
  CHECK(l.after_a(1h) == "5.3 min");
  CHECK(l.after_a(24h * 7) == "none");
}

TEST_CASE("a lesson that is learnt again fades half as fast, each time, down to a day") {
  lesson l;
  l.dies_after(100s);
  l.after_a(1h);
  CHECK(l.dies_after(100s) == "80 s");
  CHECK(l.after_a(2h) == "2.7 min");
  for (int i = 0; i < 10; ++i) {
    l.dies_after(100s);
    l.after_a(24h);
  }
  CHECK(l.dies_after(100s) == "80 s");
  CHECK(l.after_a(24h) == "2.7 min");
}

TEST_CASE("a connection that survives what was said to be fatal refutes the lesson") {
  lesson l;
  l.dies_after(100s);
  l.policy.survived(100s);
  CHECK(l.known() == "80 s");
  l.policy.survived(101s);
  CHECK(l.known() == "none");
  CHECK(l.dies_after(300s) == "4 min");
}

TEST_CASE("connections that end together are one happening, and another idle time is another lesson") {
  lesson l;
  l.dies_after(100s);
  CHECK(l.dies_after(90s) == "72 s"); // confirms nothing
  CHECK(l.after_a(1h) == "2.4 min");
  CHECK(l.dies_after(20s) == "16 s");
  CHECK(l.after_a(1h) == "32 s");
}
