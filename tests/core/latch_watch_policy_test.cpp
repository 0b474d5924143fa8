// What a latched pool sees of the files and the agent that its log-ins use.
#include <catch2/catch.hpp>

#include "actors/pool/policies/latch_watch.hpp"

using moorage::latch_watch;

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
    "what a look cannot see is no change, and what the log-in did not see is what the first look sees") {
  auto watch = latched_by("files\nkeys");
  CHECK_FALSE(watch.seen(""));
  CHECK_FALSE(watch.seen("files")); // an agent that does not answer
  CHECK(watch.seen("files\nmore keys"));
  auto no_agent = latched_by("files");
  CHECK_FALSE(no_agent.seen("files\nkeys"));
  CHECK_FALSE(no_agent.seen("files"));
  CHECK(no_agent.seen("files\nmore keys"));
  auto nothing = latched_by("");
  CHECK_FALSE(nothing.seen("files"));
  CHECK(nothing.seen("others"));
}
