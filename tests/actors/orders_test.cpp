// Promises: an order's event says who gave it, in their own words and with what is known of them; a pause
// ends with whoever sent it, through whichever session it came, and nobody can speak for another.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/actors/session_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

pause_pool pause(std::string by = {}, bool keep = false) {
  return {"alpha", keep, std::move(by)};
}

/// Whose pauses hold.
std::string pausers(virtual_world& world) {
  std::string text;
  for (const auto& each : world.status().pauses)
    text += (text.empty() ? "" : ", ") + each.by + (each.keep ? " (kept)" : "");
  return text;
}

std::string by_of(const std::vector<event_record>& events, event_kind what) {
  auto found = std::find_if(events.begin(), events.end(), [what](const auto& x) { return x.what == what; });
  return found == events.end() ? "no such event" : found->by;
}

} // namespace

TEST_CASE("an order's event tells who gave it, and what their session knows of them") {
  virtual_world world{plain_cluster(1)};
  guest watcher{world}, host{world, session_bounds{}, "pid 1234"}, silent{world, session_bounds{}, "pid 77"};
  watcher.ask<done>(subscribe{"alpha", 1'000});
  host.ask<done>(pause("moorage admin pause, alice"));
  CHECK(by_of(watcher.heard->events, event_kind::paused) == "moorage admin pause, alice (pid 1234)");
  CHECK(pausers(world) == "moorage admin pause, alice (pid 1234)");
  silent.ask<done>(probe_pool{"alpha"});
  CHECK(by_of(watcher.heard->events, event_kind::checking) == "pid 77");
  host.ask<done>(set_setting{"alpha", "pool_size", "2", "bob"});
  CHECK(by_of(watcher.heard->events, event_kind::changed) == "bob (pid 1234)");
}

TEST_CASE("what a sender says of itself is bounded and fit to be printed") {
  virtual_world world{plain_cluster(1)};
  guest host{world, session_bounds{}, "pid 1"};
  host.ask<done>(pause("\x1b[2Jroot\n" + std::string(300, 'x')));
  auto by = pausers(world);
  CHECK(by.starts_with("\\x1b[2Jroot\\x0axxx"));
  CHECK(by.ends_with("… (pid 1)"));
  CHECK(by.size() < 140);
}

TEST_CASE("a pause ends with the actor that sent it, though its session lives, and is no other's to end") {
  virtual_world world{plain_cluster(1)};
  guest first{world}, second{world, first};
  second.ask<done>(pause("second"));
  first.ask<done>(pause("first"));
  CHECK(pausers(world) == "second, first");
  first.ask<done>(resume_pool{"alpha"});
  CHECK(pausers(world) == "second");
  first.ask<done>(resume_pool{"alpha"});
  CHECK(pausers(world) == "second");
  first.acquire();
  CHECK(first.heard->grants.empty());
  second.die();
  CHECK(pausers(world).empty());
  CHECK(first.heard->grants.size() == 1);
}

TEST_CASE(
    "a pause that is kept outlives its sender, and anybody's resume ends it, and one of all ends every") {
  virtual_world world{plain_cluster(1)};
  guest other{world};
  {
    guest command{world};
    command.ask<done>(pause("command", true));
  }
  CHECK(pausers(world) == "command (kept)");
  other.ask<done>(resume_pool{"alpha"});
  CHECK(pausers(world).empty());
  guest third{world};
  third.ask<done>(pause("third"));
  other.ask<done>(resume_pool{"alpha", true});
  CHECK(pausers(world).empty());
}

TEST_CASE("a sender that ended before its pause was read leaves none") {
  virtual_world world{plain_cluster(1)};
  guest host{world};
  host.say(pause("gone"));
  host.die();
  CHECK(pausers(world).empty());
}

TEST_CASE("an order that nobody sends is done, and a pause of nobody's is kept") {
  virtual_world world{plain_cluster(1)};
  guest host{world};
  host.acquire();
  caf::anon_send(host.session, pause("nobody"));
  world.settle();
  CHECK(pausers(world) == "nobody (kept)");
  caf::anon_send(host.session, resume_pool{"alpha"});
  world.settle();
  CHECK(pausers(world).empty());
}
