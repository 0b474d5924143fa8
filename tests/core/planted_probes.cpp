// Promises: each of the observer's checks of probes and reports is seen failing once, as in planted_bugs.cpp.
#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/core/falsifiers.hpp"
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;

namespace {

/// What it did so far leaves its books as they are but for the probe.
bool grants_or_closes(watched_pool& pool) {
  return first<grant>(pool) != nullptr || first<close_connection>(pool) != nullptr;
}

void check_planted(const std::vector<planted>& bugs) {
  for (const auto& bug : bugs)
    CHECK(complaint(bug.falsify) == bug.promise);
}

/// Two idle connections of a pool whose probes never leave it.
watched_pool mute(std::chrono::milliseconds interval) {
  auto settings = lumi(2);
  settings.min_idle = settings.connects_at_once = 2;
  settings.idle_timeout = settings.connection_lifetime = 100h;
  settings.probe_interval = settings.probe_interval_max = interval;
  settings.probe_failures_max = 1'000;
  watched_pool pool{settings, 1};
  pool.tamper = [](watched_pool& it) {
    std::erase_if(it.effects, [](const auto& effect) { return std::holds_alternative<start_probe>(effect); });
    it.status.probing = 0;
  };
  pool.step(time_passed{});
  pool.step(connection_opened{c1});
  pool.step(connection_opened{c2});
  return pool;
}

std::string complaint_within(watched_pool& pool, std::chrono::nanoseconds time) {
  try {
    for (auto until = pool.now + time; pool.now < until;) {
      pool.now += 1s;
      pool.step(time_passed{});
    }
    return "nothing was noticed";
  } catch (const broken_promise& e) {
    return e.what();
  }
}

} // namespace

TEST_CASE("an observer notices wrong probes", "[planted]") {
  check_planted({
      {"a probe's id is never used again", repeat<start_probe>()},
      {"only an idle connection, or one in doubt, is probed",
       change<start_probe>([](watched_pool& pool, start_probe& e) {
         auto other = one(pool, [](const book& c) {
           return c.now == phase::open && c.in_use() > 0 && (c.condemned || !c.in_question());
         });
         return other && (e.connection = other, true);
       })},
      {"a probe runs a command only where no lease is, and only if that is the pool's way",
       change<start_probe>([](auto&, start_probe& e) { return e.run = !e.run, true; })},
      {"a probe has the time that the settings give it",
       change<start_probe>([](auto&, start_probe& e) { return e.timeout += 1ms, true; })},
      {"connections are probed as the settings say",
       change<change_probes>([](auto&, change_probes& e) { return e.timeout += 1ms, true; })},
      {"a doubtful connection is granted last", grant_instead([](const book& c, const book&) {
         return c.probe_failures == 0 && c.doubted && !c.late;
       })},
      {"a doubtful connection is granted last", grant_instead([](const book& c, const book&) {
         return c.slow && c.probe_failures == 0 && !c.doubted;
       })},
      {"the connection that did better is granted first",
       grant_instead([](const book& c, const book& chosen) {
         return well(c) && !c.probe && c.rate + 0.3 < chosen.rate;
       })},
      {"who is doubted is asked at once", drop<start_probe>([](watched_pool& pool, const start_probe& e) {
         if (!pool.watch.connections()[e.connection.value].doubted ||
             pool.watch.settings().probes_at_once > 0 || !pool.watch.waiting().empty())
           return false;
         --pool.status.probing;
         pool.due = pool.now + 1s;
         return true;
       })},
      {"a connection has one probe at a time", change<start_probe>([](watched_pool& pool, start_probe& e) {
         auto other = one(pool, [](const book& c) { return c.idle() && c.probe; });
         return other && other != e.connection && pool.watch.connections()[e.connection.value].idle() &&
                !grants_or_closes(pool) && (e.connection = other, true);
       })},
      {"no more probes at once than allowed", add<start_probe>([](watched_pool& pool, start_probe& e) {
         e = {probe_id{1'000'000}, one(pool, [](const book& c) { return c.idle() && !c.probe; }),
              pool.watch.settings().probe == probe_method::exec, pool.watch.settings().probe_timeout};
         auto limit = pool.watch.settings().probes_at_once;
         return e.connection && limit > 0 && pool.effects.empty() &&
                how_many(pool, [](const book& c) { return !!c.probe; }) >= limit;
       })},
  });
}

