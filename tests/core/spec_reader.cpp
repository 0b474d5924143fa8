// From TOML to a case. Whatever is not in the format is refused: a key that is passed over would be a promise
// that nobody looks at.
#include <algorithm>
#include <optional>
#include <utility>

#include <toml++/toml.h>

#include "messages/written_values.hpp"
#include "tests/core/spec_case.hpp"
#include "tests/core/spec_words.hpp"

namespace moorage::test::spec {

namespace {

class case_reader {
public:
  explicit case_reader(const std::string& file) { case_.file = file; }

  pool_case read(const toml::table& root) {
    for (auto&& [key, node] : root)
      if (std::find(sections().begin(), sections().end(), key.str()) == sections().end())
        wrong(node, std::string{key.str()}, "there is no such key; " + allowed(sections()));
    case_.description = text_at(root, "description");
    case_.topic = text_at(root, "topic");
    if (std::find(topics().begin(), topics().end(), case_.topic) == topics().end())
      wrong(*root.get("topic"), "topic", "there is no topic '" + case_.topic + "'; " + allowed(topics()));
    if (root.contains("reference"))
      case_.reference = text_at(root, "reference");
    if (const auto* node = root.get("settings"))
      for (auto&& [key, each] : table_of(*node, "settings"))
        case_.settings.emplace(key.str(), setting(each, std::string{key.str()}, "settings"));
    change(case_.settings, root, "settings");
    if (const auto* node = root.get("world"))
      case_.world = keys(table_of(*node, "world"), world_keys(), "world");
    for (const auto& node : list_of(root, "steps"))
      read_step(node);
    for (const auto& node : list_of(root, "ignore"))
      read_ignored(node);
    for (const auto& node : list_of(root, "events"))
      read_group(node);
    read_outcomes(root);
    if (!root.contains("status"))
      wrong(root, "status", "is missing: what the pool says of itself in the end");
    case_.status = keys(table_of(*root.get("status"), "status"), status_keys(), "status");
    return std::move(case_);
  }

private:
  [[noreturn]] void wrong(const toml::node& node, const std::string& key, const std::string& what) const {
    auto line = node.source().begin.line;
    throw malformed{case_.file + ":" + std::to_string(line) + ": " + key + ": " + what};
  }

  template <class Words>
  static std::string allowed(const Words& words) {
    std::string text = "allowed: ";
    for (const auto& each : words)
      text += (&each == &*std::begin(words) ? "" : ", ") + std::string{each};
    return text;
  }

  template <class Rules>
  static std::string allowed_names(const Rules& rules) {
    std::vector<std::string_view> names;
    for (const auto& each : rules)
      names.push_back(each.name);
    return allowed(names);
  }

  std::string text_at(const toml::table& root, const std::string& key) const {
    const auto* node = root.get(key);
    if (node == nullptr || !node->is_string() || (**node->as_string()).empty())
      wrong(node == nullptr ? root : *node, key, "must be a text");
    return **node->as_string();
  }

  const toml::table& table_of(const toml::node& node, const std::string& where) const {
    if (!node.is_table())
      wrong(node, where, "must be a table");
    return *node.as_table();
  }

  const toml::array& list_of(const toml::table& root, const std::string& key) const {
    const auto* node = root.get(key);
    if (node == nullptr || !node->is_array())
      wrong(node == nullptr ? root : *node, key, "must be a list");
    return *node->as_array();
  }

  // --- values

  setting_value setting(const toml::node& node, const std::string& key, const std::string& where) const {
    const auto* rules = find_cluster_field(key);
    auto path = where + "." + key;
    if (rules == nullptr)
      wrong(node, path, "there is no such setting");
    std::optional<setting_value> read;
    if (rules->type == setting_type::boolean && node.is_boolean())
      read = **node.as_boolean();
    else if (rules->type == setting_type::count && node.is_integer() && **node.as_integer() >= 0)
      read = static_cast<std::uint64_t>(**node.as_integer());
    else if (rules->type == setting_type::text && node.is_string())
      read = **node.as_string();
    else if (rules->type == setting_type::duration && node.is_string())
      if (auto length = parse_duration(**node.as_string()))
        read = *length;
    if (rules->type == setting_type::choice && node.is_string())
      for (std::uint64_t i = 0; i < rules->choices.size(); ++i)
        if (rules->choices[i] == **node.as_string())
          read = i;
    if (!read)
      wrong(node, path, "allowed: " + allowed_values(*rules));
    if (auto why = check_value(*rules, *read); !why.empty())
      wrong(node, path, why);
    return *read;
  }

