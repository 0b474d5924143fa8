#include "runtime/ssh/opening/host_keys.hpp"

#include <libssh/libssh.h>

#include <algorithm>
#include <set>
#include <utility>

#include "messages/algorithms.hpp"
#include "runtime/ssh/login/credentials.hpp"
#include "runtime/ssh/wire.hpp"
#include "runtime/system/base64.hpp"
#include "runtime/system/passing.hpp"

namespace moorage {

namespace {

/// Those that may be shown, in the order of preference where no key is known.
std::vector<std::string> algorithms_allowed(const known_hosts& known) {
  return known.algorithms.empty() ? usual_algorithms(algorithm_kind::host_key) : known.algorithms;
}

/// The type of key that an algorithm signs with.
std::string_view key_type_of(std::string_view algorithm) {
  return algorithm.starts_with("rsa-sha2-") ? "ssh-rsa" : algorithm;
}

std::string quoted_for_shell(const std::string& text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%:,";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos)
    return text;
  std::string result = "'";
  for (char c : text)
    result += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return result + "'";
}

std::string described(const host_key& key) {
  return key.type + " " + fingerprint(key);
}

std::string place(const known_host& entry) {
  if (entry.file.empty())
    return "(accepted before, kept in this process's memory)";
  return entry.file + ":" + std::to_string(entry.line);
}

/// Where a person would add a key: the first file that keeps any. Empty: there is none.
std::string file_to_add(const known_hosts& known) {
  if (known.files.empty())
    return "~/.ssh/known_hosts";
  const auto& none = known.keep_nothing;
  for (const auto& file : known.files) {
    const bool device = file.starts_with("/dev/") && !file.starts_with("/dev/shm/");
    if (!device && std::find(none.begin(), none.end(), file) == none.end())
      return file;
  }
  return {};
}

constexpr const char* name_a_file =
    "name a file that keeps keys first in known_hosts_files and add the key there";

/// Accepts exactly the key that was seen, and no other that turns up in between.
std::string command_to_add(const known_hosts& known, const host_key& shown) {
  return "echo '" + known_hosts_line(known, shown) + "' >> " + quoted_for_shell(file_to_add(known));
}

std::string command_to_replace(const known_hosts& known, const host_key& shown,
                               const std::vector<const known_host*>& expected) {
  std::string command;
  std::string by_hand;
  std::set<std::string> files;
  for (const auto* entry : expected) {
    if (entry->by_pattern)
      by_hand += (by_hand.empty() ? "" : ", ") + place(*entry);
    else if (!entry->file.empty() && files.insert(entry->file).second)
      command += "ssh-keygen -R " + quoted_for_shell(known_hosts_name(known.host, known.port)) + " -f " +
                 quoted_for_shell(entry->file) + " && ";
  }
  command += command_to_add(known, shown);
  return by_hand.empty() ? command
                         : command + " (after removing by hand the pattern line at " + by_hand + ")";
}

std::string list_of(const std::vector<const known_host*>& entries) {
  std::string text;
  for (const auto* entry : entries)
    text += (text.empty() ? "" : ", ") + described(entry->key) + (entry->file.empty() ? " " : " at ") +
            place(*entry);
  return text;
}

/// The lines that decide, by kind.
struct sorted_lines {
  const known_host* revoked = nullptr;   ///< revokes the key shown
  const known_host* trusted = nullptr;   ///< has the key shown
  const known_host* authority = nullptr; ///< trusts certificates only
  std::vector<const known_host*> others; ///< have other keys for this host
};

sorted_lines sort_lines(const known_hosts& known, const host_key& shown) {
  sorted_lines lines;
  const auto blob = from_base64(shown.base64);
  for (const auto& entry : known.entries) {
    const bool same = from_base64(entry.key.base64) == blob;
    if (entry.marker == host_marker::revoked) {
      if (same && lines.revoked == nullptr)
        lines.revoked = &entry;
    } else if (entry.marker == host_marker::cert_authority) {
      if (lines.authority == nullptr)
        lines.authority = &entry;
    } else if (same) {
      // A line without the port speaks only when none with the port does.
      if (lines.trusted == nullptr || lines.trusted->without_port)
        lines.trusted = &entry;
    } else if (!entry.without_port) {
      lines.others.push_back(&entry);
    }
  }
  return lines;
}

host_key_verdict turn_down(host_key_state state, ssh_failure kind, std::string text) {
  host_key_verdict verdict;
  verdict.state = state;
  verdict.error = {ssh_stage::host_key, kind, std::move(text)};
  return verdict;
}

host_key_verdict judge_changed(const known_hosts& known, const host_key& shown, const sorted_lines& lines) {
  const bool same_type = std::any_of(lines.others.begin(), lines.others.end(),
                                     [&](const auto* entry) { return entry->key.type == shown.type; });
  const auto allowed = algorithms_allowed(known);
  const bool asked_for = std::any_of(allowed.begin(), allowed.end(), [&](const auto& algorithm) {
    return std::any_of(lines.others.begin(), lines.others.end(),
                       [&](const auto* entry) { return entry->key.type == key_type_of(algorithm); });
  });
  return turn_down(
      host_key_state::changed, ssh_failure::host_key_changed,
      known_hosts_name(known.host, known.port) + " showed the key " + described(shown) + ", expected was " +
          list_of(lines.others) +
          (same_type   ? ""
           : asked_for ? " (the server no longer shows a key of a type that is known)"
                       : " (host_key_algorithms leaves out the types that are known)") +
          ". Somebody may be intercepting the connection, or the site has new keys: ask the site. Only "
          "if it confirms the key, " +
          (file_to_add(known).empty() ? name_a_file
                                      : "accept it with: " + command_to_replace(known, shown, lines.others)));
}

/// How to go on, where the key is not known and may not be taken for new.
std::string advice_to_add(const known_hosts& known, const host_key& shown) {
  const std::string compare = "Compare the fingerprint with the one the site publishes, then ";
  if (file_to_add(known).empty())
    return compare + name_a_file;
  return compare + "accept the key with: " + command_to_add(known, shown) +
         " (or set strict_host_keys = \"accept-new\")";
}

host_key_verdict judge_unknown(const known_hosts& known, const host_key& shown, host_key_policy policy,
                               const known_host* authority) {
  host_key_verdict verdict;
  if (policy != host_key_policy::strict) {
    verdict.accepted = true;
    verdict.to_write = policy == host_key_policy::accept_new;
    verdict.text = described(shown) + (verdict.to_write ? ", new" : ", new, not checked");
    return verdict;
  }
  std::string files;
  for (const auto& file : known.files)
    files += (files.empty() ? "" : ", ") + file;
  std::string text = known_hosts_name(known.host, known.port) + " showed the key " + described(shown) +
                     ", expected was a key from " + (files.empty() ? "known_hosts" : files) + ", and " +
                     (known.files.size() > 1 ? "none of them has" : "it does not have") +
                     " one for this host. ";
  if (authority != nullptr)
    text += place(*authority) +
            " trusts a certificate authority for this host; host certificates are not checked "
            "here, so the key itself must be known. ";
  return turn_down(host_key_state::unknown, ssh_failure::host_key_unknown,
                   std::move(text) + advice_to_add(known, shown));
}

host_key_verdict judge_unreadable(const known_hosts& known) {
  std::string text;
  for (const auto& problem : known.problems)
    text += problem.text + ". ";
  auto passing = std::find_if(known.problems.begin(), known.problems.end(),
                              [](const auto& problem) { return problem.passing != 0; });
  const bool lasts = passing == known.problems.end();
  return turn_down(host_key_state::unreadable,
                   lasts ? ssh_failure::known_hosts_unreadable : ssh_failure::descriptor_limit,
                   known_hosts_name(known.host, known.port) +
                       ": whether its key is known, changed or revoked cannot be told: " + text +
                       (lasts ? "Mend that, or set known_hosts_files to files that can be read whole"
                              : advice_on_passing(passing->passing)));
}

host_key_verdict judge_trusted(const known_hosts& known, const host_key& shown, host_key_policy policy,
                               const known_host& line) {
  host_key_verdict verdict;
  verdict.state = host_key_state::known;
  verdict.accepted = true;
  verdict.to_write = line.file.empty() && policy == host_key_policy::accept_new;
  verdict.text = described(shown) + ", " + place(line);
  for (const auto& problem : known.problems)
    verdict.text += "; " + problem.text;
  return verdict;
}

} // namespace

std::string fingerprint(const host_key& key) {
  ssh_key parsed = nullptr;
  auto type = ssh_key_type_from_name(key.type.c_str());
  if (type == SSH_KEYTYPE_UNKNOWN ||
      ssh_pki_import_pubkey_base64(key.base64.c_str(), type, &parsed) != SSH_OK)
    return "(unreadable)";
  return fingerprint_of(owned_key{parsed}.get());
}

std::string known_hosts_line(const known_hosts& known, const host_key& key) {
  return known_hosts_name(known.host, known.port) + " " + key.type + " " + key.base64;
}

std::string host_key_algorithms(const known_hosts& known) {
  auto is_revoked = [&](const host_key& key) {
    return std::any_of(known.entries.begin(), known.entries.end(), [&](const known_host& entry) {
      return entry.marker == host_marker::revoked && entry.key == key;
    });
  };
  // The first of the type's keys decides, as for ssh.
  auto is_known = [&](std::string_view algorithm) {
    auto first = std::find_if(known.entries.begin(), known.entries.end(), [&](const known_host& entry) {
      return entry.marker == host_marker::none && !entry.without_port &&
             entry.key.type == key_type_of(algorithm);
    });
    return first != known.entries.end() && !is_revoked(first->key);
  };
  auto allowed = algorithms_allowed(known);
  if (!is_known(allowed.front()))
    std::stable_partition(allowed.begin(), allowed.end(), is_known);
  return join_names(allowed);
}

host_key_verdict judge_host_key(const known_hosts& known, const host_key& shown, host_key_policy policy) {
  auto lines = sort_lines(known, shown);
  if (lines.revoked != nullptr)
    return turn_down(host_key_state::revoked, ssh_failure::host_key_revoked,
                     known_hosts_name(known.host, known.port) + " showed the key " + described(shown) +
                         ", which is revoked at " + place(*lines.revoked) +
                         ". Whoever has a stolen key can pretend to be this host: tell the site. Only if it "
                         "takes the revocation "
                         "back, remove that line");
  if (unreadable_known_hosts(known))
    return judge_unreadable(known);
  if (lines.trusted != nullptr && (!lines.trusted->without_port || lines.others.empty()))
    return judge_trusted(known, shown, policy, *lines.trusted);
  if (!lines.others.empty())
    return judge_changed(known, shown, lines);
  if (!known.problems.empty())
    return judge_unreadable(known);
  return judge_unknown(known, shown, policy, lines.authority);
}

ssh_error unreadable_known_hosts(const known_hosts& known) {
  const bool matters = std::any_of(known.problems.begin(), known.problems.end(),
                                   [](const auto& problem) { return !problem.forbidden; });
  return matters ? judge_unreadable(known).error : ssh_error{};
}

std::string newly_trusted(const known_hosts& known, const host_key& shown, const std::string& file) {
  return "the key of " + known_hosts_name(known.host, known.port) + ", " + described(shown) +
         ", was not known; it is trusted from now on, and written to " + file;
}

std::string not_written_down(const known_hosts& known, const host_key& shown, const std::string& problem) {
  // No command that adds the key: what has kept us from it would keep the user from it too.
  return "the new key of " + known_hosts_name(known.host, known.port) + ", " + described(shown) +
         ", could not be written down: " + problem +
         "; it is kept in memory until the process that has logged in ends, and then any key is taken for "
         "new: mend "
         "that, or name a file that can be written first in known_hosts_files";
}

host_key shown_host_key(ssh_session session) {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session, &raw) != SSH_OK)
    return {};
  owned_key key{raw};
  char* base64 = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &base64) != SSH_OK)
    return {};
  host_key shown{ssh_key_type_to_char(ssh_key_type(key.get())), base64};
  // The blob names its type exactly; libssh's name of an ECDSA key depends on its version.
  if (auto blob = from_base64(shown.base64))
    if (auto type = wire_reader{*blob}.string())
      shown.type = *type;
  ssh_string_free_char(base64);
  return shown;
}

} // namespace moorage
