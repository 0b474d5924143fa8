// The program and a node that were built from different trees.
#include <catch2/catch.hpp>

#include "tests/cli/program.hpp"
#include "tests/runtime/node_of_other_version.hpp"

using namespace moorage::cli_tests;
using Catch::Contains;

TEST_CASE("a command runs on a node whose status has other counters, and status says which is older") {
  moorage::test::node_of_other_version node{"0.0.1",
                                            moorage::test::schema_with("pool_status(", "pool_status(u64,")};
  moorage::support::scratch_folder home;
  auto moorage = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--socket", node.socket()});
    return run({std::move(words), home.path(), {}, {}});
  };
  auto ran = moorage({"-v", "exec", "here", "--", "echo all the same"});
  INFO(ran.error_output);
  CHECK(ran.code == 0);
  CHECK(ran.output == "all the same\n");
  CHECK_THAT(ran.error_output, Contains("the node is moorage 0.0.1, which is older than this program's"));
  auto unknown = moorage({"exec", "nowhere", "--", "true"});
  CHECK(unknown.code == 255);
  CHECK_THAT(unknown.error_output, Contains("no cluster 'nowhere'"));
  auto status = moorage({"status", "here"});
  CHECK(status.code != 0);
  CHECK_THAT(status.error_output, Contains("has another 'pool_status'") && Contains("older"));
}
