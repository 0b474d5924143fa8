// A host application and a node that were built from different trees.
#include <catch2/catch.hpp>

#include <string>

#include "tests/runtime/node_of_other_version.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

TEST_CASE("with an older node all works that it has, and what it lacks is refused by name") {
  node_of_other_version node{"0.0.1", schema_with("record_pool(s,s)\n", "")};
  auto rt = runtime::connect(node.socket(), 20s);
  CHECK_THAT(rt.node_version(), Contains("moorage 0.0.1, which is older than this program's"));
  auto lease = rt.acquire("here", 20s);
  CHECK(lease.run("echo through an older node").output == "through an older node\n");
  CHECK(rt.pools().value().size() == 1);
  auto refused = rt.record("here");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::other_version);
  CHECK_THAT(refused.error().text, Contains("moorage 0.0.1, which is older") && Contains("'record_pool'"));
  CHECK(rt.pause("here")); // the link is as it was
}

TEST_CASE(
    "a node that runs commands in another way is refused, and the text says which of the two is older") {
  node_of_other_version node{"77.0.0", schema_with("run_command(s", "run_command(u8,s")};
  auto refused = runtime::try_connect(node.socket(), 20s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::node_lost);
  CHECK_THAT(refused.error().text, Contains(node.socket()) && Contains("moorage 77.0.0, which is newer") &&
                                       Contains("update this program"));
}
