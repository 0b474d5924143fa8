#include "deploy/moorage/ssh_keys.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "messages/printable.hpp"
#include "messages/settings_table.hpp"
#include "messages/settings_words.hpp"
#include "runtime/config/fields.hpp"
#include "runtime/config/openssh.hpp"
#include "runtime/config/ssh_option_names.hpp"
#include "runtime/config/ssh_tokens.hpp"
#include "runtime/system/account.hpp"

namespace moorage::cli {

namespace {

using files = std::vector<std::string>;

/// Whether it may be used; else that was told.
bool usable(const std::string& file, const char* written, cluster_config& meant) {
  auto why = unusable_key_file(file);
  if (why.empty())
    meant.named_by.emplace_back(file, written);
  else
    meant.passed_over.push_back(std::string{written} + ": " + why);
  return why.empty();
}

files usual_keys() {
  files result;
  for (const auto* usual : {"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"})
    if (access(expand_home(usual).c_str(), F_OK) == 0)
      result.emplace_back(usual);
  return result;
}

bool is_none(const std::string& file) {
  return file == no_key_file;
}

void add(files& to, const std::string& file) {
  if (std::find(to.begin(), to.end(), file) == to.end())
    to.push_back(file);
}

/// Files of options, from the root. Who this process's user is, which a directory service may have to say, is
/// asked for the first of them.
class file_names {
public:
  file_names(const ssh_call& call, const cluster_settings& settings) : call_(call), settings_(settings) {}
  std::string whole(const std::string& file, const char* option) {
    if (!tokens_)
      tokens_ = tokens();
    if (tokens_->digest.empty() && file.find("%C") != std::string::npos)
      tokens_->digest = digest_by_openssh({settings_.host, tokens_->remote_user, settings_.port});
    auto name = expand_file_name(file, *tokens_);
    if (!name.wrong.empty() && wrong_.code == errc::none)
      wrong_ = {errc::invalid_settings, std::string{option} + " " + printable(file) + ": " + name.wrong};
    return from_root(name.text);
  }
  /// The first token that is not known, or variable that is not set.
  const failure& wrong() const { return wrong_; }

private:
  ssh_tokens tokens() const {
    auto result = tokens_of_this_process();
    result.host = settings_.host;
    result.host_key_alias = settings_.host_key_alias;
    result.alias = call_.host;
    result.port = std::to_string(settings_.port);
    result.remote_user = settings_.user.empty() ? result.user : settings_.user;
    return result;
  }

