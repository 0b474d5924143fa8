// The table of settings: complete, consistent, and how its values are written.
#include <catch2/catch.hpp>

#include <algorithm>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "messages/settings_text.hpp"
#include "messages/written_values.hpp"
#include "runtime/config.hpp"
#include "tests/runtime/parsed_config.hpp"

using namespace moorage;
using test::parsed;
using namespace std::chrono_literals;

namespace {

struct counting_inspector {
  using result_type = std::size_t;
  template <class... Ts>
  std::size_t operator()(Ts&...) const {
    return sizeof...(Ts);
  }
};

// Converts to the type of any member, so that it can stand for each in braces.
struct anything {
  template <class T>
  operator T() const;
};

template <class T, class... Members>
consteval std::size_t member_count() {
  if constexpr (requires { T{Members{}..., anything{}}; })
    return member_count<T, Members..., anything>();
  else
    return sizeof...(Members);
}

// A value that is allowed and not the default.
setting_value another_value(const setting<cluster_settings>& field) {
  auto value = field.get(cluster_settings{});
  switch (field.type) {
  case setting_type::boolean:
    return !std::get<bool>(value);
  case setting_type::duration:
    return std::get<std::chrono::milliseconds>(value) + 7s;
  case setting_type::choice:
    return std::uint64_t{1};
  case setting_type::count:
  case setting_type::size: {
    auto number = std::get<std::uint64_t>(value);
    return number < field.most ? std::max(number + 1, field.least) : number - 1;
  }
  case setting_type::file_list:
    return std::vector<std::string>{"/dev/null", "/with \"quotes\""};
  case setting_type::text_list:
    return std::vector<std::string>{"login1", "login2"};
  default:
    // Of algorithms, not all.
    if (field.name.ends_with("algorithms"))
      return std::string{field.name.starts_with("kex") ? "ecdh-sha2-nistp256" : "ecdsa-sha2-nistp256"};
    if (field.name == "ciphers" || field.name == "macs" || field.name == "auth_methods")
      return std::string{field.name == "macs"      ? "hmac-sha1"
                         : field.name == "ciphers" ? "-aes128-ctr"
                                                   : "password"};
    if (field.name == "set_env")
      return std::string{"A=1 'B=2 3'"};
    if (field.name == "bind_address")
      return std::string{"127.0.0.9"};
    // Names, one of them in [nodes], and one in [clusters].
    return std::string{field.name == "node" || field.name == "jump" || field.name == "host_key_alias"
                           ? "another-one"
                           : "another\\one"};
  }
}

} // namespace

TEST_CASE("every setting of a cluster but its name is in the table, once, and under its own name") {
  constexpr auto members = member_count<cluster_settings>();
  cluster_settings settings;
  counting_inspector counting;
  CHECK(cluster_fields().size() + 1 == members);
  CHECK(inspect(counting, settings) == members);
  for (const auto& field : cluster_fields()) {
    INFO(field.name);
    auto changed = settings;
    field.set(changed, another_value(field));
    CHECK(changed != settings);
    CHECK(field.get(changed) == another_value(field));
    for (const auto& other : cluster_fields())
      if (&other != &field)
        CHECK(other.get(changed) == other.get(settings));
    CHECK_FALSE(field.meaning.empty());
    CHECK(find_cluster_field(field.name) == &field);
  }
}

TEST_CASE("a setting that is accepted is what was written, for every setting") {
  for (const auto& field : cluster_fields()) {
    if (field.own || field.must_exist)
      continue;
    auto text = "[clusters.lumi]\nhost = \"h\"\n" + std::string{field.name} + " = " +
                format_value(field, another_value(field)) +
                "\n[clusters.another-one]\nhost = \"h\"\n[nodes]\nanother-one = \"h:1\"\n";
    INFO(text);
    auto result = parsed(text);
    REQUIRE(result.clusters.size() == 2);
    CHECK(field.get(result.clusters[0].settings) == another_value(field));
    CHECK(result.clusters[0].origin_of(field.name) == setting_origin{setting_origin::source::cluster, 3});
  }
}

TEST_CASE("a setting's default is one of the values that it may have") {
  for (const auto& field : cluster_fields()) {
    INFO(field.name);
    if (!field.own) // a host has no default
      CHECK(check_value(field, field.get(cluster_settings{})).empty());
  }
}

TEST_CASE("check_settings refuses whatever a setting's row does not allow") {
  for (const auto& field : cluster_fields()) {
    if (field.type != setting_type::count && field.type != setting_type::size &&
        field.type != setting_type::duration)
      continue;
    auto accepted = [&](std::uint64_t number) {
      cluster_settings settings;
      settings.name = settings.host = "lumi";
      settings.pool_size = 10'000;
      field.set(settings, field.type == setting_type::duration
                              ? setting_value{std::chrono::milliseconds{static_cast<std::int64_t>(number)}}
                              : setting_value{number});
      return check_settings(settings).code == errc::none;
    };
    INFO(field.name);
    CHECK(accepted(field.least));
    CHECK(accepted(field.most));
    if (field.least > 0)
      CHECK(accepted(field.least - 1) == (field.zero && field.least == 1));
    if (field.least > 0)
      CHECK(accepted(0) == field.zero);
    if (field.name != "port") // 65536 does not fit
      CHECK_FALSE(accepted(field.most + 1));
  }
}

