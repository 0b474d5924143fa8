// What a configuration says of links between machines: where a node listens and by which files it is known,
// whose node a client goes to, and who may do what.
#include <algorithm>
#include <charconv>
#include <utility>

#include "messages/printable.hpp"
#include "messages/written_values.hpp"
#include "runtime/config/access.hpp"
#include "runtime/config/reader.hpp"
#include "runtime/system/account.hpp"

namespace moorage {

namespace {

constexpr const char* addresses = R"("ADDRESS:PORT" or "[ADDRESS]:PORT", or a list of them)";
constexpr const char* hosts = R"("HOST:PORT" or "[ADDRESS]:PORT")";
constexpr const char* client_nodes = R"("HOST:PORT" or "[ADDRESS]:PORT", or a name in [nodes])";
constexpr const char* certificates =
    R"("uri:URI", "dns:NAME" or "subject:SUBJECT" (as RFC 2253 writes it), of a client's certificate)";
constexpr const char* users = "the name or number of a user of this machine";
constexpr const char* groups = "the name or number of a group of this machine";
constexpr const char* patterns =
    R"(a list of clusters' names, of letters, digits, '-', '_' and '.', in which '*' stands for any text and '?' for one character)";
constexpr const char* rights = R"(a list of "use", "observe" and "admin")";
constexpr const char* pem_file = "a PEM file";

bool made_of(std::string_view text, std::string_view further) {
  return std::all_of(text.begin(), text.end(), [further](char c) {
    return has_patterns({&c, 1}) || further.find(c) != std::string_view::npos;
  });
}

bool is_endpoint(std::string_view text, unsigned least_port) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return false;
  auto host = text.substr(0, colon), port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos || !made_of(host, ":%"))
      return false;
  } else if (host.empty() || host.size() > 255 || !made_of(host, "")) {
    return false;
  }
  unsigned number = 0;
  auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc{} && end == port.data() + port.size() && number >= least_port && number <= 65'535;
}

bool may_be_node(std::string_view name) {
  return !name.empty() && name.size() <= 64 && made_of(name, "");
}

// useradd(8) allows less, and directory services give names such as DOMAIN\name and name@domain.
bool may_be_account(const std::string& text) {
  return !text.empty() && text.size() <= 256 && text.front() != '-' &&
         printable(text, printable_whole) == text && text.find_first_of(":/") == std::string::npos;
}

bool names_certificate(const std::string& text) {
  auto named = std::any_of(certificate_kinds.begin(), certificate_kinds.end(), [&text](auto kind) {
    return text.starts_with(kind) && text.size() > kind.size();
  });
  return named && text.size() <= 4'096 && printable(text, printable_whole) == text;
}

} // namespace

std::optional<std::string> config_reader::read_word(const toml::node& node, const std::string& path,
                                                    const std::string& allowed) {
  if (node.is_string())
    return **node.as_string();
  wrong_type(node, path, allowed);
  return std::nullopt;
}

/// `take` says whether a word will do. One that stands alone will where `alone`.
template <class Take>
void config_reader::read_words(const toml::node& node, const std::string& path, const std::string& allowed,
                               bool alone, Take take) {
  auto take_one = [&](const toml::node& from, const std::string& place) {
    if (auto word = read_word(from, place, allowed); word && !take(*word))
      problem(from.source(), place, quote_toml(*word) + " is not understood; allowed: " + allowed);
  };
  const auto* list = node.as_array();
  if (list == nullptr && alone)
    return take_one(node, path);
  if (list == nullptr)
    return wrong_type(node, path, allowed);
  if (list->empty())
    problem(node.source(), path, "the list is empty; allowed: " + allowed);
  for (std::size_t i = 0; i < list->size(); ++i)
    take_one(*list->get(i), path + "[" + std::to_string(i) + "]");
}

void config_reader::read_listen(const toml::node& node) {
  read_words(node, "node.listen", addresses, true, [this](const std::string& word) {
    result_.value.node_listen.push_back(word);
    return is_endpoint(word, 0); // any free one
  });
}

