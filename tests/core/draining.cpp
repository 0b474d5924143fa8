// Promises: a pool that is suspended serves those who wait alone; one that is drained serves nobody, ends
// what it has within the time it was given, says so once, and stays so until it is resumed.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// c1 leased to h1, c2 idle, c3 opening, h3 waiting.
story half_done() {
  auto settings = lumi(3);
  settings.min_idle = 1;
  story s{settings};
  s.step(time_passed{});
  s.step(connection_opened{c1});
  s.acquire(r1, h1);
  s.step(lease_confirmed{l1});
  s.step(connection_opened{c2});
  s.acquire(r2, h2);
  s.step(lease_confirmed{l2});
  s.acquire(r3, h3, 1h);
  s.acquire(r4, h3, 1h);
  s.step(acquire_cancelled{r3});
  s.step(acquire_cancelled{r4});
  s.release(l2, h2);
  s.step(ordered<pause_pool>{});
  s.acquire(r3, h3, 1h);
  REQUIRE(s.status().leased == 1);
  REQUIRE(s.status().idle == 1);
  REQUIRE(s.status().opening == 1);
  REQUIRE(s.status().waiters == 1);
  return s;
}

ordered<drain_pool> drain(request_id request, std::chrono::milliseconds within = 10s) {
  return {request, {{}, within}};
}

} // namespace

TEST_CASE("a drain refuses who waits, closes what is free, and is answered when what is leased has ended") {
  auto s = half_done();
  CHECK(s.step(drain(r4)) == "refuse r3 drained, close c2 drained, close c3 drained");
  CHECK(s.status().state == pool_state::draining);
  CHECK(s.acquire(r5, h1) == "refuse r5 drained");
  CHECK(s.refusal == "'lumi' is drained by an administrator; ask again when it is resumed");
  CHECK(s.step(connection_opened{c3}) == ""); // crossed
  CHECK(s.step(connection_closed{c2}) == "");
  CHECK(s.step(connection_closed{c3}) == "");
  CHECK(s.release(l1, h1) == "end l1 c1, close c1 drained");
  CHECK(s.step(connection_closed{c1}) == "acknowledge r4");
  CHECK(s.status().state == pool_state::drained);
}

TEST_CASE("at a drain's deadline, not before, its leases are ended, and what runs has its time to end") {
  auto s = half_done();
  s.step(drain(r4, 10s));
  s.step(connection_closed{c2});
  s.step(connection_closed{c3});
  CHECK(s.wait(10s - 1ns) == "");
  CHECK(s.wait(1ns) == "end l1 c1 ask, notify h1 l1 drained");
  CHECK(s.step(lease_cleared{c1, l1, true}) == "close c1 abandoned");
  CHECK(s.step(connection_closed{c1}) == "acknowledge r4");
}

TEST_CASE("a drain without time ends the leases at once, and one without end is for a year") {
  auto s = half_done();
  CHECK(s.step(drain(r4, std::chrono::milliseconds::max())) ==
        "refuse r3 drained, close c2 drained, close c3 drained");
  CHECK(s.due_in() <= 365 * 24h);
  CHECK(s.step(drain(r5, -1ms)) == "end l1 c1 ask, notify h1 l1 drained");
}

TEST_CASE("a drained pool stays so, and opens nothing, whatever is ordered, but for a resume") {
  auto settings = lumi(2);
  settings.min_idle = 2;
  story s{settings};
  CHECK(s.step(drain(r1)) == "acknowledge r1");
  CHECK(s.step(ordered<reset_pool>{r2}) == "acknowledge r2");
  CHECK(s.step(settings_changed{r3, settings}) == "acknowledge r3");
  CHECK(s.step(ordered<pause_pool>{r4}) == "refuse r4 invalid_request");
  CHECK(s.refusal == "'lumi' is drained, which only a resume ends");
  CHECK(s.step(ordered<disconnect_pool>{r5}) == "acknowledge r5");
  CHECK(s.step(drain(r6)) == "acknowledge r6");
  CHECK(s.step(ordered<probe_pool>{r7}) == "acknowledge r7");
  CHECK(s.acquire(r8, h1) == "refuse r8 drained");
  CHECK(s.wait(1h) == "");
  CHECK(s.status().state == pool_state::drained);
}

TEST_CASE("a suspended pool refuses who comes, serves who waits, and opens for nobody else") {
  auto settings = lumi(3);
  settings.min_idle = 2;
  story s{settings};
  s.step(ordered<pause_pool>{{}, {}, h3});
  s.acquire(r1, h1, 1h);
  CHECK(s.step(ordered<suspend_pool>{r2}) == "acknowledge r2");
  CHECK(s.step(holder_lost{h3}) == "open c1");
  CHECK(s.status().state == pool_state::suspended);
  CHECK(s.acquire(r3, h2) == "refuse r3 suspended");
  CHECK(s.refusal == "'lumi' is suspended by an administrator; ask again when it is resumed");
  CHECK(s.step(connection_opened{c1}) == "grant r1 l1 c1 h1");
  s.step(lease_confirmed{l1});
  CHECK(s.wait(1h) == "");
  CHECK(s.release(l1, h1) == "end l1 c1, close c1 lifetime");
  s.step(connection_closed{c1});
  CHECK(s.step(ordered<suspend_pool>{r4}) == "acknowledge r4");
  CHECK(s.step(ordered<resume_pool>{r5}) == "acknowledge r5, open c2, open c3");
}

