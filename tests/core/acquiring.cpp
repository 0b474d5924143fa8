// Promises: who is granted what, who waits, and what those are told who get nothing.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("the youngest idle connection is granted first, so that surplus ages out") {
  story s{lumi(3)};
  for (std::uint64_t i = 1; i <= 3; ++i)
    s.acquire(request_id{i}, h1);
  s.step(connection_opened{c1});
  s.step(connection_opened{c2});
  s.step(connection_opened{c3});
  s.release(l1, h1);
  s.release(l3, h1);
  s.release(l2, h1);
  CHECK(s.acquire(r4, h1) == "grant r4 l4 c2 h1");
  CHECK(s.acquire(r5, h1) == "grant r5 l5 c3 h1");
}

TEST_CASE("a connection not under probe is preferred, one under probe is granted all the same") {
  story s{lumi(2)};
  s.acquire(r1, h1);
  s.acquire(r2, h1);
  s.step(connection_opened{c1});
  s.step(connection_opened{c2});
  s.release(l1, h1);
  s.release(l2, h1);
  CHECK(s.step(ordered<probe_pool>{}) == "probe p1 c1, probe p2 c2");
  s.step(probe_passed{p1, c1, 1ms});
  CHECK(s.acquire(r3, h1) == "grant r3 l3 c1 h1");
  CHECK(s.acquire(r4, h1) == "grant r4 l4 c2 h1");
}

TEST_CASE("a connection whose probe failed is granted last, and not twice") {
  story s{lumi(2, 2)};
  s.acquire(r1, h1);
  s.acquire(r2, h1);
  s.step(connection_opened{c1});
  s.acquire(r3, h1);
  s.step(connection_opened{c2});
  for (auto l : {l1, l2, l3})
    s.release(l, h1);
  s.step(ordered<probe_pool>{});
  s.step(probe_failed{p2, c2, "no answer"});
  s.step(probe_passed{p1, c1, 1ms});
  CHECK(s.acquire(r4, h1) == "grant r4 l4 c1 h1");
  CHECK(s.acquire(r5, h1) == "grant r5 l5 c1 h1");
  CHECK(s.acquire(r6, h1) == "grant r6 l6 c2 h1");
  CHECK(s.acquire(r7, h1) == "");
}

TEST_CASE("leases spread over open connections before they share one") {
  story s{lumi(2, 2)};
  s.acquire(r1, h1);
  s.acquire(r2, h1);
  s.acquire(r3, h1);
  CHECK(s.step(connection_opened{c1}) == "grant r1 l1 c1 h1, grant r2 l2 c1 h1");
  CHECK(s.step(connection_opened{c2}) == "grant r3 l3 c2 h1");
  s.release(l1, h1);
  s.release(l2, h1);
  CHECK(s.acquire(r4, h1) == "grant r4 l4 c1 h1");
  CHECK(s.acquire(r5, h1) == "grant r5 l5 c1 h1");
}

TEST_CASE("nobody overtakes, not even one who comes as a lease is given back") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.acquire(r2, h2);
  s.step(ordered<pause_pool>{});
  s.release(l1, h1);
  CHECK(s.acquire(r3, h3) == "");
  CHECK(s.step(ordered<resume_pool>{}) == "grant r2 l2 c1 h2");
}

TEST_CASE("a waiter is refused at its deadline, not earlier, and told what the pool was doing") {
  story s{lumi(2)};
  s.acquire(r1, h1, 30s, "sync");
  s.acquire(r2, h1);
  s.step(connection_opened{c1});
  s.step(connection_opened{c2});
  s.step(lease_confirmed{l1});
  s.step(lease_confirmed{l2});
  s.wait(35s);
  s.acquire(r3, h2, 60s);
  s.acquire(r4, h1, 60s);
  CHECK(s.acquire(r5, h3, 5s) == "");
  CHECK(s.wait(5s - 1ns) == "");
  CHECK(s.wait(1ns) == "refuse r5 acquire_timeout");
  CHECK(s.refusal == "no lease for 'lumi' after 5 s: 2 of 2 connections leased, longest for 40 s by 'sync'; "
                     "2 waiters were ahead of you; raise pool_size, or wait longer");
  CHECK(s.status().counters.timeouts == 1);
}

TEST_CASE("a waiter is told of openings, their try and their last failure") {
  story s{lumi(2)};
  s.acquire(r1, h1, 60s);
  s.acquire(r2, h1, 2s);
  s.step(connection_failed{c1, error_of(ssh_failure::refused, "port 22")});
  CHECK(s.wait(1500ms) == "open c1 try 2");
  CHECK(s.wait(1s) == "refuse r2 acquire_timeout");
  CHECK(s.refusal == "no lease for 'lumi' after 2 s: 2 opening (try 2 of 3, last failure: "
                     "port 22); 1 waiter was ahead of you; wait longer");
}

TEST_CASE("a waiter is told that the pool is paused") {
  story s{lumi()};
  s.step(ordered<pause_pool>{});
  s.acquire(r1, h1, 1s);
  CHECK(s.wait(1s) == "refuse r1 acquire_timeout");
  CHECK(s.refusal ==
        "no lease for 'lumi' after 1 s: the pool is paused by somebody; wait until it is resumed");
}

