// The commented sample, made from the table of settings.
#include "messages/settings_text.hpp"
#include "runtime/config.hpp"
#include "runtime/config/fields.hpp"

namespace moorage {

namespace {

constexpr std::size_t width = 100;

std::string wrapped_comment(std::string text) {
  std::string result;
  while (!text.empty()) {
    auto end = text.size();
    if (end > width - 2) {
      end = text.rfind(' ', width - 2);
      end = end == std::string::npos ? text.size() : end;
    }
    result += "# " + text.substr(0, end) + "\n";
    text.erase(0, end + 1);
  }
  return result;
}

std::string describe(const setting_rules& field) {
  auto text = std::string{field.meaning};
  if (auto range = allowed_range(field); !range.empty())
    text += " Allowed: " + range + ".";
  else if (field.type == setting_type::choice)
    text += " Allowed: " + allowed_values(field) + ".";
  if (auto change = change_in_words(field); !change.empty())
    text += " " + std::string{change};
  if (!field.ssh_name.empty())
    text += " As ssh_config(5)'s " + std::string{field.ssh_name} + ".";
  return wrapped_comment(text);
}

std::string described(const setting_rules& field, const setting_value& usual) {
  return describe(field) + "# " + std::string{field.name} + " = " + format_value(field, usual) + "\n";
}

std::string links() {
  return "\n"
         "# Where `moorage serve` also takes links from other machines, by TLS 1.3 with certificates on "
         "both\n"
         "# sides: \"ADDRESS:PORT\" or \"[ADDRESS]:PORT\", or a list of them. It needs the first three "
         "files\n"
         "# below. Without it: nowhere.\n"
         "# listen = \"0.0.0.0:4422\"\n\n"
         "# In PEM: the node's certificate, with those between it and the authority behind it; its private\n"
         "# key; whose certificates are believed of clients; a list of those that are revoked (CRL), if "
         "there\n"
         "# is one.\n"
         "# certificate = \"node.pem\"\n"
         "# key = \"node.key\"\n"
         "# authority = \"authority.pem\"\n"
         "# revoked = \"revoked.pem\"\n\n"
         "# Which of [nodes] this one is: it has the clusters whose node it is, or that have none.\n"
         "# name = \"gw1\"\n\n"
         "# The nodes of a site by name, and where each listens over TLS; the same in each one's file and "
         "in\n"
         "# their clients'. A cluster's pool is on one of them, which its table names (node = \"gw1\"). A\n"
         "# client asks any, and is led to the one that has the cluster. `moorage admin move` moves it.\n"
         "#\n"
         "# [nodes]\n"
         "# gw1 = \"gw1.example.org:4422\"\n"
         "# gw2 = \"gw2.example.org:4422\"\n"
         "\n[client]\n\n"
         "# A node on another machine that commands go to, \"HOST:PORT\" or a name in [nodes] (none: any of\n"
         "# [nodes], with the three files below); and what is shown to it, in PEM.\n"
         "# node = \"gw1.example.org:4422\"\n"
         "# certificate = \"client.pem\"\n"
         "# key = \"client.key\"\n"
         "# authority = \"authority.pem\"\n"
         "# Another user of this machine whose node on a Unix-domain socket is trusted, besides our own and\n"
         "# root's: whoever runs a node sees all that its clients do.\n"
         "# socket_user = \"moorage\"\n\n"
         "# What clients from other machines and other users of this one may do, which is nothing but what\n"
         "# tables such as this one allow; there may be many. certificate: \"uri:URI\", \"dns:NAME\" or\n"
         "# \"subject:SUBJECT\" (as RFC 2253 writes it); in its place user or group, of this machine, by "
         "name or\n"
         "# number (everybody can then open the node's socket, and is asked who they are). clusters: names, "
         "in which * stands for any text and ? for one character; none "
         "matches\n"
         "# a destination such as user@host. allow: \"use\" is leases and commands, \"observe\" all that can "
         "be\n"
         "# asked, \"admin\" every order as well; what is for all clusters at once needs it on \"*\".\n"
         "#\n"
         "# [[access]]\n"
         "# certificate = \"dns:login2.example.org\"\n"
         "# clusters = [\"lumi\", \"test-*\"]\n"
         "# allow = [\"use\", \"observe\"]\n";
}

} // namespace

std::string sample_config() {
  auto result = std::string{
      "# moorage's configuration. The program reads the first of: the file named by --config, the one\n"
      "# named by $MOORAGE_CONFIG, ~/.config/moorage/moorage.toml, /etc/moorage/moorage.toml.\n"
      "# `moorage config` shows the settings in force, and where each comes from.\n"
      "#\n"
      "# One table for each cluster; all it needs is a host, or several machines as\n"
      "# hosts = [\"login1.example.org\", \"login2.example.org\"]:\n"
      "#\n"
      "# [clusters.lumi]\n"
      "# host = \"login.example.org\"\n"
      "# user = \"me\"\n"
      "# key_files = [\"~/.ssh/id_ed25519\"]\n"
      "\n"
      "# What every cluster starts from; a cluster's own table overrides it. Each is shown with its "
      "default.\n"
      "[defaults]\n"};
  std::string_view section;
  for (const auto& field : cluster_fields()) {
    if (field.own)
      continue;
    if (field.section != section)
      result += "\n# --- " + std::string{section = field.section} + " ---\n";
    result += "\n" + described(field, field.get(cluster_settings{}));
  }
  return result +
         "\n[limits]\n\n"
         "# Log-ins under way at once, of all clusters together; one that hangs cannot take more than half.\n"
         "# 0: no limit.\n"
         "# connects_at_once = 32\n\n"
         "# Health checks in flight at once, of all clusters together; a cluster whose servers hang cannot "
         "take\n"
         "# more than half. The others wait for their turn. 0: no limit.\n"
         "# probes_at_once = 200\n"
         "\n[node]\n\n"
         "# Where `moorage serve` listens, and where the other commands look for it.\n"
         "# Empty: $XDG_RUNTIME_DIR/moorage/node.sock, or, where a machine gives its users no such folder,\n"
         "# ~/.local/state/moorage/node-MACHINE.sock\n"
         "# socket = \"\"\n\n" +
         described(node_start_rules(), std::uint64_t{0}) + "\n" +
         described(node_idle_end_rules(), configuration{}.node_idle_end) + links() +
         "\n[log]\n\n"
         "# \"trace\", \"debug\", \"info\", \"warning\", \"error\", \"critical\" or \"off\"\n"
         "# level = \"warning\"\n\n"
         "# Empty: standard error, of a node; of other commands with -v.\n"
         "# file = \"\"\n";
}

} // namespace moorage
