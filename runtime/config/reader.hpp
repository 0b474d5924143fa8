// Reads one configuration's text, once. Clusters and values are in reader.cpp, the other sections in
// sections.cpp and links.cpp.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/settings_table.hpp"
#include "runtime/config.hpp"
#include "runtime/config/toml.hpp"

namespace moorage {

std::string type_in_words(const toml::node& node);
std::string key_path(std::string_view section, std::string_view key);
/// Of a value of this type about which nothing else is known.
setting_rules rules_of(setting_type type);

class config_reader {
public:
  explicit config_reader(const std::filesystem::path& file) : folder_(file.parent_path()) {
    result_.value.file = file.string();
  }

  config_result read(std::string_view text);

private:
  void problem(const toml::source_region& where, std::string key, std::string text);
  void unknown_key(const toml::key& key, std::string_view section, std::string_view what,
                   const std::vector<std::string>& known);
  void wrong_type(const toml::node& node, const std::string& path, const std::string& allowed);
  void wrong_type(const setting_rules& rules, const toml::node& node, const std::string& path);

  void read_root(const toml::table& root);
  void check_defaults(const toml::table& root);
  void read_clusters(const toml::table& clusters, bool broken_defaults);
  void read_cluster(const toml::key& key, const toml::table& table, const std::string& section,
                    bool broken_defaults);
  void check_whole(const cluster_config& cluster, const std::string& section,
                   const toml::source_region& header);
  void read_settings(const toml::table& table, const std::string& section, cluster_config& target,
                     setting_origin::source source);

  std::optional<setting_value> read_value(const setting_rules& rules, const toml::node& node,
                                          const std::string& path);
  std::optional<setting_value> read_files(const setting_rules& rules, const toml::node& node,
                                          const std::string& path);
  void check_name(const setting_rules& rules, const std::string& name, const toml::source_region& where,
                  const std::string& path);
  std::string anchored(const std::string& name) const;
  void read_text(const toml::node& node, const std::string& path, setting_type type, std::string& target);

  void read_limits(const toml::table& table);
  void read_node(const toml::table& table);
  void read_start(const toml::node& node);
  void read_socket(const toml::node& node);
  void read_log(const toml::table& table);

  void read_account(const toml::node& node, const std::string& path, const std::string& allowed,
                    std::string& target);
  void read_client(const toml::table& table);
  void read_nodes(const toml::table& table);
  void read_node_name(const toml::node& node);
  void check_nodes(const toml::table& root);
  void check_jumps(const toml::table* clusters);
  void read_listen(const toml::node& node);
  /// One of `node_files`; false: the key is none of them.
  bool read_node_file(const toml::key& key, const toml::node& node, const std::string& section,
                      node_files& target);
  /// Where the table has the key `because`, all but `revoked` must be beside it.
  void need_node_files(const toml::table& table, const std::string& section, std::string_view because);
  void read_access(const toml::node& node);
  void read_access_entry(const toml::table& table, const std::string& section);
  std::optional<std::string> read_word(const toml::node& node, const std::string& path,
                                       const std::string& allowed);
  template <class Take>
  void read_words(const toml::node& node, const std::string& path, const std::string& allowed, bool alone,
                  Take take);

  config_result result_;
  std::filesystem::path folder_;
  // Where the value that begins on a line is, for what is found out later. Two values on one line: the last.
  std::map<std::uint32_t, toml::source_position> values_;
};

} // namespace moorage
