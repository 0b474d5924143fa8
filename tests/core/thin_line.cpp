// Promises: one connection's life from the first acquire to the last release.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("the first acquire opens a connection, and is granted when it is open") {
  story s{lumi()};
  CHECK(s.acquire(r1, h1) == "open c1");
  CHECK(s.step(connection_opened{c1}) == "grant r1 l1 c1 h1");
  CHECK(s.step(lease_confirmed{l1}) == "");
  CHECK(s.release(l1, h1, r2) == "end l1 c1, acknowledge r2");
  CHECK(s.status().idle == 1);
}

TEST_CASE("a connection is used again, and the next acquire is granted at once") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.release(l1, h1);
  CHECK(s.acquire(r2, h2) == "grant r2 l2 c1 h2");
}

TEST_CASE("when all are leased, those who wait are served first come, first served") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  CHECK(s.acquire(r2, h2) == "");
  CHECK(s.acquire(r3, h1) == "");
  CHECK(s.release(l1, h1) == "end l1 c1, grant r2 l2 c1 h2");
  CHECK(s.acquire(r4, h3) == "");
  CHECK(s.release(l2, h2) == "end l2 c1, grant r3 l3 c1 h1");
}

TEST_CASE("an idle connection is probed once an interval, within a fifth of it") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.release(l1, h1);
  CHECK(s.next() == "probe p1 c1");
  CHECK(s.took >= 48s);
  CHECK(s.took <= 72s);
  CHECK(s.step(probe_passed{p1, c1, 15ms}) == "");
  CHECK(s.status().probe_rtt.count == 1);
  CHECK(s.next() == "probe p2 c1");
}
