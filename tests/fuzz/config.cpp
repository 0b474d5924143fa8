// A configuration's text: it is taken whole and is sound, or everything that is wrong is told with its place.
#include <cstdint>
#include <string>

#include "messages/settings_text.hpp"
#include "messages/written_values.hpp"
#include "runtime/config.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;

namespace {

/// A cluster as `moorage config` writes it is the same cluster.
void check_written(const cluster_config& cluster) {
  std::string text = "[clusters." + quote_toml(cluster.settings.name) + "]\n";
  for (const auto& field : cluster_fields())
    text += std::string{field.name} + " = " + format_value(field, field.get(cluster.settings)) + "\n";
  auto again = parse_config(text, "/etc/fuzz.toml");
  fuzz::require(again.problems.empty() && again.value.clusters.size() == 1 &&
                    again.value.clusters.front().settings == cluster.settings,
                "what is written of a cluster is read as the same");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text{reinterpret_cast<const char*>(data), size};
  auto result = parse_config(text, "/etc/fuzz.toml");
  auto again = parse_config(text, "/etc/fuzz.toml");
  fuzz::require(result.problems == again.problems, "the same text has the same problems");
  for (const auto& each : result.problems) {
    fuzz::require(!each.text.empty(), "a problem says what is wrong");
    fuzz::require(support::misleading_in_line(to_string(each)).empty(), "a problem is told in a line");
    fuzz::require(each.line > 0 || each.text.starts_with("not TOML, in a way"), "a problem says where it is");
  }
  for (const auto& each : result.value.clusters) {
    fuzz::require(check_settings(each.settings).code == errc::none, "a cluster that is taken is sound");
    check_written(each);
    fuzz::require(result.value.find(each.settings.name) != nullptr, "a cluster is found by its name");
  }
  fuzz::require(result.problems.empty() || result.value.clusters.empty(),
                "a file is taken whole or not at all");
  return 0;
}
