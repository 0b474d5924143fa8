// What a latched pool sees of the files and the agent that its log-ins use.
#include <catch2/catch.hpp>

#include "actors/pool/policies/latch_watch.hpp"

using namespace std::chrono_literals;
using moorage::latch_watch;
using moorage::time_point;

namespace {

latch_watch latched_by(const char* state) {
  latch_watch result;
  result.latched(state);
  return result;
}

} // namespace

TEST_CASE(
    "a latched pool sees another file and another key in the agent, each also where the other is unknown") {
  CHECK_FALSE(latched_by("files").seen("files"));
  CHECK(latched_by("files").seen("others"));
  CHECK_FALSE(latched_by("files\nkeys").seen("files\nkeys"));
  CHECK(latched_by("files\nkeys").seen("files\nmore keys"));
  CHECK(latched_by("files\nkeys").seen("others\nkeys"));
  CHECK(latched_by("files\nkeys").seen("others"));
  CHECK(latched_by("files").seen("others\nkeys"));
}

TEST_CASE(
    "a look that sees nothing is no change, and what the log-in could not see the first look stands for") {
  auto watch = latched_by("files\nkeys");
  CHECK_FALSE(watch.seen(""));
  CHECK_FALSE(watch.seen("files")); // an agent that does not answer
  CHECK(watch.seen("files\nmore keys"));
  auto not_asked = latched_by("files");
  CHECK_FALSE(not_asked.seen("files\nkeys"));
  CHECK_FALSE(not_asked.seen("files\nmore keys"));
  auto untold = latched_by("files\n?");
  CHECK_FALSE(untold.seen("files"));
  CHECK_FALSE(untold.seen("files\nkeys"));
  CHECK_FALSE(untold.seen("files"));
  CHECK(untold.seen("files\nmore keys"));
  auto nothing = latched_by("");
  CHECK_FALSE(nothing.seen("files"));
  CHECK(nothing.seen("others"));
}

TEST_CASE("after each change that mended nothing the next look may be twice as late, until something did") {
  latch_watch watch;
  auto now = time_point{1h};
  for (auto pause : {1s, 2s, 4s, 8s}) {
    watch.latched("one");
    if (pause == 1s)
      CHECK(watch.ask(now)); // the first time at once
    watch.seen("");
    now += pause - 1ms;
    CHECK_FALSE(watch.ask(now));
    now += 1ms;
    CHECK(watch.ask(now));
    CHECK(watch.seen("another"));
  }
  for (int i = 0; i < 40; ++i)
    watch.seen(std::to_string(i));
  watch.latched("one");
  CHECK_FALSE(watch.ask(now + 8min));
  CHECK(watch.ask(now + 10min));
  watch.seen("");
  watch.forgive();
  watch.latched("one");
  CHECK(watch.ask(now + 10min));
}
