// From TOML to a configuration. The only file that sees toml++.
#include <algorithm>
#include <array>
#include <map>

namespace moorage {

/// What the parser assumes of a text, and does not hold.
struct broken_assumption {};
[[noreturn]] inline void refuse_text() {
  throw broken_assumption{};
}

} // namespace moorage

// Some texts that are no TOML are not as the parser assumes (a comma where a value begins). They are to be
// refused, whether or not a build checks assumptions: unchecked the parser goes on somehow, and checked by
// assert it ends the process.
#ifdef NDEBUG
#define MOORAGE_WITHOUT_ASSERT
#undef NDEBUG
#endif
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : ::moorage::refuse_text())
#include <toml++/toml.h>
#ifdef MOORAGE_WITHOUT_ASSERT
#define NDEBUG
#endif

#include "messages/settings_text.hpp"
#include "messages/written_values.hpp"
#include "runtime/config.hpp"
#include "runtime/config/fields.hpp"
#include "runtime/config/text.hpp"
#include "runtime/system/account.hpp"

namespace moorage {

namespace {

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

setting_rules text_rules(setting_type type) {
  setting_rules result;
  result.type = type;
  return result;
}

class reader {
public:
  explicit reader(const std::filesystem::path& file) : folder_(file.parent_path()) {
    result_.value.file = file.string();
  }

  config_result read(std::string_view text) {
    if (auto unfit = find_unfit(text)) {
      result_.problems.push_back(
          {result_.value.file, unfit->line, unfit->column, "", std::string{unfit->what}});
      return std::move(result_);
    }
    try {
      read_root(toml::parse(text, result_.value.file));
    } catch (const toml::parse_error& error) {
      // The parser gives up at the first of these, so there is nothing to be told besides.
      problem(error.source(), "", "not TOML: " + std::string{error.description()});
    } catch (const broken_assumption&) {
      problem({}, "", "not TOML, in a way that does not say where: look for a bracket or comma too many");
    }
    std::stable_sort(result_.problems.begin(), result_.problems.end(),
                     [](const auto& left, const auto& right) {
                       return std::pair{left.line, left.column} < std::pair{right.line, right.column};
                     });
    if (!result_.problems.empty())
      result_.value = {};
    return std::move(result_);
  }

private:
  void problem(const toml::source_region& where, std::string key, std::string text) {
    result_.problems.push_back(
        {result_.value.file, where.begin.line, where.begin.column, std::move(key), std::move(text)});
  }

  void unknown_key(const toml::key& key, std::string_view section, std::string_view what,
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

  void read_root(const toml::table& root) {
    const toml::table* clusters = nullptr;
    for (auto&& [key, node] : root) {
      constexpr std::array sections{"defaults", "clusters", "limits", "node", "log"};
      if (std::find(sections.begin(), sections.end(), key.str()) == sections.end()) {
        unknown_key(key, "", "section", {sections.begin(), sections.end()});
        continue;
      }
      const auto* section = node.as_table();
      if (section == nullptr)
        problem(node.source(), std::string{key.str()},
                type_in_words(node) + " is the wrong type; allowed: a table, begun with [" +
                    std::string{key.str()} + "]");
      else if (key == "clusters")
        clusters = section;
      else if (key == "defaults")
        read_settings(*section, "defaults", result_.value.defaults, setting_origin::source::defaults);
      else if (key == "limits")
        read_limits(*section);
      else if (key == "node")
        read_node(*section);
      else
        read_log(*section);
    }
    auto broken_defaults = !result_.problems.empty();
    if (!broken_defaults)
      check_defaults(root);
    if (clusters != nullptr)
      read_clusters(*clusters, broken_defaults);
  }

  // The values of [defaults] against each other: a cluster that is otherwise sound stands in.
  void check_defaults(const toml::table& root) {
    auto probe = result_.value.defaults;
    probe.settings.name = "defaults";
    probe.settings.host = "localhost";
    if (const auto* node = root.get("defaults"))
      check_whole(probe, "defaults", node->source());
  }

  void read_clusters(const toml::table& clusters, bool broken_defaults) {
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
        problem(node->source(), section,
                type_in_words(*node) + " is the wrong type; allowed: a table, begun with [" + section + "]");
      else
        read_cluster(*key, *table, section, broken_defaults);
    }
  }

  void read_cluster(const toml::key& key, const toml::table& table, const std::string& section,
                    bool broken_defaults) {
    auto cluster = result_.value.defaults;
    cluster.settings.name = key.str();
    auto before = result_.problems.size();
    read_settings(table, section, cluster, setting_origin::source::cluster);
    if (!table.contains("host"))
      problem(key.source(), section, "host is missing; allowed: the name or address of the login node");
    if (!broken_defaults && result_.problems.size() == before)
      check_whole(cluster, section, key.source());
    result_.value.clusters.push_back(std::move(cluster));
  }

