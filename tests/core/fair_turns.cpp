// Promises: no holder, and no identity, keeps others from their turn.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// One connection, leased as l1 to h1, of whom so many wait.
story greedy(std::uint64_t waiters) {
  auto settings = lumi();
  settings.queue_depth = 10'000;
  story s{settings};
  s.acquire(r1, h1, 1h);
  s.step(connection_opened{c1});
  s.step(lease_confirmed{l1});
  for (std::uint64_t i = 0; i < waiters; ++i)
    s.acquire(request_id{100 + i}, h1, 1h);
  return s;
}

} // namespace

TEST_CASE("a holder of whom a thousand wait has one slot, and then another holder has the next") {
  auto s = greedy(1'000);
  CHECK(s.acquire(r2, h2, 1h) == "");
  CHECK(s.acquire(r3, h2, 1h) == "");
  CHECK(s.release(l1, h1) == "end l1 c1, grant r100 l2 c1 h1");
  CHECK(s.release(l2, h1) == "end l2 c1, grant r2 l3 c1 h2");
  CHECK(s.release(l3, h2) == "end l3 c1, grant r101 l4 c1 h1");
  CHECK(s.release(l4, h1) == "end l4 c1, grant r3 l5 c1 h2");
}

TEST_CASE("a holder that asks again as soon as it is served goes behind those who wait") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.acquire(r2, h2);
  s.acquire(r3, h3);
  CHECK(s.release(l1, h1) == "end l1 c1, grant r2 l2 c1 h2");
  s.acquire(r4, h2);
  s.acquire(r5, h1);
  CHECK(s.release(l2, h2) == "end l2 c1, grant r3 l3 c1 h3");
  CHECK(s.release(l3, h3) == "end l3 c1, grant r4 l4 c1 h2");
  CHECK(s.release(l4, h2) == "end l4 c1, grant r5 l5 c1 h1");
}

TEST_CASE("an identity with many holders has one slot, and then another identity has the next") {
  auto settings = lumi();
  story s{settings};
  auto acquire = [&](request_id request, holder_id holder, std::string identity) {
    return s.step(acquire_requested{request, holder, s.now + 1h, {}, false, {}, std::move(identity)});
  };
  acquire(r1, h1, "eve");
  s.step(connection_opened{c1});
  for (std::uint64_t i = 0; i < 10; ++i)
    acquire(request_id{100 + i}, holder_id{100 + i}, "eve");
  acquire(r2, h2, "jane");
  acquire(r3, h3, "jane");
  CHECK(s.release(l1, h1) == "end l1 c1, grant r100 l2 c1 h100");
  CHECK(s.release(l2, holder_id{100}) == "end l2 c1, grant r2 l3 c1 h2");
  CHECK(s.release(l3, h2) == "end l3 c1, grant r101 l4 c1 h101");
  CHECK(s.release(l4, holder_id{101}) == "end l4 c1, grant r3 l5 c1 h3");
}

TEST_CASE("waiters are listed in the order in which they will be served") {
  auto s = greedy(3);
  s.acquire(r2, h2, 1h);
  s.acquire(r3, h2, 1h);
  s.acquire(r4, h3, 1h);
  std::string listed;
  for (const auto& waiter : s.core.waiters(s.now)) {
    listed += std::to_string(waiter.ahead) + ":" + to_string(waiter.request) + " ";
  }
  CHECK(listed == "0:r100 1:r2 2:r4 3:r101 4:r3 5:r102 ");
}

TEST_CASE("a refusal tells how many would have been served before, not how many wait") {
  auto s = greedy(500);
  auto told = [&](holder_id holder, std::chrono::nanoseconds patience) {
    s.acquire(request_id{s.status().counters.acquires + 2'000}, holder, patience);
    s.wait(patience);
    auto begin = s.refusal.find("; ") + 2;
    return s.refusal.substr(begin, s.refusal.find("; ", begin) - begin);
  };
  CHECK(told(h2, 0s) == "1 waiter was ahead of you");
  CHECK(told(h2, 2s) == "1 waiter was ahead of you");
  CHECK(told(h1, 0s) == "more than 100 waiters were ahead of you");
  CHECK(told(h1, 2s) == "more than 100 waiters were ahead of you");
  s.acquire(r2, h2, 1h);
  CHECK(told(h2, 0s) == "3 waiters were ahead of you");
  CHECK(told(h3, 2s) == "2 waiters were ahead of you");
}
