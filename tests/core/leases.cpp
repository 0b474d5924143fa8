// Promises: a lease ends once, is fenced before its slot is used again, and its holder knows.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// One open connection, leased once to h1 and confirmed.
story leased(cluster_settings settings = lumi()) {
  story s{std::move(settings)};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.step(lease_confirmed{l1});
  return s;
}

} // namespace

TEST_CASE("a grant that is not confirmed within 5 s is taken back, and nothing is lost") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  CHECK(s.next() == "end l1 c1 ask, notify h1 l1 lease_ended");
  CHECK(s.took == 5s);
  CHECK(s.acquire(r2, h2) == "");
  CHECK(s.step(lease_cleared{c1, l1, false}) == "grant r2 l2 c1 h2");
}

TEST_CASE("a confirmation that arrives together with its time-out counts") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.now += 6s;
  CHECK(s.step(lease_confirmed{l1}) == "");
  CHECK(s.status().leases == 1);
}

TEST_CASE("a confirmation that comes too late changes nothing") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.wait(5s);
  CHECK(s.step(lease_confirmed{l1}) == "");
  CHECK(s.step(lease_confirmed{lease_id{77}}) == "");
  CHECK(s.release(l1, h1, r2) == "refuse r2 lease_ended");
}

TEST_CASE("a lease may be given back before it was confirmed") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  CHECK(s.release(l1, h1, r2) == "end l1 c1, acknowledge r2");
  CHECK(s.wait(10s) == "");
}

TEST_CASE("a lease given back twice, late, by a stranger or never granted is told apart, and harmless") {
  auto s = leased();
  CHECK(s.release(l1, h2, r2) == "refuse r2 unknown_lease");
  CHECK(s.release(l2, h1, r3) == "refuse r3 unknown_lease");
  CHECK(s.release(l1, h1, r4) == "end l1 c1, acknowledge r4");
  CHECK(s.release(l1, h1, r5) == "refuse r5 already_released");
  CHECK(s.release(l1, h2, r6) == "refuse r6 unknown_lease");
  CHECK(s.release(l1, h1) == "");
  s.acquire(r7, h2);
  s.step(ordered<revoke_lease>{{}, {{}, l2}});
  CHECK(s.release(l2, h2, r8) == "refuse r8 lease_ended");
  CHECK(s.status().counters.releases == 1);
}

TEST_CASE("ended leases are forgotten in the end, but never called unknown to their pool") {
  auto s = leased();
  s.release(l1, h1);
  for (std::uint64_t i = 2; i < 2000; ++i) {
    s.acquire(request_id{i}, h1);
    s.release(lease_id{i}, h1);
  }
  CHECK(s.release(lease_id{1990}, h1, r1) == "refuse r1 already_released");
  CHECK(s.release(l1, h1, r2) == "refuse r2 lease_ended");
}

TEST_CASE("a lease that is given back for a user who died is taken back as a dead holder's is") {
  auto s = leased();
  CHECK(s.step(lease_released{{}, l1, h2, true}) == ""); // not its holder
  CHECK(s.step(lease_released{r2, l1, h1, true}) == "end l1 c1 ask, acknowledge r2");
  CHECK(s.acquire(r3, h2) == "");
  CHECK(s.step(lease_cleared{c1, l1, false}) == "grant r3 l2 c1 h2");
  CHECK(s.step(lease_released{{}, l2, h2, true}) == "end l2 c1 ask");
  CHECK(s.step(lease_cleared{c1, l2, true}) == "close c1 abandoned");
}

TEST_CASE("a connection that its holder discards takes no more leases, and closes when the last one ends") {
  auto s = leased(lumi(2, 2));
  s.acquire(r2, h2);
  s.acquire(r3, h2, 1h);
  CHECK(s.step(lease_released{r4, l1, h2, false, true, "stale handle"}) == "refuse r4 unknown_lease");
  s.step(lease_released{r5, l1, h1, false, true, "stale\nhandle"});
  CHECK(s.core.connections(s.now).at(0).condemned);
  CHECK(s.announced.back().find("condemned c1 discarded: by its holder: stale\\x0ahandle") !=
        std::string::npos);
  CHECK(s.step(lease_released{r6, l1, h1, false, true}) == "refuse r6 already_released");
  CHECK(s.step(connection_opened{c2}) == "grant r3 l3 c2 h2");
  CHECK(s.acquire(r7, h1) == "grant r7 l4 c2 h1");
  CHECK(s.release(l2, h2) == "end l2 c1, close c1 discarded");
}

