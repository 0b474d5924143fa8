// What a user writes for a cluster (user@host:port, [v6]:port, a name), and what -o takes. The first line is
// the destination, each further one the value of an -o.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "messages/settings_text.hpp"
#include "messages/written_values.hpp"
#include "runtime/config.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;
using fuzz::require;

namespace {

/// What the destination names is what it says, and what it does not name is as it was.
void check_destination(const std::string& text, const cluster_settings& settings,
                       const cluster_settings& defaults) {
  const bool v6 = settings.host.find(':') != std::string::npos;
  const auto at = text.rfind('@');
  const auto user = at == std::string::npos ? "" : text.substr(0, at + 1);
  require(at == std::string::npos ? settings.user == defaults.user : user == settings.user + "@",
          "the user is what stands before the last @");
  const auto rest = text.substr(user.size());
  const auto host = rest.starts_with('[') ? "[" + settings.host + "]" : settings.host;
  require(rest.starts_with(host), "the host is what stands behind it");
  require(!rest.starts_with('[') || v6, "brackets are for IPv6 addresses");
  const auto port = rest.substr(host.size());
  if (port.empty()) {
    require(settings.port == defaults.port, "a port that is not named is the usual one");
    return;
  }
  require(port.size() > 1 && port.front() == ':' &&
              port.find_first_not_of("0123456789", 1) == std::string::npos &&
              std::strtoul(port.c_str() + 1, nullptr, 10) == settings.port,
          "the port is the number behind the host");
}

/// A value that is taken is written in a way that is taken for the same, where TOML can hold it: it holds
/// UTF-8 only. A configuration in no folder has none that a file's name could be taken from.
void check_setting(const cluster_config& changed, const std::string& key) {
  const auto* field = find_cluster_field(key);
  require(field != nullptr, "a setting that is taken exists");
  require(changed.origin_of(field->name).from == setting_origin::source::command_line,
          "a setting that is taken says where it comes from");
  auto text = "[clusters.a]\n" + (key == "host" ? "" : std::string{"host = \"a.example\"\n"}) + key + " = " +
              format_value(*field, field->get(changed.settings)) + "\n";
  auto again = parse_config(text, "fuzz.toml");
  for (const auto& each : again.problems) // which other settings may have with it
    require(each.text.find("wrong type") == std::string::npos, "a setting is written as its type");
  if (again.problems.empty() && text.find("\\uFFFD") == std::string::npos)
    require(field->get(again.value.clusters.front().settings) == field->get(changed.settings),
            "a setting that is written is read as the same");
}

/// A duration as one reads it who reckons with fractions.
void check_duration(const std::string& text) {
  auto parsed = parse_duration(text);
  if (!parsed)
    return;
  require(parsed->count() >= 0 && parse_duration(format_duration(*parsed)) == parsed,
          "a duration that is written is read as the same");
  long double total = 0;
  for (const char* at = text.c_str(); *at != '\0' && text != "0";) {
    char* end = nullptr;
    auto value = std::strtold(at, &end);
    std::string unit;
    for (at = end; *at >= 'A' && *at <= 'z'; ++at)
      unit += *at;
    total += value * (unit == "ms"  ? 1
                      : unit == "s" ? 1'000
                      : unit == "h" ? 3'600'000
                      : unit == "d" ? 86'400'000
                                    : 60'000);
  }
  auto difference = total - static_cast<long double>(parsed->count());
  require(difference > -0.5L && difference < 0.5L, "a duration is the sum of its parts");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto from = parse_config("[clusters.a]\nhost = \"a.example\"\n", "/etc/fuzz.toml").value;
  std::string text{reinterpret_cast<const char*>(data), size};
  auto end = text.find('\n');
  const auto name = text.substr(0, end);
  cluster_config cluster;
  auto wrong = resolve_cluster(from, name, cluster);
  if (wrong.code != errc::none) {
    require(!wrong.text.empty(), "a refusal says why");
    require(support::misleading_in_line(wrong.text).empty(), "a refusal is a line");
    cluster = from.clusters.front();
  } else if (name != "a") {
    check_destination(name, cluster.settings, from.defaults.settings);
  }
  require(check_settings(cluster.settings).code == errc::none, "what is resolved is sound");
  std::vector<std::string> assignments;
  while (end != std::string::npos) {
    text.erase(0, end + 1);
    end = text.find('\n');
    assignments.push_back(text.substr(0, end));
  }
  auto changed = cluster;
  auto problems = override_settings(changed, assignments);
  for (const auto& each : problems)
    require(support::misleading_in_line(to_string(each)).empty(), "a problem is told in a line");
  if (!problems.empty()) {
    require(changed.settings == cluster.settings, "a wrong setting changes nothing");
  } else {
    require(check_settings(changed.settings).code == errc::none, "settings that are taken are sound");
    for (const auto& each : assignments)
      check_setting(changed, each.substr(0, each.find('=')));
  }
  for (const auto& each : assignments)
    if (auto equals = each.find('='); equals != std::string::npos && each.find('\0') == std::string::npos)
      check_duration(each.substr(equals + 1));
  return 0;
}
