// What messages are made of, as two builds compare it.
#include <catch2/catch.hpp>

#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "messages/errors.hpp"
#include "messages/ids.hpp"
#include "messages/type_ids.hpp"
#include "runtime/node/schema.hpp"
#include "tests/support/scratch_folder.hpp"

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

/// Stands for a value of any type, where only its being one counts.
struct anything {
  template <class T>
  operator T() const;
};

template <class T, std::size_t... Index>
constexpr bool has_so_many(std::index_sequence<Index...>) {
  return requires {
    T{(static_cast<void>(Index), anything{})...};
  };
}

/// The members that an aggregate has.
template <class T, std::size_t Count = 100>
constexpr std::size_t members() {
  if constexpr (Count == 0 || has_so_many<T>(std::make_index_sequence<Count>{}))
    return Count;
  else
    return members<T, Count - 1>();
}

struct member_counter {
  using result_type = void;
  template <class... Fields>
  void operator()(Fields&...) {
    count += sizeof...(Fields);
  }
  std::size_t count = 0;
};

/// The members that its `inspect` passes on.
template <class T>
std::size_t inspected() {
  member_counter counter;
  T value{};
  inspect(counter, value);
  return counter.count;
}

template <class T>
void check_members(const char* name) {
  if constexpr (std::is_aggregate_v<T> && !caf::allowed_unsafe_message_type<T>::value) {
    INFO(name);
    CHECK(inspected<T>() == members<T>());
  }
}

/// A field of it, or of a part of it, is a handle.
bool names_actor(const std::string& schema) {
  for (std::size_t place = schema.find('a'); place != std::string::npos; place = schema.find('a', place + 1))
    if (std::string_view{"(,["}.find(schema[place - 1]) != std::string_view::npos)
      return true;
  return false;
}

struct forgetful {
  std::string cluster;
  std::vector<std::string> words;
  bool forgotten = false;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, forgetful& x) {
  return f(x.cluster, x.words);
}

} // namespace schema_tests

TEST_CASE("no message leaves one of its members behind") {
  using namespace schema_tests;
  REQUIRE(members<forgetful>() == 3);
  REQUIRE(inspected<forgetful>() == 2);
#define MOORAGE_CHECK(type) check_members<moorage::type>(#type);
  MOORAGE_MESSAGE_PARTS(MOORAGE_CHECK)
  MOORAGE_MESSAGES(MOORAGE_CHECK)
#undef MOORAGE_CHECK
}

TEST_CASE("what messages are made of is written down, so that a change of it is seen") {
  auto now = message_schema();
  auto then = support::contents_of(MOORAGE_SOURCE_DIR "/tests/schema.txt");
  if (now != then)
    std::ofstream{"schema.txt"} << now;
  INFO("now in schema.txt of the build folder; if that is meant, it takes the place of tests/schema.txt");
  CHECK(now == then);
}

TEST_CASE("a message whose fields are others, or in another order, has another schema") {
  using namespace schema_tests;
  CHECK(schema_of<before>() == "(s,[(e8,s)],d1000)");
  CHECK(schema_of<longer>() == "(s,[(e8,s)],d1000,b)");
  CHECK(schema_of<swapped>() == "(d1000,[(e8,s)],s)");
  CHECK(schema_of<finer>() == "(s,[(e8,s)],d1000000000)");
  CHECK(schema_of<identified>() == "((u64),s,[(e8,s)],d1000)");
}

TEST_CASE("no message that an outsider says or hears names an actor") {
  using namespace schema_tests;
  CHECK(names_actor("(s,a,u64)"));
  CHECK(names_actor("((s),a)"));
  CHECK(names_actor("([a])"));
  CHECK_FALSE(names_actor("(s,u64)"));
  CHECK(names_actor(schema_of<acquire_for>()));
#define MOORAGE_CHECK(type)                                                                                  \
  INFO(#type);                                                                                               \
  CHECK_FALSE(names_actor(schema_of<type>()));
  MOORAGE_OUTSIDERS_MESSAGES(MOORAGE_CHECK)
#undef MOORAGE_CHECK
}

TEST_CASE("the schema has every message, field by field") {
  auto schema = message_schema();
  CHECK_THAT(schema, Catch::Contains("acquire(s,u64,d1000000000,s,b)\n"));
  CHECK_THAT(schema, Catch::Contains("run_command(s,(u64),u64,(s,[(s,s,b)],"));
  CHECK_THAT(schema, !Catch::Contains("local_call"));
  CHECK_THAT(schema, Catch::Contains("\nevent_kind opening opened open_failed "));
}
