// What settings may be, each by its row (messages/settings_table.cpp) and together; and what a destination
// means.
#include "messages/settings.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>
#include <utility>

#include "messages/durations.hpp"
#include "messages/ids.hpp"
#include "messages/machines.hpp"
#include "messages/printable.hpp"
#include "messages/settings_table.hpp"
#include "messages/settings_words.hpp"

namespace moorage {

namespace {

using enum setting_type;

failure invalid(const std::string& text) {
  return {errc::invalid_settings, printable(text, printable_whole)};
}

/// A cluster's name is what everything else hangs from, so it has no row.
std::string wrong_name(const std::string& name) {
  if (name.empty())
    return "a cluster needs a name";
  if (name == every_pool)
    return "'" + name + "' stands for every pool";
  if (name.size() > 300)
    return "longer than 300 characters";
  auto fits = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"-_.@:[]%,"}.find(static_cast<char>(c)) != std::string_view::npos ||
           inside_names.find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!std::all_of(name.begin(), name.end(), fits) || !fits_a_shell(name))
    return "'" + name +
           "' may hold letters, digits, '-', '_', '.', '@', ':', '[', ']', '%' and ',', and "
           "except at its beginning '+', '/', '=' and '~', only";
  return {};
}

/// Of the machines: which are the cluster's has one place.
/// As a name server takes them.
bool same_name(std::string_view a, std::string_view b) {
  for (auto* each : {&a, &b})
    if (each->size() > 1 && each->back() == '.')
      each->remove_suffix(1);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string wrong_hosts(const cluster_settings& settings) {
  const auto& hosts = settings.hosts;
  if (hosts.empty())
    return settings.host.empty() ? "host: a cluster needs a host: a name or an address (or hosts: several)"
                                 : "";
  if (!settings.host.empty())
    return "hosts: a cluster has host or hosts, not both: leave host out";
  if (hosts.size() > machines_max)
    return "hosts: " + std::to_string(hosts.size()) + " are more than " + std::to_string(machines_max);
  for (auto each = hosts.begin(); each != hosts.end(); ++each)
    if (std::any_of(hosts.begin(), each, [&each](const auto& other) { return same_name(*each, other); }))
      return "hosts: '" + *each + "' is there twice";
  return {};
}

/// What the values are against each other.
std::string wrong_together(const cluster_settings& settings) {
  if (auto wrong = wrong_hosts(settings); !wrong.empty())
    return wrong;
  if (settings.min_idle > settings.pool_size)
    return "min_idle: " + std::to_string(settings.min_idle) + " is more than pool_size, " +
           std::to_string(settings.pool_size);
  if (!settings.jump.empty() && !settings.proxy_command.empty())
    return "jump: a connection goes by a jump or by a proxy_command, not by both";
  if (!settings.jump.empty() && settings.jump == settings.name)
    return "jump: '" + settings.jump + "' cannot be its own jump";
  if (settings.probe == probe_method::exec && settings.probe_command.empty())
    return "probe_command: the probe method exec needs a command";
  return {};
}

std::string number_in_words(const setting_rules& rules, std::uint64_t number) {
  if (rules.type == duration)
    return format_duration(std::chrono::milliseconds{static_cast<std::int64_t>(number)});
  return rules.type == size ? format_size(number) : std::to_string(number);
}

failure no_destination(const std::string& text, const std::string& why) {
  return invalid("'" + text + "' is no destination (user@host:port): " + why);
}

} // namespace

std::string allowed_range(const setting_rules& rules) {
  if (rules.type != count && rules.type != size && rules.type != duration)
    return {};
  auto limits = number_in_words(rules, rules.least) + " to " + number_in_words(rules, rules.most);
  return rules.zero ? "0, or " + limits : limits;
}

std::string allowed_values(const setting_rules& rules) {
  switch (rules.type) {
  case text:
    return "a string";
  case file:
    return "a file's name, absolute or beginning with ~/";
  case file_list:
    return "a list of file names, such as [\"~/.ssh/id_ed25519\"]";
  case text_list:
    return "a list of names, such as " + std::string{rules.example};
  case boolean:
    return "true or false";
  case count:
    return allowed_range(rules);
  case size:
    return "bytes, such as 4096 or \"16MiB\", " + allowed_range(rules);
  case duration:
    return "a duration such as \"250ms\", \"30s\", \"5min\" or \"1h30m\", " + allowed_range(rules);
  case choice:
    break;
  }
  std::string result;
  for (std::size_t i = 0; i < rules.choices.size(); ++i) {
    result += i == 0 ? "" : i + 1 == rules.choices.size() ? " or " : ", ";
    result += '"' + std::string{rules.choices[i]} + '"';
  }
  return result;
}

std::string_view change_in_words(const setting_rules& rules) {
  switch (rules.on_change) {
  case setting_change::at_once:
    break;
  case setting_change::new_connections:
    return "A change holds for connections that are opened from then on.";
  case setting_change::reopens:
    return "A change closes the open connections, each once its leases have ended.";
  }
  return {};
}