  value read_value(const toml::node& node, const key_rule& rule, const std::string& path) {
    if (rule.type == key_type::flag) {
      if (!node.is_boolean())
        wrong(node, path, "must be true or false");
      return **node.as_boolean();
    }
    if (rule.type == key_type::number || rule.type == key_type::connection) {
      auto least = rule.type == key_type::connection ? 1 : 0;
      if (!node.is_integer() || **node.as_integer() < least)
        wrong(node, path, "must be a number, " + std::to_string(least) + " or more");
      return **node.as_integer();
    }
    if (!node.is_string())
      wrong(node, path, "must be a text");
    const auto& text = **node.as_string();
    if (rule.type == key_type::patience && text == "forever")
      return forever;
    if (rule.type == key_type::time || rule.type == key_type::patience) {
      auto length = parse_duration(text);
      if (!length)
        wrong(node, path, "'" + text + "' is no time; allowed: such as 250ms, 30s, 5min, 1h30min");
      return *length;
    }
    check_word(node, rule, text, path);
    return text;
  }

  void check_word(const toml::node& node, const key_rule& rule, const std::string& text,
                  const std::string& path) {
    auto words = words_for(rule);
    if (!words.empty() && std::find(words.begin(), words.end(), text) == words.end())
      wrong(node, path, "there is no '" + text + "'; " + allowed(words));
    if (text.empty())
      wrong(node, path, "must not be empty");
    if (rule.type == key_type::name && !named_.insert(text).second)
      wrong(node, path, "'" + text + "' stands for something else already");
    if (rule.type == key_type::acquire && !acquires_.contains(text))
      wrong(node, path, "nobody has acquired '" + text + "' before");
  }

  values keys(const toml::table& table, const std::vector<key_rule>& rules, const std::string& where,
              const std::set<std::string_view>& but = {}) {
    values result;
    for (auto&& [key, node] : table) {
      if (but.contains(key.str()))
        continue;
      const auto* rule = find(rules, key.str());
      if (rule == nullptr)
        wrong(node, where + "." + std::string{key.str()}, "there is no such key; " + allowed_names(rules));
      result.emplace(key.str(), read_value(node, *rule, where + "." + std::string{key.str()}));
    }
    for (const auto& rule : rules)
      if (rule.required && !result.contains(std::string{rule.name}))
        wrong(table, where + "." + std::string{rule.name}, "is missing");
    return result;
  }

  /// The values against each other.
  void change(const settings& changed, const toml::node& node, const std::string& where) {
    now_ = apply(changed, now_);
    if (auto unfit = check_settings(now_); unfit.code != errc::none)
      wrong(node, where, unfit.text);
  }

  // --- sections

  /// Which operation or event a table is: the value of its key `kind_key`.
  const word& word_of(const toml::table& table, const char* kind_key, const std::vector<word>& words,
                      const std::string& where) const {
    const auto* node = table.get(kind_key);
    if (node == nullptr || !node->is_string())
      wrong(table, where + "." + kind_key, "must be a text; " + allowed_names(words));
    const auto* found = find(words, **node->as_string());
    if (found == nullptr)
      wrong(*node, where + "." + kind_key,
            "there is no '" + **node->as_string() + "'; " + allowed_names(words));
    return *found;
  }