bool config_reader::read_node_file(const toml::key& key, const toml::node& node, const std::string& section,
                                   node_files& target) {
  auto* file = key == "certificate" ? &target.certificate
               : key == "key"       ? &target.key
               : key == "authority" ? &target.authority
               : key == "revoked"   ? &target.revoked
                                    : nullptr;
  if (file == nullptr)
    return false;
  auto before = result_.problems.size();
  auto path = key_path(section, key.str());
  read_text(node, path, setting_type::file, *file);
  if (file->empty() && file != &target.revoked && result_.problems.size() == before)
    problem(node.source(), path, std::string{"the name is empty; allowed: "} + pem_file);
  return true;
}

/// Those that are there but empty are told already.
void config_reader::need_node_files(const toml::table& table, const std::string& section,
                                    std::string_view because) {
  const auto* wanted = table.get(because);
  if (wanted == nullptr)
    return;
  for (const auto* each : {"certificate", "key", "authority"})
    if (!table.contains(each))
      problem(wanted->source(), key_path(section, because),
              std::string{each} + " is missing beside it; allowed: " + pem_file);
}

void config_reader::read_account(const toml::node& node, const std::string& path, const std::string& allowed,
                                 std::string& target) {
  auto word = read_word(node, path, allowed);
  if (word && !may_be_account(*word))
    problem(node.source(), path, quote_toml(*word) + " is not understood; allowed: " + allowed);
  target = word.value_or("");
}

void config_reader::read_client(const toml::table& table) {
  for (auto&& [key, node] : table) {
    if (read_node_file(key, node, "client", result_.value.client_tls) && key != "revoked")
      continue;
    if (key == "socket_user") {
      read_account(node, "client.socket_user", users, result_.value.client_socket_user);
      continue;
    }
    if (key != "node") {
      unknown_key(key, "client", "setting", {"node", "certificate", "key", "authority", "socket_user"});
      continue;
    }
    auto word = read_word(node, "client.node", client_nodes);
    result_.value.client_node = word.value_or("");
  }
  need_node_files(table, "client", "node");
}

/// Each name with its address; what refers to them is looked at once all are known.
void config_reader::read_nodes(const toml::table& table) {
  for (auto&& [key, node] : table) {
    auto path = key_path("nodes", key.str());
    auto name = std::string{key.str()};
    if (!may_be_node(name))
      problem(key.source(), path, "a node's name is at most 64 letters, digits, '-', '_' and '.'");
    auto word = read_word(node, path, hosts);
    if (word && !is_endpoint(*word, 1))
      problem(node.source(), path, quote_toml(*word) + " is not understood; allowed: " + std::string{hosts});
    result_.value.nodes.emplace_back(std::move(name), word.value_or(""));
  }
}

void config_reader::read_node_name(const toml::node& node) {
  if (auto word = read_word(node, "node.name", "the name in [nodes] of this node"))
    result_.value.node_name = *word;
}

/// Names of nodes that [nodes] does not have.
void config_reader::check_nodes(const toml::table& root) {
  const auto& nodes = result_.value.nodes;
  auto known = [&nodes](const std::string& name) {
    return std::any_of(nodes.begin(), nodes.end(), [&name](const auto& each) { return each.first == name; });
  };
  std::string names;
  for (const auto& [name, address] : nodes)
    names += (names.empty() ? "" : ", ") + name;
  auto look = [&](const toml::node* section, const std::string& path, const char* key) {
    const auto* node = section != nullptr && section->is_table() ? section->as_table()->get(key) : nullptr;
    if (node == nullptr || !node->is_string() || node->as_string()->get().empty() ||
        known(node->as_string()->get()))
      return;
    problem(node->source(), key_path(path, key),
            quote_toml(node->as_string()->get()) + " is none of [nodes]; allowed: " +
                (names.empty() ? "none, since [nodes] is not there" : names));
  };
  const auto& client = result_.value.client_node;
  if (const auto* node = root["client"]["node"].node();
      node != nullptr && node->is_string() && !is_endpoint(client, 1) && !known(client))
    problem(node->source(), "client.node",
            quote_toml(client) + " is not understood; allowed: " + client_nodes +
                (names.empty() ? "" : " (" + names + ")"));
  look(root.get("node"), "node", "name");
  look(root.get("defaults"), "defaults", "node");
  if (const auto* clusters = root.get_as<toml::table>("clusters"))
    for (auto&& [key, each] : *clusters)
      look(&each, "clusters." + std::string{key.str()}, "node");
}

