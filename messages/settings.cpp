// What a setting may be. The ranges are wide: they turn down mistakes (a missing zero, seconds taken for
// milliseconds), not tastes.
#include "messages/settings.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "messages/durations.hpp"
#include "messages/printable.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view letters_and_digits =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool made_of(std::string_view text, std::string_view further) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return letters_and_digits.find(c) != std::string_view::npos || further.find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

failure invalid(const std::string& text) {
  return {errc::invalid_settings, printable(text, printable_whole)};
}

struct duration_range {
  const char* key;
  std::chrono::milliseconds cluster_settings::*setting;
  std::chrono::milliseconds least, most;
  bool zero = false; ///< 0 has a meaning of its own
};

/// A day is longer than any wait makes sense; a lifetime may be a month.
constexpr duration_range durations[] = {
    {"connect_timeout", &cluster_settings::connect_timeout, 100ms, 10min},
    {"agent_timeout", &cluster_settings::agent_timeout, 100ms, 10min, true},
    {"keep_alive_interval", &cluster_settings::keep_alive_interval, 100ms, 24h, true},
    {"connection_lifetime", &cluster_settings::connection_lifetime, 100ms, 720h},
    {"idle_timeout", &cluster_settings::idle_timeout, 100ms, 720h},
    {"acquire_timeout", &cluster_settings::acquire_timeout, 1ms, 24h},
    {"probe_interval", &cluster_settings::probe_interval, 100ms, 24h},
    {"probe_timeout", &cluster_settings::probe_timeout, 10ms, 10min},
    {"proving_time", &cluster_settings::proving_time, 100ms, 24h, true},
    {"reply_timeout", &cluster_settings::reply_timeout, 100ms, 1h},
    {"linger", &cluster_settings::linger, 1ms, 24h, true},
};

struct number_range {
  const char* key;
  std::uint32_t cluster_settings::*setting;
  std::uint32_t least, most;
};

/// Descriptors bound the connections long before 10,000; sshd's MaxSessions is rarely raised beyond 100.
constexpr number_range numbers[] = {
    {"pool_size", &cluster_settings::pool_size, 1, 10'000},
    {"channels_per_connection", &cluster_settings::channels_per_connection, 1, 100},
    {"min_idle", &cluster_settings::min_idle, 0, 10'000},
    {"connects_at_once", &cluster_settings::connects_at_once, 1, 10'000},
    {"queue_depth", &cluster_settings::queue_depth, 1, 1'000'000},
    {"probes_at_once", &cluster_settings::probes_at_once, 0, 10'000},
    {"probe_failures_max", &cluster_settings::probe_failures_max, 1, 1'000},
};

constexpr std::uint64_t output_most = std::uint64_t{1} << 40;

failure check_name(const std::string& name) {
  if (name.empty())
    return invalid("name: a cluster needs a name");
  if (name.size() > 300)
    return invalid("name: longer than 300 characters");
  if (!made_of(name, "-_.@:[]%"))
    return invalid("name: '" + name +
                   "' may hold letters, digits, '-', '_', '.', '@', ':', '[', ']' and '%' only");
  return {};
}

failure check_host(const std::string& host) {
  if (host.empty())
    return invalid("host: a cluster needs a host: a name or an address");
  if (host.size() > 255)
    return invalid("host: longer than 255 characters");
  // What reaches known_hosts lines and commands in error texts must be no more than a name.
  if (!made_of(host, "-_.:%") || host.front() == '-')
    return invalid(
        "host: '" + host +
        "' is no host name or address (letters, digits, '-', '_', '.'; ':' and '%' in IPv6 addresses, "
        "without brackets; names with other letters in their xn-- form)");
  return {};
}

failure check_texts(const cluster_settings& settings) {
  if (settings.user.size() > 255 || has_control(settings.user) ||
      settings.user.find(' ') != std::string::npos)
    return invalid("user: must be at most 255 characters without blanks");
  for (auto [key, files] : {std::pair{"key_files", &settings.key_files},
                            std::pair{"known_hosts_files", &settings.known_hosts_files}})
    for (const auto& file : *files)
      if (file.empty() || file.size() > 4'095 || has_control(file))
        return invalid(std::string{key} + ": every entry is the path of a file");
  for (auto [key, entry] : {std::pair{"password_secret", &settings.password_secret},
                            std::pair{"passphrase_secret", &settings.passphrase_secret}})
    if (entry->size() > 255 || has_control(*entry))
      return invalid(std::string{key} + ": must be the name of an entry in the secret store");
  if (settings.probe == probe_method::exec && settings.probe_command.empty())
    return invalid("probe_command: the probe method exec needs a command");
  if (settings.probe_command.size() > 4'096 || settings.probe_command.find('\0') != std::string::npos)
    return invalid("probe_command: must be at most 4096 characters without NUL");
  return {};
}

failure check_ranges(const cluster_settings& settings) {
  if (settings.port == 0)
    return invalid("port: must be from 1 to 65535");
  if (static_cast<unsigned>(settings.strict_host_keys) > static_cast<unsigned>(host_key_policy::off))
    return invalid("strict_host_keys: must be yes, accept-new or no");
  if (static_cast<unsigned>(settings.probe) > static_cast<unsigned>(probe_method::exec))
    return invalid("probe: must be channel or exec");
  if (static_cast<unsigned>(settings.environment_fallback) > static_cast<unsigned>(variable_fallback::none))
    return invalid("environment_fallback: must be prefix or none");
  for (const auto& range : durations) {
    auto value = settings.*range.setting;
    if ((value < range.least || value > range.most) && !(range.zero && value == 0ms))
      return invalid(std::string{range.key} + ": " + format_duration(value) + " is not from " +
                     format_duration(range.least) + " to " + format_duration(range.most) +
                     (range.zero ? ", nor 0" : ""));
  }
  for (const auto& range : numbers) {
    auto value = settings.*range.setting;
    if (value < range.least || value > range.most)
      return invalid(std::string{range.key} + ": " + std::to_string(value) + " is not from " +
                     std::to_string(range.least) + " to " + std::to_string(range.most));
  }
  if (settings.min_idle > settings.pool_size)
    return invalid("min_idle: " + std::to_string(settings.min_idle) + " is more than pool_size, " +
                   std::to_string(settings.pool_size));
  if (settings.output_max == 0 || settings.output_max > output_most)
    return invalid("output_max: " + std::to_string(settings.output_max) + " is not from 1 to " +
                   std::to_string(output_most) + " bytes");
  return {};
}

failure no_destination(const std::string& text, const std::string& why) {
  return invalid("'" + text + "' is no destination (user@host:port): " + why);
}

} // namespace

failure check_settings(const cluster_settings& settings) {
  for (auto check :
       {check_name(settings.name), check_host(settings.host), check_texts(settings), check_ranges(settings)})
    if (check.code != errc::none)
      return check;
  return {};
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

std::string to_string(host_key_policy policy) {
  switch (policy) {
  case host_key_policy::strict:
    return "yes";
  case host_key_policy::accept_new:
    return "accept-new";
  case host_key_policy::off:
    return "no";
  }
  return std::to_string(static_cast<unsigned>(policy));
}

std::string to_string(probe_method method) {
  switch (method) {
  case probe_method::channel:
    return "channel";
  case probe_method::exec:
    return "exec";
  }
  return std::to_string(static_cast<unsigned>(method));
}

std::string to_string(variable_fallback fallback) {
  switch (fallback) {
  case variable_fallback::prefix:
    return "prefix";
  case variable_fallback::none:
    return "none";
  }
  return std::to_string(static_cast<unsigned>(fallback));
}

} // namespace moorage