std::string check_value(const setting_rules& rules, const setting_value& value) {
  if (rules.type == boolean)
    return {};
  if (const auto* written = std::get_if<std::string>(&value))
    return rules.wrong_text == nullptr ? std::string{} : rules.wrong_text(*written);
  if (const auto* files = std::get_if<std::vector<std::string>>(&value)) {
    for (const auto& each : *files)
      if (auto wrong = rules.wrong_text == nullptr ? std::string{} : rules.wrong_text(each); !wrong.empty())
        return wrong;
    return {};
  }
  const auto* span = std::get_if<std::chrono::milliseconds>(&value);
  auto number = span == nullptr ? std::get<std::uint64_t>(value) : static_cast<std::uint64_t>(span->count());
  auto least = rules.type == choice ? 0 : rules.least;
  auto most = rules.type == choice ? rules.choices.size() - 1 : rules.most;
  // A negative duration is a huge number here, and beyond every limit.
  if ((number >= least && number <= most) || (number == 0 && rules.zero))
    return {};
  return number_in_words(rules, number) + " is out of range; allowed: " + allowed_values(rules);
}

failure check_settings(const cluster_settings& settings) {
  if (auto wrong = wrong_name(settings.name); !wrong.empty())
    return invalid("name: " + wrong);
  for (const auto& field : cluster_fields())
    if (auto wrong = check_value(field, field.get(settings)); !wrong.empty())
      return invalid(std::string{field.name} + ": " + wrong);
  if (auto wrong = wrong_together(settings); !wrong.empty())
    return invalid(wrong);
  return {};
}

std::string hosts_in_words(const cluster_settings& settings) {
  auto text = settings.host;
  for (const auto& each : settings.hosts)
    text += (text.empty() ? "" : ",") + each;
  return text;
}

bool same_connections(const cluster_settings& a, const cluster_settings& b) {
  auto fields = cluster_fields();
  return std::all_of(fields.begin(), fields.end(), [&a, &b](const auto& field) {
    return field.on_change != setting_change::reopens || field.same(a, b);
  });
}

std::string jump_circle(const cluster_settings& of,
                        const std::function<const cluster_settings*(const std::string&)>& find) {
  std::vector<std::string> way{of.name};
  for (auto next = of.jump; !next.empty();) {
    bool seen = std::find(way.begin(), way.end(), next) != way.end();
    way.push_back(next);
    if (seen) {
      std::string text;
      for (const auto& each : way)
        text += (text.empty() ? "'" : " by '") + each + "'";
      return "jump: it goes in a circle: " + text;
    }
    const auto* cluster = find(next);
    next = cluster == nullptr ? std::string{} : cluster->jump;
  }
  return {};
}

std::string format_size(std::uint64_t bytes) {
  struct unit {
    const char* name;
    std::uint64_t bytes;
  };
  for (auto [name, factor] :
       {unit{"TiB", 1ull << 40}, unit{"GiB", 1ull << 30}, unit{"MiB", 1ull << 20}, unit{"KiB", 1ull << 10}})
    if (bytes >= factor && bytes % factor == 0)
      return std::to_string(bytes / factor) + name;
  return std::to_string(bytes) + "B";
}

failure parse_destination(const std::string& text, cluster_settings& result) {
  cluster_settings parsed = result; // whatever the text does not name stays as it is
  parsed.name = text;
  std::string_view rest = text;
  // The last @, as ssh has it: some sites' user names hold one.
  if (auto at = rest.rfind('@'); at != std::string_view::npos) {
    parsed.user = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    if (parsed.user.empty())
      return no_destination(text, "there is no user before the @");
  }
  std::string_view port;
  bool has_port = false;
  if (rest.starts_with('[')) {
    auto end = rest.find(']');
    if (end == std::string_view::npos)
      return no_destination(text, "the [ is never closed");
    parsed.host = rest.substr(1, end - 1);
    if (parsed.host.find(':') == std::string::npos)
      return no_destination(text, "brackets are for IPv6 addresses");
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest.front() != ':')
      return no_destination(text, "after ] comes :port or nothing");
    has_port = !rest.empty();
    port = has_port ? rest.substr(1) : rest;
  } else if (std::count(rest.begin(), rest.end(), ':') > 1) {
    parsed.host = rest; // an IPv6 address without brackets has no port
  } else {
    auto colon = rest.find(':');
    parsed.host = rest.substr(0, colon);
    has_port = colon != std::string_view::npos;
    port = has_port ? rest.substr(colon + 1) : std::string_view{};
  }
  if (has_port) {
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
    if (error != std::errc{} || end != port.data() + port.size() || parsed.port == 0)
      return no_destination(text, "the port is a number from 1 to 65535");
  }
  if (auto wrong = check_settings(parsed); wrong.code != errc::none)
    return no_destination(text, wrong.text);
  result = std::move(parsed);
  return {};
}

} // namespace moorage
