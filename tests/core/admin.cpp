// Promises: what admins order is done at once, to the living too, and every order is answered.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// c1 leased to h1, c2 idle, c3 opening.
story busy() {
  story s{lumi(3)};
  s.acquire(r1, h1);
  s.acquire(r2, h2);
  s.step(connection_opened{c1});
  s.step(connection_opened{c2});
  s.step(lease_confirmed{l1});
  s.acquire(r3, h2, 1h);
  s.release(l2, h2);
  s.step(lease_confirmed{l3});
  s.release(l3, h2);
  REQUIRE(s.status().leased == 1);
  REQUIRE(s.status().idle == 1);
  REQUIRE(s.status().opening == 1);
  return s;
}

} // namespace

TEST_CASE("a paused pool grants and opens nothing, its waiters wait, and resuming serves them") {
  auto s = busy();
  CHECK(s.step(ordered<pause_pool>{r4}) == "acknowledge r4");
  CHECK(s.step(ordered<pause_pool>{r5}) == "acknowledge r5");
  CHECK(s.acquire(r6, h2) == "");
  CHECK(s.step(connection_opened{c3}) == "");
  CHECK(s.release(l1, h1) == "end l1 c1");
  CHECK(s.status().state == pool_state::paused);
  CHECK(s.step(ordered<resume_pool>{r7}) == "acknowledge r7, grant r6 l4 c1 h2");
  CHECK(s.step(ordered<resume_pool>{r8}) == "acknowledge r8");
}

TEST_CASE("a try that falls due in a pause is made after it") {
  story s{lumi()};
  s.acquire(r1, h1, 1h);
  s.step(connection_failed{c1, error_of(ssh_failure::reset)});
  s.step(ordered<pause_pool>{});
  CHECK(s.wait(5min) == "");
  CHECK(s.step(ordered<resume_pool>{}) == "open c1 try 2");
}

TEST_CASE("probes go on in a pause") {
  auto s = busy();
  s.step(ordered<pause_pool>{});
  CHECK(s.step(ordered<probe_pool>{r4}) == "acknowledge r4, probe p1 c2");
}

TEST_CASE("an evicted connection goes at once if it is free, else when its leases end") {
  auto s = busy();
  CHECK(s.step(ordered<evict_connection>{r4, {{}, c2}}) == "close c2 evicted, acknowledge r4");
  CHECK(s.step(ordered<evict_connection>{r5, {{}, c2}}) == "acknowledge r5");
  CHECK(s.step(ordered<evict_connection>{r6, {{}, c3}}) == "close c3 evicted, acknowledge r6");
  CHECK(s.step(ordered<evict_connection>{r7, {{}, c1}}) == "acknowledge r7");
  CHECK(s.release(l1, h1) == "end l1 c1, close c1 evicted");
  CHECK(s.step(ordered<evict_connection>{r8, {{}, connection_id{9}}}) == "refuse r8 unknown_connection");
}

TEST_CASE("whoever waits for an opening that is evicted gets another") {
  story s{lumi()};
  s.acquire(r1, h1);
  CHECK(s.step(ordered<evict_connection>{r2, {{}, c1}}) == "close c1 evicted, acknowledge r2");
  CHECK(s.step(connection_opened{c1}) == ""); // crossed with the order to close
  CHECK(s.step(connection_closed{c1}) == "open c2");
}

TEST_CASE("a larger pool opens for its waiters at once") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.acquire(r2, h2);
  CHECK(s.step(settings_changed{r3, lumi(2)}) == "acknowledge r3, open c2");
}

TEST_CASE("a pool is resized by an order, and one to a size that is no pool's changes nothing") {
  auto settings = lumi();
  settings.name = "lumi";
  settings.host = "h";
  story s{settings};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.acquire(r2, h2);
  CHECK(s.step(ordered<resize_pool>{r3, {{}, 0}}) == "refuse r3 invalid_settings");
  CHECK(s.status().size == 1);
  CHECK(s.step(ordered<resize_pool>{r4, {{}, 2}}) == "acknowledge r4, open c2");
  CHECK(s.status().size == 2);
}

