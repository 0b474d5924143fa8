#include "runtime/config.hpp"

#include <algorithm>
#include <set>

#include <unistd.h>

#include "messages/printable.hpp"
#include "messages/settings_text.hpp"
#include "messages/written_values.hpp"
#include "runtime/config/fields.hpp"
#include "runtime/system/account.hpp"

namespace moorage {

namespace {

std::string all_lines(const std::vector<config_problem>& problems) {
  std::string result;
  for (const auto& each : problems)
    result += (result.empty() ? "" : "\n") + to_string(each);
  return result;
}

std::size_t index_of(std::string_view field) {
  auto fields = cluster_fields();
  auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& x) { return x.name == field; });
  return static_cast<std::size_t>(found - fields.begin());
}

std::string assign(cluster_config& target, const setting<cluster_settings>& field, const std::string& text,
                   bool again) {
  setting_value value;
  if (auto wrong = parse_value(field, text, value); !wrong.empty())
    return wrong;
  if (field.type == setting_type::file_list || field.type == setting_type::text_list) {
    auto& files = std::get<std::vector<std::string>>(value);
    for (const auto& file : files)
      if (auto wrong = field.texts ? std::string{} : check_file(field, file); !wrong.empty())
        return wrong;
    if (again) {
      auto earlier = std::get<std::vector<std::string>>(field.get(target.settings));
      files.insert(files.begin(), earlier.begin(), earlier.end());
    }
  }
  field.set(target.settings, value);
  target.note_origin(field.name, {setting_origin::source::command_line, 0});
  return {};
}

} // namespace

std::string to_string(const config_problem& problem) {
  // Keys are what the file says they are, and they may say anything.
  auto result = printable(problem.file, printable_whole);
  if (problem.line != 0)
    result += ":" + std::to_string(problem.line);
  if (problem.line != 0 && problem.column != 0)
    result += ":" + std::to_string(problem.column);
  if (!result.empty())
    result += ": ";
  if (!problem.key.empty())
    result += printable(problem.key) + ": ";
  return result + printable(problem.text, printable_whole);
}

config_error::config_error(std::vector<config_problem> problems)
    : std::runtime_error(all_lines(problems)), problems_(std::move(problems)) {}

setting_origin cluster_config::origin_of(std::string_view field) const {
  auto index = index_of(field);
  return index < origins.size() ? origins[index] : setting_origin{};
}

void cluster_config::note_origin(std::string_view field, setting_origin origin) {
  auto index = index_of(field);
  if (index >= cluster_fields().size())
    return;
  origins.resize(std::max(origins.size(), index + 1));
  origins[index] = origin;
}

const cluster_config* configuration::find(std::string_view name) const {
  auto found =
      std::find_if(clusters.begin(), clusters.end(), [&](const auto& x) { return x.settings.name == name; });
  return found == clusters.end() ? nullptr : &*found;
}

std::vector<std::string> configuration::cluster_names() const {
  std::vector<std::string> result;
  for (const auto& each : clusters)
    result.push_back(each.settings.name);
  return result;
}

configuration load_config(const std::filesystem::path& file) {
  auto result = try_load_config(file);
  if (!result)
    throw config_error{std::move(result.problems)};
  return std::move(result.value);
}

std::string find_config_file() {
  if (auto named = environment("MOORAGE_CONFIG"); !named.empty())
    return named;
  auto folder = environment("XDG_CONFIG_HOME");
  // The XDG specification tells to ignore a relative one.
  if (!folder.starts_with('/'))
    folder = expand_home("~/.config");
  for (const auto& candidate : {folder + "/moorage/moorage.toml", std::string{"/etc/moorage/moorage.toml"}})
    if (access(candidate.c_str(), F_OK) == 0)
      return candidate;
  return {};
}

failure resolve_cluster(const configuration& from, const std::string& name, cluster_config& result) {
  if (const auto* known = from.find(name)) {
    result = *known;
    return {};
  }
  if (name.find_first_of("@:") == std::string::npos) {
    auto names = from.cluster_names();
    auto text = "no cluster '" + printable(name) + "' in " +
                (from.file.empty() ? "the configuration: there is no file" : from.file);
    if (auto meant = did_you_mean(name, names); !meant.empty())
      text += "; did you mean " + meant + "?";
    else if (!names.empty()) {
      text += "; there are ";
      for (const auto& each : names)
        text += (&each == &names.front() ? "" : ", ") + each;
    }
    return {errc::unknown_cluster, text + " (one that is in no file is written user@host:port)"};
  }
  auto destination = from.defaults;
  if (auto wrong = parse_destination(name, destination.settings); wrong.code != errc::none)
    return wrong;
  for (const auto& field : cluster_fields())
    if (field.get(destination.settings) != field.get(from.defaults.settings))
      destination.note_origin(field.name, {setting_origin::source::destination, 0});
  result = std::move(destination);
  return {};
}

