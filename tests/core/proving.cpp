// Promises: a connection that ends before it was of any use counts as one that could not be opened.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

cluster_settings reserve(std::uint32_t size) {
  auto settings = lumi(size);
  settings.min_idle = size;
  settings.connects_at_once = size;
  return settings;
}

ssh_error cut() {
  return error_of(ssh_failure::reset, "cut");
}

/// A server that lets in and ends each connection after `life`; how many were opened in `time`.
std::uint64_t log_ins(cluster_settings settings, std::chrono::nanoseconds life,
                      std::chrono::nanoseconds time) {
  story s{settings};
  std::multimap<time_point, connection_id> ends;
  auto until = s.now + time;
  std::uint64_t opened = 0;
  auto play = [&](const pool_event& event) {
    s.step(event);
    for (const auto& c : s.core.connections(s.now))
      if (c.state == connection_state::opening) {
        s.step(connection_opened{c.connection});
        ++opened;
        ends.emplace(s.now + life, c.connection);
      }
  };
  for (play(time_passed{}); s.now < until;) {
    auto next = std::min(s.core.next_due(), ends.empty() ? time_point::max() : ends.begin()->first);
    s.now = std::max(s.now, next);
    if (!ends.empty() && ends.begin()->first <= s.now) {
      auto gone = ends.extract(ends.begin()).mapped();
      play(connection_lost{gone, cut()});
    } else {
      play(time_passed{});
    }
  }
  return opened;
}

} // namespace

TEST_CASE("a server that lets in and cuts the link at once is not knocked at again and again") {
  CHECK(log_ins(reserve(2), 500ms, 10s) <= 12);
  CHECK(log_ins(reserve(2), 500ms, 10min) <= 2 * (600 / 96 + 14));
}

TEST_CASE(
    "a server that closes idle connections after two seconds is not knocked at for the reserve without end") {
  CHECK(log_ins(reserve(2), 2s, 10min) <= 2 * (600 / 96 + 14));
  CHECK(log_ins(reserve(5), 2s, 10min) <= 5 * (600 / 96 + 14));
}

TEST_CASE("a connection that ends before it was of use backs the pool off, longer each time, and says why") {
  story s{reserve(1)};
  s.step(time_passed{});
  for (std::chrono::milliseconds expected : {1000ms, 1600ms, 2560ms, 4096ms, 6554ms, 10486ms}) {
    auto c = connection_id{s.status().counters.openings};
    s.step(connection_opened{c});
    CHECK(s.status().backing_off.code == errc::none);
    s.wait(500ms);
    CHECK(s.step(connection_lost{c, cut()}) == "");
    CHECK(s.status().backing_off.code == errc::connect_failed);
    CHECK(s.status().backing_off.text ==
          "the connection to 'lumi' was of no use: it ended 500 ms after the log-in: cut");
    CHECK(s.next() == "open " + to_string(connection_id{c.value + 1}));
    CHECK(s.took >= expected * 8 / 10);
    CHECK(s.took <= expected * 12 / 10);
  }
}

TEST_CASE("one whose probes fail before it was of use backs the pool off") {
  auto settings = reserve(1);
  settings.probe = probe_method::exec;
  settings.probe_failures_max = 1;
  story s{settings};
  s.step(time_passed{});
  s.step(connection_opened{c1});
  s.step(ordered<probe_pool>{});
  CHECK(s.step(probe_failed{p1, c1, "the shell hangs"}) == "close c1 probe_failures");
  CHECK(s.status().backing_off.code == errc::connect_failed);
  CHECK(s.status().backing_off.text.find("its probes failed: the shell hangs") != std::string::npos);
  CHECK(s.step(connection_closed{c1}) == "");
  CHECK(s.next() == "open c2");
  CHECK(s.took >= 800ms);
}

TEST_CASE("connections that end together before they were of use count as one failure") {
  story s{reserve(3)};
  s.step(time_passed{});
  for (auto c : {c1, c2, c3})
    s.step(connection_opened{c});
  for (auto c : {c1, c2, c3})
    CHECK(s.step(connection_lost{c, cut()}) == "");
  CHECK(s.next() == "open c4");
  CHECK(s.took <= 1200ms);
  CHECK(s.step(connection_opened{c4}) == "open c5, open c6");
}

TEST_CASE("one that proved itself is replaced at once when it is lost") {
  story s{reserve(1)};
  s.step(time_passed{});
  s.step(connection_opened{c1});
  s.wait(10s);
  SECTION("by a probe that passed some time after it was opened") {
    s.step(ordered<probe_pool>{});
    s.step(probe_passed{p1, c1, 1ms});
  }
  SECTION("by a lease that was given back then") {
    s.acquire(r1, h1);
    s.release(l1, h1);
  }
  SECTION("by a lease under which it worked until then") {
    s.acquire(r1, h1);
    CHECK(s.step(connection_lost{c1, cut()}) == "notify h1 l1 connection_lost, open c2");
    return;
  }
  CHECK(s.step(connection_lost{c1, cut()}) == "open c2");
}

TEST_CASE("a probe that passes at once proves nothing") {
  story s{reserve(1)};
  s.step(time_passed{});
  s.step(connection_opened{c1});
  s.wait(10s - 1ns);
  s.step(ordered<probe_pool>{});
  s.step(probe_passed{p1, c1, 1ms});
  CHECK(s.step(connection_lost{c1, cut()}) == "");
}

