// Promises: a pool says why somebody waits, why nothing is opened, and how each connection stands, and what
// it says is so.
#include <set>

#include "tests/core/impolite_world.hpp"
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace {

cluster_settings quiet(std::uint32_t size, std::uint32_t channels = 1) {
  auto settings = lumi(size, channels);
  settings.probe_interval = settings.probe_interval_max = 20h;
  settings.idle_timeout = settings.connection_lifetime = 100h;
  return settings;
}

/// "full; c1 full; r2 no_slot"
std::string causes(const story& s) {
  auto why = s.core.explain(s.now);
  auto text = to_string(why.opening.why);
  for (const auto& each : why.connections)
    text += "; " + to_string(each.connection) + " " + to_string(each.stands);
  for (const auto& each : why.waiters)
    text += "; " + to_string(each.request) + " " + to_string(each.why);
  return text;
}

} // namespace

TEST_CASE("why nothing is opened, and why somebody waits, from a pool's first acquire to its end") {
  story s{quiet(1)};
  CHECK(causes(s) == "not_needed");
  s.acquire(r1, h1, 30s, "sync");
  CHECK(causes(s) == "under_way; c1 opening; r1 no_connection");
  s.step(connection_opened{c1});
  CHECK(causes(s) == "not_needed; c1 full");
  s.step(lease_confirmed{l1});
  s.acquire(r2, h2, 30s);
  s.wait(12s);
  CHECK(causes(s) == "full; c1 full; r2 no_slot");
  auto why = s.core.explain(s.now);
  CHECK(why.cluster == "lumi");
  CHECK_THAT(why.opening.text, Contains("1 connections of the 1 that pool_size allows"));
  CHECK(why.opening.needed == 1);
  CHECK_THAT(why.waiters.at(0).text, Contains("has waited for 12 s, for 18 s more") && Contains("by 'sync'"));
  s.step(ordered<pause_pool>{});
  CHECK(causes(s) == "not_serving; c1 full; r2 not_serving");
  s.step(ordered<resume_pool>{});
  s.release(l1, h1);
  s.step(lease_confirmed{l2});
  s.release(l2, h2);
  CHECK(causes(s) == "not_needed; c1 sound");
  s.step(stop_requested{r3});
  CHECK(causes(s) == "not_serving; c1 closing");
}

TEST_CASE("why nothing is opened after a failure is told with that failure") {
  auto settings = quiet(3);
  story s{settings};
  s.acquire(r1, h1, 1h);
  for (int i = 0; i < 3; ++i) {
    s.step(connection_failed{c1, error_of(ssh_failure::timed_out, "no answer")});
    s.wait(3s);
  }
  s.acquire(r2, h1, 1h);
  s.step(connection_failed{c2, error_of(ssh_failure::timed_out, "no answer")});
  s.step(connection_closed{c1});
  s.step(connection_closed{c2});
  s.acquire(r3, h1, 1h);
  CHECK(causes(s) == "backing_off; r3 no_connection");
  CHECK_THAT(s.core.explain(s.now).opening.text, Contains("is tried in") && Contains("no answer"));
  s.wait(5s);
  CHECK(causes(s) == "under_way; c3 opening; r3 no_connection");
  s.acquire(r4, h1, 1h);
  CHECK(causes(s) == "on_trial; c3 opening; r3 no_connection; r4 no_connection");
  s.step(connection_failed{c3, error_of(ssh_failure::denied, "no such key")});
  CHECK(causes(s) == "latched; c3 closing");
  CHECK_THAT(s.core.explain(s.now).opening.text, Contains("reset") && Contains("no such key"));
}

TEST_CASE("why no more are opened at once, and who waits for leave to log in") {
  auto settings = quiet(5);
  settings.connects_at_once = 1;
  story s{settings};
  s.acquire(r1, h1, 1h);
  s.acquire(r2, h1, 1h);
  CHECK(causes(s) == "at_once; c1 opening; r1 no_connection; r2 no_connection");
  story asking{quiet(5)};
  asking.permitted = false;
  CHECK(asking.acquire(r1, h1, 1h) == "ask q1");
  CHECK(causes(asking) == "no_permit; r1 no_connection");
  asking.step(permit_delayed{permit_id{1}, asking.now + 7s, "the budget is used up"});
  CHECK_THAT(asking.core.explain(asking.now).opening.text,
             Contains("the budget is used up") && Contains("7 s"));
}

