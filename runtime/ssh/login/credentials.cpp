#include "runtime/ssh/login/credentials.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "messages/printable.hpp"
#include "messages/settings_words.hpp"
#include "runtime/ssh/file_text.hpp"
#include "runtime/ssh/wire.hpp"
#include "runtime/system/account.hpp"
#include "runtime/system/base64.hpp"
#include "runtime/system/passing.hpp"

namespace moorage {

namespace {

/// RSA keys of 16,384 bits take 13 kB.
constexpr std::size_t key_file_max = 64u << 10;

constexpr std::string_view openssh_begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view openssh_end = "-----END OPENSSH PRIVATE KEY-----";

/// What the outside of a private key file tells.
struct key_outside {
  bool locked = false;
  std::string blob; ///< the public key, where it stands outside the locked part
};

/// OpenSSH's own format tells its public key without the passphrase; PEM says at least that it is encrypted.
key_outside look_at(std::string_view text) {
  key_outside outside;
  auto begin = text.find(openssh_begin);
  if (begin == std::string_view::npos) {
    outside.locked = text.find("ENCRYPTED") != std::string_view::npos;
    return outside;
  }
  begin += openssh_begin.size();
  auto end = text.find(openssh_end, begin);
  if (end == std::string_view::npos)
    return outside;
  // Only the head is decoded: the tail may be an unlocked private key, which no ordinary string should hold.
  std::string head;
  head.reserve(4096);
  for (char c : text.substr(begin, std::min<std::size_t>(end - begin, 4096)))
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t' && c != '=')
      head.push_back(c);
  std::string_view magic{"openssh-key-v1\0", 15};
  auto cipher_at = std::min<std::size_t>(head.size() / 4 * 4, 64);
  auto start = from_base64(std::string_view{head}.substr(0, cipher_at));
  if (start && start->starts_with(magic)) {
    auto cipher = wire_reader{std::string_view{*start}.substr(magic.size())}.string();
    outside.locked = cipher && *cipher != "none";
  }
  if (!outside.locked) {
    explicit_bzero(head.data(), head.size());
    return outside;
  }
  auto bytes = from_base64(std::string_view{head}.substr(0, head.size() / 4 * 4));
  if (!bytes)
    return outside;
  wire_reader reader{std::string_view{*bytes}.substr(magic.size())};
  if (reader.string() && reader.string() && reader.string() && reader.number())
    if (auto blob = reader.string())
      outside.blob = *blob;
  return outside;
}

/// "type base64 comment", as in .pub files.
std::string blob_of_line(std::string_view line) {
  auto begin = line.find(' ');
  if (begin == std::string_view::npos)
    return {};
  auto end = std::min(line.find_first_of(" \t\r\n", begin + 1), line.size());
  return from_base64(line.substr(begin + 1, end - begin - 1)).value_or("");
}

/// A public key or a certificate as ssh-keygen writes it: one line, with comments at most before it. Empty:
/// not one.
std::string public_text(std::string_view text) {
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos || line[begin] == '#')
      continue;
    line.remove_prefix(begin);
    auto blob = blob_of_line(line);
    auto type = wire_reader{blob}.string();
    return type && !type->empty() && line.starts_with(*type) ? blob : std::string{};
  }
  return {};
}

file_text read_of(key_file& file, const std::string& path) {
  auto read = read_file(path, key_file_max);
  if (is_passing(read.error) && file.passing.empty())
    file.passing = read.problem + ". " + advice_on_passing(read.error);
  return read;
}

void read_public_part(key_file& file) {
  if (file.blob.empty()) {
    auto beside = read_of(file, file.path + ".pub");
    if (beside.problem.empty())
      file.blob = blob_of_line(beside.view());
  }
  if (!file.blob.empty())
    file.public_key = import_blob(file.blob);
  if (!file.public_key)
    file.blob.clear();
}

void reject_certificate(key_file& file, certificate_trouble why, std::string problem) {
  file.certificate_state = why;
  file.certificate_problem = std::move(problem);
}

/// A certificate that does not fit its key, or has run out, would be copied without complaint and then
/// denied.
void judge_certificate(key_file& file, const std::optional<certificate_parts>& parts,
                       const std::string& path) {
  const auto now = static_cast<std::uint64_t>(std::time(nullptr));
  if (!parts)
    reject_certificate(file, certificate_trouble::unknown_kind,
                       path + " is no user's certificate of a kind known here");
  else if (now < parts->valid_after)
    reject_certificate(file, certificate_trouble::not_yet_valid, path + " " + early_in_words(*parts));
  else if (now >= parts->valid_before)
    reject_certificate(file, certificate_trouble::ended, path + " " + expired_in_words(*parts));
}

void join_certificate(key_file& file, const std::string& path, const std::string& blob, ssh_key private_key) {
  auto certificate = import_blob(blob);
  owned_key both{ssh_key_dup(private_key)};
  if (certificate && both && ssh_pki_copy_cert_to_privkey(certificate.get(), both.get()) == SSH_OK)
    file.certificate = std::move(both);
  else
    reject_certificate(file, certificate_trouble::another_key, path + " could not be joined to its key");
}

