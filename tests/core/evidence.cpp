// Promises: evidence counts wherever it comes from. A busy pool, which has nothing idle to probe, notices a
// dead peer too.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// c1 leased as l1, which is confirmed.
story leased(cluster_settings settings = lumi()) {
  story s{settings};
  s.open_idle(1);
  s.step(lease_confirmed{l1});
  return s;
}

cluster_settings by_exec(std::uint32_t size = 1) {
  auto settings = lumi(size);
  settings.probe = probe_method::exec;
  return settings;
}

connection_doubted cut_short(connection_id c) {
  return {c, false, "cut short"};
}
connection_doubted silence(connection_id c) {
  return {c, true, "nothing heard"};
}

} // namespace

TEST_CASE("what a user cut short starts a probe at once, under a lease or not") {
  auto s = leased();
  CHECK(s.step(cut_short(c1)) == "probe p1 c1");
  CHECK(s.step(cut_short(c1)) == ""); // the one in flight will tell
  s.step(probe_passed{p1, c1, 1ms});
  s.release(l1, h3);
  CHECK(s.step(cut_short(c1)) == "probe p2 c1");
}

TEST_CASE("who is doubted is asked before those whose checks are due, and beyond no limit") {
  auto settings = lumi(5);
  settings.probes_at_once = 1;
  story s{settings};
  for (std::uint64_t i = 1; i <= 4; ++i)
    s.open_idle(i);
  for (std::uint64_t i = 1; i <= 4; ++i)
    s.release(lease_id{i}, h3);
  CHECK(s.step(ordered<probe_pool>{}) == "probe p1 c1");
  s.acquire(r1, h1); // c4, which is not doubted
  CHECK(s.step(cut_short(c4)) == "");
  CHECK(s.step(probe_passed{p1, c1, 1ms}) == "probe p2 c4");
  // Users who go on cutting short what they run do not put off the others' checks without end.
  CHECK(s.step(probe_passed{p2, c4, 1ms}) == "probe p3 c2");
  CHECK(s.step(cut_short(c4)) == "");
  CHECK(s.step(probe_passed{p3, c2, 1ms}) == "probe p4 c4");
  CHECK(s.step(cut_short(c4)) == "");
  CHECK(s.step(probe_failed{p4, c4, "no answer"}) == "probe p5 c3");
}

TEST_CASE(
    "that a user cut something short is no failure: a slow command on a peer that answers harms nothing") {
  auto settings = lumi();
  settings.probe_failures_max = 1;
  auto s = leased(settings);
  for (std::uint64_t i = 1; i <= 100; ++i) {
    CHECK(s.step(cut_short(c1)) == "probe p" + std::to_string(i) + " c1");
    CHECK(s.step(probe_passed{probe_id{i}, c1, 1ms}) == "");
  }
  CHECK(s.core.connections(s.now)[0].probe_failures == 0);
}

TEST_CASE("users with short time-outs, one after another, find a dead peer out at the threshold") {
  auto s = leased();
  std::uint64_t lease = 1, request = 1;
  auto holder = h3; // of the first
  std::string last;
  auto began = s.now;
  while (s.status().counters.removed[static_cast<std::size_t>(removal_reason::probe_failures)] +
             s.status().closing ==
         0) {
    REQUIRE(s.now - began < 20s);
    s.wait(500ms); // each cuts its command short then, and the probes get no answer
    for (const auto& c : s.core.connections(s.now))
      REQUIRE(c.leases == 1);
    s.step(cut_short(c1));
    last = s.release(lease_id{lease}, holder);
    if (s.status().closing > 0)
      break;
    holder = h1;
    s.acquire(request_id{++request}, h1);
    s.step(lease_confirmed{lease_id{++lease}});
  }
  CHECK(last.find("close c1 probe_failures") != std::string::npos);
  CHECK(s.status().counters.probes_failed == 3);
}

TEST_CASE("silence while an answer is owed counts as a failed probe does, and is asked about soon") {
  auto s = leased();
  CHECK(s.step(silence(c1)) == "");
  CHECK(s.core.connections(s.now)[0].probe_failures == 1);
  CHECK(s.next() == "probe p1 c1");
  CHECK(s.took >= 8s);
  CHECK(s.took <= 12s);
  s.step(probe_failed{p1, c1, "no answer"});
  CHECK(s.next() == "probe p2 c1");
  s.step(probe_failed{p2, c1, "no answer"});
  CHECK(s.acquire(r1, h1) == "");
  CHECK(s.release(l1, h3) == "end l1 c1, close c1 probe_failures");
}

TEST_CASE(
    "silent connections that are leased are asked side by side, whatever share of the idle is checked") {
  auto settings = lumi(5);
  settings.probe_share = 1;
  story s{settings};
  for (std::uint64_t i = 1; i <= 4; ++i)
    s.open_idle(i);
  for (auto c : {c1, c2, c3, c4})
    s.step(silence(c));
  s.wait(13s);
  CHECK(s.status().probing == 4);
}