  void read_step(const toml::node& node) {
    auto where = "steps[" + std::to_string(case_.steps.size()) + "]";
    const auto& table = table_of(node, where);
    const auto& operation = word_of(table, "do", operations(), where);
    step read{std::string{operation.name}, {}, {}, where};
    std::set<std::string_view> read_already{"do"};
    if (operation.name == "set")
      for (auto&& [key, each] : table)
        if (find_cluster_field(key.str()) != nullptr) {
          read.changed.emplace(key.str(), setting(each, std::string{key.str()}, where));
          read_already.insert(key.str());
        }
    read.keys = keys(table, operation.keys, where, read_already);
    change(read.changed, node, where);
    if (operation.name == "acquire")
      acquires_.insert(std::get<std::string>(read.keys.at("label")));
    case_.steps.push_back(std::move(read));
  }

  void read_ignored(const toml::node& node) {
    if (!node.is_string() || find(event_kinds(), **node.as_string()) == nullptr)
      wrong(node, "ignore", "must be kinds of events; " + allowed_names(event_kinds()));
    case_.ignored.insert(**node.as_string());
  }

  event read_event(const toml::node& node, const std::string& where) {
    const auto& table = table_of(node, where);
    const auto& kind = word_of(table, "event", event_kinds(), where);
    auto rules = kind.keys;
    rules.insert(rules.end(), event_times().begin(), event_times().end());
    event read{std::string{kind.name}, keys(table, rules, where, {"event"})};
    if (case_.ignored.contains(read.kind))
      wrong(node, where, "'" + read.kind + "' is expected and ignored");
    if (auto label = read.keys.find("label");
        label != read.keys.end() && !named_.contains(std::get<std::string>(label->second)))
      wrong(node, where + ".label", "nothing is called '" + std::get<std::string>(label->second) + "'");
    return read;
  }

  void read_group(const toml::node& node) {
    auto where = "events[" + std::to_string(case_.events.size()) + "]";
    std::vector<event> group;
    if (const auto* list = node.as_array())
      for (const auto& each : *list)
        group.push_back(read_event(each, where));
    else
      group.push_back(read_event(node, where));
    case_.events.push_back(std::move(group));
  }

  void read_outcomes(const toml::table& root) {
    const auto* node = root.get("outcomes");
    if (node == nullptr)
      wrong(root, "outcomes", "is missing: what became of each acquire and of each answer with a name");
    for (auto&& [key, each] : table_of(*node, "outcomes")) {
      auto path = "outcomes." + std::string{key.str()};
      if (!named_.contains(std::string{key.str()}))
        wrong(each, path, "nothing is called so");
      auto acquired = acquires_.contains(std::string{key.str()});
      auto text = each.is_string() ? **each.as_string() : std::string{};
      auto words = words_for({"error", key_type::error});
      words.emplace_back("waiting");
      words.emplace_back(acquired ? "granted" : "done");
      if (std::find(words.begin(), words.end(), text) == words.end())
        wrong(each, path, "there is no outcome '" + text + "'; " + allowed(words));
      case_.outcomes.emplace(key.str(), text);
    }
    for (const auto& name : named_)
      if (!case_.outcomes.contains(name))
        wrong(*node, "outcomes." + name, "is missing");
  }

  pool_case case_;
  cluster_settings now_ = any_cluster();
  std::set<std::string> named_;    ///< acquires and answers
  std::set<std::string> acquires_; ///< of them
};

} // namespace

pool_case read_case(std::string_view text, const std::string& file) {
  try {
    return case_reader{file}.read(toml::parse(text, file));
  } catch (const toml::parse_error& error) {
    throw malformed{file + ":" + std::to_string(error.source().begin.line) +
                    ": not TOML: " + std::string{error.description()}};
  }
}

cluster_settings any_cluster() {
  cluster_settings result;
  result.channels_per_connection = 1; // the specification's own default: what sharing one does is to be said
  result.name = "lumi";
  result.host = "lumi.example.org";
  return result;
}

cluster_settings apply(const settings& changed, cluster_settings to, const std::string& ignored) {
  for (const auto& [name, setting] : changed)
    if (name != ignored)
      find_cluster_field(name)->set(to, setting);
  return to;
}

} // namespace moorage::test::spec