// A jump is one of the clusters, and none leads back to where it came from.
void config_reader::check_jumps(const toml::table* clusters) {
  auto find = [this](const std::string& name) -> const cluster_settings* {
    const auto& all = result_.value.clusters;
    auto found = std::find_if(all.begin(), all.end(),
                              [&name](const auto& each) { return each.settings.name == name; });
    return found == all.end() ? nullptr : &found->settings;
  };
  for (const auto& each : result_.value.clusters) {
    const auto& settings = each.settings;
    if (settings.jump.empty() || settings.jump == settings.name) // which was told already
      continue;
    auto wrong = find(settings.jump) == nullptr
                     ? quote_toml(settings.jump) + " is none of [clusters]; allowed: the name of one, " +
                           "which may be a Host of ssh's (ssh_host)"
                     : jump_circle(settings, find);
    if (wrong.empty())
      continue;
    const auto* node = clusters == nullptr ? nullptr : clusters->get(settings.name);
    toml::source_region where = node == nullptr ? toml::source_region{} : node->source();
    if (auto line = each.origin_of("jump").line; line != 0)
      where.begin = values_[line];
    if (wrong.starts_with("jump: "))
      wrong.erase(0, 6);
    problem(where, key_path(key_path("clusters", settings.name), "jump"), wrong);
  }
}

void config_reader::read_access(const toml::node& node) {
  const auto* list = node.as_array();
  if (list == nullptr)
    return wrong_type(node, "access", "tables, each begun with [[access]]");
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto section = "access[" + std::to_string(i) + "]";
    const auto& element = *list->get(i);
    if (const auto* table = element.as_table())
      read_access_entry(*table, section);
    else
      wrong_type(element, section, "a table, begun with [[access]]");
  }
}

void config_reader::read_access_entry(const toml::table& table, const std::string& section) {
  access_entry entry;
  for (auto&& [key, node] : table) {
    auto path = key_path(section, key.str());
    if (key == "certificate") {
      auto word = read_word(node, path, certificates);
      if (word && !names_certificate(*word))
        problem(node.source(), path, quote_toml(*word) + " is not understood; allowed: " + certificates);
      entry.certificate = word.value_or("");
    } else if (key == "user") {
      read_account(node, path, users, entry.user);
    } else if (key == "group") {
      read_account(node, path, groups, entry.group);
    } else if (key == "clusters") {
      read_words(node, path, patterns, false, [&entry](const std::string& word) {
        entry.clusters.push_back(word);
        return !word.empty() && word.size() <= 300 && made_of(word, "*?");
      });
    } else if (key == "allow") {
      read_words(node, path, rights, false, [&entry](const std::string& word) {
        auto found = std::find(access_right_words.begin(), access_right_words.end(), word);
        entry.allow.push_back(static_cast<access_right>(found - access_right_words.begin()));
        return found != access_right_words.end();
      });
    } else {
      unknown_key(key, section, "setting", {"certificate", "user", "group", "clusters", "allow"});
    }
  }
  auto whose = table.contains("certificate") + table.contains("user") + table.contains("group");
  if (whose != 1)
    problem(table.source(), section,
            whose == 0 ? std::string{"whom it is about is missing; allowed: certificate, user or group"}
                       : std::string{"certificate, user and group are each of somebody else; allowed: one of "
                                     "them, and an [[access]] for each other"});
  for (auto [key, allowed] : {std::pair{"clusters", patterns}, {"allow", rights}})
    if (!table.contains(key))
      problem(table.source(), section, std::string{key} + " is missing; allowed: " + allowed);
  result_.value.access.push_back(std::move(entry));
}

} // namespace moorage
