// Promises: when the pool checks an idle connection by itself, how many at a time, and what it learns from
// those that die.
#include <algorithm>

#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// So many idle connections, all opened just now, whose time is not up for hours.
story checked(std::uint32_t count, cluster_settings settings = lumi(100)) {
  settings.idle_timeout = settings.connection_lifetime = 100h;
  settings.connects_at_once = settings.min_idle = count;
  story s{settings};
  s.step(time_passed{});
  for (std::uint64_t i = 1; i <= count; ++i)
    s.step(connection_opened{connection_id{i}});
  REQUIRE(s.status().idle == count);
  return s;
}

/// The next check, which passes: how long it took until it began.
std::chrono::nanoseconds until_checked(story& s, connection_id c) {
  auto probe = s.status().counters.probes + 1;
  CHECK(s.next() == "probe " + to_string(probe_id{probe}) + " " + to_string(c));
  auto took = s.took;
  s.step(probe_passed{probe_id{probe}, c, 1ms});
  return took;
}

bool between_both(std::chrono::nanoseconds took, std::chrono::nanoseconds least,
                  std::chrono::nanoseconds most) {
  return took >= least && took <= most;
}

} // namespace

TEST_CASE("an idle connection that is well is checked less and less often, down to every ten minutes") {
  auto s = checked(1);
  for (std::chrono::nanoseconds expected : {1min, 2min, 4min, 8min, 10min, 10min})
    CHECK(between_both(until_checked(s, c1), expected * 4 / 5, expected * 6 / 5));
}

TEST_CASE("a failure brings the next check within seconds, and only checks that pass make them rare again") {
  auto s = checked(1);
  until_checked(s, c1);
  CHECK(s.next() == "probe p2 c1");
  s.step(probe_failed{p2, c1, "no answer"});
  CHECK(between_both(until_checked(s, c1), 8s, 12s));
  CHECK(between_both(until_checked(s, c1), 16s, 24s));
  CHECK(between_both(until_checked(s, c1), 32s, 48s));
}

TEST_CASE("idle connections are not asked in a volley: each has a time of its own") {
  auto s = checked(100);
  std::size_t most = 0, asked = 0;
  for (auto until = s.now + 71s; s.now < until;) {
    s.now = std::max(s.now, s.core.next_due());
    pool_effects effects;
    s.core.step(s.now, time_passed{}, effects);
    std::size_t at_once = 0;
    for (const auto& effect : effects)
      if (const auto* probe = std::get_if<start_probe>(&effect)) {
        ++at_once, ++asked;
        s.step(probe_passed{probe->probe, probe->connection, 1ms});
      }
    most = std::max(most, at_once);
  }
  CHECK(asked >= 90);
  CHECK(most <= 2);
}

TEST_CASE("a connection that answered anybody within its interval is not checked") {
  auto s = checked(1);
  for (int i = 0; i < 20; ++i) {
    CHECK(s.wait(40s) == "");
    s.step(connection_answered{c1, false});
  }
  CHECK(s.status().counters.probes == 0);
  CHECK(s.next() == "probe p1 c1");
  CHECK(s.took <= 72s);
}

TEST_CASE(
    "an order to check asks all idle connections at once, however few are checked at a time otherwise") {
  auto settings = lumi(100);
  settings.probe_share = 1;
  settings.probes_at_once = 0;
  auto s = checked(5, settings);
  CHECK(s.step(ordered<probe_pool>{r1}) ==
        "acknowledge r1, probe p1 c1, probe p2 c2, probe p3 c3, probe p4 c4, probe p5 c5");
}

TEST_CASE(
    "no more than the share of the idle connections is checked at a time, one at least, the oldest first") {
  auto settings = lumi(100);
  settings.probe_share = 40;
  auto s = checked(5, settings);
  s.now += 2min; // all are due
  CHECK(s.step(time_passed{}) == "probe p1 c1, probe p2 c2");
  CHECK(s.step(probe_passed{p2, c2, 1ms}) == "probe p3 c3");
  CHECK(s.step(probe_passed{p1, c1, 1ms}) == "probe p4 c4");
  CHECK(s.step(probe_passed{p3, c3, 1ms}) == "probe p5 c5");
  s.step(probe_passed{p4, c4, 1ms});
  s.step(probe_passed{p5, c5, 1ms});
  settings.probe_share = 1;
  settings.idle_timeout = settings.connection_lifetime = 100h;
  s.step(settings_changed{{}, settings});
  s.now += 10min;
  CHECK(s.step(time_passed{}) == "probe p6 c1");
}

TEST_CASE("ten probes are in flight at most, unless the settings say otherwise") {
  auto s = checked(30);
  s.step(ordered<probe_pool>{});
  CHECK(s.status().probing == 10);
}