TEST_CASE("an observer notices checks that are not due, or not next", "[planted]") {
  check_planted({
      {"what has answered just now is not checked", add<start_probe>([](watched_pool& pool, start_probe& e) {
         auto now = pool.now;
         e = {probe_id{1'000'000},
              one(pool,
                  [now](const book& c) {
                    return c.idle() && !c.probe && !c.ordered && !c.doubted && c.probe_failures == 0 &&
                           now - c.heard < 1s;
                  }),
              pool.watch.settings().probe == probe_method::exec, pool.watch.settings().probe_timeout};
         return e.connection && pool.effects.empty() &&
                how_many(pool, [](const book& c) { return !!c.probe; }) == 0;
       })},
      {"no more checks at a time than the pool's share",
       add<start_probe>([](watched_pool& pool, start_probe& e) {
         const auto& settings = pool.watch.settings();
         e = {probe_id{1'000'000},
              one(pool, [](const book& c) { return c.idle() && !c.probe && !c.ordered && !c.doubted; }),
              settings.probe == probe_method::exec, settings.probe_timeout};
         auto idle = how_many(pool, [](const book& c) { return c.idle(); });
         auto checking = how_many(pool, [](const book& c) { return c.probe && c.checking; });
         return e.connection && pool.effects.empty() && settings.probes_at_once == 0 && checking > 0 &&
                checking * 100 >= idle * settings.probe_share;
       })},
      {"the connection that was checked longest ago goes first",
       change<start_probe>([](watched_pool& pool, start_probe& e) {
         const auto& c = pool.watch.connections()[e.connection.value];
         auto later = one(pool, [&c](const book& other) {
           return other.idle() && !other.probe && other.ordered && !other.doubted && other.last > c.last;
         });
         return c.in_line && c.ordered && later && (e.connection = later, true);
       })},
  });
}

TEST_CASE("an observer notices a pool that does not ask everybody after the machine slept", "[planted]") {
  for (auto forgotten : {c1, c2}) { // an idle one, and one with a lease
    auto pool = mute(1h);
    pool.step(acquire_requested{r1, h1, time_point::max(), {}});
    REQUIRE(pool.watch.connections()[2].in_use() == 1);
    pool.tamper = [forgotten](watched_pool& it) {
      it.status.probing -= static_cast<std::uint32_t>(std::erase_if(it.effects, [&](const auto& effect) {
        auto* asks = std::get_if<start_probe>(&effect);
        return asks != nullptr && asks->connection == forgotten;
      }));
    };
    auto slept = pool;
    slept.tamper = {};
    CHECK_NOTHROW(slept.step(machine_slept{1h}));
    CHECK_THROWS_WITH(pool.step(machine_slept{1h}), "who is doubted is asked at once");
  }
}

TEST_CASE("an observer notices that an idle connection is not asked in time", "[planted]") {
  auto pool = mute(1min);
  CHECK(complaint_within(pool, 70s) == "nothing was noticed");
  CHECK(complaint_within(pool, 1min) == "an idle connection is asked in time");
}

TEST_CASE("an observer notices that a pool forgets what others did not survive", "[planted]") {
  auto pool = mute(1h);
  CHECK(complaint_within(pool, 100s) == "nothing was noticed");
  pool.step(connection_lost{c1, error_of(ssh_failure::reset)});
  CHECK(complaint_within(pool, 70s) == "nothing was noticed");
  CHECK(complaint_within(pool, 1min) == "an idle connection is asked before what others did not survive");
}

TEST_CASE("an observer notices wrong reports", "[planted]") {
  check_planted({
      {"the pool says how long it leaves a connection idle, which is no longer than it learnt",
       [](watched_pool& pool) { return std::exchange(pool.status.idle_limit, 0s) != 0s; }},
      {"the pool counts its connections right: total = opening + idle + leased + closing",
       misreport([](watched_pool& pool) { ++pool.status.idle; })},
      {"the pool counts its connections right: total = opening + idle + leased + closing",
       misreport([](watched_pool& pool) { ++pool.status.total; })},
      {"the pool counts its leases, waiters and probes right",
       misreport([](watched_pool& pool) { ++pool.status.waiters; })},
      {"the pool says whom it serves, and whether it is latched", misreport([](watched_pool& pool) {
         pool.status.state =
             pool.status.state == pool_state::running ? pool_state::paused : pool_state::running;
       })},
      {"the pool wakes up for each deadline",
       [](watched_pool& pool) {
         if (pool.watch.waiting().empty() || !pool.effects.empty())
           return false;
         pool.due = time_point::max();
         return pool.watch.requests()[pool.watch.waiting().front().value].deadline < time_point::max();
       }},
  });
}
