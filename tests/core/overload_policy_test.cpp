// Promises of overload by itself: when it begins, and when it ends.
#include <catch2/catch.hpp>

#include "actors/pool/policies/overload.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

/// A pool's waits, told second by second.
struct waits {
  overload it;
  overload::bounds bounds{5s, 30s};
  time_point now{1h};

  /// Somebody waits all the time.
  void pass(std::chrono::nanoseconds time) {
    it.look(now, true, bounds);
    now += time;
    it.look(now, true, bounds);
  }
  void serve(std::chrono::nanoseconds wait) {
    it.served(now, wait, bounds);
    it.look(now, true, bounds);
  }
  void quiet(std::chrono::nanoseconds time) {
    it.look(now, false, bounds);
    now += time;
  }
};

} // namespace

TEST_CASE("overload begins when nobody was served within the target for the target and the interval") {
  waits w;
  w.pass(1ns);
  CHECK(w.it.begins_at(w.bounds) == w.now - 1ns + 35s);
  w.pass(35s - 2ns);
  CHECK_FALSE(w.it.lasts());
  w.pass(1ns);
  CHECK(w.it.lasts());
  CHECK(w.it.begins_at(w.bounds) == time_point::max());
  w.pass(24h);
  CHECK(w.it.lasts());
}

TEST_CASE("waits above the target do not hold overload up, one that is not does") {
  waits w;
  w.pass(20s);
  w.serve(20s);
  w.pass(14s);
  w.serve(5s + 1ns);
  CHECK_FALSE(w.it.lasts());
  w.pass(1s);
  CHECK(w.it.lasts());
  w.serve(5s + 1ns);
  CHECK(w.it.lasts());
  w.serve(5s);
  CHECK_FALSE(w.it.lasts());
  w.pass(35s - 1ns);
  CHECK_FALSE(w.it.lasts());
  w.pass(1ns);
  CHECK(w.it.lasts());
}

TEST_CASE("nothing is remembered once nobody waits") {
  waits w;
  w.pass(1min);
  REQUIRE(w.it.lasts());
  w.quiet(0s);
  CHECK_FALSE(w.it.lasts());
  CHECK(w.it.begins_at(w.bounds) == time_point::max());
  w.serve(1min);
  w.pass(35s - 1ns);
  CHECK_FALSE(w.it.lasts());
  w.quiet(1h);
  w.pass(35s - 1ns);
  CHECK_FALSE(w.it.lasts());
  w.pass(1ns);
  CHECK(w.it.lasts());
}

TEST_CASE("while overload lasts whoever yields may wait for twice the target") {
  overload::bounds bounds{5s, 30s};
  time_point asked{1h};
  CHECK(overload::yields_at(asked, bounds) == asked + 10s);
}

TEST_CASE("with a target of zero there is no overload, and with another it is looked at from then on") {
  waits w;
  w.bounds.target = 0s;
  w.pass(24h);
  CHECK_FALSE(w.it.lasts());
  CHECK(w.it.begins_at(w.bounds) == time_point::max());
  w.bounds.target = 1s;
  w.pass(31s - 1ns);
  CHECK_FALSE(w.it.lasts());
  w.pass(1ns);
  CHECK(w.it.lasts());
  w.bounds.target = 0s;
  w.pass(0s);
  CHECK_FALSE(w.it.lasts());
}