void read_certificate(key_file& file) {
  auto path = file.path + "-cert.pub";
  auto read = read_of(file, path);
  if (read.error == ENOENT || read.error == ENOTDIR) {
    // Where the public key should be there may be a certificate of it, which ssh(1) shows as well.
    path = file.path + ".pub";
    read = read_of(file, path);
    if (!read.problem.empty() || !parse_certificate(blob_of_line(read.view())))
      return;
  }
  if (!read.problem.empty()) {
    reject_certificate(file, certificate_trouble::unreadable, read.problem);
    return;
  }
  auto blob = blob_of_line(read.view());
  auto parts = parse_certificate(blob);
  if (parts && parts->key_blob != file.blob)
    reject_certificate(file, certificate_trouble::another_key,
                       path + " certifies another key than " + file.path);
  else
    judge_certificate(file, parts, path);
  file.certificate_path = path;
  if (parts && parts->key_blob == file.blob) {
    file.certified = std::move(parts);
  }
  if (!file.certificate_problem.empty())
    return;
  if (file.private_key)
    join_certificate(file, path, blob, file.private_key.get());
  else
    file.certificate_beside = std::move(blob);
}

/// True: the file is a public key's or a certificate's, and `file` says all that there is to say of it.
bool take_public(key_file& file, std::string_view text) {
  auto blob = public_text(text);
  file.public_key = blob.empty() ? owned_key{} : import_blob(blob);
  if (!file.public_key)
    return false;
  auto holds = "a public key";
  if (auto parts = parse_certificate(blob)) {
    holds = "a certificate";
    judge_certificate(file, parts, file.path);
    file.blob = parts->key_blob;
    file.certificate_blob = std::move(blob);
    file.certified = std::move(parts);
    file.certificate_path = file.path;
  } else {
    file.blob = std::move(blob);
  }
  file.trouble = key_trouble::only_public;
  file.problem = "key file " + file.path + " holds only " + holds;
  return true;
}

/// A certificate that is listed beside its private key needs no agent.
void join_listed(std::vector<key_file>& files) {
  for (auto& file : files) {
    if (file.certificate_blob.empty() || !file.certificate_problem.empty())
      continue;
    for (const auto& other : files)
      if (other.private_key && other.blob == file.blob) {
        join_certificate(file, file.path, file.certificate_blob, other.private_key.get());
        file.problem.clear();
        file.trouble = key_trouble::none;
        break;
      }
    auto is_of = [&file](const key_file& key) {
      return key.certificate_blob.empty() && key.blob == file.blob;
    };
    if (std::any_of(files.begin(), files.end(), is_of))
      continue;
    for (const auto& other : files)
      if (other.certificate_blob.empty() && !other.blob.empty())
        file.certifies_none_of += (file.certifies_none_of.empty() ? "" : " and ") + other.path;
    if (!file.certifies_none_of.empty())
      file.problem += ", which certifies another key than " + file.certifies_none_of;
  }
}

std::string permission_problem(const file_text& read, const std::string& path) {
  if (read.owner != ::getuid() || (read.mode & 077) == 0)
    return {};
  return path + " can be read by others and is not used, as ssh does not use it";
}

} // namespace

bool credentials::any_listed() const {
  return std::any_of(files.begin(), files.end(), [](const key_file& file) { return file.listed; });
}

key_file load_key(const std::string& path, bool listed, const secret* passphrase, bool secrets_kept) {
  key_file file;
  file.path = path;
  file.listed = listed;
  file.secrets_kept = secrets_kept;
  auto read = read_of(file, path);
  if (!read.problem.empty()) {
    // The agent may hold what the disk does not.
    auto beside = read_of(file, path + ".pub");
    bool told = beside.problem.empty() && take_public(file, beside.view());
    file.trouble = told ? key_trouble::only_public : key_trouble::unreadable;
    file.problem = "key file " + read.problem + (told ? ", but its public part is" : "");
    return file;
  }
  if (take_public(file, read.view()))
    return file;
  if (file.problem = permission_problem(read, path); !file.problem.empty())
    file.trouble = key_trouble::readable_by_others;
  auto outside = look_at(read.view());
  file.blob = outside.blob;
  if (file.problem.empty() && outside.locked && passphrase == nullptr) {
    file.trouble = key_trouble::locked;
    file.problem = "key file " + path + " is locked by a passphrase";
  }
  if (file.problem.empty()) {
    // Never without a passphrase, not even for unlocked keys: OpenSSL would ask for one at the terminal.
    ssh_key key = nullptr;
    const char* word = passphrase != nullptr ? passphrase->reveal() : "";
    if (ssh_pki_import_privkey_base64(read.bytes.reveal(), word, nullptr, nullptr, &key) == SSH_OK) {
      file.private_key.reset(key);
    } else {
      file.trouble = outside.locked ? key_trouble::wrong_passphrase : key_trouble::unknown_kind;
      file.problem = "key file " + path +
                     (outside.locked ? ": the passphrase is wrong, or the file is damaged"
                                     : " holds no private key of a kind known here");
    }
  }
  if (file.private_key)
    file.blob = public_blob(file.private_key.get());
  read_public_part(file);
  if (!file.blob.empty())
    read_certificate(file);
  return file;
}

