#include "deploy/moorage/ssh_keys.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "messages/printable.hpp"
#include "messages/settings_table.hpp"
#include "runtime/config/fields.hpp"
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

void add(files& to, const std::string& file) {
  if (std::find(to.begin(), to.end(), file) == to.end())
    to.push_back(file);
}

/// What is wrong with it; empty: nothing.
std::string expand(std::string& file, const ssh_call& call, const cluster_settings& settings) {
  auto tokens = tokens_of_this_process();
  tokens.host = settings.host;
  tokens.host_key_alias = settings.host_key_alias;
  tokens.alias = call.host;
  tokens.port = std::to_string(settings.port);
  tokens.remote_user = settings.user.empty() ? tokens.user : settings.user;
  auto [text, wrong] = expand_file_name(file, tokens);
  file = std::move(text);
  return wrong;
}

} // namespace

std::string from_root(const std::string& file) {
  std::error_code unknown;
  return file.starts_with('/') || file.starts_with('~') ? file
                                                        : std::filesystem::absolute(file, unknown).string();
}

failure set_keys(const ssh_call& call, cluster_config& meant) {
  auto& settings = meant.settings;
  const auto own = settings.key_files;
  files keys, certificates;
  // ssh forgets an -i that is not there, and no other: with that alone it tries no key that was not named.
  bool no_others = false;
  for (const auto& [file, by_letter] : call.identities) {
    std::string whole = file;
    if (auto wrong = by_letter ? std::string{} : expand(whole, call, settings); !wrong.empty())
      return {errc::invalid_settings, "IdentityFile " + printable(file) + ": " + wrong};
    whole = from_root(whole);
    if (usable(whole, by_letter ? "-i" : "IdentityFile", meant))
      keys.push_back(std::move(whole));
    else
      no_others = no_others ||
                  (call.identities_only && (!by_letter || access(expand_home(whole).c_str(), F_OK) == 0));
  }
  for (const auto& file : call.certificates) {
    std::string whole = file;
    if (auto wrong = expand(whole, call, settings); !wrong.empty())
      return {errc::invalid_settings, "CertificateFile " + printable(file) + ": " + wrong};
    whole = from_root(whole);
    if (usable(whole, "CertificateFile", meant))
      certificates.push_back(std::move(whole));
  }
  const bool of_words = !keys.empty();
  // ssh tries a Host's keys after those of its words, and knows of no table's.
  if (!of_words || meant.origin_of("key_files").from == setting_origin::source::ssh_config)
    for (const auto& each : own)
      add(keys, each);
  // The agent offers all of its keys unless some are named; a certificate stands beside its key.
  if (keys.empty() && !no_others && (call.identities_only || !certificates.empty()))
    keys = usual_keys();
  if (call.no_agent || (call.identities_only && keys.empty()))
    settings.agent = false;
  const bool none =
      keys.empty() && !settings.agent && usual_keys().empty() && settings.password_secret.empty();
  if (!meant.passed_over.empty() && (none || (keys.empty() && no_others))) {
    std::string all;
    for (const auto& each : meant.passed_over)
      all += (all.empty() ? "" : "; ") + each;
    return {errc::invalid_settings, "there is no key to log in with: " + all};
  }
  for (const auto& each : certificates)
    add(keys, each);
  if (keys == own)
    return {};
  if (auto wrong = check_value(*find_cluster_field("key_files"), keys); !wrong.empty())
    return {errc::invalid_settings, "-i: " + wrong};
  settings.key_files = std::move(keys);
  if (of_words)
    meant.note_origin("key_files", {setting_origin::source::command_line, 0});
  return {};
}

} // namespace moorage::cli
