// What two versions of moorage have in common, as a client compares it.
#include <catch2/catch.hpp>

#include <string>
#include <string_view>

#include "runtime/node/link_filter.hpp"
#include "runtime/node/schema.hpp"
#include "runtime/node/vocabulary.hpp"

using namespace moorage;
using Catch::Contains;

namespace {

/// What this build has, with another text in place of one that it has.
std::string schema_with(std::string_view before, std::string_view after) {
  auto schema = outsiders_schema();
  auto place = schema.find(before);
  REQUIRE(place != std::string::npos);
  return schema.replace(place, before.size(), after);
}

vocabulary node_of(const std::string& version, const std::string& schema) {
  auto announced = vocabulary{version, schema}.greeting();
  auto result = vocabulary::read(announced);
  REQUIRE(result);
  return *result;
}

const vocabulary this_program{"1.2.3", outsiders_schema()};

} // namespace

TEST_CASE("what a node announces is read as it was written, and fits into a greeting") {
  auto announced = vocabulary::ours().greeting();
  CHECK(vocabulary::read(announced) == vocabulary::ours());
  std::size_t size = 0;
  for (const auto& each : announced)
    size += each.size() + 3;
  CHECK(size + 512 < link_filter::handshake_max);
}

TEST_CASE("what says nothing of itself, or rubbish, is no node of moorage") {
  CHECK_FALSE(vocabulary::read({}));
  CHECK_FALSE(vocabulary::read({"(moorage::get_pool)->(moorage::pool_status)", "moorage 1.0.0"}));
  CHECK_FALSE(vocabulary::read({"messages acquire:12", "moorage"}));
  CHECK_FALSE(
      vocabulary::read({"messages acquire acquire: acquire:x acquire:1x :", "moorage 1.0.0", "list "}));
}

TEST_CASE("of the same version, built from the same, all is understood") {
  auto same = node_of("1.2.3", outsiders_schema());
  CHECK(no_understanding(this_program, same, "here").code == errc::none);
  CHECK(not_understood(this_program, same, {"moorage::record_pool", "done", "event_record"}).code ==
        errc::none);
}

TEST_CASE("a message that an older node lacks is refused by name, and all others are understood") {
  auto older = node_of("1.2.0", schema_with("record_pool(s,s)\n", ""));
  CHECK(no_understanding(this_program, older, "here").code == errc::none);
  CHECK(not_understood(this_program, older, {"get_pools", "pool_list"}).code == errc::none);
  auto lack = not_understood(this_program, older, {"moorage::record_pool", "done"});
  CHECK(lack.code == errc::other_version);
  CHECK_THAT(lack.text, Contains("moorage 1.2.0, which is older than this program's 1.2.3") &&
                            Contains("has no 'record_pool'") && Contains("moorage admin stop"));
}

TEST_CASE("an answer that is made of something else in a newer node is refused before it is asked for") {
  auto newer = node_of("1.10.0", schema_with("pool_list(", "pool_list(u64,"));
  CHECK(no_understanding(this_program, newer, "here").code == errc::none);
  auto lack = not_understood(this_program, newer, {"get_pools", "pool_list"});
  CHECK(lack.code == errc::other_version);
  CHECK_THAT(lack.text, Contains("moorage 1.10.0, which is newer than this program's 1.2.3") &&
                            Contains("has another 'pool_list'") && Contains("update this program"));
}

TEST_CASE("a node with other messages for leases and commands is refused whole, saying which is older") {
  auto other = no_understanding(this_program,
                                node_of("1.3.0", schema_with("run_command(s", "run_command(u8,s")), "gw:1");
  CHECK(other.code == errc::node_lost);
  CHECK_THAT(other.text, Contains("the node on gw:1 is moorage 1.3.0, which is newer than") &&
                             Contains("'run_command'") && Contains("update this program"));
  auto build =
      no_understanding(this_program, node_of("1.2.3", schema_with("lease_grant(", "lease_grant(b,")), "gw:1");
  CHECK_THAT(build.text,
             Contains("is another build of moorage 1.2.3 than this program") && Contains("'lease_grant'"));
}

TEST_CASE("a list that has grown at its end is understood, and one that has changed before it is not") {
  auto longer = outsiders_schema();
  longer.insert(longer.find('\n', longer.find("event_kind ")), " more evenmore");
  CHECK(no_understanding(this_program, node_of("1.3.0", longer), "here").code == errc::none);
  CHECK(no_understanding(vocabulary{"1.3.0", longer}, node_of("1.2.3", outsiders_schema()), "here").code ==
        errc::none);
  auto changed = no_understanding(this_program,
                                  node_of("1.3.0", schema_with("event_kind ", "event_kind first ")), "here");
  CHECK(changed.code == errc::node_lost);
  CHECK_THAT(changed.text, Contains("'event_kind'"));
}

TEST_CASE("a version that is no version of ours is told as it is, fit to be printed") {
  auto odd = node_of("9\x1b[31m.x", schema_with("record_pool(s,s)\n", ""));
  auto lack = not_understood(this_program, odd, {"record_pool"});
  CHECK_THAT(lack.text, Contains("newer") && !Contains("\x1b"));
}
