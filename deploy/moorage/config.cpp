// `moorage config`: the settings in force, and where each comes from.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/present.hpp"
#include "deploy/moorage/reach.hpp"
#include "messages/error_words.hpp"
#include "messages/settings_text.hpp"
#include "messages/written_values.hpp"
#include "runtime/config/fields.hpp"

namespace moorage::cli {

using json = nlohmann::ordered_json;

namespace {

bool is_bare_key(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (std::isalnum(c) != 0 && c < 0x80) || c == '-' || c == '_';
  });
}

std::string cluster_text(const configuration& config, const cluster_config& cluster, bool colours) {
  const auto& name = cluster.settings.name;
  auto result = "[clusters." + (is_bare_key(name) ? name : quote_toml(name)) + "]\n";
  std::size_t width = 0;
  std::vector<std::string> lines;
  for (const auto& field : cluster_fields()) {
    lines.push_back(std::string{field.name} + " = " + format_value(field, field.get(cluster.settings)));
    if (columns_of(lines.back()) <= 40)
      width = std::max(width, columns_of(lines.back()));
  }
  auto line = lines.begin();
  for (const auto& field : cluster_fields()) {
    auto origin = cluster.origin_of(field.name);
    auto padding = std::string(width - std::min(width, columns_of(*line)), ' ');
    auto set = origin.from != setting_origin::source::built_in;
    result += *line++ + padding +
              painted("  # " + describe_origin(config, cluster, origin), set ? colour::good : colour::faint,
                      colours) +
              "\n";
  }
  for (const auto& each : cluster.not_followed)
    result += "# " + each + " of ssh's configuration is not followed\n";
  return result;
}

json cluster_json(const configuration& config, const cluster_config& cluster) {
  json result;
  for (const auto& field : cluster_fields()) {
    auto origin = cluster.origin_of(field.name);
    result[name_with_unit(field)] = {{"value", value_json(field, cluster.settings)},
                                     {"origin", describe_origin(config, cluster, origin)}};
  }
  if (!cluster.settings.ssh_host.empty())
    result["ssh_options_not_followed"] = cluster.not_followed;
  return result;
}

json files_json(const node_files& files) {
  return {{"certificate", files.certificate},
          {"key", files.key},
          {"authority", files.authority},
          {"revoked", files.revoked}};
}

// Whom an entry is about, by which key.
std::pair<const char*, const std::string&> named_in(const access_entry& entry) {
  if (!entry.user.empty())
    return {"user", entry.user};
  if (!entry.group.empty())
    return {"group", entry.group};
  return {"certificate", entry.certificate};
}

json access_json(const configuration& config) {
  auto result = json::array();
  for (const auto& each : config.access) {
    auto rights = json::array();
    for (auto right : each.allow)
      rights.push_back(to_string(right));
    json entry{{"clusters", each.clusters}, {"allow", rights}};
    const auto [key, name] = named_in(each);
    entry[key] = name;
    result.push_back(std::move(entry));
  }
  return result;
}

template <class Words>
std::string list_text(const Words& words) {
  std::string result;
  for (const auto& each : words)
    result += (result.empty() ? "" : ", ") + quote_toml(each);
  return "[" + result + "]";
}

std::string files_text(const node_files& files) {
  return "\ncertificate = " + quote_toml(files.certificate) + "\nkey = " + quote_toml(files.key) +
         "\nauthority = " + quote_toml(files.authority) +
         (files.revoked.empty() ? "" : "\nrevoked = " + quote_toml(files.revoked));
}

// Of [node] what is of other machines, where it listens for them.
std::string listen_text(const configuration& config) {
  return config.node_listen.empty()
             ? ""
             : "\nlisten = " + list_text(config.node_listen) + files_text(config.node_tls);
}

