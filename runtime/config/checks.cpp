// Values of settings: how each is read and written.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/config/fields.hpp"
#include "runtime/config/values.hpp"
#include "runtime/system/account.hpp"

namespace moorage {

namespace {

using enum setting_type;

bool parse_boolean(const std::string& text, setting_value& result) {
  auto yes = text == "true" || text == "yes";
  if (yes || text == "false" || text == "no")
    result = yes;
  return yes || text == "false" || text == "no";
}

} // namespace

setting_rules node_start_rules() {
  static constexpr std::array<std::string_view, 2> choices{"no", "auto"}; // in the order of `node_start`
  setting_rules rules{.name = "start", .type = choice};
  rules.choices = choices;
  rules.meaning =
      "Whether a command that finds no node starts one in the background, which then serves all that follow.";
  return rules;
}

setting_rules node_idle_end_rules() {
  setting_rules rules{.name = "idle_end", .type = duration};
  constexpr std::uint64_t second = 1'000, year = 365 * 24 * 3'600 * second;
  rules.least = second;
  rules.most = year;
  rules.zero = true;
  rules.meaning = "How long a node that was started so, or by systemd's socket, stays while no command or "
                  "program uses it; "
                  "0: until it is ended.";
  rules.ssh_name = "ControlPersist";
  return rules;
}

std::string check_file(const setting_rules& rules, const std::string& name) {
  if (!rules.must_exist)
    return {};
  const std::string allowed = "; allowed: a file that can be read";
  auto path = expand_home(name);
  struct stat status {};
  // A key whose public part alone is on disk is one that the agent holds.
  if (stat(path.c_str(), &status) != 0 && stat((path + ".pub").c_str(), &status) == 0)
    path += ".pub";
  else if (stat(path.c_str(), &status) != 0)
    return path + " is not there (" + std::generic_category().message(errno) + ")" + allowed;
  if (!S_ISREG(status.st_mode))
    return path + " is not a regular file" + allowed;
  if (access(path.c_str(), R_OK) != 0)
    return path + " cannot be read (" + std::generic_category().message(errno) + ")" + allowed;
  return {};
}

std::string parse_value(const setting_rules& rules, const std::string& written, setting_value& result) {
  auto accept = [&](auto parsed) {
    if (parsed)
      result = *parsed;
    return parsed.has_value();
  };
  auto understood = false;
  switch (rules.type) {
  case text:
  case file:
    result = written;
    understood = true;
    break;
  case file_list:
    result = written.empty() ? std::vector<std::string>{} : std::vector<std::string>{written};
    understood = true;
    break;
  case boolean:
    understood = parse_boolean(written, result);
    break;
  case count:
    understood = accept(parse_count(written));
    break;
  case size:
    understood = accept(parse_size(written));
    break;
  case duration:
    understood = accept(parse_duration(written));
    break;
  case choice: {
    auto found = std::find(rules.choices.begin(), rules.choices.end(), written);
    understood = found != rules.choices.end();
    if (understood)
      result = static_cast<std::uint64_t>(found - rules.choices.begin());
  }
  }
  if (!understood)
    return quote_toml(written) + " is not understood; allowed: " + allowed_values(rules);
  return check_value(rules, result);
}

std::string format_value(const setting_rules& rules, const setting_value& value) {
  switch (rules.type) {
  case boolean:
    return std::get<bool>(value) ? "true" : "false";
  case count:
    return std::to_string(std::get<std::uint64_t>(value));
  case size:
    return quote_toml(format_size(std::get<std::uint64_t>(value)));
  case duration:
    return quote_toml(format_duration(std::get<std::chrono::milliseconds>(value)));
  case choice: {
    auto index = std::get<std::uint64_t>(value);
    return index < rules.choices.size() ? quote_toml(rules.choices[index]) : std::to_string(index);
  }
  case file_list: {
    std::string result = "[";
    for (const auto& each : std::get<std::vector<std::string>>(value))
      result += (result.size() > 1 ? ", " : "") + quote_toml(each);
    return result + "]";
  }
  case text:
  case file:
    break;
  }
  return quote_toml(std::get<std::string>(value));
}

} // namespace moorage