TEST_CASE("one silence counts once, whoever hears it") {
  auto s = leased();
  SECTION("a probe in flight") {
    s.step(cut_short(c1));
    s.step(silence(c1));
    CHECK(s.core.connections(s.now)[0].probe_failures == 0);
    s.step(probe_failed{p1, c1, "no answer"});
  }
  SECTION("a probe that has just failed") {
    s.step(cut_short(c1));
    s.step(probe_failed{p1, c1, "no answer"});
    s.step(silence(c1));
    s.wait(5s - 1ns);
    s.step(silence(c1));
  }
  SECTION("two that were owed an answer") {
    s.step(silence(c1));
    s.step(silence(c1));
  }
  CHECK(s.core.connections(s.now)[0].probe_failures == 1);
  s.wait(5s);
  s.step(silence(c1)); // another one
  CHECK(s.core.connections(s.now)[0].probe_failures == 2);
}

TEST_CASE(
    "silence at the threshold closes an idle connection at once, and a leased one when it is given back") {
  auto settings = lumi(2);
  settings.probe_failures_max = 1;
  auto s = leased(settings);
  CHECK(s.step(silence(c1)) == "");
  CHECK(s.step(silence(c1)) == ""); // no more than condemned
  CHECK(s.step(cut_short(c1)) == "");
  CHECK(s.release(l1, h3) == "end l1 c1, close c1 probe_failures");
  s.open_idle(2);
  s.release(l2, h3);
  CHECK(s.step(silence(c2)) == "close c2 probe_failures");
  CHECK(s.step(silence(c2)) == "");
}

TEST_CASE("a doubtful connection is granted last, and any answer makes it as good as another") {
  auto s = leased(lumi(3));
  s.open_idle(2);
  s.open_idle(3);
  s.release(l1, h3);
  s.release(l3, h3);
  s.release(l2, h3); // c2 is the youngest idle
  auto asked = s.step(cut_short(c2));
  CHECK(asked == "probe p1 c2");
  CHECK(s.acquire(r1, h1) == "grant r1 l4 c3 h1");
  s.release(l4, h1); // now c3 is the youngest
  SECTION("by a probe") {
    s.step(probe_passed{p1, c2, 1ms});
  }
  SECTION("by an answer to somebody else") {
    s.step(connection_answered{c2, false});
  }
  s.step(silence(c3));
  s.step(cut_short(c1));
  CHECK(s.acquire(r2, h1) == "grant r2 l5 c2 h1");
  CHECK(s.acquire(r3, h1) == "grant r3 l6 c1 h1"); // doubted
  CHECK(s.acquire(r4, h1) == "grant r4 l7 c3 h1"); // has failed
}

TEST_CASE("any answer clears the failures, whether a probe got it or a user") {
  auto s = leased();
  s.step(silence(c1));
  s.step(connection_answered{c1, false});
  CHECK(s.core.connections(s.now)[0].probe_failures == 0);
  CHECK(s.wait(40s) == "");
  s.step(silence(c1));
  s.wait(12s);
  s.step(probe_passed{p1, c1, 1ms});
  CHECK(s.core.connections(s.now)[0].probe_failures == 0);
}

TEST_CASE("where probes run a command, one under a lease only asks, and only a command's end makes a failed "
          "one good") {
  auto s = leased(by_exec());
  CHECK(s.step(cut_short(c1)) == "probe p1 c1");
  s.step(probe_passed{p1, c1, 1ms});
  s.release(l1, h3);
  CHECK(s.step(ordered<probe_pool>{}) == "probe p2 c1 run");
  s.step(probe_failed{p2, c1, "the shell hangs"});
  auto failures = [&] { return s.core.connections(s.now)[0].probe_failures; };
  s.step(connection_answered{c1, false});
  CHECK(failures() == 1);
  CHECK(s.acquire(r1, h1) == "grant r1 l2 c1 h1");
  s.step(lease_confirmed{l2});
  CHECK(s.wait(30s) == ""); // what it failed cannot be asked under a lease
  s.step(silence(c1));
  CHECK(failures() == 2);
  s.step(connection_answered{c1, false});
  CHECK(failures() == 1);
  SECTION("a user's") {
    s.step(connection_answered{c1, true});
  }
  SECTION("a probe's") {
    CHECK(s.wait(12s) == "");
    CHECK(s.release(l2, h1) == "end l2 c1, probe p3 c1 run");
    s.step(probe_passed{p3, c1, 1ms});
  }
  CHECK(failures() == 0);
}

TEST_CASE("a reset forgets doubts, too") {
  auto s = leased(lumi(2));
  s.open_idle(2);
  s.release(l2, h3);
  s.release(l1, h3);
  s.step(cut_short(c1));
  s.step(probe_failed{p1, c1, "no answer"});
  s.step(cut_short(c1));
  s.step(ordered<reset_pool>{});
  s.step(probe_passed{p2, c1, 1ms});
  CHECK(s.acquire(r1, h1) == "grant r1 l3 c1 h1");
}

TEST_CASE("evidence about a connection that has gone, or is not open, is ignored") {
  story s{lumi()};
  s.acquire(r1, h1);
  for (auto c : {c1, c2}) {
    CHECK(s.step(cut_short(c)) == "");
    CHECK(s.step(silence(c)) == "");
    CHECK(s.step(connection_answered{c, true}) == "");
  }
  s.step(connection_opened{c1});
  s.step(stop_requested{});
  CHECK(s.step(cut_short(c1)) == "");
  CHECK(s.step(silence(c1)) == "");
}
