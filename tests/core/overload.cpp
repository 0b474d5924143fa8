// Promises: when every wait is long for long, some are refused so that the others are served in time: who,
// when, and when not.
#include <algorithm>
#include <deque>

#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

cluster_settings patient(std::uint32_t size = 1) {
  auto settings = lumi(size);
  settings.acquire_timeout = 10min;
  settings.queue_depth = 10'000;
  settings.connects_at_once = size;
  return settings;
}

/// Names no patience.
std::string ask(story& s, request_id request, holder_id holder, bool wait_for_ready = false) {
  return s.step(acquire_requested{request, holder, cluster_deadline, {}, wait_for_ready});
}

/// Its one connection is leased to h1 as l1, and stays so.
story held(cluster_settings settings = patient()) {
  story s{std::move(settings)};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.step(lease_confirmed{l1});
  return s;
}

bool told(const story& s, const std::string& what) {
  return std::any_of(s.announced.begin(), s.announced.end(),
                     [&](const std::string& line) { return line.starts_with("announce " + what); });
}

/// h1 has named its patience and waits as r2, so that overload goes on; it lasts.
story overloaded() {
  auto s = held();
  s.acquire(r2, h1, 1h);
  CHECK(s.wait(35s - 1ns) == "");
  CHECK(!told(s, "overloaded"));
  CHECK(s.wait(1ns) == "");
  CHECK(told(s, "overloaded nobody was served within 5 s for 35 s; who named no patience is refused after "
                "10 s; 1 of 1 connection leased"));
  return s;
}

} // namespace

TEST_CASE("when nobody was served in time for long, the oldest waiters are refused, and told what to do") {
  auto s = held();
  ask(s, r2, h2);
  CHECK(s.wait(20s) == "");
  ask(s, r3, h3);
  ask(s, r4, h1);
  CHECK(s.wait(10s) == "");
  ask(s, r5, h3);
  CHECK(s.wait(5s - 1ns) == "");
  CHECK(s.wait(1ns) == "refuse r2 overloaded, refuse r3 overloaded, refuse r4 overloaded");
  CHECK(s.refusal ==
        "no lease for 'lumi' after 15 s, since the pool is overloaded: nobody was served within 5 "
        "s for 35 s; 1 of 1 connection leased, longest for 35 s by h1; name how long you will "
        "wait, try later, or raise pool_size");
  CHECK(s.status().counters.overload_refusals == 3);
  CHECK(s.status().counters.refusals == 3);
  CHECK(s.wait(5s - 1ns) == "");
  CHECK(s.wait(1ns) == "refuse r5 overloaded");
  CHECK(told(s, "relieved nobody waits any more"));
}

TEST_CASE("who named a patience, or waits until the cluster is ready, is not refused for overload") {
  auto s = overloaded();
  s.acquire(r3, h2, 1h);
  s.step(acquire_requested{r4, h2, time_point::max(), {}});
  ask(s, r5, h3, true);
  ask(s, r6, h3);
  CHECK(s.wait(10s - 1ns) == "");
  CHECK(s.wait(1ns) == "refuse r6 overloaded");
  CHECK(s.wait(1min) == "");
  CHECK(s.status().waiters == 4);
}

TEST_CASE("what was waited for in another pool counts before one is refused for overload") {
  auto s = overloaded();
  s.step(acquire_requested{r3, h2, cluster_deadline, {}, false, 6s});
  CHECK(s.wait(4s - 1ns) == "");
  CHECK(s.wait(1ns) == "refuse r3 overloaded");
}

TEST_CASE("overload ends as soon as somebody is served within the target") {
  auto s = overloaded();
  ask(s, r3, h2);
  ask(s, r4, h3);
  s.wait(4s);
  CHECK(s.release(l1, h1) == "end l1 c1, grant r2 l2 c1 h1");
  CHECK(!told(s, "relieved"));
  s.step(lease_confirmed{l2});
  CHECK(s.release(l2, h1) == "end l2 c1, grant r3 l3 c1 h2");
  CHECK(told(s, "relieved somebody was served within 5 s"));
  s.step(lease_confirmed{l3});
  CHECK(s.wait(35s - 1ns) == "");
  CHECK(s.wait(1ns) == "refuse r4 overloaded");
}

TEST_CASE("nobody is refused for overload while a slot is free") {
  auto s = overloaded();
  ask(s, r3, h2);
  s.wait(5s);
  CHECK(s.release(l1, h1) == "end l1 c1, grant r2 l2 c1 h1");
  s.step(lease_confirmed{l2});
  s.now += 5s; // its time comes together with the slot
  CHECK(s.release(l2, h1) == "end l2 c1, grant r3 l3 c1 h2");
}

TEST_CASE("no time of a pause counts towards overload, and nobody is refused for it in one") {
  auto s = overloaded();
  ask(s, r3, h2);
  s.wait(9s);
  s.step(ordered<pause_pool>{});
  CHECK(told(s, "relieved the pool serves nobody for now"));
  CHECK(s.wait(2min) == "");
  s.step(ordered<resume_pool>{});
  CHECK(s.wait(35s - 1ns) == "");
  CHECK(s.wait(1ns) == "refuse r3 overloaded");
}