TEST_CASE("a holder that dies loses its leases and its place in the queue") {
  auto s = leased(lumi(2));
  s.acquire(r2, h2);
  s.step(connection_opened{c2});
  s.acquire(r3, h1, 1h);
  s.acquire(r4, h2, 1h);
  CHECK(s.step(holder_lost{h1}) == "refuse r3 cancelled, end l1 c1 ask");
  CHECK(s.step(lease_cleared{c1, l1, false}) == "grant r4 l3 c1 h2");
  CHECK(s.step(holder_lost{h1}) == "");
}

TEST_CASE("a holder of a great many leases is cleared away in portions") {
  constexpr auto many = static_cast<std::uint32_t>(pool_core::ends_per_step + 10);
  auto settings = lumi(many);
  settings.connects_at_once = many;
  story s{settings};
  for (std::uint64_t i = 1; i <= many; ++i) {
    s.acquire(request_id{i}, h1);
    s.step(connection_opened{connection_id{i}});
    s.step(lease_confirmed{lease_id{i}});
  }
  s.acquire(request_id{many + 1}, h2);
  s.step(holder_lost{h1});
  CHECK(s.core.leases(s.now).size() == 10);
  CHECK(s.core.next_due() <= s.now);
  s.step(time_passed{});
  CHECK(s.core.leases(s.now).empty());
  CHECK(s.core.next_due() > s.now);
  CHECK(s.status().counters.reclaimed == many);
}

TEST_CASE("grants that nobody confirms, idle connections past their time and those of a pool made smaller "
          "end in portions") {
  constexpr auto portion = pool_core::ends_per_step;
  constexpr auto many = static_cast<std::uint32_t>(2 * portion + 10);
  auto settings = lumi(many);
  settings.connects_at_once = many;
  settings.probe_interval = settings.connection_lifetime = 0s;
  settings.idle_timeout = 1min;
  story s{settings};
  for (std::uint64_t i = 1; i <= many; ++i) {
    s.acquire(request_id{i}, h1);
    s.step(connection_opened{connection_id{i}});
  }
  auto in_portions = [&](auto left) {
    for (auto expected : {many - portion, many - 2 * portion, std::size_t{0}}) {
      s.step(time_passed{});
      CHECK(left() == expected);
      CHECK((s.core.next_due() <= s.now) == (expected > 0));
    }
  };
  SECTION("grants") {
    s.now += pool_core::confirm_timeout;
    in_portions([&] { return s.core.leases(s.now).size(); });
  }
  SECTION("idle connections") {
    for (std::uint64_t i = 1; i <= many; ++i)
      s.release(lease_id{i}, h1);
    s.now += 1min;
    in_portions([&] { return std::size_t{s.status().idle}; });
  }
  SECTION("a smaller pool") {
    for (std::uint64_t i = 1; i <= many; ++i)
      s.release(lease_id{i}, h1);
    settings.pool_size = 1;
    s.step(settings_changed{{}, settings});
    CHECK(s.status().idle == many - portion);
    s.step(time_passed{});
    CHECK(s.core.next_due() <= s.now);
    s.step(time_passed{});
    CHECK(s.status().idle == 1);
    CHECK(s.core.next_due() > s.now);
  }
}

TEST_CASE("a connection on which a command was cut off is not used again") {
  auto s = leased();
  s.acquire(r2, h2);
  s.step(holder_lost{h1});
  CHECK(s.step(lease_cleared{c1, l1, true}) == "close c1 abandoned");
  CHECK(s.step(connection_closed{c1}) == "open c2");
  CHECK(s.status().counters.removed[static_cast<int>(removal_reason::abandoned)] == 1);
}

TEST_CASE("others on the connection of a command that was cut off keep their leases to the end") {
  auto s = leased(lumi(1, 2));
  s.acquire(r2, h2);
  s.step(holder_lost{h1});
  CHECK(s.step(lease_cleared{c1, l1, true}) == "");
  CHECK(s.acquire(r3, h3) == "");
  CHECK(s.release(l2, h2) == "end l2 c1, close c1 abandoned");
}

