#include "runtime/ssh/host_keys.hpp"

#include <libssh/libssh.h>

#include <algorithm>
#include <set>
#include <utility>

#include "runtime/ssh/credentials.hpp"
#include "runtime/ssh/wire.hpp"

namespace moorage {

namespace {

/// What libssh 0.10 offers by itself, in its order. No ssh-rsa: it signs with SHA-1, and ssh gave it up as
/// well.
constexpr std::string_view algorithms_offered[] = {"ssh-ed25519",
                                                   "ecdsa-sha2-nistp521",
                                                   "ecdsa-sha2-nistp384",
                                                   "ecdsa-sha2-nistp256",
                                                   "sk-ssh-ed25519@openssh.com",
                                                   "sk-ecdsa-sha2-nistp256@openssh.com",
                                                   "rsa-sha2-512",
                                                   "rsa-sha2-256"};

/// The type of key that an algorithm signs with.
std::string_view key_type_of(std::string_view algorithm) {
  return algorithm.starts_with("rsa-sha2-") ? "ssh-rsa" : algorithm;
}

std::string quoted(const std::string& text) {
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
  return entry.file + ":" + std::to_string(entry.line);
}

std::string known_hosts_line(const known_hosts& known, const host_key& key) {
  return known_hosts_name(known.host, known.port) + " " + key.type + " " + key.base64;
}

std::string first_file(const known_hosts& known) {
  return known.files.empty() ? std::string{"~/.ssh/known_hosts"} : known.files.front();
}

/// Accepts exactly the key that was seen, and no other that turns up in between.
std::string command_to_add(const known_hosts& known, const host_key& shown) {
  return "echo '" + known_hosts_line(known, shown) + "' >> " + quoted(first_file(known));
}

std::string command_to_replace(const known_hosts& known, const host_key& shown,
                               const std::vector<const known_host*>& expected) {
  std::string command;
  std::string by_hand;
  std::set<std::string> files;
  for (const auto* entry : expected) {
    if (entry->by_pattern)
      by_hand += (by_hand.empty() ? "" : ", ") + place(*entry);
    else if (files.insert(entry->file).second)
      command += "ssh-keygen -R " + quoted(known_hosts_name(known.host, known.port)) + " -f " +
                 quoted(entry->file) + " && ";
  }
  command += command_to_add(known, shown);
  return by_hand.empty() ? command
                         : command + " (after removing by hand the pattern line at " + by_hand + ")";
}

std::string list_of(const std::vector<const known_host*>& entries) {
  std::string text;
  for (const auto* entry : entries)
    text += (text.empty() ? "" : ", ") + described(entry->key) + " at " + place(*entry);
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
      // As ssh does: a line without the port speaks only when none with the port does.
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
  return turn_down(
      host_key_state::changed, ssh_failure::host_key_changed,
      known_hosts_name(known.host, known.port) + " showed the key " + described(shown) + ", expected was " +
          list_of(lines.others) +
          (same_type ? "" : " (the server no longer shows a key of a type that is known)") +
          ". Somebody may be intercepting the connection, or the site has new keys: ask the site. Only "
          "if it confirms the key, accept it with: " +
          command_to_replace(known, shown, lines.others));
}

host_key_verdict judge_unknown(const known_hosts& known, const host_key& shown, host_key_policy policy,
                               const known_host* authority) {
  host_key_verdict verdict;
  if (policy != host_key_policy::strict) {
    verdict.accepted = true;
    verdict.text = described(shown) + ", new";
    if (policy == host_key_policy::accept_new) {
      verdict.line_to_write = known_hosts_line(known, shown) + "\n";
      verdict.text += ", written to " + first_file(known);
    } else {
      verdict.text += ", not checked";
    }
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
  for (const auto& problem : known.problems)
    text += problem + ". ";
  text += "Compare the fingerprint with the one the site publishes, then accept the key with: " +
          command_to_add(known, shown) + " (or set strict_host_keys = \"accept-new\")";
  return turn_down(host_key_state::unknown, ssh_failure::host_key_unknown, std::move(text));
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

std::string host_key_algorithms(const known_hosts& known) {
  std::string first, rest;
  for (auto algorithm : algorithms_offered) {
    bool is_known = std::any_of(known.entries.begin(), known.entries.end(), [&](const known_host& entry) {
      return entry.marker == host_marker::none && entry.key.type == key_type_of(algorithm);
    });
    auto& list = is_known ? first : rest;
    list += (list.empty() ? "" : ",") + std::string{algorithm};
  }
  return first + (first.empty() || rest.empty() ? "" : ",") + rest;
}

host_key_verdict judge_host_key(const known_hosts& known, const host_key& shown, host_key_policy policy) {
  auto lines = sort_lines(known, shown);
  if (lines.revoked != nullptr)
    return turn_down(
        host_key_state::revoked, ssh_failure::host_key_changed,
        known_hosts_name(known.host, known.port) + " showed the key " + described(shown) +
            ", which is revoked at " + place(*lines.revoked) +
            ". Somebody may be using a stolen key: ask the site. Only if it takes the revocation back, "
            "remove that line");
  if (lines.trusted != nullptr && (!lines.trusted->without_port || lines.others.empty())) {
    host_key_verdict verdict;
    verdict.state = host_key_state::known;
    verdict.accepted = true;
    verdict.text = described(shown) + ", " + place(*lines.trusted);
    return verdict;
  }
  if (!lines.others.empty())
    return judge_changed(known, shown, lines);
  return judge_unknown(known, shown, policy, lines.authority);
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