TEST_CASE("a waiter is told how many connections are open and hang, and not that none is open") {
  auto settings = lumi(2);
  settings.min_idle = 2;
  story s{settings};
  s.step(time_passed{});
  s.step(connection_opened{c1});
  s.step(connection_opened{c2});
  s.acquire(r1, h1);
  s.acquire(r2, h1);
  s.step(connection_doubted{c1, true, "nothing heard"});
  s.step(connection_doubted{c2, true, "nothing heard"});
  s.step(channel_late{c1, l2, 4s});
  s.step(channel_late{c2, l1, 4s});
  s.release(l1, h1);
  s.release(l2, h1);
  CHECK(s.acquire(r3, h2, 0s) == "refuse r3 acquire_timeout");
  CHECK(s.refusal ==
        "no lease for 'lumi' was free at once: 2 open connections hang (no channel in time, or a "
        "failed check); ask with some patience");
}

TEST_CASE("without patience one gets an idle slot or a refusal, at once") {
  story s{lumi()};
  CHECK(s.acquire(r1, h1, 0s) == "refuse r1 acquire_timeout");
  CHECK(s.refusal == "no lease for 'lumi' was free at once: no connection was open; ask with some patience");
  s.open_idle(1);
  s.release(l1, h3);
  CHECK(s.acquire(r2, h1, 0s) == "grant r2 l2 c1 h1");
  CHECK(s.acquire(r3, h1, 0s) == "refuse r3 acquire_timeout");
  CHECK(s.acquire(r4, h1, -5s) == "refuse r4 acquire_timeout");
}

TEST_CASE("one waiter more than the queue's depth is refused at once, and told so") {
  auto settings = lumi();
  settings.queue_depth = 2;
  story s{settings};
  s.acquire(r1, h1);
  s.acquire(r2, h1);
  CHECK(s.acquire(r3, h1) == "refuse r3 queue_full");
  CHECK(s.refusal.find("2 wait already, which is its queue_depth; 1 opening") != std::string::npos);
}

TEST_CASE("what was waited elsewhere counts in the text of a refusal") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.step(acquire_requested{r2, h2, s.now + 4s, {}, false, 6s});
  CHECK(s.wait(4s) == "refuse r2 acquire_timeout");
  CHECK(s.refusal.find("no lease for 'lumi' after 10 s: ") == 0);
}

TEST_CASE("a waiter that withdraws is told so, and takes nothing with it") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.acquire(r2, h2);
  s.acquire(r3, h2);
  CHECK(s.step(acquire_cancelled{r2}) == "refuse r2 cancelled");
  CHECK(s.step(acquire_cancelled{r2}) == "");
  CHECK(s.release(l1, h1) == "end l1 c1, grant r3 l2 c1 h2");
}

TEST_CASE(
    "a withdrawal that crosses with the grant changes nothing: the lease is its holder's to give back") {
  story s{lumi()};
  s.acquire(r1, h1);
  CHECK(s.step(connection_opened{c1}) == "grant r1 l1 c1 h1");
  CHECK(s.step(acquire_cancelled{r1}) == "");
  CHECK(s.status().leases == 1);
  CHECK(s.acquire(r2, h2) == "");
  CHECK(s.release(l1, h1, r3) == "end l1 c1, acknowledge r3, grant r2 l2 c1 h2");
  s.step(lease_confirmed{l2});
  CHECK(s.step(acquire_cancelled{r2}) == "");
  CHECK(s.status().leases == 1);
}

TEST_CASE("a grant whose holder withdrew and is never heard of again is taken back as any other") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.step(acquire_cancelled{r1});
  CHECK(s.wait(5s) == "end l1 c1 ask, notify h1 l1 lease_ended");
}

TEST_CASE("a waiter without a deadline waits for ever, and does not keep the pool awake") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.step(lease_confirmed{l1});
  s.step(acquire_requested{r2, h2, time_point::max(), {}});
  CHECK(s.wait(1h) == "");
  CHECK(s.release(l1, h1) == "end l1 c1, close c1 lifetime");
  CHECK(s.step(connection_closed{c1}) == "open c2");
  CHECK(s.step(connection_opened{c2}) == "grant r2 l2 c2 h2");
}

TEST_CASE("a clock that goes backwards changes nothing") {
  story s{lumi()};
  s.acquire(r1, h1, 5s);
  s.now -= 1h;
  CHECK(s.step(time_passed{}) == "");
  CHECK(s.step(connection_opened{c1}) == "grant r1 l1 c1 h1");
  CHECK(s.core.leases(s.now).at(0).age == 0s);
}

TEST_CASE(
    "many deadlines at once are answered in portions, and a slot that comes in between is not for the late") {
  constexpr auto portion = pool_core::ends_per_step;
  auto settings = lumi();
  settings.queue_depth = 10'000;
  story s{settings};
  s.acquire(r1, h1, 1h);
  s.step(connection_opened{c1});
  s.step(lease_confirmed{l1});
  for (std::uint64_t i = 0; i < 2 * portion + 10; ++i)
    s.acquire(request_id{100 + i}, h2, 1s);
  s.acquire(r2, h3, 1h);
  s.now += 1s;
  s.step(time_passed{});
  CHECK(s.status().waiters == portion + 11);
  CHECK(s.core.next_due() <= s.now);
  s.release(l1, h1);
  CHECK(s.status().counters.timeouts == 2 * portion);
  CHECK(s.status().counters.grants == 1);
  auto rest = s.step(time_passed{});
  CHECK(s.status().counters.timeouts == 2 * portion + 10);
  CHECK(rest.ends_with("grant r2 l2 c1 h3"));
  CHECK(s.core.next_due() > s.now);
}