TEST_CASE("a young one that served a lease did what somebody logged in for, but ends no series of failures") {
  // Erlang's sshd closes each connection after its last channel.
  story s{reserve(1)};
  s.step(time_passed{});
  s.step(connection_opened{c1});
  s.step(connection_lost{c1, cut()});
  s.next();
  s.step(connection_opened{c2});
  s.acquire(r1, h1);
  s.release(l1, h1);
  CHECK(s.step(connection_lost{c2, cut()}) == "open c3");
  s.step(connection_opened{c3});
  CHECK(s.step(connection_lost{c3, cut()}) == "");
  CHECK(s.next() == "open c4");
  CHECK(s.took >= 1280ms);
}

TEST_CASE(
    "one that is lost before its lease was given back, but after a command ran to its end, was of use") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.acquire(r2, h2);
  s.step(connection_opened{c1});
  s.step(connection_answered{c1, true});
  CHECK(s.step(connection_lost{c1, cut()}) == "notify h1 l1 connection_lost, open c2");
}

TEST_CASE("a young one whose lease ended with it was of no use") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.step(connection_lost{c1, cut()});
  CHECK(s.acquire(r2, h1) == "");
  CHECK(s.next() == "open c2");
  CHECK(s.took >= 800ms);
}

TEST_CASE("once a connection has proved itself the series begins anew") {
  story s{reserve(1)};
  s.step(time_passed{});
  for (int i = 0; i < 3; ++i) {
    s.step(connection_opened{connection_id{s.status().counters.openings}});
    s.step(connection_lost{connection_id{s.status().counters.openings}, cut()});
    s.next();
  }
  s.step(connection_opened{c4});
  s.wait(10s);
  s.acquire(r1, h1);
  s.release(l1, h1);
  CHECK(s.step(connection_lost{c4, cut()}) == "open c5");
  s.step(connection_opened{c5});
  s.step(connection_lost{c5, cut()});
  s.next();
  CHECK(s.took <= 1200ms);
}

TEST_CASE("one that we close by our own wish is no failure") {
  story s{reserve(2)};
  s.step(time_passed{});
  s.step(connection_opened{c1});
  s.step(connection_opened{c2});
  s.step(ordered<evict_connection>{{}, {{}, c1}});
  CHECK(s.step(connection_closed{c1}) == "open c3");
  auto elsewhere = reserve(2);
  elsewhere.host = "other.example.org";
  s.step(settings_changed{{}, elsewhere});
  CHECK(s.status().backing_off.code == errc::none);
}

TEST_CASE("who waits while the pool backs off for a connection of no use is served by the next one") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.acquire(r2, h2);
  s.step(connection_opened{c1});
  CHECK(s.step(connection_lost{c1, cut()}) == "notify h1 l1 connection_lost");
  CHECK(s.next() == "open c2");
  CHECK(s.step(connection_opened{c2}) == "grant r2 l2 c2 h2");
}

namespace {

/// A holder that finds fault with each connection that it is given; how many were opened in `time`.
std::uint64_t log_ins_of_a_fault_finder(std::chrono::nanoseconds time, bool runs_first) {
  story s{lumi(3)};
  auto until = s.now + time;
  std::uint64_t opened = 0;
  for (std::uint64_t asked = 1; s.now < until; ++asked) {
    s.acquire(request_id{asked}, h1, 1h);
    auto lease = [&] { return s.core.leases(s.now); };
    while (lease().empty()) {
      for (const auto& c : s.core.connections(s.now))
        if (c.state == connection_state::opening) {
          s.step(connection_opened{c.connection});
          ++opened;
        }
      if (lease().empty()) {
        s.now = std::max(s.now, s.core.next_due());
        s.step(time_passed{});
      }
    }
    auto held = lease().at(0);
    if (runs_first)
      s.step(connection_answered{held.connection, true});
    s.step(lease_released{{}, held.lease, h1, false, true});
    s.step(connection_closed{held.connection});
  }
  return opened;
}

} // namespace

TEST_CASE("a holder that discards each connection is no storm of log-ins, though its commands ran") {
  CHECK(log_ins_of_a_fault_finder(10min, false) <= 600 / 8 + 10);
  CHECK(log_ins_of_a_fault_finder(10min, true) <= 600 / 8 + 10);
}

TEST_CASE("a connection that proved itself and is discarded then is replaced at once") {
  story s{lumi(1)};
  s.open_idle(1);
  s.now += 11s;
  s.release(l1, h3);
  CHECK(s.acquire(r1, h1) == "grant r1 l2 c1 h1");
  CHECK(s.step(lease_released{r2, l2, h1, false, true}) == "end l2 c1, close c1 discarded, acknowledge r2");
  CHECK(s.acquire(r3, h1) == "");
  CHECK(s.step(connection_closed{c1}) == "open c2");
  CHECK(s.status().counters.discards == 1);
  CHECK(s.status().counters.removed[static_cast<std::size_t>(removal_reason::discarded)] == 1);
  CHECK(s.status().backing_off.code == errc::none);
}

TEST_CASE("who waits while a discarded connection is made good is told of the discard") {
  story s{lumi(1)};
  s.open_idle(1);
  s.step(lease_released{{}, l1, h3, false, true, "no /scratch"});
  s.step(connection_closed{c1});
  CHECK(s.status().backing_off.text ==
        "the connection to 'lumi' was discarded by its holder before it had proved itself: no /scratch");
}
