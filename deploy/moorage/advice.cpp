#include "deploy/moorage/advice.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "messages/printable.hpp"
#include "messages/settings_table.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/system/account.hpp"

namespace moorage::cli {

namespace {

std::string fit_for_shell(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%:,";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos)
    return word;
  std::string result = "'";
  for (char c : word)
    result += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return result + "'";
}

bool asks_for_secrets(const cluster_settings* known) {
  return known != nullptr && !(known->password_secret.empty() && known->passphrase_secret.empty());
}

// Whether the cluster asks the agent that its process's environment names.
bool asks_usual_agent(const cluster_settings* known) {
  return known != nullptr && known->agent && known->agent_socket.empty();
}

// $SSH_AUTH_SOCK as the node had it when it began, which is what it asks; nothing: that is not ours to know.
std::optional<std::string> agent_of_node(const std::string& socket) {
  constexpr std::string_view name = "SSH_AUTH_SOCK=";
  auto process = node_process(socket);
  std::ifstream file{"/proc/" + (process ? std::to_string(*process) : "none") + "/environ", std::ios::binary};
  if (!file.is_open() || file.peek() == std::ifstream::traits_type::eof())
    return std::nullopt;
  for (std::string each; std::getline(file, each, '\0');)
    if (each.starts_with(name))
      return each.substr(name.size());
  return std::string{};
}

// To whoever has an agent that the node knows nothing of: it may be older than this session's.
std::string advice_about_agent(const options& from, const std::string& cluster, const names_shown& names,
                               const pools_at_hand& reached) {
  auto ours = environment("SSH_AUTH_SOCK");
  if (ours.empty() || reached.socket.empty() || !asks_usual_agent(names.find(cluster)))
    return {};
  auto theirs = agent_of_node(reached.socket);
  if (!theirs || *theirs == ours)
    return {};
  return "the node asks the agent of its own environment (" +
         (theirs->empty() ? "there is none" : printable(*theirs)) +
         "); have it ask yours with: " + admin_command(from, "set", names.of(cluster)) + " agent_socket " +
         fit_for_shell(ours);
}

// `spot`: where something is to be done.
std::string advice_for(const options& from, const failure& reason, const trouble_spot& spot,
                       const names_shown& names, pools_at_hand& reached) {
  std::string result;
  auto add = [&result](const std::string& part) { result += (result.empty() ? "" : "; ") + part; };
  auto no_log_in = spot.code == errc::no_credentials || spot.code == errc::auth_denied;
  // Secrets come from an application that embeds the library; neither the program nor its node has any.
  if (no_log_in && asks_for_secrets(names.find(spot.cluster)))
    add("moorage holds no passwords or passphrases: use a key file without one, or an agent");
  if (reason.code == errc::acquire_timeout && from.patience.count() == 0)
    add("it was not to wait (--wait 0): --wait SECONDS waits that long");
  if (!reached.of_node)
    return result;
  if (auto agent = no_log_in ? advice_about_agent(from, spot.cluster, names, reached) : std::string{};
      !agent.empty())
    add(agent);
  if (is_latched(spot.code))
    add("once that is mended, ask again, since files that have changed are seen; or have the node try again "
        "with: " +
        admin_command(from, "reset", names.of(spot.cluster)));
  if (reason.code == errc::elsewhere && !reached.distant)
    add("a command goes there by itself when it comes over TLS: give certificate, key and authority in "
        "[client] "
        "of the configuration, or --node");
  auto paused = [&] {
    auto pool = reached.pools->pool(from.cluster);
    return pool && !pool->pauses.empty();
  };
  if (reason.code == errc::drained || reason.code == errc::suspended ||
      (reason.code == errc::acquire_timeout && paused()))
    add("resume the pool with: " + admin_command(from, "resume", from.cluster));
  return result;
}

} // namespace

bool is_latched(errc reason) {
  return reason == errc::auth_denied || reason == errc::host_key_unknown ||
         reason == errc::host_key_changed || reason == errc::host_key_revoked ||
         reason == errc::known_hosts_unreadable;
}

bool needs_mending(errc reason) {
  switch (reason) {
  case errc::exec_refused: // a server that forbids commands, or a jump host that forbids forwarding
  case errc::no_credentials:
  case errc::unknown_cluster:
  case errc::unknown_machine:
  case errc::invalid_settings:
  case errc::invalid_request:
  case errc::not_permitted:
  case errc::other_version:
  case errc::local_failure:
  case errc::cluster_removed:
  case errc::drained:
  case errc::suspended:
  case errc::elsewhere:
    return true;
  default:
    return is_latched(reason);
  }
}

std::string same_node(const options& from, const std::string& words) {
  auto config = from.config_file;
  if (const char* named = std::getenv("MOORAGE_CONFIG"); config.empty() && named != nullptr)
    config = named;
  return "moorage" + (config.empty() ? "" : " --config " + fit_for_shell(config)) +
         (from.socket.empty() ? "" : " --socket " + fit_for_shell(from.socket)) +
         (from.node.empty() ? "" : " --node " + fit_for_shell(from.node)) + " " + words;
}

std::string admin_command(const options& from, const std::string& action, const std::string& cluster) {
  return same_node(from, "admin " + action + " " + fit_for_shell(cluster));
}

refusal_told tell_refusal(const options& from, const failure& reason, pools_at_hand& reached,
                          std::optional<names_shown> names) {
  refusal_told told{reason, reason};
  if (is_of_link(reason.code))
    return told;
  if (!names)
    names = ask_for_names(*reached.pools);
  auto spot = trouble_spot_of(from.cluster, reason, *reached.pools, *names);
  told.to_mend = spot.code;
  told.advice = advice_for(from, reason, spot, *names, reached);
  told.shown.text = names->in(std::move(told.shown.text));
  return told;
}

} // namespace moorage::cli