std::vector<config_problem> check_files(const configuration& from, const cluster_config& of) {
  using source = setting_origin::source;
  std::vector<config_problem> problems;
  for (const auto& field : cluster_fields()) {
    if (!field.must_exist)
      continue;
    auto origin = of.origin_of(field.name);
    auto in_file = origin.from == source::defaults || origin.from == source::cluster;
    auto section = origin.from == source::defaults ? std::string{"defaults"} : "clusters." + of.settings.name;
    // By the name that whoever wrote it knows it by.
    auto ssh_name = [&](const std::string& file) {
      auto by = std::find_if(of.named_by.begin(), of.named_by.end(),
                             [&](const auto& each) { return each.first == file; });
      return by == of.named_by.end() ? std::string{} : by->second;
    };
    auto value = field.get(of.settings);
    const auto& files = std::get<std::vector<std::string>>(value);
    for (std::size_t i = 0; i < files.size(); ++i) {
      auto wrong = check_file(field, files[i]);
      if (wrong.empty())
        continue;
      if (auto named = ssh_name(files[i]); !named.empty())
        problems.push_back({"", 0, 0, std::move(named), std::move(wrong)});
      else
        problems.push_back({in_file ? from.file : "", in_file ? origin.line : 0, 0,
                            section + "." + std::string{field.name} + "[" + std::to_string(i) + "]",
                            std::move(wrong)});
    }
  }
  return problems;
}

std::vector<config_problem> override_settings(cluster_config& target,
                                              const std::vector<std::string>& assignments) {
  std::vector<config_problem> problems;
  auto result = target;
  std::set<std::string> seen;
  for (const auto& assignment : assignments) {
    auto equals = assignment.find('=');
    auto key = assignment.substr(0, equals);
    const auto* field = find_cluster_field(key);
    std::string wrong;
    if (equals == std::string::npos) {
      wrong = "no value; allowed: KEY=VALUE";
    } else if (field == nullptr) {
      auto meant = did_you_mean(key, cluster_field_names());
      wrong = "there is no such setting" + (meant.empty() ? "" : "; did you mean " + meant + "?");
    } else {
      wrong = assign(result, *field, assignment.substr(equals + 1), !seen.insert(key).second);
    }
    if (!wrong.empty())
      problems.push_back({"", 0, 0, "-o " + key, wrong});
  }
  const bool whole = !target.settings.host.empty() || !target.settings.hosts.empty();
  if (problems.empty() && whole && !target.settings.name.empty()) // not the defaults
    if (auto wrong = check_settings(result.settings); wrong.code != errc::none) {
      auto field = wrong.text.substr(0, wrong.text.find(':'));
      problems.push_back({"", 0, 0,
                          "'" + target.settings.name + "'" + (seen.contains(field) ? ": -o " : ": ") + field,
                          wrong.text.substr(std::min(wrong.text.size(), field.size() + 2))});
    }
  if (problems.empty())
    target = std::move(result);
  return problems;
}

const std::vector<std::string>& log_levels() {
  static const std::vector<std::string> levels{"trace", "debug",    "info", "warning",
                                               "error", "critical", "off"};
  return levels;
}

std::string describe_origin(const configuration& from, const cluster_config& of, setting_origin origin) {
  auto place = std::filesystem::path{from.file}.filename().string() + ":" + std::to_string(origin.line);
  switch (origin.from) {
  case setting_origin::source::defaults:
    return place + " [defaults]";
  case setting_origin::source::cluster:
    return place + " [clusters." + of.settings.name + "]";
  case setting_origin::source::destination:
    return "destination";
  case setting_origin::source::command_line:
    return "command line";
  case setting_origin::source::ssh_config:
    return "ssh -G " + of.settings.ssh_host;
  case setting_origin::source::built_in:
    break;
  }
  return "default";
}

} // namespace moorage
