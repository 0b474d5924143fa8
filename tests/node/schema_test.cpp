// What messages are made of, as two builds compare it.
#include <catch2/catch.hpp>

#include "messages/errors.hpp"
#include "messages/ids.hpp"
#include "runtime/node/schema.hpp"

using namespace moorage;

namespace schema_tests {

/// A message as it was, and as later trees might have it.
struct before {
  std::string name;
  std::vector<failure> reasons;
  std::chrono::milliseconds time{0};
};
struct longer : before {
  bool more = false;
};
struct swapped : before {};
struct finer {
  std::string name;
  std::vector<failure> reasons;
  std::chrono::nanoseconds time{0};
};
struct identified : before {
  lease_id lease;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, before& x) {
  return f(x.name, x.reasons, x.time);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, longer& x) {
  return f(x.name, x.reasons, x.time, x.more);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, swapped& x) {
  return f(x.time, x.reasons, x.name);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, finer& x) {
  return f(x.name, x.reasons, x.time);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, identified& x) {
  return f(x.lease, x.name, x.reasons, x.time);
}

} // namespace schema_tests

TEST_CASE("a message whose fields are others, or in another order, has another schema") {
  using namespace schema_tests;
  CHECK(schema_of<before>() == "(s,[(e8,s)],d1000)");
  CHECK(schema_of<longer>() == "(s,[(e8,s)],d1000,b)");
  CHECK(schema_of<swapped>() == "(d1000,[(e8,s)],s)");
  CHECK(schema_of<finer>() == "(s,[(e8,s)],d1000000000)");
  CHECK(schema_of<identified>() == "((u64),s,[(e8,s)],d1000)");
}

TEST_CASE("the schema has every message, field by field") {
  auto schema = message_schema();
  CHECK_THAT(schema, Catch::Contains("acquire(s,a,u64,d1000000000,s,b,d1000000000)\n"));
  CHECK_THAT(schema, Catch::Contains("run_command((u64),u64,(s,[(s,s)],"));
  CHECK_THAT(schema, !Catch::Contains("local_call"));
}