  const ssh_call& call_;
  const cluster_settings& settings_;
  std::optional<ssh_tokens> tokens_;
  failure wrong_;
};

bool is_variable(const std::string& agent) {
  return agent.starts_with('$') && !agent.starts_with("${");
}

/// The words have it ask none: by name, or by a variable that is not set.
bool has_no_agent(const ssh_call& call) {
  return call.no_agent || (is_variable(call.agent) && environment(call.agent.substr(1).c_str()).empty());
}

/// What is wrong with one of the cluster's own, by who named it.
std::string wrong_with(const std::string& file, const cluster_config& of) {
  auto why = unusable_key_file(file);
  auto named = std::find_if(of.named_by.begin(), of.named_by.end(),
                            [&file](const auto& each) { return each.first == file; });
  return why.empty() || named == of.named_by.end() ? why : named->second + ": " + why;
}

} // namespace

std::string from_root(const std::string& file) {
  std::error_code unknown;
  return file.starts_with('/') || file.starts_with('~') ? file
                                                        : std::filesystem::absolute(file, unknown).string();
}

failure set_files(const ssh_call& call, cluster_config& meant) {
  file_names names{call, meant.settings};
  std::vector<std::string> settings;
  // One list of ours for ssh's two, each of which has a default.
  if (!call.known_hosts.empty() || !call.site_known_hosts.empty()) {
    auto users = call.known_hosts;
    auto sites = call.site_known_hosts;
    if (users.empty())
      users = {"~/.ssh/known_hosts", "~/.ssh/known_hosts2"};
    if (sites.empty())
      sites = {"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"};
    for (const auto& each : users)
      settings.push_back("known_hosts_files=" + names.whole(each, "UserKnownHostsFile"));
    for (const auto& each : sites)
      settings.push_back("known_hosts_files=" + from_root(each));
  }
  auto socket = is_variable(call.agent) ? environment(call.agent.substr(1).c_str()) : call.agent;
  if (has_no_agent(call)) // as ssh, which asks no other one then
    settings.emplace_back("agent=false");
  else if (!socket.empty())
    settings.insert(
        settings.end(),
        {"agent=true",
         "agent_socket=" + (is_variable(call.agent) ? socket : names.whole(socket, "IdentityAgent"))});
  if (names.wrong().code != errc::none)
    return names.wrong();
  auto problems = override_settings(meant, settings);
  return problems.empty() ? failure{} : failure{errc::invalid_settings, to_string(problems.front())};
}

failure set_keys(const ssh_call& call, cluster_config& meant) {
  auto& settings = meant.settings;
  const auto own = settings.key_files;
  file_names names{call, settings};
  files keys, certificates;
  // ssh forgets an -i that is not there, and no other: with that alone it tries no key that was not named,
  // and in any case none of the usual ones.
  bool no_others = false;
  bool no_usual = !own.empty() && std::all_of(own.begin(), own.end(), is_none);
  for (const auto& [file, by_letter] : call.identities) {
    if (!by_letter && is_none(lower_case(file))) {
      no_usual = true;
      continue;
    }
    auto whole = by_letter ? from_root(file) : names.whole(file, "IdentityFile");
    const bool counts = !by_letter || access(expand_home(whole).c_str(), F_OK) == 0;
    no_usual = no_usual || counts;
    if (usable(whole, by_letter ? "-i" : "IdentityFile", meant))
      keys.push_back(std::move(whole));
    else
      no_others = no_others || (call.identities_only && counts);
  }
  for (const auto& file : call.certificates)
    if (auto whole = names.whole(file, "CertificateFile"); usable(whole, "CertificateFile", meant))
      certificates.push_back(std::move(whole));
  if (names.wrong().code != errc::none)
    return names.wrong();
  const bool of_words = !keys.empty();
  // ssh tries a Host's keys after those of its words, and knows of no table's. One that cannot be read is no
  // matter where another may do.
  if (!of_words || meant.origin_of("key_files").from == setting_origin::source::ssh_config)
    for (const auto& each : own) {
      if (is_none(each))
        continue;
      auto why = of_words ? wrong_with(each, meant) : std::string{};
      if (why.empty())
        add(keys, each);
      else
        meant.passed_over.push_back(std::move(why));
    }
  // The agent offers all of its keys unless some are named; a certificate stands beside its key.
  if (keys.empty() && !no_others && !no_usual && (call.identities_only || !certificates.empty()))
    keys = usual_keys();
  // An agent that a Host leaves no key to show may show those of the words.
  if (meant.agent_off_for_keys && !has_no_agent(call))
    settings.agent = of_words;
  if (call.no_agent || (call.identities_only && keys.empty()))
    settings.agent = false;
  const bool none = keys.empty() && !settings.agent && (no_usual || usual_keys().empty()) &&
                    settings.password_secret.empty();
  if (!meant.passed_over.empty() && (none || (keys.empty() && no_others))) {
    std::string all;
    for (const auto& each : meant.passed_over)
      all += (all.empty() ? "" : "; ") + each;
    return {errc::invalid_settings, "there is no key to log in with: " + all};
  }
  for (const auto& each : certificates)
    add(keys, each);
  if (keys.empty() && no_usual)
    keys.emplace_back(no_key_file);
  if (keys == own)
    return {};
  if (auto wrong = check_value(*find_cluster_field("key_files"), keys); !wrong.empty())
    return {errc::invalid_settings, "-i: " + wrong};
  settings.key_files = std::move(keys);
  if (of_words || no_usual)
    meant.note_origin("key_files", {setting_origin::source::command_line, 0});
  return {};
}

} // namespace moorage::cli
