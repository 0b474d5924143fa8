// Promises of what a refused channel teaches, by itself.
#include <catch2/catch.hpp>

#include <chrono>

#include "actors/pool/policies/channel_limit.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

const time_point start{1h};

} // namespace

TEST_CASE("a connection carries what the settings say until its server refuses a channel") {
  channel_limit limit;
  CHECK(limit.of(4) == 4);
  CHECK(limit.due() == time_point::max());
  CHECK(limit.refused(start, 2, 2));
  CHECK(limit.of(4) == 2);
  CHECK(limit.of(1) == 1);
}

TEST_CASE("a refusal where no other lease has a channel teaches nothing") {
  channel_limit limit;
  CHECK_FALSE(limit.refused(start, 0, 0));
  CHECK(limit.of(4) == 4);
  CHECK(limit.due() == time_point::max());
}

TEST_CASE("a later refusal lowers a limit, and raises none") {
  channel_limit limit;
  limit.refused(start, 2, 2);
  CHECK_FALSE(limit.refused(start, 3, 3));
  CHECK(limit.of(4) == 2);
  CHECK(limit.refused(start, 1, 1));
  CHECK(limit.of(4) == 1);
}

TEST_CASE(
    "what was learnt of channels is over after an hour, and holds twice as long when it is learnt again") {
  channel_limit limit;
  limit.refused(start, 2, 2);
  limit.lapse(start + 1h - 1ns);
  CHECK(limit.of(4) == 2);
  CHECK(limit.due() == start + 1h);
  limit.lapse(start + 1h);
  CHECK(limit.of(4) == 4);
  CHECK(limit.refused(start + 1h, 3, 3));
  CHECK(limit.due() == start + 3h);
  auto now = start + 3h;
  for (auto time = 4h; time < 48h; time *= 2, now = limit.due()) {
    limit.refused(now, 3, 3);
    CHECK(limit.due() - now == std::min<std::chrono::nanoseconds>(time, channel_limit::holds_max));
  }
}

TEST_CASE("what is learnt while a lease has several channels holds for a minute, and beside what lasts") {
  channel_limit limit;
  CHECK(limit.refused(start, 1, 10));
  CHECK(limit.of(4) == 1);
  CHECK(limit.due() == start + 1min);
  CHECK_FALSE(limit.refused(start + 1s, 3, 3)); // that says something of the server
  limit.lapse(start + 1min);
  CHECK(limit.of(4) == 3);
  CHECK(limit.due() == start + 1s + 1h);
  CHECK(limit.refused(start + 2min, 1, 3));
  limit.lapse(start + 3min);
  CHECK(limit.of(4) == 3);
  limit.lapse(start + 2h);
  CHECK(limit.of(4) == 4);
}