  // What only the values together can show. The failure's text begins with the key.
  void check_whole(const cluster_config& cluster, const std::string& section,
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

  void read_settings(const toml::table& table, const std::string& section, cluster_config& target,
                     setting_origin::source source) {
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

  void wrong_type(const setting_rules& rules, const toml::node& node, const std::string& path) {
    problem(node.source(), path,
            type_in_words(node) + " is the wrong type; allowed: " + allowed_values(rules));
  }

  std::optional<setting_value> read_value(const setting_rules& rules, const toml::node& node,
                                          const std::string& path) {
    if (rules.type == setting_type::file_list)
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

  std::optional<setting_value> read_files(const setting_rules& rules, const toml::node& node,
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
        wrong_type(text_rules(setting_type::file), element, place);
      files.push_back(text == nullptr ? "" : anchored(**text));
      if (text != nullptr)
        check_name(rules, files.back(), element.source(), place);
    }
    if (result_.problems.size() != before)
      return std::nullopt;
    return setting_value{std::move(files)};
  }

  // Whether it is there is asked of the cluster that is used: see `check_files`.
  void check_name(const setting_rules& rules, const std::string& name, const toml::source_region& where,
                  const std::string& path) {
    if (auto wrong = check_value(rules, std::vector{name}); !wrong.empty())
      problem(where, path, wrong);
  }

  // A file's name that begins neither with / nor with ~ is taken from where the configuration is.
  std::string anchored(const std::string& name) const {
    if (name.empty() || name.starts_with('/') || name.starts_with('~') || folder_.empty())
      return name;
    return (folder_ / name).lexically_normal().string();
  }

  void read_text(const toml::node& node, const std::string& path, setting_type type, std::string& target) {
    auto value = read_value(text_rules(type), node, path);
    if (!value)
      return;
    target = std::get<std::string>(*value);
    if (type == setting_type::file)
      target = expand_home(anchored(target));
  }

  void read_limits(const toml::table& table) {
    setting_rules rules{.type = setting_type::count, .least = 0, .most = 10'000};
    for (auto&& [key, node] : table) {
      auto* target = key == "connects_at_once" ? &result_.value.connects_at_once
                     : key == "probes_at_once" ? &result_.value.probes_at_once
                                               : nullptr;
      if (target == nullptr)
        unknown_key(key, "limits", "setting", {"connects_at_once", "probes_at_once"});
      else if (auto count = read_value(rules, node, "limits." + std::string{key.str()}))
        *target = static_cast<std::uint32_t>(std::get<std::uint64_t>(*count));
    }
  }

  void read_node(const toml::table& table) {
    for (auto&& [key, node] : table)
      if (key == "socket")
        read_socket(node);
      else if (key == "start")
        read_start(node);
      else if (key != "idle_end")
        unknown_key(key, "node", "setting", {"socket", "start", "idle_end"});
      else if (auto span = read_value(node_idle_end_rules(), node, "node.idle_end"))
        result_.value.node_idle_end = std::get<std::chrono::milliseconds>(*span);
  }

  void read_start(const toml::node& node) {
    if (auto chosen = read_value(node_start_rules(), node, "node.start"))
      result_.value.node_start = static_cast<node_start>(std::get<std::uint64_t>(*chosen));
  }

  void read_socket(const toml::node& node) {
    read_text(node, "node.socket", setting_type::file, result_.value.node_socket);
    // sockaddr_un has 108 bytes, the last of them zero.
    if (result_.value.node_socket.size() > 107)
      problem(node.source(), "node.socket",
              std::to_string(result_.value.node_socket.size()) +
                  " bytes are too long for a socket's name; allowed: 107");
  }

  void read_log(const toml::table& table) {
    auto rules = text_rules(setting_type::choice);
    std::vector<std::string_view> levels{log_levels().begin(), log_levels().end()};
    rules.choices = levels;
    for (auto&& [key, node] : table)
      if (key == "file")
        read_text(node, "log.file", setting_type::file, result_.value.log_file);
      else if (key != "level")
        unknown_key(key, "log", "setting", {"level", "file"});
      else if (auto level = read_value(rules, node, "log.level"))
        result_.value.log_level = log_levels()[std::get<std::uint64_t>(*level)];
  }

  config_result result_;
  std::filesystem::path folder_;
  // Where the value that begins on a line is, for what is found out later. Two values on one line: the last.
  std::map<std::uint32_t, toml::source_position> values_;
};

config_result unreadable(const std::filesystem::path& file, const std::string& why) {
  config_result result;
  result.problems.push_back({file.string(), 0, 0, "", why});
  return result;
}

} // namespace

config_result parse_config(std::string_view text, const std::filesystem::path& file) {
  return reader{file}.read(text);
}

config_result try_load_config(const std::filesystem::path& file) {
  std::string text;
  if (auto wrong = read_config_text(file, text); !wrong.empty())
    return unreadable(file, wrong);
  return parse_config(text, file);
}

} // namespace moorage
