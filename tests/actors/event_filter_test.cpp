// Promises: a subscriber hears what its filter lets through, and nothing else costs it credit or counts as
// missed; the newest filter holds.
#include <catch2/catch.hpp>

#include "tests/actors/session_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

std::string kinds(const guest& of) {
  std::string text;
  for (const auto& each : of.heard->events)
    text += (text.empty() ? "" : " ") + to_string(each.what) +
            (each.missed > 0 ? " after " + std::to_string(each.missed) : "");
  return text;
}

/// Paused, granted, refused and resumed, and what an opening tells.
void a_day(virtual_world& world) {
  guest host{world};
  host.acquire();
  world.ask<done>(pause_pool{"alpha"});
  host.acquire(2, 0s);
  world.ask<done>(resume_pool{"alpha"});
}

} // namespace

TEST_CASE("a filter lets through kinds, and what matters enough") {
  event_filter all, some, serious{severity::warning};
  some.only(event_kind::opened).only(event_kind::closed);
  for (std::size_t i = 0; i < event_rows.size(); ++i) {
    auto what = static_cast<event_kind>(i);
    CHECK(all.lets(what));
    CHECK(some.lets(what) == (what == event_kind::opened || what == event_kind::closed));
    CHECK(serious.lets(what) == (event_rows[i].matters >= severity::warning));
  }
  CHECK_FALSE(all.lets(static_cast<event_kind>(255)));
}

TEST_CASE("a subscriber hears the kinds that it asked for, of one pool or of all, and misses no others") {
  for (const auto* cluster : {"alpha", ""}) {
    INFO(cluster);
    virtual_world world{plain_cluster(1)};
    guest listener{world};
    event_filter wanted;
    wanted.only(event_kind::paused).only(event_kind::resumed);
    listener.ask<done>(subscribe{cluster, 3, wanted});
    a_day(world);
    CHECK(kinds(listener) == "paused resumed");
    a_day(world);
    CHECK(kinds(listener) == "paused resumed paused");
    listener.tell(grant_event_credit{cluster, 1});
    a_day(world);
    CHECK(kinds(listener) == "paused resumed paused paused after 1");
  }
}

TEST_CASE("a subscriber hears what matters as much as it asked for") {
  virtual_world world{plain_cluster(1)};
  guest listener{world}, all{world};
  listener.ask<done>(subscribe{"", 100, {severity::info}});
  all.ask<done>(subscribe{"", 100});
  a_day(world);
  CHECK(kinds(listener) == "opened paused refused resumed reclaimed");
  CHECK(all.heard->events.size() > 4);
}

TEST_CASE("who subscribes again hears what the newest filter lets through") {
  for (const auto* cluster : {"alpha", ""}) {
    INFO(cluster);
    virtual_world world{plain_cluster(1)};
    guest listener{world};
    event_filter paused, resumed;
    listener.ask<done>(subscribe{cluster, 2, paused.only(event_kind::paused)});
    world.ask<done>(pause_pool{"alpha"});
    listener.ask<done>(subscribe{cluster, 2, resumed.only(event_kind::resumed)});
    world.ask<done>(resume_pool{"alpha"});
    world.ask<done>(pause_pool{"alpha"});
    world.ask<done>(resume_pool{"alpha"});
    CHECK(kinds(listener) == "paused resumed resumed");
  }
}

TEST_CASE("a pool that takes another's place is heard through the same filter") {
  virtual_world world{plain_cluster(1)};
  guest listener{world};
  event_filter wanted;
  listener.ask<done>(subscribe{"", 100, wanted.only(event_kind::paused).only(event_kind::internal)});
  holder host{world};
  host.acquire();
  REQUIRE(host.heard->grants.size() == 1);
  caf::anon_send_exit(host.heard->grants.at(0).pool, caf::exit_reason::kill);
  world.settle();
  a_day(world);
  CHECK(kinds(listener) == "internal paused");
}