std::string distant_text(const configuration& config) {
  std::string result;
  if (!config.node_name.empty())
    result += "\nname = " + quote_toml(config.node_name);
  if (!config.nodes.empty())
    result += "\n\n[nodes]";
  for (const auto& [name, address] : config.nodes)
    result += "\n" + quote_toml(name) + " = " + quote_toml(address);
  if (!config.client_node.empty() || !config.client_tls.certificate.empty() ||
      !config.client_socket_user.empty())
    result += "\n\n[client]";
  if (!config.client_node.empty())
    result += "\nnode = " + quote_toml(config.client_node);
  if (!config.client_tls.certificate.empty())
    result += files_text(config.client_tls);
  if (!config.client_socket_user.empty())
    result += "\nsocket_user = " + quote_toml(config.client_socket_user);
  for (const auto& each : config.access) {
    std::vector<std::string> rights;
    for (auto right : each.allow)
      rights.push_back(to_string(right));
    const auto [key, name] = named_in(each);
    result += "\n\n[[access]]\n" + std::string{key} + " = " + quote_toml(name) +
              "\nclusters = " + list_text(each.clusters) + "\nallow = " + list_text(rights);
  }
  return result;
}

std::string whole_json(const options& from, const configuration& config,
                       const std::vector<cluster_config>& clusters) {
  json result{{"file", config.file.empty() ? json{} : json(config.file)}};
  result["clusters"] = json::object();
  for (const auto& each : clusters)
    result["clusters"][each.settings.name] = cluster_json(config, each);
  result["limits"] = {{"connects_at_once", config.connects_at_once},
                      {"probes_at_once", config.probes_at_once}};
  result["node"] = {{"socket", node_socket(from, config)},
                    {"start", node_start_rules().choices[static_cast<std::size_t>(config.node_start)]},
                    {"idle_end_seconds", seconds_of(config.node_idle_end)},
                    {"name", config.node_name},
                    {"listen", config.node_listen},
                    {"files", files_json(config.node_tls)}};
  result["nodes"] = json::object();
  for (const auto& [name, address] : config.nodes)
    result["nodes"][name] = address;
  result["client"] = {{"node", config.client_node},
                      {"files", files_json(config.client_tls)},
                      {"socket_user", config.client_socket_user}};
  result["access"] = access_json(config);
  result["log"] = {{"level", config.log_level}, {"file", config.log_file}};
  return json_text(result);
}

std::string whole_text(const options& from, const configuration& config,
                       const std::vector<cluster_config>& clusters) {
  auto colours = has_colours(1);
  std::string result = config.file.empty() ? "# no configuration file; see: moorage config --sample\n"
                                           : "# " + config.file + "\n";
  for (const auto& each : clusters)
    result += "\n" + cluster_text(config, each, colours);
  return result + "\n[limits]\nconnects_at_once = " + std::to_string(config.connects_at_once) +
         "\nprobes_at_once = " + std::to_string(config.probes_at_once) +
         "\n\n[node]\nsocket = " + quote_toml(node_socket(from, config)) +
         "\nstart = " + format_value(node_start_rules(), static_cast<std::uint64_t>(config.node_start)) +
         "\nidle_end = " + format_value(node_idle_end_rules(), config.node_idle_end) + listen_text(config) +
         distant_text(config) + "\n\n[log]\nlevel = " + quote_toml(config.log_level) +
         "\nfile = " + quote_toml(config.log_file) + "\n";
}

} // namespace

ending refuse(const failure& reason, const std::string& advice) {
  complain(in_words(reason), lines::many);
  if (!advice.empty())
    complain(advice);
  return {code_for(reason.code), 0};
}

ending run_config(const options& from) {
  if (from.config.sample)
    return say(sample_config());
  auto config = read_configuration(from);
  if (!config)
    return {wrong_config, 0};
  if (from.config.names) {
    std::string names;
    for (const auto& each : config->cluster_names())
      names += each + "\n";
    return say(names);
  }
  signal_watch signals;
  std::vector<cluster_config> clusters;
  if (!from.cluster.empty()) {
    cluster_config chosen;
    if (auto unknown = find_cluster(*config, from.cluster, chosen, signals.token());
        unknown.code != errc::none)
      return signals.caught() != 0 ? ending{wrong_config, signals.caught()} : refuse(unknown);
    clusters = {chosen};
  } else {
    ask_openssh_of_all(from, *config, signals);
    clusters = config->clusters;
  }
  warn_of_files(from, *config, clusters);
  return say(from.json ? whole_json(from, *config, clusters) : whole_text(from, *config, clusters));
}

} // namespace moorage::cli
