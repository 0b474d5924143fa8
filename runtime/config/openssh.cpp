#include "runtime/config/openssh.hpp"

#include <algorithm>
#include <future>
#include <system_error>

#include <arpa/inet.h>
#include <unistd.h>

#include "messages/printable.hpp"
#include "runtime/config.hpp"
#include "runtime/config/fields.hpp"
#include "runtime/config/openssh_answers.hpp"
#include "runtime/config/proxy_jumps.hpp"
#include "runtime/config/ssh_lines.hpp"
#include "runtime/config/ssh_option_names.hpp"
#include "runtime/config/ssh_tokens.hpp"
#include "runtime/system/account.hpp"
#include "runtime/system/program_output.hpp"

namespace moorage {

namespace {

/// Names at once: each is a process for some milliseconds, unless it asks a name server.
constexpr std::size_t asked_at_once = 8;

bool key_there(const std::string& file) {
  return access(file.c_str(), F_OK) == 0 || access((file + ".pub").c_str(), F_OK) == 0;
}

/// What ssh says on its standard error: its debugging, and what it complains of. Some of that is no fault of
/// the files.
std::string complaints_of(const std::string& error_output, std::string& debugging) {
  std::string result;
  // Its own lines end so; what a Match exec says, another ssh's debugging perhaps, does not.
  auto is_debugging = [](const std::string& line) {
    return line.ends_with('\r') && (line.starts_with("debug1: ") || line.starts_with("debug2: ") ||
                                    line.starts_with("debug3: ") || line.starts_with("OpenSSH_"));
  };
  for (std::size_t at = 0; at < error_output.size();) {
    auto end = std::min(error_output.find('\n', at), error_output.size());
    auto line = error_output.substr(at, end - at);
    if (is_debugging(line))
      debugging += line + "\n";
    else if (line.find_first_not_of(" \r\t") != std::string::npos && !line.starts_with("Pseudo-terminal"))
      result += (result.empty() ? "" : "; ") + printable(line, 300);
    at = end + 1;
  }
  return result;
}

/// An address that needs nobody to be known, and that a Host may be named as well as by any name.
bool bare_address(const std::string& name) {
  in6_addr address{};
  return inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

struct both_answers {
  openssh_answer with_files;
  openssh_answer without;
};

/// At the same time, or, where this process may have no more threads, once it is waited for.
template <class Work>
auto beside(Work work) {
  try {
    return std::async(std::launch::async, work);
  } catch (const std::system_error&) {
    return std::async(std::launch::deferred, work);
  }
}

both_answers ask_both(openssh_answers& answers, const openssh_question& host, const std::string& file,
                      const std::stop_token& stop) {
  auto other = beside([&] { return answers.to(host, "none", stop); });
  both_answers result;
  result.with_files = answers.to(host, file, stop);
  result.without = other.get();
  return result;
}

/// What the cluster's own table or the command line says stays.
bool said_elsewhere(const cluster_config& of, const std::string& field) {
  using source = setting_origin::source;
  auto from = of.origin_of(field).from;
  return from == source::cluster || from == source::command_line || from == source::destination;
}

/// What ssh was asked, and what it said of its files, for who tells of its answer.
struct asked {
  openssh_question about;
  std::string file;
  const std::string& said;
};

/// What is wrong with the Host, and where the option (in lower case; empty: none of the files) stands.
std::string told_with_place(const asked& ssh, const std::string& wrong, const std::string& option) {
  auto told = "ssh_host " + ssh.about.host + ": " + wrong;
  return option.empty()
             ? told
             : told + "; " + as_written(option) + " stands in " + where_it_stands(ssh.said, ssh.file, option);
}

/// A wrong value is the fault of who gave it, and is told with that and with its cluster: "FIELD: why", as
/// `check_settings` has it, where the reason may name another field as well.
std::string told_by_origin(const cluster_config& of, const std::string& wrong, const asked& ssh) {
  using source = setting_origin::source;
  const auto* field = find_cluster_field(wrong.substr(0, wrong.find(':')));
  const auto cluster = "clusters." + of.settings.name;
  switch (field != nullptr ? of.origin_of(field->name).from : source::built_in) {
  case source::command_line:
    return "-o " + wrong + " (of " + cluster + ")";
  case source::cluster:
    return cluster + "." + wrong;
  case source::defaults:
    return "defaults." + wrong + " (of " + cluster + ")";
  case source::destination:
    return "the destination '" + printable(of.settings.name) + "': " + wrong;
  case source::ssh_config:
    return told_with_place(ssh, wrong, lower_case(field->ssh_name));
  case source::built_in:
    break;
  }
  return told_with_place(ssh, wrong, {});
}

/// What ssh does not take even without a file is no fault of its files, but of what it was asked about.
failure trouble_of(const cluster_config& of, const openssh_question& about, const both_answers& answers) {
  using source = setting_origin::source;
  const auto& without = answers.without;
  if (without.problem.code == errc::invalid_settings && !without.complaints.empty() && !about.user.empty()) {
    auto origin = of.origin_of("user");
    auto from = origin.from == source::cluster       ? " of [clusters." + of.settings.name + "]"
                : origin.from == source::destination ? std::string{" of the destination"}
                                                     : std::string{" of the command line"};
    return {errc::invalid_settings,
            "the user '" + printable(about.user) + "'" + from + ": " + without.complaints};
  }
  return answers.with_files.problem.code != errc::none ? answers.with_files.problem : without.problem;
}

failure take_over(cluster_config& target, const asked& ssh, const both_answers& answers, std::string& hops) {
  const auto& host = target.settings.ssh_host;
  auto self = tokens_of_this_process();
  self.alias = host;
  self.digest = answers.with_files.digest;
  ssh_config_reader who{.tokens = self,
                        .other_home =
                            home_folder() != self.home && !self.home.empty() &&
                            target.origin_of("known_hosts_files").from == setting_origin::source::built_in,
                        .wrong_with = unusable_key_file,
                        .there = key_there};
  auto reading = read_ssh_options(answers.with_files.options, answers.without.options, who);
  if (!reading.wrong.empty())
    return {errc::invalid_settings, told_with_place(ssh, reading.wrong, reading.wrong_option)};
  // A way of its own stands in the place of ssh's way there.
  auto own_way = !target.settings.jump.empty() || said_elsewhere(target, "jump") ||
                 said_elsewhere(target, "proxy_command");
  const auto own_keys = said_elsewhere(target, "key_files");
  auto result = target;
  for (const auto& [name, value] : reading.settings) {
    if (said_elsewhere(target, name) || (name == "proxy_command" && own_way) ||
        (name == "host" && !target.settings.hosts.empty()) ||
        (name == "agent" && own_keys && reading.agent_off_for_keys)) // there are some that it may show
      continue;
    find_cluster_field(name)->set(result.settings, value);
    result.note_origin(name, {setting_origin::source::ssh_config, 0});
  }
  result.not_followed = std::move(reading.not_followed);
  result.complaints = answers.with_files.complaints;
  if (!own_keys) {
    result.agent_off_for_keys = reading.agent_off_for_keys;
    result.named_by = std::move(reading.named_by);
    result.passed_over = std::move(reading.passed_over);
  }
  if (auto wrong = check_settings(result.settings); wrong.code != errc::none)
    return {wrong.code, told_by_origin(result, wrong.text, ssh)};
  result.asked_openssh = true;
  target = std::move(result);
  if (!own_way)
    hops = std::move(reading.hops);
  return {};
}

} // namespace

std::string file_of(const cluster_settings& settings) {
  return settings.ssh_config == "none" ? "none" : expand_home(settings.ssh_config);
}

std::vector<std::string> words_for_openssh(const openssh_question& about, const std::string& file) {
  // The one option that is never followed and has its tokens expanded: so ssh tells %C.
  // -vvv comes before a LogLevel of the files, and has it tell what it makes of their lines.
  std::vector<std::string> words{"ssh", "-vvv", "-G", "-T", "-o", "ControlPath=%C"};
  if (!file.empty())
    words.insert(words.end(), {"-F", file});
  if (!about.user.empty())
    words.insert(words.end(), {"-l", about.user});
  if (about.port != 0)
    words.insert(words.end(), {"-p", std::to_string(about.port)});
  words.insert(words.end(), {"--", about.host});
  return words;
}

openssh_answer ask_openssh_about(const openssh_question& about, const std::string& file,
                                 std::chrono::milliseconds timeout, const std::stop_token& stop) {
  auto said = output_of(words_for_openssh(about, file), timeout, stop);
  openssh_answer result;
  result.complaints = complaints_of(said.error_output, result.debugging);
  if (said.done) {
    for (auto& [option, value] : parse_ssh_options(said.output))
      if (option == "controlpath")
        result.digest = value.find('%') == std::string::npos ? std::move(value) : std::string{};
      else
        result.options.emplace_back(std::move(option), std::move(value));
    return result;
  }
  auto text = "ssh_config cannot be read for '" + printable(about.host) + "': ";
  text += result.complaints.empty() ? said.problem : result.complaints;
  if (said.late)
    text +=
        " (a Match exec in its files, a host name that is looked up for them, or a file of theirs does not "
        "answer)";
  if (said.missing)
    text += " (ssh -G reads it; install OpenSSH's client, or set host and the rest in the configuration)";
  result.problem = {said.begun ? errc::invalid_settings : errc::local_failure, std::move(text)};
  return result;
}

std::string digest_by_openssh(const openssh_question& about) {
  return ask_openssh_about(about, "none", openssh_patience, {}).digest;
}

failure ask_openssh_alone(cluster_config& cluster, openssh_answers& answers, std::string& hops,
                          const std::stop_token& stop) {
  if (cluster.settings.ssh_host.empty() || cluster.asked_openssh)
    return {};
  openssh_question about{cluster.settings.ssh_host};
  if (said_elsewhere(cluster, "user"))
    about.user = cluster.settings.user;
  if (said_elsewhere(cluster, "port"))
    about.port = cluster.settings.port;
  auto file = file_of(cluster.settings);
  auto said = ask_both(answers, about, file, stop);
  if (auto wrong = trouble_of(cluster, about, said); wrong.code != errc::none)
    return wrong;
  return take_over(cluster, {std::move(about), std::move(file), said.with_files.debugging}, said, hops);
}

failure ask_openssh(const configuration& from, cluster_config& cluster, const std::stop_token& stop) {
  openssh_answers own;
  auto& answers = from.ssh_answers ? *from.ssh_answers : own;
  std::string hops;
  auto wrong = ask_openssh_alone(cluster, answers, hops, stop);
  return wrong.code != errc::none || hops.empty() ? wrong
                                                  : proxy_jumps{from, answers, stop}.lead(cluster, hops);
}

bool has_no_openssh_files(const cluster_settings& settings) {
  auto file = file_of(settings);
  auto is_there = [](const std::string& name) { return access(name.c_str(), F_OK) == 0; };
  return file.empty() ? !is_there(expand_home("~/.ssh/config")) && !is_there("/etc/ssh/ssh_config")
                      : file == "none";
}

failure go_by_jumps(const configuration& from, cluster_config& cluster, const std::string& hops,
                    const std::stop_token& stop) {
  openssh_answers own;
  return proxy_jumps{from, from.ssh_answers ? *from.ssh_answers : own, stop}.lead_by(cluster, hops);
}

std::vector<config_problem> ask_openssh(configuration& of, const std::stop_token& stop) {
  std::vector<config_problem> problems;
  openssh_answers own;
  auto& answers = of.ssh_answers ? *of.ssh_answers : own;
  auto count = of.clusters.size();
  std::vector<failure> wrong(count);
  std::vector<std::string> hops(count);
  for (std::size_t from = 0; from < count; from += asked_at_once) {
    std::vector<std::future<void>> asking;
    for (auto i = from; i < std::min(from + asked_at_once, count); ++i)
      if (!of.clusters[i].settings.ssh_host.empty() && !of.clusters[i].asked_openssh)
        asking.push_back(
            beside([&, i] { wrong[i] = ask_openssh_alone(of.clusters[i], answers, hops[i], stop); }));
    for (auto& each : asking)
      each.get();
  }
  // One jump after another: it is the same one for most.
  proxy_jumps jumps{of, answers, stop};
  for (std::size_t i = 0; i < count; ++i)
    if (!hops[i].empty())
      wrong[i] = jumps.lead(of.clusters[i], hops[i]);
  std::vector<cluster_config> usable;
  for (std::size_t i = 0; i < count; ++i) {
    auto& cluster = of.clusters[i];
    if (wrong[i].code == errc::none) {
      usable.push_back(std::move(cluster));
      continue;
    }
    const auto& name = cluster.settings.name;
    problems.push_back(
        {of.file, cluster.origin_of("ssh_host").line, 0, "clusters." + name + ".ssh_host", wrong[i].text});
    of.unusable.emplace_back(name, std::move(wrong[i]));
  }
  of.clusters = std::move(usable);
  add_jumps(of);
  leave_out_circles(of, problems);
  return problems;
}

failure find_cluster(const configuration& from, const std::string& name, cluster_config& result,
                     const std::stop_token& stop) {
  for (const auto& [unusable, why] : from.unusable)
    if (unusable == name)
      return why;
  auto unknown = resolve_cluster(from, name, result);
  const bool address = unknown.code == errc::none && from.find(name) == nullptr && bare_address(name);
  if (unknown.code == errc::none && !address)
    return ask_openssh(from, result, stop);
  if (!address &&
      (unknown.code != errc::unknown_cluster || !check_value(*find_cluster_field("ssh_host"), name).empty()))
    return unknown;
  auto host = from.defaults;
  host.settings.name = host.settings.ssh_host = name;
  openssh_answers own;
  auto& answers = from.ssh_answers ? *from.ssh_answers : own;
  auto file = file_of(host.settings);
  auto said = ask_both(answers, {name}, file, stop);
  const auto read = files_ssh_read(said.with_files.debugging);
  // Which Host it is of tells ssh itself; of what a Match says, only whether another name has it as well.
  const bool by_match = !names_host(read) && may_say_more(read);
  openssh_answer of_nobody;
  if (by_match && said.with_files.problem.code == errc::none)
    of_nobody = answers.to({nobody}, file, stop);
  for (const auto* each : {&said.with_files, &said.without, &of_nobody})
    if (each->problem.code != errc::none) {
      if (address)
        return each->problem.code == errc::local_failure && has_no_openssh_files(host.settings)
                   ? failure{}
                   : each->problem;
      // ssh is there, and what is wrong with its files comes before what may be no matter.
      if (each->problem.code != errc::local_failure)
        return {each->problem.code, each->problem.text + "; and there is " + unknown.text};
      unknown.text += "; " + each->problem.text;
      return unknown;
    }
  const auto& options = said.with_files.options;
  if (!names_host(read) && !says_more(options, name, by_match ? of_nobody.options : options)) {
    if (address)
      return {};
    unknown.text += "; nor does " + (file.empty() ? "~/.ssh/config" : file) + " have a Host of that name";
    return unknown;
  }
  std::string hops;
  auto wrong = take_over(host, {{name}, file, said.with_files.debugging}, said, hops);
  if (wrong.code == errc::none && !hops.empty())
    wrong = proxy_jumps{from, answers, stop}.lead(host, hops);
  if (wrong.code == errc::none)
    result = std::move(host);
  return wrong;
}

} // namespace moorage
