// Values of settings: what is allowed, and how each is read and written.
#include <algorithm>
#include <cerrno>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/config/fields.hpp"
#include "runtime/config/values.hpp"
#include "runtime/system/account.hpp"

namespace moorage {

namespace {

using enum setting_type;

std::string number_in_words(const setting_rules& rules, std::uint64_t number) {
  if (rules.type == duration)
    return format_duration(std::chrono::milliseconds{static_cast<std::int64_t>(number)});
  return rules.type == size ? format_size(number) : std::to_string(number);
}

std::uint64_t as_number(const setting_value& value) {
  if (const auto* span = std::get_if<std::chrono::milliseconds>(&value))
    return static_cast<std::uint64_t>(std::max<std::int64_t>(span->count(), 0));
  return std::get<std::uint64_t>(value);
}

bool parse_boolean(const std::string& text, setting_value& result) {
  auto yes = text == "true" || text == "yes";
  if (yes || text == "false" || text == "no")
    result = yes;
  return yes || text == "false" || text == "no";
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
    result += quote_toml(rules.choices[i]);
  }
  return result;
}

std::string check_value(const setting_rules& rules, const setting_value& value) {
  if (rules.type != count && rules.type != size && rules.type != duration)
    return {};
  auto number = as_number(value);
  if ((number >= rules.least && number <= rules.most) || (number == 0 && rules.zero))
    return {};
  return number_in_words(rules, number) + " is out of range; allowed: " + allowed_values(rules);
}

std::string check_file_name(const setting_rules& rules, const std::string& name) {
  if (!name.empty())
    return {};
  return std::string{"the name is empty; allowed: "} +
         (rules.must_exist ? "a file that can be read" : "a file's name");
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
    return std::to_string(as_number(value));
  case size:
    return quote_toml(format_size(as_number(value)));
  case duration:
    return quote_toml(format_duration(std::get<std::chrono::milliseconds>(value)));
  case choice: {
    auto index = as_number(value);
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