TEST_CASE("choices are spelt as everywhere else") {
  auto policies = find_cluster_field("strict_host_keys")->choices;
  for (std::size_t i = 0; i < policies.size(); ++i)
    CHECK(policies[i] == to_string(static_cast<host_key_policy>(i)));
  auto methods = find_cluster_field("probe")->choices;
  for (std::size_t i = 0; i < methods.size(); ++i)
    CHECK(methods[i] == to_string(static_cast<probe_method>(i)));
}

TEST_CASE("durations are written as people write them, and nothing is guessed") {
  auto read = [](std::string_view text) { return parse_duration(text).value_or(-1ms).count(); };
  CHECK(read("250ms") == 250);
  CHECK(read("30s") == 30'000);
  CHECK(read("5min") == 300'000);
  CHECK(read("5m") == 300'000);
  CHECK(read("1h") == 3'600'000);
  CHECK(read("2d") == 172'800'000);
  CHECK(read("1h30m") == 5'400'000);
  CHECK(read("1.5s") == 1'500);
  CHECK(read("0") == 0);
  CHECK(read("0s") == 0);
  for (auto bad : {"", "5", "s", "5 s", "-5s", "5x", "1.0001s", "1.s", "5S", "1h30", "99999999999999999999d",
                   "9999999999d", "18446744073709551.616s", "213503982334d14h25min51.616s"}) {
    INFO(bad);
    CHECK(read(bad) == -1);
  }
  CHECK(format_duration(5'400'000ms) == "1h30min");
  CHECK(format_duration(1'500ms) == "1s500ms");
  CHECK(format_duration(0ms) == "0s");
  CHECK(format_duration(-1'500ms) == "-1s500ms");
  for (auto value : {1ms, 999ms, 61'001ms, 86'400'000ms})
    CHECK(parse_duration(format_duration(value)) == value);
}

TEST_CASE("sizes take binary and decimal units") {
  auto read = [](std::string_view text) { return parse_size(text).value_or(77); };
  CHECK(read("16MiB") == 16u << 20);
  CHECK(read("64 KiB") == 65'536);
  CHECK(read("1GiB") == 1u << 30);
  CHECK(read("10MB") == 10'000'000);
  CHECK(read("4096") == 4'096);
  CHECK(read("4096B") == 4'096);
  for (auto bad : {"", "MiB", "1.5MiB", "-1", "1mib", "99999999999999999999", "99999999TiB"}) {
    INFO(bad);
    CHECK(read(bad) == 77);
  }
  CHECK(format_size(16u << 20) == "16MiB");
  CHECK(format_size(1'000'000) == "1000000B");
}

TEST_CASE("a slip of the finger is recognised, another word is not") {
  std::vector<std::string> names{"pool_size", "user", "host"};
  CHECK(did_you_mean("pool-size", names) == "pool_size");
  CHECK(did_you_mean("PoolSize", names) == "pool_size");
  CHECK(did_you_mean("poolsize", names) == "pool_size");
  CHECK(did_you_mean("uesr", names) == "user");
  CHECK(did_you_mean("colour", names).empty());
  CHECK(edit_distance("abcd", "acbd") == 1);
  CHECK(edit_distance("", "abc") == 3);
}

TEST_CASE("the sample parses, changes nothing, and shows every setting with its default") {
  auto sample = sample_config();
  CHECK(parsed(sample).defaults.settings == cluster_settings{});
  std::ifstream shipped{std::filesystem::path{MOORAGE_SOURCE_DIR} / "deploy/moorage.toml"};
  CHECK(std::string{std::istreambuf_iterator<char>{shipped}, {}} == sample);
  // Without the # in front of the settings it must be the same again.
  std::string uncommented;
  std::istringstream lines{sample};
  auto settings = 0;
  for (std::string line; std::getline(lines, line);) {
    auto is_setting = line.starts_with("# ") && line.find(" = ") != std::string::npos &&
                      find_cluster_field(line.substr(2, line.find(" = ") - 2)) != nullptr &&
                      uncommented.find("[defaults]") != std::string::npos &&
                      uncommented.find("\n[limits]") == std::string::npos;
    settings += is_setting ? 1 : 0;
    uncommented += (is_setting ? line.substr(2) : line) + "\n";
  }
  CHECK(settings == std::count_if(cluster_fields().begin(), cluster_fields().end(),
                                  [](const auto& field) { return !field.own; }));
  auto result = parsed(uncommented);
  CHECK(result.defaults.settings == cluster_settings{});
  for (const auto& field : cluster_fields())
    if (!field.own)
      CHECK(result.defaults.origin_of(field.name).from == setting_origin::source::defaults);
}