TEST_CASE("how a connection stands in the order of grants, from bad to good") {
  auto settings = quiet(2, 2);
  story s{settings};
  s.acquire(r1, h1, 1h);
  s.step(connection_opened{c1});
  s.step(lease_confirmed{l1});
  CHECK(causes(s) == "not_needed; c1 sound");
  s.step(connection_doubted{c1, false, "cut short"});
  CHECK(causes(s) == "not_needed; c1 doubted");
  s.step(channel_late{c1, l1, 3s});
  CHECK(causes(s) == "not_needed; c1 late");
  s.step(probe_failed{p1, c1, "no answer"});
  CHECK(causes(s) == "not_needed; c1 failed");
  CHECK_THAT(s.core.explain(s.now).connections.at(0).text, Contains("1 checks in a row, of 3"));
  s.step(ordered<evict_connection>{{}, {{}, c1}});
  CHECK(causes(s) == "not_needed; c1 condemned");
  s.acquire(r2, h2, 1h);
  CHECK(causes(s) == "under_way; c1 condemned; c2 opening; r2 no_connection");
}

TEST_CASE("slots that are withheld from waiters are told as that") {
  auto s = story{quiet(1, 2)};
  s.acquire(r1, h1, 1h);
  s.step(connection_opened{c1});
  s.step(lease_confirmed{l1});
  s.step(connection_doubted{c1, true, "nothing heard"});
  s.acquire(r2, h2, 1h);
  CHECK(causes(s) == "full; c1 failed; r2 withheld");
}

TEST_CASE("of a long queue those who are served first are explained, and the others counted") {
  auto settings = quiet(1);
  settings.queue_depth = 1000;
  story s{settings};
  for (std::uint64_t i = 1; i <= 250; ++i)
    s.acquire(request_id{i}, h1, 1h);
  auto why = s.core.explain(s.now);
  CHECK(why.waiters.size() == waiters_explained_max);
  CHECK(why.waiters_left_out == 150);
  CHECK(why.waiters.back().ahead == 99);
  CHECK_THAT(why.waiters.back().text, Contains("99 are served before it"));
}

/// With what an observer knows from outside: in any life that the impolite world leads.
TEST_CASE("what a pool says of its reasons is so") {
  std::set<opening_cause> openings;
  std::set<waiting_cause> waits;
  std::set<standing> standings;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    impolite_world world{seed};
    for (int i = 0; i < 300; ++i) {
      world.run(1);
      const auto& pool = world.pool;
      auto why = pool.core.explain(pool.now);
      auto status = pool.core.status(pool.now);
      openings.insert(why.opening.why);
      REQUIRE(why.waiters.size() + why.waiters_left_out == status.waiters);
      REQUIRE(why.connections.size() == status.total);
      REQUIRE(why.opening.under_way == status.opening);
      REQUIRE_FALSE(why.opening.text.empty());
      auto serves = status.pauses.empty() &&
                    (status.state == pool_state::running || status.state == pool_state::suspended);
      REQUIRE((why.opening.why != opening_cause::latched || status.latched.code != errc::none));
      REQUIRE((why.opening.why != opening_cause::full || status.total >= status.size));
      REQUIRE((why.opening.why != opening_cause::not_serving || !serves || pool.watch.stopping()));
      REQUIRE((why.opening.why != opening_cause::not_needed || status.waiters == 0));
      for (const auto& each : why.waiters) {
        waits.insert(each.why);
        REQUIRE((each.why != waiting_cause::no_connection || status.idle + status.leased == 0 ||
                 !pool.watch.free_slot()));
        REQUIRE((each.why != waiting_cause::not_serving || !serves));
      }
      for (const auto& each : why.connections) {
        standings.insert(each.stands);
        REQUIRE_FALSE(each.text.empty());
        const auto& book = pool.watch.connections().at(each.connection.value);
        REQUIRE((each.stands == standing::closing) == (book.now == observer::phase::closing));
        REQUIRE((each.stands == standing::opening) == book.opening());
        REQUIRE((each.stands != standing::late || book.late));
        REQUIRE((each.stands != standing::failed || book.probe_failures > 0));
        REQUIRE((each.stands != standing::doubted || book.doubted));
        REQUIRE((each.stands != standing::sound || (!book.doubted && book.probe_failures == 0)));
      }
    }
  }
  // It met them all.
  CHECK(openings.size() == opening_cause_rows.size());
  CHECK(waits.size() == waiting_cause_rows.size());
  CHECK(standings.size() >= standing_rows.size() - 1);
}