std::vector<std::string> key_file_paths(const cluster_settings& settings, const std::string& home) {
  std::vector<std::string> paths;
  for (const auto& path : settings.key_files)
    if (path != no_key_file)
      paths.push_back(expand_home(path, home));
  if (settings.key_files.empty())
    paths = {home + "/.ssh/id_ed25519", home + "/.ssh/id_ecdsa", home + "/.ssh/id_rsa"};
  return paths;
}

std::vector<key_file> load_keys(const cluster_settings& settings, const std::string& home,
                                const secret* passphrase, const abandonment& sign, bool secrets_kept) {
  std::vector<key_file> files;
  auto listed = !settings.key_files.empty();
  for (const auto& path : key_file_paths(settings, home)) {
    if (sign.abandoned())
      return files;
    if (listed || ::access(path.c_str(), F_OK) == 0 || is_passing(errno))
      files.push_back(load_key(path, listed, passphrase, secrets_kept));
  }
  if (listed)
    join_listed(files);
  return files;
}

bool any_near_its_end(const std::vector<key_file>& files, std::chrono::nanoseconds lead) {
  const auto now = std::chrono::system_clock::now();
  std::size_t usual = 0, usual_near = 0;
  for (const auto& file : files)
    if (file.certified) {
      const bool near = near_its_end(*file.certified, lead, now);
      if (near && file.listed)
        return true;
      usual += !file.listed;
      usual_near += !file.listed && near;
    }
  return usual > 0 && usual == usual_near;
}

bool any_near_its_end(const std::vector<agent_key>& held, const credentials& of,
                      std::chrono::nanoseconds lead) {
  const auto now = std::chrono::system_clock::now();
  std::vector<certificate_parts> certificates;
  for (const auto& key : held)
    if (auto parts = parse_certificate(key.blob))
      certificates.push_back(std::move(*parts));
  /// Of a key; empty: of any.
  auto all_near = [&](const std::string& key_blob) {
    auto lasts = [&](const certificate_parts& each) {
      return (key_blob.empty() || each.key_blob == key_blob) && !near_its_end(each, lead, now);
    };
    auto any = [&](const certificate_parts& each) { return key_blob.empty() || each.key_blob == key_blob; };
    return std::any_of(certificates.begin(), certificates.end(), any) &&
           std::none_of(certificates.begin(), certificates.end(), lasts);
  };
  if (of.any_listed())
    return std::any_of(of.files.begin(), of.files.end(), [&](const key_file& file) {
      return !file.private_key && !file.blob.empty() && all_near(file.blob);
    });
  return all_near({}) && std::none_of(of.files.begin(), of.files.end(), [&](const key_file& file) {
           return file.certified && !near_its_end(*file.certified, lead, now);
         });
}

std::string only_ended(const credentials& of) {
  const auto now = std::chrono::system_clock::now();
  std::string ended;
  for (const auto& file : of.files)
    if (file.certified && near_its_end(*file.certified, std::chrono::nanoseconds{0}, now))
      ended = file.certificate_path + " " + expired_in_words(*file.certified);
    else if (file.private_key)
      return {};
  return of.password ? std::string{} : ended;
}

std::string public_blob(ssh_key key) {
  char* base64 = nullptr;
  if (key == nullptr || ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK)
    return {};
  auto blob = from_base64(base64);
  ssh_string_free_char(base64);
  return blob.value_or("");
}

std::string fingerprint_of(ssh_key key) {
  unsigned char* hash = nullptr;
  std::size_t length = 0;
  if (key == nullptr || ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) != 0)
    return "(unreadable)";
  char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length);
  ssh_clean_pubkey_hash(&hash);
  std::string result = text != nullptr ? text : "(unreadable)";
  ssh_string_free_char(text);
  return result;
}

std::string describe(ssh_key key) {
  auto blob = public_blob(key);
  auto type = wire_reader{blob}.string();
  return (type ? printable(*type, 64) : "unknown") + " " + fingerprint_of(key);
}

owned_key import_blob(std::string_view blob) {
  auto type = wire_reader{blob}.string();
  if (!type)
    return {};
  auto kind = ssh_key_type_from_name(std::string{*type}.c_str());
  ssh_key key = nullptr;
  if (kind == SSH_KEYTYPE_UNKNOWN ||
      ssh_pki_import_pubkey_base64(to_base64(blob).c_str(), kind, &key) != SSH_OK)
    return {};
  return owned_key{key};
}

} // namespace moorage
