// What is of all clusters together, of the node on its machine, and of the log.
#include "messages/settings_text.hpp"
#include "runtime/config/fields.hpp"
#include "runtime/config/reader.hpp"

namespace moorage {

void config_reader::read_limits(const toml::table& table) {
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

void config_reader::read_node(const toml::table& table) {
  for (auto&& [key, node] : table)
    if (key == "socket")
      read_socket(node);
    else if (key == "start")
      read_start(node);
    else if (key == "listen")
      read_listen(node);
    else if (key == "name")
      read_node_name(node);
    else if (read_node_file(key, node, "node", result_.value.node_tls))
      continue;
    else if (key != "idle_end")
      unknown_key(
          key, "node", "setting",
          {"socket", "start", "idle_end", "name", "listen", "certificate", "key", "authority", "revoked"});
    else if (auto span = read_value(node_idle_end_rules(), node, "node.idle_end"))
      result_.value.node_idle_end = std::get<std::chrono::milliseconds>(*span);
  need_node_files(table, "node", "listen");
}

void config_reader::read_start(const toml::node& node) {
  if (auto chosen = read_value(node_start_rules(), node, "node.start"))
    result_.value.node_start = static_cast<node_start>(std::get<std::uint64_t>(*chosen));
}

void config_reader::read_socket(const toml::node& node) {
  read_text(node, "node.socket", setting_type::file, result_.value.node_socket);
  // sockaddr_un has 108 bytes, the last of them zero.
  if (result_.value.node_socket.size() > 107)
    problem(node.source(), "node.socket",
            std::to_string(result_.value.node_socket.size()) +
                " bytes are too long for a socket's name; allowed: 107");
}

void config_reader::read_log(const toml::table& table) {
  auto rules = rules_of(setting_type::choice);
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

} // namespace moorage
