#include "messages/settings_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "messages/printable.hpp"
#include "messages/settings_words.hpp"
#include "messages/written_values.hpp"

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
  case text_list:
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
  case file_list:
  case text_list: {
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

namespace {

/// Among the files that the value names, one whose place depends on who looks. Empty: none.
std::string relative_file(const setting_rules& rules, const setting_value& value) {
  auto relative = [&rules](const std::string& file) {
    const bool none = rules.must_exist && file == no_key_file;
    return !file.empty() && !none && !file.starts_with('/') && !file.starts_with('~');
  };
  if (rules.type == setting_type::file && relative(std::get<std::string>(value)))
    return std::get<std::string>(value);
  if (rules.type == setting_type::file_list)
    for (const auto& each : std::get<std::vector<std::string>>(value))
      if (relative(each))
        return each;
  return {};
}

} // namespace

failure change_setting(cluster_settings& settings, const std::string& name, const std::string& written) {
  auto invalid = [](const std::string& text) {
    return failure{errc::invalid_settings, printable(text, printable_whole)};
  };
  constexpr std::size_t name_max = 64, written_max = 8'192; // it is read by the pool itself
  if (name.size() > name_max || written.size() > written_max)
    return invalid("a setting's name has " + std::to_string(name_max) + " bytes at most, and its value " +
                   std::to_string(written_max));
  if (name == "name")
    return invalid("name: all else hangs from it; register the cluster under another instead");
  const auto* field = find_cluster_field(name);
  if (field == nullptr) {
    auto meant = did_you_mean(name, cluster_field_names());
    return invalid("there is no setting '" + name + "'" +
                   (meant.empty() ? "" : "; did you mean " + meant + "?"));
  }
  setting_value value;
  if (auto wrong = parse_value(*field, written, value); !wrong.empty())
    return invalid(name + ": " + wrong);
  if (auto file = relative_file(*field, value); !file.empty())
    return invalid(name + ": '" + file +
                   "' would be looked for from where the node was started: write it from the root or from ~");
  auto changed = settings;
  field->set(changed, value);
  if ((name == "ssh_host" || name == "ssh_config") && !field->same(changed, settings))
    return invalid(name + ": is read when the cluster is registered; set what it is to say, or reload");
  if (auto wrong = check_settings(changed); wrong.code != errc::none)
    return wrong;
  settings = changed;
  return {};
}

std::string describe_change(const cluster_settings& before, const cluster_settings& after,
                            const std::string& name) {
  const auto* field = find_cluster_field(name);
  if (field == nullptr)
    return {};
  auto text = name + " is " + format_value(*field, field->get(after));
  if (field->same(before, after))
    return text + " already";
  auto effect = std::string{change_in_words(*field)};
  return text + ", was " + format_value(*field, field->get(before)) + (effect.empty() ? "" : ". " + effect);
}

} // namespace moorage