TEST_CASE(
    "a smaller pool closes what is idle, the longest idle first, then openings, then what is given back") {
  auto s = busy();
  s.acquire(r4, h2);
  CHECK(s.status().leased == 2);
  s.release(l4, h2);
  CHECK(s.step(settings_changed{r5, lumi(2)}) == "acknowledge r5, close c2 shrunk");
  CHECK(s.step(settings_changed{r6, lumi(1)}) == "acknowledge r6, close c3 shrunk");
  CHECK(s.status().size == 1);
  s.step(settings_changed{r7, lumi(3)});
  s.step(connection_closed{c2});
  s.step(connection_closed{c3});
  s.acquire(r8, h2);
  s.step(connection_opened{c4});
  s.acquire(r9, h2);
  CHECK(s.step(settings_changed{{}, lumi(1)}) == "close c5 shrunk");
  CHECK(s.release(l1, h1) == "end l1 c1, close c1 shrunk");
  CHECK(s.step(connection_closed{c1}) == "");
  CHECK(s.release(l5, h2) == "end l5 c4, grant r9 l6 c4 h2");
}

TEST_CASE("connections opened elsewhere or as another user are not used again") {
  auto s = busy();
  s.acquire(r4, h2, 1h);
  s.release(l4, h2);
  auto settings = lumi(3);
  settings.user = "joe";
  CHECK(s.step(settings_changed{r5, settings}) == "close c2 settings, close c3 settings, acknowledge r5");
  CHECK(s.acquire(r6, h2) == "");
  CHECK(s.release(l1, h1) == "end l1 c1, close c1 settings");
  CHECK(s.step(connection_closed{c2}) == "open c4");
}

TEST_CASE("what only concerns the pool applies to the living") {
  auto s = busy();
  auto settings = lumi(3);
  settings.idle_timeout = 10s;
  settings.connection_lifetime = 20s;
  settings.channels_per_connection = 2;
  CHECK(s.step(settings_changed{r4, settings}) == "acknowledge r4");
  s.step(connection_closed{c3});
  CHECK(s.acquire(r5, h2) == "grant r5 l4 c2 h2");
  CHECK(s.acquire(r6, h2) == "grant r6 l5 c2 h2");
  s.release(l4, h2);
  s.release(l5, h2);
  CHECK(s.wait(10s) == "close c2 idle");
  s.wait(10s);
  CHECK(s.release(l1, h1) == "end l1 c1, close c1 lifetime");
}

TEST_CASE("when fewer failures are allowed, a connection that has more already is closed") {
  auto s = busy();
  s.step(ordered<probe_pool>{});
  s.step(probe_failed{p1, c2, "x"});
  auto settings = lumi(3);
  settings.probe_failures_max = 1;
  CHECK(s.step(settings_changed{r4, settings}) == "close c2 probe_failures, acknowledge r4");
}

TEST_CASE("a reset ends the back-off and clears the failures of probes") {
  auto s = busy();
  s.step(ordered<probe_pool>{});
  s.step(probe_failed{p1, c2, "x"});
  s.step(connection_failed{c3, error_of(ssh_failure::protocol)});
  CHECK(s.status().backing_off.code == errc::connect_failed);
  CHECK(s.step(ordered<reset_pool>{r4}) == "acknowledge r4");
  CHECK(s.status().backing_off.code == errc::none);
  CHECK(s.core.connections(s.now)[1].probe_failures == 0);
}