TEST_CASE("what its server closes when idle teaches the pool to ask before, and the lesson fades") {
  auto s = checked(2);
  while (s.now < time_point{3h}) {
    auto text = s.next();
    s.step(probe_passed{probe_id{s.status().counters.probes}, text.ends_with("c1") ? c1 : c2, 1ms});
  }
  s.step(connection_answered{c1, false});
  s.step(connection_answered{c2, false});
  s.now += 100s;
  auto done = s.step(connection_lost{c1, error_of(ssh_failure::reset)});
  CHECK(done.find("probe p" + std::to_string(s.status().counters.probes) + " c2") != std::string::npos);
  CHECK(s.status().idle_limit == 80s);
  REQUIRE(s.announced.end() != std::find_if(s.announced.begin(), s.announced.end(), [](const auto& line) {
            return line.find("announce learnt c1 it did not survive 100 s of idleness") == 0;
          }));
  s.step(connection_opened{c3});
  s.step(probe_passed{probe_id{s.status().counters.probes}, c2, 1ms});
  for (int i = 0; i < 10; ++i) { // c2's interval was ten minutes
    auto text = s.next();
    CHECK(s.took <= 81s);
    s.step(probe_passed{probe_id{s.status().counters.probes}, text.ends_with("c2") ? c2 : c3, 1ms});
  }
  s.now += 1h;
  CHECK(s.status().idle_limit > 2min);
}

TEST_CASE("one that does not answer its check any more was dead when it was asked first") {
  auto settings = lumi(1);
  settings.probe_interval = 2min;
  settings.probe_failures_max = 2;
  auto s = checked(1, settings);
  s.now += 160s;
  CHECK(s.step(time_passed{}) == "probe p1 c1");
  s.now += 5s;
  s.step(probe_failed{p1, c1, "no answer"});
  CHECK(s.next() == "probe p2 c1");
  CHECK(s.status().idle_limit == 0s);
  s.step(probe_failed{p2, c1, "no answer"});
  CHECK(s.status().idle_limit == 128s);
}

TEST_CASE("what ends in use, or of what was said on it, says nothing of idleness") {
  auto s = checked(2);
  s.now += 100s;
  s.step(connection_answered{c1, false});
  s.step(connection_lost{c2, error_of(ssh_failure::protocol)});
  s.acquire(r1, h1);
  s.step(connection_answered{c1, true});
  s.now += 100s;
  s.step(connection_lost{c1, error_of(ssh_failure::reset)});
  CHECK(s.status().idle_limit == 0s);
}

TEST_CASE("one that fails every second check is gone within ten, though it never fails twice in a row") {
  auto s = checked(1);
  s.acquire(r1, h1);
  s.release(l1, h1); // it was of use
  std::string text;
  int checks = 0;
  while (text.find("close c1 flapping") == std::string::npos && checks < 20) {
    s.next();
    auto probe = probe_id{s.status().counters.probes};
    text = ++checks % 2 == 1 ? s.step(probe_failed{probe, c1, "no answer"})
                             : s.step(probe_passed{probe, c1, 1ms});
  }
  CHECK(checks == 9);
  CHECK(std::any_of(s.announced.begin(), s.announced.end(), [](const auto& line) {
    return line.find("5 of its last 10 checks failed: no answer") != std::string::npos;
  }));
}

TEST_CASE("the connection that did better lately is granted first, and one that is slow last") {
  auto s = checked(2);
  std::uint64_t probes = 0;
  auto check_both = [&](std::chrono::nanoseconds first_takes, bool second_passes) {
    CHECK(s.step(ordered<probe_pool>{}) ==
          "probe p" + std::to_string(probes + 1) + " c1, probe p" + std::to_string(probes + 2) + " c2");
    s.step(probe_passed{probe_id{++probes}, c1, first_takes});
    second_passes ? s.step(probe_passed{probe_id{++probes}, c2, 1ms})
                  : s.step(probe_failed{probe_id{++probes}, c2, "no answer"});
  };
  check_both(1ms, false);
  check_both(1ms, false);
  s.step(connection_answered{c2, true});
  CHECK(s.acquire(r1, h1) == "grant r1 l1 c1 h1, open c3"); // though c2 is the youngest
  s.release(l1, h1);
  check_both(1ms, true);
  check_both(1s, true);
  CHECK(s.acquire(r2, h1) == "grant r2 l2 c2 h1"); // though c1 is
}

TEST_CASE("what is known of a connection and of its pool is shown") {
  auto s = checked(2);
  s.step(ordered<probe_pool>{});
  CHECK(s.core.connections(s.now)[0].suspect);
  s.step(probe_passed{p1, c1, 4ms});
  s.step(probe_failed{p2, c2, "no answer"});
  s.step(connection_answered{c2, true, evidence_kind::command});
  s.now += 3s;
  auto shown = s.core.connections(s.now);
  CHECK_FALSE(shown[0].suspect);
  CHECK(shown[0].usual_rtt == 4ms);
  CHECK(shown[0].score == 100);
  CHECK(shown[1].score == 84);
  REQUIRE(shown[1].outcomes.size() == 2);
  CHECK(shown[1].outcomes[0].of == evidence_kind::probe);
  CHECK_FALSE(shown[1].outcomes[0].answered);
  CHECK(shown[1].outcomes[1].of == evidence_kind::command);
  CHECK(shown[1].outcomes[1].ago == 3s);
  CHECK(s.status().score == 92);
  s.step(connection_lost{c2, error_of(ssh_failure::reset)});
  s.step(connection_failed{c3, error_of(ssh_failure::refused)});
  CHECK(s.status().score == 80); // of its openings the last failed
}
