// One row a setting. The ranges are wide: they turn down mistakes such as a missing zero, not tastes.
#include "messages/settings_table.hpp"

#include <algorithm>
#include <array>

#include "messages/algorithms.hpp"
#include "messages/settings_entry.hpp"

namespace moorage {

namespace {

using namespace std::string_view_literals;

// In the order of the enumerators.
constexpr std::array policies{"yes"sv, "accept-new"sv, "no"sv};
constexpr std::array families{"any"sv, "inet"sv, "inet6"sv};
constexpr std::array methods{"channel"sv, "exec"sv};
constexpr std::array fallbacks{"prefix"sv, "none"sv};

template <class Enum, std::size_t Size>
std::string spelled(Enum value, const std::array<std::string_view, Size>& words) {
  auto index = static_cast<std::size_t>(value);
  return index < Size ? std::string{words[index]} : std::to_string(index);
}

using S = cluster_settings;
using enum setting_change;

constexpr std::string_view where = "Where, and as whom";

std::vector<field> where_fields() {
  return section(
      where,
      {
          entry<&S::host>("host",
                          "Name or address (IPv4 or IPv6) of the login node. Required, or else hosts.",
                          {.wrong_text = wrong_host_or_none,
                           .on_change = reopens,
                           .example = R"("login.example.org")",
                           .ssh_name = "HostName",
                           .own = true}),
          entry<&S::hosts>("hosts",
                           "Names or addresses of login nodes that are one cluster, in the place of host. "
                           "Empty: host, all of whose addresses are one cluster, too.",
                           {.wrong_text = wrong_host,
                            .on_change = reopens,
                            .example = R"(["login1.example.org", "login2.example.org"])",
                            .own = true,
                            .texts = true}),
          entry<&S::spread>("spread",
                            "Open new connections on the machine that has the fewest, of those that are "
                            "well; else on the one that has the most, so that files in /tmp are where they "
                            "were."),
          entry<&S::port>("port", "TCP port of the SSH server.",
                          {.on_change = reopens, .least = 1, .most = 65'535, .ssh_name = "Port"}),
          entry<&S::user>(
              "user", "User on the cluster. Empty: the user who runs this process.",
              {.wrong_text = wrong_user, .on_change = reopens, .example = R"("me")", .ssh_name = "User"}),
          entry<&S::ssh_host>(
              "ssh_host",
              "A Host of ~/.ssh/config, which says what is not said here. Read by ssh -G at "
              "the start and at a reload. Empty: none.",
              {.wrong_text = wrong_ssh_host, .example = R"("lumi")", .ssh_name = "Host", .own = true}),
          entry<&S::ssh_config>(
              "ssh_config",
              "File that is read for ssh_host, and for clusters that are in no "
              "configuration, in place of ~/.ssh/config and /etc/ssh/ssh_config; \"none\": no "
              "file. Empty: those two.",
              {.wrong_text = wrong_optional_file, .example = R"("~/.ssh/config")"}),
      });
}

std::vector<field> log_in_fields() {
  return section(
      where,
      {
          entry<&S::key_files>(
              "key_files",
              "Private key files, each of which is needed for the cluster to be used; \"none\": no file. "
              "Empty: those of ~/.ssh/id_ed25519, id_ecdsa and id_rsa that exist.",
              {.wrong_text = wrong_file,
               .on_change = reopens,
               .example = R"(["~/.ssh/id_ed25519"])",
               .ssh_name = "IdentityFile",
               .must_exist = true}),
          entry<&S::agent>("agent",
                           "Use the agent at agent_socket; when key_files are listed, for those keys only.",
                           {.on_change = reopens}),
          entry<&S::agent_socket>("agent_socket", "The agent's socket. Empty: $SSH_AUTH_SOCK.",
                                  {.wrong_text = wrong_optional_file,
                                   .on_change = reopens,
                                   .example = R"("~/.1password/agent.sock")",
                                   .ssh_name = "IdentityAgent"}),
          entry<&S::password_secret>(
              "password_secret",
              "Name of the entry in the secret store that holds the password: an "
              "application's that embeds moorage, "
              "since the program keeps no secrets. Empty: no password is tried.",
              {.wrong_text = wrong_secret, .on_change = reopens, .example = R"("lumi-password")"}),
          entry<&S::passphrase_secret>(
              "passphrase_secret",
              "Name of the entry in the secret store that holds the passphrase of "
              "the key files, as password_secret does. Empty: keys must be unlocked.",
              {.wrong_text = wrong_secret, .on_change = reopens, .example = R"("lumi-passphrase")"}),
          entry<&S::auth_methods>("auth_methods",
                                  "Methods of the log-in that may be used, in the order to try. Empty: "
                                  "publickey,password,keyboard-interactive.",
                                  {.wrong_text = wrong_log_in_methods,
                                   .on_change = reopens,
                                   .example = R"("publickey,keyboard-interactive")",
                                   .ssh_name = "PreferredAuthentications"}),
          entry<&S::pubkey_accepted_algorithms>(
              "pubkey_accepted_algorithms",
              "What a key may sign with; one of another kind is not offered. Empty: all but ssh-rsa.",
              {.wrong_text = wrong_public_keys,
               .on_change = reopens,
               .example = R"("-rsa-sha2-256,rsa-sha2-512")",
               .ssh_name = "PubkeyAcceptedAlgorithms"}),
      });
}

std::vector<field> way_fields() {
  return section(
      where,
      {
          entry<&S::known_hosts_files>(
              "known_hosts_files", "Files of known host keys. Empty: the user's and the system's, as ssh(1).",
              {.wrong_text = wrong_file,
               .on_change = reopens,
               .example = R"(["~/.ssh/known_hosts"])",
               .ssh_name = "UserKnownHostsFile"}),
          entry<&S::strict_host_keys>(
              "strict_host_keys",
              "An unknown host key is refused (yes), written down and trusted "
              "(accept-new), or trusted (no). A changed one is always refused.",
              {.on_change = reopens, .choices = policies, .ssh_name = "StrictHostKeyChecking"}),
          entry<&S::hash_known_hosts>("hash_known_hosts", "Write a new host key down under a hashed name.",
                                      {.on_change = new_connections, .ssh_name = "HashKnownHosts"}),
          entry<&S::check_host_ip>(
              "check_host_ip",
              "Known keys of the server's address are compared as well, and a new address is written down "
              "once the name's key is trusted. Not of loopback, nor by a proxy_command or a jump.",
              {.on_change = reopens, .ssh_name = "CheckHostIP"}),
          entry<&S::host_key_algorithms>(
              "host_key_algorithms",
              "Kinds of host keys that the server may show; those of which a key is known come first. Empty: "
              "all but ssh-rsa.",
              {.wrong_text = wrong_host_keys,
               .on_change = reopens,
               .example = R"("ssh-ed25519,rsa-sha2-512")",
               .ssh_name = "HostKeyAlgorithms"}),
          entry<&S::host_key_alias>(
              "host_key_alias",
              "Name under which known_hosts has the host's keys, without a port. Empty: host and port.",
              {.wrong_text = wrong_alias,
               .on_change = reopens,
               .example = R"("lumi")",
               .ssh_name = "HostKeyAlias"}),
          entry<&S::address_family>("address_family",
                                    "Addresses that are tried: any, IPv4 (inet) or IPv6 (inet6).",
                                    {.on_change = reopens, .choices = families, .ssh_name = "AddressFamily"}),
          entry<&S::bind_address>(
              "bind_address",
              "Address of this machine that connections come from, unless they go by a proxy_command or a "
              "jump. Empty: as the system chooses.",
              {.wrong_text = wrong_bind_address,
               .on_change = reopens,
               .example = R"("192.0.2.7")",
               .ssh_name = "BindAddress"}),
          entry<&S::proxy_command>(
              "proxy_command",
              "Command of this machine whose standard input and output are the connection, run by the user's "
              "shell; %h, %p, %r: host, port, user; %%: a percent sign. Empty: none.",
              {.wrong_text = wrong_proxy_command,
               .on_change = reopens,
               .example = R"("ssh -W %h:%p gateway")",
               .ssh_name = "ProxyCommand"}),
          entry<&S::jump>(
              "jump",
              "Cluster whose connections carry this one's: the jump host, with a pool of its own. "
              "Empty: none.",
              {.wrong_text = wrong_jump, .on_change = reopens, .example = R"("gateway")"}),
          entry<&S::node>("node",
                          "Which of [nodes] has the pool; empty: any that is asked. No reload moves it.",
                          {.wrong_text = wrong_node, .example = R"("gw1")"}),
      });
}

std::vector<field> pool_fields() {
  return section(
      "The pool",
      {
          entry<&S::pool_size>("pool_size", "Connections at most, those opening and closing counted.",
                               {.least = 1, .most = 10'000}),
          entry<&S::channels_per_connection>("channels_per_connection",
                                             "Leases that one connection carries at once. sshd refuses more "
                                             "than MaxSessions (10). One whose "
                                             "server refuses a channel earlier carries fewer for a while.",
                                             {.least = 1, .most = 100}),
          entry<&S::carried_max>("carried_max",
                                 "Connections of clusters that have this one as their jump which one "
                                 "connection carries at once.",
                                 {.least = 1, .most = 1'000}),
          entry<&S::spread_leases>("spread_leases",
                                   "Grant the connection with the fewest leases first; else the one with the "
                                   "most that still has room, so that a quiet pool needs fewer."),
          entry<&S::connection_lifetime>(
              "connection_lifetime",
              "Idle connections older than this, less up to 10 % at random, are closed.",
              {.least = 100, .most = 30 * days}),
          entry<&S::idle_timeout>("idle_timeout", "Connections idle for longer are closed, down to min_idle.",
                                  {.least = 100, .most = 30 * days}),
          entry<&S::min_idle>(
              "min_idle",
              "Connections kept ready; no more than pool_size. 0: none is opened before somebody asks.",
              {.least = 0, .most = 10'000}),
          entry<&S::connects_at_once>("connects_at_once",
                                      "Openings in flight at most. sshd drops log-ins at random beyond "
                                      "MaxStartups (10). penalty_max lets fewer begin. 0: no limit.",
                                      {.least = 0, .most = 10'000}),
          entry<&S::log_ins_per_minute>(
              "log_ins_per_minute",
              "Log-ins a minute at most, all clusters of the same host and port together; at once as many as "
              "the largest pool there has connections. 0: no limit for this cluster.",
              {.least = 0, .most = 10'000}),
          entry<&S::penalty_max>(
              "penalty_max",
              "What failed log-ins may have added up to at a server that bans by penalties (sshd_config(5): "
              "PerSourcePenalties, which bans from 15s on). Each log-in under way is reckoned with at 5s, so "
              "that 10s leaves two at once to one host, of all clusters there; at 10s where connect_timeout "
              "is "
              "a minute or more. After a sign of a ban none begins for a while. 0: neither is looked at.",
              {.least = 1'000, .most = 60 * minutes, .zero = true}),
          entry<&S::queue_depth>("queue_depth", "Waiters at most; one more is refused at once.",
                                 {.least = 1, .most = 1'000'000}),
          entry<&S::acquire_timeout>("acquire_timeout", "Patience of an acquire that names none.",
                                     {.least = 1, .most = 1 * days}),
          entry<&S::leak_threshold>("leak_threshold",
                                    "A lease held for longer is told as an event, once. 0: never.",
                                    {.least = 100, .most = 30 * days, .zero = true}),
          entry<&S::leak_reclaim>("leak_reclaim",
                                  "Take back a lease that is held for longer than leak_threshold, and end "
                                  "what runs under it."),
          entry<&S::overload_target>(
              "overload_target",
              "When all waits for a lease have been longer for overload_interval, those who named no "
              "patience are refused after twice as long, the oldest first, until one is shorter. 0: never.",
              {.least = 10, .most = 1 * days, .zero = true}),
          entry<&S::overload_interval>(
              "overload_interval", "How long even the shortest wait must have been above overload_target.",
              {.least = 100, .most = 1 * days}),
      });
}

std::vector<field> health_fields() {
  return section(
      "Health",
      {
          entry<&S::probe_interval>(
              "probe_interval",
              "Between two checks of an idle connection, give or take 20 % at random; doubles with each that "
              "passes, up to probe_interval_max. What answered anything within it needs no check.",
              {.least = 100, .most = 1 * days}),
          entry<&S::probe_interval_max>(
              "probe_interval_max",
              "The longest that probe_interval grows; where this is shorter, it does not grow. An idle "
              "connection is asked 1.2 times so long after it answered or became idle, at the latest, and "
              "twice probe_timeout and a second later for each portion of the pool that may be asked at "
              "once.",
              {.least = 100, .most = 1 * days}),
          entry<&S::probe_interval_unhealthy>("probe_interval_unhealthy",
                                              "Until the next check after one that failed, give or take 20 "
                                              "%; probe_interval, if that is shorter.",
                                              {.least = 100, .most = 1 * days}),
          entry<&S::probe_timeout>("probe_timeout", "One probe.", {.least = 10, .most = 10 * minutes}),
          entry<&S::probe>("probe",
                           "Opens a channel and closes it (channel), or runs probe_command (exec), which "
                           "starts a login shell on the login node.",
                           {.choices = methods}),
          entry<&S::probe_command>("probe_command",
                                   "The command of the probe method exec; it must exit with 0.",
                                   {.wrong_text = wrong_command}),
          entry<&S::probes_at_once>("probes_at_once", "Probes in flight at most. 0: no limit.",
                                    {.least = 0, .most = 10'000}),
          entry<&S::probe_share>(
              "probe_share",
              "Percent of the idle connections that are checked at a time, one at least, the one checked "
              "longest ago first. An order to check all of them now has no such limit.",
              {.least = 1, .most = 100}),
          entry<&S::probe_failures_max>("probe_failures_max",
                                        "After this many failed probes in a row the connection is closed.",
                                        {.least = 1, .most = 1'000}),
          entry<&S::proving_time>(
              "proving_time",
              "A connection that ends before it served a lease or passed a probe so long after it "
              "was opened counts as a failed opening. 0: none does.",
              {.least = 100, .most = 1 * days, .zero = true}),
      });
}

std::vector<field> command_fields() {
  return section(
      "Commands",
      {
          entry<&S::output_max>("output_max",
                                "Output collected of one command, stdout and stderr together; the "
                                "rest is cut off and the result says so. Streams have no cap.",
                                {.least = 1, .most = 1ull << 40}),
          entry<&S::reply_timeout>("reply_timeout",
                                   "Each reply that a command waits for before it runs: to the channel's "
                                   "opening, its variables, the command itself.",
                                   {.on_change = new_connections, .least = 100, .most = 60 * minutes}),
          entry<&S::linger>("linger",
                            "How long after a command's exit status its output is still waited for while "
                            "the server keeps the channel open. 0: not at all.",
                            {.on_change = new_connections, .least = 1, .most = 1 * days, .zero = true}),
          entry<&S::environment_fallback>(
              "environment_fallback",
              "Variables that the server's AcceptEnv turns down are set by a rewritten command (prefix), or "
              "left out and named in the outcome (none), as for a forced command, which sees the rewriting.",
              {.on_change = new_connections, .choices = fallbacks}),
          entry<&S::set_env>(
              "set_env",
              "Variables of every command, NAME=VALUE with blanks between; \"quotes\" hold a value together. "
              "What the server's AcceptEnv turns down is left out.",
              {.wrong_text = wrong_set_env,
               .example = R"("SITE=lumi GREETING='hello there'")",
               .ssh_name = "SetEnv"}),
          entry<&S::send_env>(
              "send_env",
              "Names, with * and ?, of variables that a command has from the environment of whoever asks for "
              "it; one with - before it takes away what was named before. Turned down as set_env.",
              {.wrong_text = wrong_send_env, .example = R"("LANG LC_*")", .ssh_name = "SendEnv"}),
          entry<&S::sweep>("sweep",
                           "Look for what a command that was ended early has left behind, by a marker in "
                           "its environment, and end that too.",
                           {.on_change = new_connections}),
      });
}

const std::vector<field>& all_fields() {
  static const auto fields = [] {
    std::vector<field> result;
    for (auto part : {where_fields(), log_in_fields(), way_fields(), transport_fields(), pool_fields(),
                      health_fields(), command_fields()})
      result.insert(result.end(), part.begin(), part.end());
    return result;
  }();
  return fields;
}

} // namespace

std::span<const setting<cluster_settings>> cluster_fields() {
  return all_fields();
}

const setting<cluster_settings>* find_cluster_field(std::string_view name) {
  const auto& fields = all_fields();
  auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& x) { return x.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

std::vector<std::string> cluster_field_names() {
  std::vector<std::string> result;
  for (const auto& each : all_fields())
    result.emplace_back(each.name);
  return result;
}

std::string to_string(host_key_policy policy) {
  return spelled(policy, policies);
}

std::string to_string(address_family family) {
  return spelled(family, families);
}

std::string to_string(probe_method method) {
  return spelled(method, methods);
}

std::string to_string(variable_fallback fallback) {
  return spelled(fallback, fallbacks);
}

} // namespace moorage
