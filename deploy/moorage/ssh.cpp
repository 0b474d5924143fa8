// `moorage ssh`: one command on a cluster, for programs that expect ssh(1).
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <moorage/version.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/moorage/background.hpp"
#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/pools.hpp"
#include "deploy/moorage/reach.hpp"
#include "deploy/moorage/signals.hpp"
#include "deploy/moorage/ssh_keys.hpp"
#include "deploy/moorage/ssh_words.hpp"
#include "messages/environment.hpp"
#include "messages/printable.hpp"
#include "messages/settings_table.hpp"
#include "messages/settings_text.hpp"
#include "messages/written_values.hpp"
#include "runtime/config/openssh_answers.hpp"
#include "runtime/config/settings_digest.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/system/account.hpp"

namespace moorage::cli {

namespace {

/// Set for an ssh that we become: one that leads back to us would do so for ever.
constexpr const char* handed_over = "MOORAGE_SSH_HANDED_OVER";

ending become_ssh(const std::vector<std::string>& words) {
  if (std::getenv(handed_over) != nullptr) {
    complain("the ssh in $PATH is moorage itself: there is no other that could answer");
    return {exec_failed, 0};
  }
  setenv(handed_over, "1", 1);
  std::string name = "ssh";
  std::vector<char*> arguments{name.data()};
  auto copies = words;
  for (auto& each : copies)
    arguments.push_back(each.data());
  arguments.push_back(nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  execvp(name.c_str(), arguments.data());
  complain(std::string{"cannot run ssh: "} + std::strerror(errno));
  return {exec_failed, 0};
}

/// A file of ssh's configuration as it was named: "none" and nothing are none.
std::string named_file(const std::string& file) {
  return file.empty() || file == "none" ? file : from_root(file);
}

/// Of our own environment what the patterns name, and what was given, which comes first.
std::vector<std::string> variables(const ssh_call& call) {
  auto words = [](const std::vector<std::string>& all) {
    std::string result;
    for (const auto& each : all)
      result += (result.empty() ? "" : " ") + quoted_word(each);
    return result;
  };
  std::vector<environment_variable> all;
  add_variables(all, words(call.environment), words(call.passed_on), whole_environment());
  std::vector<std::string> result;
  for (const auto& each : all)
    result.push_back(each.name + "=" + each.value);
  return result;
}

/// A pool knows the host's address alone, where ssh also knows what it was called.
std::string in_command(std::string command, const std::string& host) {
  for (auto at = command.find('%'); at != std::string::npos; at = command.find('%', at + 2))
    if (at + 1 < command.size() && command[at + 1] == 'n')
      command.replace(at, 2, host);
  return command;
}

std::string with_host(const std::string& name, const std::string& host) {
  std::string result;
  for (std::size_t i = 0; i < name.size(); ++i)
    if (name.compare(i, 2, "%h") == 0)
      result += host, ++i;
    else if (name.compare(i, 2, "%%") == 0)
      result += '%', ++i;
    else
      result += name[i];
  return result;
}

std::vector<std::string> overriding_settings(const ssh_call& call) {
  auto result = call.settings;
  if (call.command_between) {
    result.push_back("proxy_command=" + in_command(*call.command_between, call.host));
    result.emplace_back("jump=");
  }
  if (!call.host_name.empty())
    result.push_back("host=" + with_host(call.host_name, call.host));
  return result;
}

bool same_settings(const cluster_settings& a, const cluster_settings& b) {
  for (const auto& field : cluster_fields())
    if (!field.same(a, b))
      return false;
  return true;
}

/// As `moorage exec` has it, so that both use the same pool.
std::string destination_of(const ssh_call& call, const configuration& config) {
  auto usual = std::to_string(config.defaults.settings.port);
  auto port = call.port.empty() ? usual : call.port;
  auto host = call.host.find(':') == std::string::npos ? call.host : "[" + call.host + "]";
  auto user = call.user.empty() ? "" : call.user + "@";
  return user + host + (!user.empty() && port == usual ? "" : ":" + port);
}

/// The user and the port of the command line are ssh's to know: Match, and tokens of its files, go by them.
void note_words(const ssh_call& call, cluster_config& of) {
  constexpr setting_origin said{setting_origin::source::command_line, 0};
  if (!call.user.empty()) {
    of.settings.user = call.user;
    of.note_origin("user", said);
  }
  if (!call.port.empty()) {
    of.settings.port = static_cast<std::uint16_t>(std::stoul(call.port));
    of.note_origin("port", said);
  }
}

openssh_question question_of(const ssh_call& call) {
  cluster_config said;
  note_words(call, said);
  return {call.host, said.settings.user, call.port.empty() ? std::uint16_t{0} : said.settings.port};
}

/// A cluster that ssh has not been asked about yet, as it is by itself and as it is meant.
failure ask_ssh(const ssh_call& call, const configuration& config, cluster_config& base,
                cluster_config& meant, const std::stop_token& stop) {
  meant = base;
  if (auto wrong = ask_openssh(config, base, stop); wrong.code != errc::none)
    return wrong;
  if (base.settings.ssh_host.empty() || (call.user.empty() && call.port.empty())) {
    meant = base;
    return {};
  }
  note_words(call, meant);
  return ask_openssh(config, meant, stop);
}

/// What a destination stands for that is in no configuration: a Host of ssh's, or a host of which ssh's files
/// say at most what they say of every one. `base`: as `moorage exec` has it, which names its pool.
failure find_host(const ssh_call& call, configuration& config, cluster_config& base, cluster_config& meant,
                  const std::stop_token& stop) {
  if (!call.ssh_config.empty()) {
    config.defaults.settings.ssh_config = named_file(call.ssh_config);
    config.defaults.note_origin("ssh_config", {setting_origin::source::command_line, 0});
  }
  const bool as_it_is = call.user.empty() && call.port.empty();
  // By a question that is asked in any case: where the words name a user or a port, another one than without.
  const bool may_be = as_it_is || !check_value(*find_cluster_field("ssh_host"), call.host).empty() ||
                      may_be_host(config, question_of(call), stop);
  auto unknown =
      may_be ? find_cluster(config, call.host, base, stop) : failure{errc::unknown_cluster, call.host};
  if (unknown.code == errc::none && !base.settings.ssh_host.empty()) {
    meant = base;
    if (as_it_is)
      return {};
    meant = config.defaults;
    meant.settings.name = meant.settings.ssh_host = call.host;
    note_words(call, meant);
    return ask_openssh(config, meant, stop);
  }
  // With its address it is known, and an address of IPv6 by itself; but what ssh complains of its own files
  // is worth more than that.
  if (unknown.code != errc::none && unknown.code != errc::unknown_cluster)
    return unknown;
  if (auto why = check_value(*find_cluster_field("host"), call.host); !why.empty())
    return {errc::invalid_settings, why + "; nor is it a Host of ssh's configuration"};
  if (auto wrong = resolve_cluster(config, destination_of(call, config), base); wrong.code != errc::none)
    return wrong;
  meant = base;
  if (meant.settings.ssh_config == "none" || !check_value(*find_cluster_field("ssh_host"), call.host).empty())
    return {};
  meant.settings.ssh_host = call.host;
  note_words(call, meant);
  auto wrong = ask_openssh(config, meant, stop);
  meant.settings.ssh_host = base.settings.ssh_host;
  return wrong.code == errc::local_failure && has_no_openssh_files(meant.settings) ? failure{} : wrong;
}

/// The cluster that is meant, in the configuration under the name of its pool, which is another for each set
/// of settings, and in `how` with the warnings of keys that are left out; whoever begins the process anew
/// says them twice.
failure settle(const ssh_call& call, configuration& config, options& how, const std::stop_token& stop) {
  auto& name = how.cluster;
  auto settings = overriding_settings(call);
  auto usual_file = config.defaults.settings.ssh_config;
  cluster_config base;
  cluster_config meant;
  if (config.find(call.destination) != nullptr || config.find(call.host) != nullptr) {
    base = *config.find(config.find(call.destination) != nullptr ? call.destination : call.host);
    if (auto wrong = ask_ssh(call, config, base, meant, stop); wrong.code != errc::none)
      return wrong;
  } else if (auto wrong = find_host(call, config, base, meant, stop); wrong.code != errc::none) {
    return wrong;
  }
  if (!call.user.empty())
    settings.push_back("user=" + call.user);
  if (!call.port.empty())
    settings.push_back("port=" + call.port);
  name = base.settings.name;
  if (auto problems = override_settings(meant, settings); !problems.empty()) {
    auto& first = problems.front();
    if (first.key.starts_with("-o "))
      first.key = name_in_words(call, first.key.substr(3));
    return {errc::invalid_settings, to_string(first)};
  }
  // Once it is known whose names their tokens stand for.
  if (auto wrong = set_files(call, meant); wrong.code != errc::none)
    return wrong;
  if (auto wrong = set_keys(call, meant); wrong.code != errc::none)
    return wrong;
  if (!call.jump.empty())
    if (auto wrong = go_by_jumps(config, meant, call.jump, stop); wrong.code != errc::none)
      return wrong;
  how.exec.warnings = told_of_ssh(meant);
  how.exec.not_followed = not_followed_for(how, meant);
  auto same = same_settings(meant.settings, base.settings);
  if (same && config.find(name) != nullptr)
    return {};
  // What another file says of a name is not what a command without it means by the name.
  how.exec.written = call.destination;
  if (!same || config.defaults.settings.ssh_config != usual_file)
    name = meant.settings.name = name + "-" + settings_digest(meant.settings);
  config.clusters.push_back(std::move(meant));
  return {};
}

/// A node of another user's, or of another machine, has the clusters of its own files: a bare name that ours
/// do not have is one of those.
bool is_the_nodes(const ssh_call& call, const options& from, const configuration& config) {
  auto others = !distant_node(from, config).empty();
  struct stat socket {};
  if (!others && !from.embedded && from.settings.empty() &&
      ::stat(node_socket(from, config).c_str(), &socket) == 0)
    others = socket.st_uid != ::geteuid();
  return others && config.find(call.destination) == nullptr && config.find(call.host) == nullptr &&
         call.user.empty() && call.port.empty() && call.jump.empty() && call.ssh_config.empty() &&
         call.identities.empty() && call.certificates.empty() && !call.no_agent && call.agent.empty() &&
         call.known_hosts.empty() && call.site_known_hosts.empty() && !call.identities_only &&
         overriding_settings(call).empty();
}

/// False: it cannot be written, which was said.
bool complain_in(const ssh_call& call) {
  if (call.log_file.empty()) {
    complain_to(call.quiet ? -1 : STDERR_FILENO);
    return true;
  }
  auto file = open(call.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) {
    complain("cannot write to " + call.log_file + ": " + std::strerror(errno));
    return false;
  }
  complain_to(call.quiet ? -1 : file);
  return true;
}

options for_exec(const options& from, const ssh_call& call) {
  auto result = from;
  result.verbose += call.verbose;
  if (call.quiet || call.errors_only)
    result.quiet = 2;
  result.exec.words = {call.command};
  result.exec.no_input = call.no_input;
  result.exec.environment = variables(call);
  result.exec.label = "ssh " + std::to_string(getpid());
  result.exec.subsystem = call.subsystem;
  result.exec.as_ssh = true;
  return result;
}

/// For who wants to know: programs give their options with each call.
std::string not_followed(const ssh_call& call, int verbose) {
  std::string options;
  for (const auto& each : call.not_followed)
    options += (options.empty() ? "" : ", ") + printable(each);
  return verbose > 0 && !options.empty() ? "of the options, not followed: " + options : std::string{};
}

/// Begins the process anew where `reach_pools` would, as far as that is known by now, so that ssh is asked
/// once.
failure begin_anew_if_sure(const options& from, const configuration& config, signal_watch& signals) {
  if (makes_pools_here())
    return {};
  const auto own = from.embedded || !from.settings.empty();
  if (const auto path = node_socket(from, config);
      !distant_node(from, config).empty() || own || path.empty() ||
      (from.socket.empty() && !may_start_node(from, config) && !node_process(path)))
    return have_pools(signals);
  return {};
}

/// Ctrl-C ends what ssh is asked for, and what its configuration runs with it.
std::optional<ending> settle_until_signal(const ssh_call& call, configuration& config, options& how) {
  signal_watch signals;
  auto wrong = begin_anew_if_sure(how, config, signals);
  if (wrong.code == errc::none)
    wrong = settle(call, config, how, signals.token());
  if (signals.caught() != 0) {
    complain(call.destination + ": interrupted; the command did not run");
    return ending{exec_failed, signals.caught()};
  }
  if (wrong.code == errc::none)
    return std::nullopt;
  complain(wrong.text);
  return ending{exec_failed, 0};
}

} // namespace

ending run_ssh(const options& from) {
  auto [call, complaint] = parse_ssh(from.ssh_words);
  if (!complaint.empty()) {
    complain(complaint + " (moorage ssh --help)");
    return {exec_failed, 0};
  }
  if (call.why == ssh_call::purpose::hand_over)
    return become_ssh(from.ssh_words);
  if (call.why == ssh_call::purpose::say_version) {
    put(STDERR_FILENO, "moorage " MOORAGE_VERSION ", in the place of ssh\n");
    return {success, 0};
  }
  if (from.json) {
    complain("--json is not for ssh, whose output is the command's alone: see moorage exec");
    return {exec_failed, 0};
  }
  if (!complain_in(call))
    return {exec_failed, 0};
  auto cannot = [](const std::string& text) {
    complain(text);
    return ending{exec_failed, 0};
  };
  if (call.command.empty())
    return cannot("no command: there is no terminal yet, so that one must follow the destination");
  auto how = for_exec(from, call);
  how.exec.note = not_followed(call, how.verbose);
  auto config = read_configuration(how);
  if (!config)
    return {exec_failed, 0};
  if (!call.log_file.empty())
    config->log_file = call.log_file;
  if (is_the_nodes(call, how, *config))
    how.cluster = call.host;
  else if (auto ended = settle_until_signal(call, *config, how))
    return *ended;
  return run_command(how, *config);
}

} // namespace moorage::cli
