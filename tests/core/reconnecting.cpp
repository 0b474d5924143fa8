// Promises: a reconnect replaces what is open, each connection at a time of its own, and cuts nobody off.
#include <set>

#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

ordered<reconnect_pool> reconnect(request_id request, std::chrono::milliseconds spread) {
  return {request, {{}, spread}};
}

} // namespace

TEST_CASE(
    "a reconnect without a spread closes what is idle at once, and what is leased when it is given back") {
  story s{lumi(3, 2)};
  s.acquire(r1, h1);
  s.acquire(r2, h2);
  s.acquire(r3, h3);
  s.step(connection_opened{c1});
  s.step(connection_opened{c2});
  for (auto lease : {l1, l2, l3})
    s.step(lease_confirmed{lease});
  s.release(l3, h3);
  CHECK(s.step(reconnect(r4, 0ms)) == "acknowledge r4, close c2 reconnected");
  CHECK(s.core.connections(s.now)[0].condemned);
  CHECK(s.release(l1, h1) == "end l1 c1");
  CHECK(s.acquire(r5, h1) == "open c3"); // though c1 has a slot
  CHECK(s.release(l2, h2) == "end l2 c1, close c1 reconnected");
}

TEST_CASE("a spread reconnect replaces each connection at a time of its own, the oldest first, and the "
          "reserve is kept") {
  auto settings = lumi(10);
  settings.min_idle = 4;
  settings.connects_at_once = 0;
  settings.probe_interval = 24h;
  settings.connection_lifetime = 24h;
  story s{settings};
  s.step(time_passed{});
  for (std::uint64_t i = 1; i <= 4; ++i)
    s.step(connection_opened{connection_id{i}});
  CHECK(s.step(reconnect(r1, 1h)) == "acknowledge r1");
  std::chrono::nanoseconds passed{0};
  std::set<std::chrono::nanoseconds> times;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    CHECK(s.next() ==
          "close " + to_string(connection_id{i}) + " reconnected, open " + to_string(connection_id{4 + i}));
    passed += s.took;
    times.insert(passed);
    CHECK(passed >= (i - 1) * 15min); // an equal part of the time for each
    CHECK(passed <= i * 15min);
    s.step(connection_opened{connection_id{4 + i}});
    s.step(connection_closed{connection_id{i}});
  }
  CHECK(times.size() == 4);
  CHECK(s.wait(2h) == ""); // what was opened since is new
}

TEST_CASE("what is being opened is new to a reconnect, and a second one makes no time later") {
  story s{lumi(2)};
  s.acquire(r1, h1, 1h);
  CHECK(s.step(reconnect(r2, 0ms)) == "acknowledge r2");
  CHECK(s.step(connection_opened{c1}) == "grant r1 l1 c1 h1");
  s.step(lease_confirmed{l1});
  s.step(reconnect(r3, 1min));
  s.step(reconnect(r4, 24h));
  s.wait(1min);
  CHECK(s.core.connections(s.now)[0].condemned);
  CHECK(s.release(l1, h1) == "end l1 c1, close c1 reconnected");
}

TEST_CASE("a reconnect goes on in a pause, and a pool that is stopping takes none") {
  story s{lumi()};
  s.open_idle(1);
  s.release(l1, h3);
  s.step(ordered<pause_pool>{});
  CHECK(s.step(reconnect(r1, -1ms)) == "acknowledge r1, close c1 reconnected");
  s.step(stop_requested{});
  CHECK(s.step(reconnect(r2, 1h)) == "refuse r2 stopping");
}

TEST_CASE("a leased connection of a full pool goes on serving until it is free, whatever was ordered") {
  auto settings = lumi(1, 2);
  settings.connection_lifetime = settings.idle_timeout = 100h;
  story s{settings};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.step(lease_confirmed{l1});
  CHECK(s.step(ordered<reconnect_pool>{r2, {{}, 0ms}}) == "acknowledge r2");
  s.wait(1min);
  CHECK(s.acquire(r3, h2) == "grant r3 l2 c1 h2");
  s.step(lease_confirmed{l2});
  s.release(l2, h2);
  s.release(l1, h1);
  CHECK(s.wait(10s) == "close c1 reconnected");
}