TEST_CASE("a suspension holds beside a pause, and neither ends a drain") {
  story s{lumi()};
  s.step(ordered<pause_pool>{r1});
  CHECK(s.acquire(r2, h1, 1h) == "");
  CHECK(s.step(ordered<suspend_pool>{r3}) == "acknowledge r3");
  CHECK(s.acquire(r4, h1, 1h) == "refuse r4 suspended");
  CHECK(s.step(ordered<resume_pool>{}) == "open c1");
  s.step(drain(r5));
  CHECK(s.step(ordered<suspend_pool>{r6}) == "refuse r6 invalid_request");
  CHECK(s.refusal == "'lumi' is draining, which only a resume ends");
  CHECK(s.step(ordered<pause_pool>{r7}) == "refuse r7 invalid_request");
  CHECK(s.step(connection_closed{c1}) == "acknowledge r5");
}

TEST_CASE("a drained pool that is resumed has its reserve again") {
  auto settings = lumi(2);
  settings.min_idle = 2;
  story s{settings};
  s.step(drain(r1));
  CHECK(s.step(ordered<resume_pool>{r2}) == "acknowledge r2, open c1, open c2");
  CHECK(s.status().state == pool_state::running);
}

TEST_CASE("a drain that is undone is refused, and what is leased still stays in service") {
  auto s = half_done();
  s.step(drain(r4));
  s.step(drain(r5));
  CHECK(s.step(ordered<resume_pool>{r6}) == "refuse r4 cancelled, refuse r5 cancelled, acknowledge r6");
  CHECK(s.release(l1, h1) == "end l1 c1");
  CHECK(s.acquire(r7, h2) == "grant r7 l3 c1 h2");
  s.step(lease_confirmed{l3});
  CHECK(s.wait(10s) == "");
}

TEST_CASE("a second drain has the newest deadline, and both are answered") {
  auto s = half_done();
  s.step(drain(r4, 10s));
  CHECK(s.step(drain(r5, 1min)) == "");
  s.step(connection_closed{c2});
  s.step(connection_closed{c3});
  CHECK(s.wait(1min - 1ns) == "");
  CHECK(s.wait(1ns) == "end l1 c1 ask, notify h1 l1 drained");
  CHECK(s.step(lease_cleared{c1, l1, false}) == "close c1 drained");
  CHECK(s.step(connection_closed{c1}) == "acknowledge r4, acknowledge r5");
}

TEST_CASE("a drain that a disconnect, a stop or a removal crosses is answered with it, once") {
  const std::vector<pool_event> ends{ordered<disconnect_pool>{r5}, stop_requested{r5},
                                     stop_requested{r5, true}};
  for (const auto& end : ends) {
    auto s = half_done();
    s.step(drain(r4));
    s.step(end);
    s.step(connection_closed{c2});
    s.step(connection_closed{c3});
    CHECK(s.step(connection_closed{c1}) == "acknowledge r4, acknowledge r5");
    CHECK(s.wait(1h) == "");
  }
}

TEST_CASE("a pool that is stopping is not drained") {
  story s{lumi()};
  s.step(stop_requested{});
  CHECK(s.step(drain(r1)) == "refuse r1 stopping");
}

TEST_CASE("a connection that is lost in a drain ends as any, and the drain with it") {
  auto s = half_done();
  s.step(drain(r4));
  s.step(connection_closed{c2});
  s.step(connection_closed{c3});
  CHECK(s.step(connection_lost{c1, error_of(ssh_failure::reset)}) ==
        "notify h1 l1 connection_lost, acknowledge r4");
}

TEST_CASE("a drain is not over while somebody still waits to be refused") {
  story s{lumi()};
  s.core.set_announcing(false);
  s.step(ordered<pause_pool>{});
  for (std::uint64_t i = 1; i <= 300; ++i)
    s.acquire(request_id{100 + i}, h1, 1h);
  CHECK(s.step(drain(r1)).find("acknowledge") == std::string::npos);
  CHECK(s.status().state == pool_state::draining);
  CHECK(s.wait(0s).ends_with("refuse r400 drained, acknowledge r1"));
  CHECK(s.status().state == pool_state::drained);
}

TEST_CASE("a drain of more waiters and leases than one step ends is answered when all have ended") {
  story s{lumi(400)};
  s.core.set_announcing(false);
  for (std::uint64_t i = 1; i <= 400; ++i)
    s.open_idle(i);
  auto requests = 2'000u;
  for (std::uint64_t i = 1; i <= 800; ++i)
    s.acquire(request_id{++requests}, h1, 1h);
  for (std::uint64_t i = 1; i <= 400; ++i)
    s.step(lease_confirmed{lease_id{400 + i}});
  s.step(drain(r1, 0ms));
  CHECK(s.status().waiters > 0);
  s.wait(0s);
  CHECK(s.status().waiters == 0);
  CHECK(s.status().leases == 0);
  for (std::uint64_t i = 1; i <= 400; ++i)
    s.step(lease_cleared{connection_id{i}, lease_id{400 + i}});
  for (std::uint64_t i = 1; i < 400; ++i)
    CHECK(s.step(connection_closed{connection_id{i}}) == "");
  CHECK(s.step(connection_closed{connection_id{400}}) == "acknowledge r1");
}