TEST_CASE("a slot is not granted again before the connection has said that the lease is over") {
  auto s = leased(lumi(1, 2));
  s.step(ordered<revoke_lease>{r2, {{}, l1}});
  CHECK(s.acquire(r3, h2) == "grant r3 l2 c1 h2");
  CHECK(s.acquire(r4, h2) == "");
  CHECK(s.step(lease_cleared{c1, l1, false}) == "grant r4 l3 c1 h2");
  CHECK(s.step(lease_cleared{c1, l1, false}) == "");
  CHECK(s.step(lease_cleared{c1, l2, true}) == "");
  CHECK(s.status().leases == 2);
}

TEST_CASE("a revoked lease ends at once, and its holder is told") {
  auto s = leased();
  CHECK(s.step(ordered<revoke_lease>{r2, {{}, l1}}) ==
        "end l1 c1 ask, notify h1 l1 lease_ended, acknowledge r2");
  CHECK(s.step(ordered<revoke_lease>{r3, {{}, l1}}) == "refuse r3 lease_ended");
  CHECK(s.step(ordered<revoke_lease>{r4, {{}, lease_id{9}}}) == "refuse r4 unknown_lease");
}

TEST_CASE("a lost connection ends its leases, and their holders are told") {
  auto s = leased(lumi(1, 2));
  s.acquire(r2, h2);
  s.step(lease_confirmed{l2});
  s.wait(10s); // it has been of use
  s.acquire(r3, h3);
  CHECK(s.step(connection_lost{c1, error_of(ssh_failure::reset)}) ==
        "notify h1 l1 connection_lost, notify h2 l2 connection_lost, open c2");
  CHECK(s.release(l1, h1, r4) == "refuse r4 lease_ended");
  CHECK(s.step(connection_lost{c1, error_of(ssh_failure::reset)}) == "");
  CHECK(s.step(connection_opened{c2}) == "grant r3 l3 c2 h3");
  CHECK(s.status().counters.removed[static_cast<int>(removal_reason::lost)] == 1);
  CHECK(s.status().counters.reclaimed == 2);
}

TEST_CASE("a connection that is lost while a lease is being taken back frees its place at once") {
  auto s = leased();
  s.wait(10s); // it has been of use
  s.acquire(r2, h2);
  s.step(holder_lost{h1});
  CHECK(s.step(connection_lost{c1, error_of(ssh_failure::silent)}) == "open c2");
  CHECK(s.step(lease_cleared{c1, l1, true}) == "");
}

TEST_CASE("a connection that closes by itself is lost") {
  auto s = leased();
  CHECK(s.step(connection_closed{c1}) == "notify h1 l1 connection_lost");
  CHECK(s.status().total == 0);
}

TEST_CASE("ids begin where the pool is told, and are never used again") {
  pool_core core{lumi(), 1, 5000};
  auto now = time_point{1h};
  core.step(now, acquire_requested{r1, h1, now + 1s, {}});
  core.step(now, permit_given{permit_id{5000}});
  auto effects = core.step(now, connection_opened{connection_id{5000}});
  CHECK(to_string(effects[1]) == "announce opened c5000");
  CHECK(to_string(effects[2]) == "grant r1 l5000 c5000 h1");
}

TEST_CASE("a pool's lists say who holds what and who waits") {
  auto s = leased(lumi(1, 1));
  s.acquire(r2, h2, 10s, "later");
  s.wait(3s);
  auto leases = s.core.leases(s.now);
  REQUIRE(leases.size() == 1);
  CHECK(leases[0].confirmed);
  CHECK(leases[0].age == 3s);
  auto waiters = s.core.waiters(s.now);
  REQUIRE(waiters.size() == 1);
  CHECK(waiters[0].label == "later");
  CHECK(waiters[0].waited == 3s);
  CHECK(waiters[0].left == 7s);
  auto connections = s.core.connections(s.now);
  REQUIRE(connections.size() == 1);
  CHECK(connections[0].state == connection_state::leased);
  CHECK(connections[0].leases_served == 1);
}
