// From TOML to a configuration: the text, its clusters and values.
#include "runtime/config/reader.hpp"

#include <algorithm>
#include <array>

#include "messages/settings_text.hpp"
#include "messages/settings_words.hpp"
#include "messages/written_values.hpp"
#include "runtime/config/fields.hpp"
#include "runtime/config/text.hpp"
#include "runtime/system/account.hpp"

namespace moorage {

std::string type_in_words(const toml::node& node) {
  switch (node.type()) {
  case toml::node_type::table:
    return "a table";
  case toml::node_type::array:
    return "a list";
  case toml::node_type::string:
    return "a string";
  case toml::node_type::integer:
    return "an integer";
  case toml::node_type::floating_point:
    return "a floating-point number";
  case toml::node_type::boolean:
    return "a boolean";
  default:
    return "a date or time";
  }
}

std::string key_path(std::string_view section, std::string_view key) {
  return section.empty() ? std::string{key} : std::string{section} + "." + std::string{key};
}

setting_rules rules_of(setting_type type) {
  setting_rules result;
  result.type = type;
  return result;
}

config_result config_reader::read(std::string_view text) {
  if (auto unfit = find_unfit(text)) {
    result_.problems.push_back(
        {result_.value.file, unfit->line, unfit->column, "", std::string{unfit->what}});
    return std::move(result_);
  }
  try {
    read_root(parse_toml(text, result_.value.file));
  } catch (const toml::parse_error& error) {
    // The parser gives up at the first of these, so there is nothing to be told besides.
    problem(error.source(), "", "not TOML: " + std::string{error.description()});
  } catch (const broken_assumption&) {
    problem({}, "",
            "not TOML, in a way that does not say where: look for a bracket or comma too many, "
            "or a text without quotes");
  }
  std::stable_sort(result_.problems.begin(), result_.problems.end(), [](const auto& left, const auto& right) {
    return std::pair{left.line, left.column} < std::pair{right.line, right.column};
  });
  if (!result_.problems.empty())
    result_.value = {};
  return std::move(result_);
}

void config_reader::problem(const toml::source_region& where, std::string key, std::string text) {
  result_.problems.push_back(
      {result_.value.file, where.begin.line, where.begin.column, std::move(key), std::move(text)});
}

void config_reader::unknown_key(const toml::key& key, std::string_view section, std::string_view what,
                                const std::vector<std::string>& known) {
  auto text = "there is no such " + std::string{what};
  auto meant = did_you_mean(key.str(), known);
  // A word of ssh_config(5) is answered with ours.
  for (const auto& field : cluster_fields())
    if (meant.empty() && !field.ssh_name.empty() &&
        !did_you_mean(key.str(), {std::string{field.ssh_name}}).empty())
      meant = field.name;
  for (const auto& rules : {node_start_rules(), node_idle_end_rules()})
    if (meant.empty() && !rules.ssh_name.empty() &&
        !did_you_mean(key.str(), {std::string{rules.ssh_name}}).empty())
      meant = rules.name;
  if (!meant.empty() && std::find(known.begin(), known.end(), meant) != known.end()) {
    text += "; did you mean " + meant + "?";
  } else {
    text += "; allowed: ";
    for (const auto& each : known)
      text += (&each == &known.front() ? "" : ", ") + each;
  }
  problem(key.source(), key_path(section, key.str()), std::move(text));
}

void config_reader::read_root(const toml::table& root) {
  const toml::table* clusters = nullptr;
  for (auto&& [key, node] : root) {
    constexpr std::array sections{"defaults", "clusters", "limits", "node",
                                  "nodes",    "client",   "access", "log"};
    if (std::find(sections.begin(), sections.end(), key.str()) == sections.end()) {
      unknown_key(key, "", "section", {sections.begin(), sections.end()});
      continue;
    }
    const auto* section = node.as_table();
    if (key == "access")
      read_access(node);
    else if (section == nullptr)
      wrong_type(node, std::string{key.str()}, "a table, begun with [" + std::string{key.str()} + "]");
    else if (key == "clusters")
      clusters = section;
    else if (key == "defaults")
      read_settings(*section, "defaults", result_.value.defaults, setting_origin::source::defaults);
    else if (key == "limits")
      read_limits(*section);
    else if (key == "node")
      read_node(*section);
    else if (key == "nodes")
      read_nodes(*section);
    else if (key == "client")
      read_client(*section);
    else
      read_log(*section);
  }
  auto broken_defaults = !result_.problems.empty();
  if (!broken_defaults)
    check_defaults(root);
  if (clusters != nullptr)
    read_clusters(*clusters, broken_defaults);
  check_nodes(root);
  check_jumps(clusters);
}

// The values of [defaults] against each other: a cluster that is otherwise sound stands in.
void config_reader::check_defaults(const toml::table& root) {
  auto probe = result_.value.defaults;
  probe.settings.name = "defaults";
  probe.settings.host = "localhost";
  if (const auto* node = root.get("defaults"))
    check_whole(probe, "defaults", node->source());
}

void config_reader::read_clusters(const toml::table& clusters, bool broken_defaults) {
  std::vector<std::pair<const toml::key*, const toml::node*>> in_order;
  for (auto&& [key, node] : clusters)
    in_order.emplace_back(&key, &node);
  std::sort(in_order.begin(), in_order.end(), [](const auto& left, const auto& right) {
    return left.first->source().begin < right.first->source().begin;
  });
  for (auto [key, node] : in_order) {
    const auto* table = node->as_table();
    auto section = key_path("clusters", key->str());
    if (table == nullptr)
      wrong_type(*node, section, "a table, begun with [" + section + "]");
    else
      read_cluster(*key, *table, section, broken_defaults);
  }
}

void config_reader::read_cluster(const toml::key& key, const toml::table& table, const std::string& section,
                                 bool broken_defaults) {
  auto cluster = result_.value.defaults;
  cluster.settings.name = key.str();
  auto before = result_.problems.size();
  read_settings(table, section, cluster, setting_origin::source::cluster);
  auto named = table.contains("host") || !cluster.settings.hosts.empty();
  if (!named && !cluster.settings.ssh_host.empty())
    cluster.settings.host = cluster.settings.ssh_host; // until ssh has said what it stands for
  else if (!named && !table.contains("ssh_host") && !table.contains("hosts"))
    problem(
        key.source(), section,
        "host is missing; allowed: the name or address of the login node (or hosts, several; or ssh_host, "
        "a Host of ssh's)");
  if (!broken_defaults && result_.problems.size() == before)
    check_whole(cluster, section, key.source());
  result_.value.clusters.push_back(std::move(cluster));
}

// What only the values together can show. The failure's text begins with the key.
void config_reader::check_whole(const cluster_config& cluster, const std::string& section,
                                const toml::source_region& header) {
  auto found = check_settings(cluster.settings);
  if (found.code == errc::none)
    return;
  auto where = header;
  auto key = section;
  auto text = found.text;
  if (const auto* field = find_cluster_field(text.substr(0, text.find(':')))) {
    key = key_path(section, field->name);
    text.erase(0, std::min(text.size(), text.find(':') + 2));
    if (auto line = cluster.origin_of(field->name).line; line != 0)
      where.begin = values_[line];
  }
  problem(where, key, text);
}

void config_reader::read_settings(const toml::table& table, const std::string& section,
                                  cluster_config& target, setting_origin::source source) {
  for (auto&& [key, node] : table) {
    const auto* field = find_cluster_field(key.str());
    auto path = key_path(section, key.str());
    if (field == nullptr) {
      unknown_key(key, section, "setting", cluster_field_names());
    } else if (field->own && source == setting_origin::source::defaults) {
      problem(key.source(), path, "belongs to one cluster; allowed: in [clusters.NAME]");
    } else if (auto value = read_value(*field, node, path)) {
      field->set(target.settings, *value);
      target.note_origin(field->name, {source, node.source().begin.line});
      values_[node.source().begin.line] = node.source().begin;
    }
  }
}

void config_reader::wrong_type(const toml::node& node, const std::string& path, const std::string& allowed) {
  problem(node.source(), path, type_in_words(node) + " is the wrong type; allowed: " + allowed);
}

void config_reader::wrong_type(const setting_rules& rules, const toml::node& node, const std::string& path) {
  wrong_type(node, path, allowed_values(rules));
}

std::optional<setting_value> config_reader::read_value(const setting_rules& rules, const toml::node& node,
                                                       const std::string& path) {
  if (rules.type == setting_type::file_list || rules.type == setting_type::text_list)
    return read_files(rules, node, path);
  if (rules.type == setting_type::boolean && node.is_boolean())
    return setting_value{**node.as_boolean()};
  auto number = rules.type == setting_type::count || rules.type == setting_type::size;
  setting_value value;
  std::string wrong;
  if (number && node.is_integer()) {
    auto written = **node.as_integer();
    value = static_cast<std::uint64_t>(std::max<std::int64_t>(written, 0));
    wrong = written < 0 ? std::to_string(written) + " is out of range; allowed: " + allowed_values(rules)
                        : check_value(rules, value);
  } else if (rules.type != setting_type::count && rules.type != setting_type::boolean && node.is_string()) {
    wrong = parse_value(rules, **node.as_string(), value);
    if (rules.type == setting_type::file && wrong.empty() && std::get<std::string>(value) != "none")
      value = anchored(std::get<std::string>(value));
  } else {
    wrong_type(rules, node, path);
    return std::nullopt;
  }
  if (!wrong.empty()) {
    problem(node.source(), path, wrong);
    return std::nullopt;
  }
  return value;
}

std::optional<setting_value> config_reader::read_files(const setting_rules& rules, const toml::node& node,
                                                       const std::string& path) {
  const auto* list = node.as_array();
  if (list == nullptr) {
    wrong_type(rules, node, path);
    return std::nullopt;
  }
  std::vector<std::string> files;
  auto before = result_.problems.size();
  for (const auto& element : *list) {
    auto place = path + "[" + std::to_string(files.size()) + "]";
    const auto* text = element.as_string();
    if (text == nullptr)
      wrong_type(rules_of(rules.texts ? setting_type::text : setting_type::file), element, place);
    const bool as_it_is = rules.texts || (rules.must_exist && text != nullptr && **text == no_key_file);
    files.push_back(text == nullptr ? "" : as_it_is ? **text : anchored(**text));
    if (text != nullptr)
      check_name(rules, files.back(), element.source(), place);
  }
  if (result_.problems.size() != before)
    return std::nullopt;
  return setting_value{std::move(files)};
}

// Whether it is there is asked of the cluster that is used: see `check_files`.
void config_reader::check_name(const setting_rules& rules, const std::string& name,
                               const toml::source_region& where, const std::string& path) {
  if (auto wrong = check_value(rules, std::vector{name}); !wrong.empty())
    problem(where, path, wrong);
}

// A file's name that begins neither with / nor with ~ is taken from where the configuration is.
std::string config_reader::anchored(const std::string& name) const {
  if (name.empty() || name.starts_with('/') || name.starts_with('~') || folder_.empty())
    return name;
  return (folder_ / name).lexically_normal().string();
}

void config_reader::read_text(const toml::node& node, const std::string& path, setting_type type,
                              std::string& target) {
  auto value = read_value(rules_of(type), node, path);
  if (!value)
    return;
  target = std::get<std::string>(*value);
  if (type == setting_type::file)
    target = expand_home(anchored(target));
}

namespace {

config_result unreadable(const std::filesystem::path& file, const std::string& why) {
  config_result result;
  result.problems.push_back({file.string(), 0, 0, "", why});
  return result;
}

} // namespace

config_result parse_config(std::string_view text, const std::filesystem::path& file) {
  return config_reader{file}.read(text);
}

config_result try_load_config(const std::filesystem::path& file) {
  std::string text;
  if (auto wrong = read_config_text(file, text); !wrong.empty())
    return unreadable(file, wrong);
  return parse_config(text, file);
}

} // namespace moorage