TEST_CASE("disconnecting closes everything, is done when nothing is left, and the next acquire opens anew") {
  auto settings = lumi(3);
  settings.min_idle = 1;
  auto s = busy();
  s.step(settings_changed{{}, settings});
  CHECK(s.step(ordered<disconnect_pool>{r4}) ==
        "end l1 c1, notify h1 l1 disconnected, close c1 disconnected, "
        "close c2 disconnected, close c3 disconnected");
  CHECK(s.step(connection_closed{c1}) == "");
  CHECK(s.step(connection_closed{c2}) == "");
  CHECK(s.step(connection_closed{c3}) == "acknowledge r4");
  CHECK(s.wait(1h) == "");
  CHECK(s.acquire(r5, h1) == "open c4, open c5");
  CHECK(s.step(ordered<disconnect_pool>{r6}) ==
        "refuse r5 disconnected, close c4 disconnected, close c5 disconnected");
}

TEST_CASE("disconnecting does not wait for what was opened afterwards") {
  story s{lumi(3)};
  s.open_idle(1);
  s.step(ordered<disconnect_pool>{r1});
  CHECK(s.acquire(r2, h1) == "open c2");
  CHECK(s.step(connection_closed{c1}) == "acknowledge r1");
}

TEST_CASE("a removed cluster tells those who waited so, and those who come later that there is none") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.acquire(r2, h2);
  CHECK(s.step(stop_requested{r3, true}) ==
        "refuse r2 cluster_removed, end l1 c1, notify h1 l1 cluster_removed, close c1 disconnected");
  CHECK(s.acquire(r4, h2) == "refuse r4 unknown_cluster");
  CHECK(s.step(ordered<pause_pool>{r5}) == "refuse r5 unknown_cluster");
  CHECK(s.step(connection_closed{c1}) == "acknowledge r3");
}

TEST_CASE("disconnecting and stopping a pool that holds nothing is done at once") {
  story s{lumi()};
  CHECK(s.step(ordered<disconnect_pool>{r1}) == "acknowledge r1");
  CHECK(s.step(stop_requested{r2}) == "acknowledge r2");
  CHECK(s.step(stop_requested{r3}) == "acknowledge r3");
}

TEST_CASE("stopping ends everything for good, and is done when nothing is left") {
  auto s = busy();
  s.step(ordered<pause_pool>{});
  s.acquire(r4, h2, 1h);
  CHECK(s.step(stop_requested{r5}) ==
        "refuse r4 stopping, end l1 c1, notify h1 l1 stopping, close c1 disconnected, "
        "close c2 disconnected, close c3 disconnected");
  CHECK(s.acquire(r6, h1) == "refuse r6 stopping");
  CHECK(s.step(ordered<resume_pool>{r7}) == "refuse r7 stopping");
  CHECK(s.step(settings_changed{r8, lumi()}) == "refuse r8 stopping");
  CHECK(s.step(stop_requested{r9}) == "");
  s.step(connection_closed{c1});
  s.step(connection_closed{c2});
  CHECK(s.step(connection_closed{c3}) == "acknowledge r5, acknowledge r9");
  CHECK(s.wait(1h) == "");
}

TEST_CASE("those who watch are told what happens, in words") {
  story s{lumi()};
  s.acquire(r1, h1, 1min, "sync");
  s.step(connection_failed{c1, error_of(ssh_failure::refused, "port 22")});
  s.wait(2s);
  s.step(connection_opened{c1});
  s.release(l1, h1);
  CHECK(s.announced == std::vector<std::string>{
                           "announce opening c1 try 1 of 3",
                           "announce open_failed c1 try 1 of 3: connect: refused: port 22",
                           "announce opening c1 try 2 of 3",
                           "announce opened c1",
                           "announce granted c1 l1 sync",
                           "announce released c1 l1",
                       });
}

TEST_CASE("a recording is ordered of the shell, whoever waits for it, until the pool stops") {
  story s{lumi(1)};
  CHECK(s.step(ordered<record_pool>{r1}) == "write_recording r1");
  CHECK(s.step(ordered<record_pool>{}) == "write_recording");
  s.step(stop_requested{r2});
  CHECK(s.step(ordered<record_pool>{r3}) == "refuse r3 stopping");
}