TEST_CASE("a cluster that cannot be reached is not overloaded") {
  auto s = overloaded();
  ask(s, r3, h2);
  s.wait(9s);
  s.step(connection_lost{c1, error_of(ssh_failure::reset)});
  CHECK(told(s, "relieved no connection is open"));
  CHECK(s.wait(20min).find("overloaded") == std::string::npos);
}

TEST_CASE("what opens slowly is not overloaded, however long its first waiters wait") {
  story s{patient()};
  ask(s, r1, h1);
  CHECK(s.wait(5min) == "");
  CHECK(s.step(connection_opened{c1}) == "grant r1 l1 c1 h1");
}

/// The known failure of others: what a quiet pool remembers of its last bad minute refuses those who come
/// together.
TEST_CASE("a burst from idle is served to the last, whatever was before") {
  constexpr std::uint32_t size = 5;
  story s{patient(size)};
  std::uint64_t requests = 0, served = 0;
  std::deque<std::pair<lease_id, holder_id>> leases;
  auto step = [&](const pool_event& event) {
    pool_effects effects;
    s.core.step(s.now, event, effects);
    for (std::size_t i = 0; i < effects.size(); ++i) {
      if (const auto* p = std::get_if<request_permit>(&effects[i]))
        s.core.step(s.now, permit_given{permit_id{p->permit}}, effects);
      else if (const auto* o = std::get_if<open_connection>(&effects[i]))
        s.core.step(s.now, connection_opened{connection_id{o->connection}}, effects);
      else if (const auto* c = std::get_if<close_connection>(&effects[i]))
        s.core.step(s.now, connection_closed{connection_id{c->connection}}, effects);
      else if (const auto* t = std::get_if<start_probe>(&effects[i]))
        s.core.step(s.now, probe_passed{t->probe, t->connection, 1ms}, effects);
      else if (const auto* g = std::get_if<grant>(&effects[i])) {
        leases.emplace_back(g->lease, g->holder);
        ++served;
        s.core.step(s.now, lease_confirmed{lease_id{leases.back().first}}, effects);
      }
    }
    s.core.verify();
  };
  auto pass = [&](std::chrono::nanoseconds time) {
    auto until = s.now + time;
    while (s.core.next_due() <= until) {
      s.now = std::max(s.now, s.core.next_due());
      step(time_passed{});
    }
    s.now = until;
  };
  auto burst = [&](int many) {
    for (int i = 0; i < many; ++i)
      step(acquire_requested{request_id{++requests}, holder_id{1 + requests % 7}, cluster_deadline, {}});
  };
  auto second = [&] { // each lease lasts that long
    s.now += 1s;
    step(time_passed{});
    for (auto ended = std::exchange(leases, {}); auto& [lease, holder] : ended)
      step(lease_released{{}, lease, holder});
  };
  burst(size);
  for (int i = 0; i < 60; ++i) { // a bad minute: three times as many as can be served
    burst(3 * size);
    second();
  }
  CHECK(s.status().counters.overload_refusals > 100);
  while (s.status().waiters > 0)
    second();
  second();
  auto refused = s.status().counters.refusals;
  REQUIRE(s.status().leases == 0);
  for (auto idle : {0s, 1s, 40s, 3'600s}) {
    pass(idle);
    auto before = served;
    burst(30 * size); // half a minute's work
    while (s.status().waiters > 0)
      second();
    second();
    CHECK(served == before + 30 * size);
  }
  CHECK(s.status().counters.refusals == refused);
}

TEST_CASE("under a load that is too high, who is served has waited for twice the target at most") {
  story s{patient()};
  s.open_idle(1);
  lease_id held = l1;
  std::uint64_t served = 0;
  std::chrono::nanoseconds longest{0};
  std::vector<time_point> asked(2'000);
  for (std::uint64_t second = 0; second < 300; ++second) { // two come each second, one can be served
    for (std::uint64_t i = 0; i < 2; ++i) {
      asked[1 + 2 * second + i] = s.now;
      ask(s, request_id{1 + 2 * second + i}, h1);
    }
    s.now += 1s;
    s.step(time_passed{});
    pool_effects effects;
    s.core.step(s.now, lease_released{{}, held, served == 0 ? h3 : h1}, effects);
    for (const auto& effect : effects)
      if (const auto* g = std::get_if<grant>(&effect)) {
        held = g->lease;
        ++served;
        if (second > 60)
          longest = std::max(longest, s.now - asked[g->request.value]);
      }
  }
  CHECK(served == 300);
  CHECK(longest <= 10s);
  CHECK(longest > 5s);
}

TEST_CASE("many who are refused for overload at once are so in portions") {
  constexpr auto portion = pool_core::ends_per_step;
  auto s = held();
  for (std::uint64_t i = 0; i < 2 * portion + 10; ++i)
    ask(s, request_id{100 + i}, holder_id{1 + i % 3});
  s.now += 35s;
  s.step(time_passed{});
  CHECK(s.status().waiters == portion + 10);
  CHECK(s.core.next_due() <= s.now);
  s.step(time_passed{});
  s.step(time_passed{});
  CHECK(s.status().waiters == 0);
}

TEST_CASE("with an overload_target of zero nobody is refused for overload") {
  auto settings = patient();
  settings.overload_target = 0ms;
  auto s = held(settings);
  ask(s, r2, h2);
  CHECK(s.wait(9min) == "");
}
