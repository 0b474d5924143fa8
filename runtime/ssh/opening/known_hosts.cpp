// known_hosts lines: which of them speak of our host, and what they say (OpenSSH's hostfile.c and match.c,
// 9.2).
#include <libssh/libssh.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>
#include <vector>

#include "runtime/ssh/opening/host_keys.hpp"
#include "runtime/ssh/wire.hpp"
#include "runtime/system/base64.hpp"

namespace moorage {

namespace {

std::string lower(std::string_view text) {
  std::string result{text};
  for (char& c : result)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// `*` any run of characters, `?` one. Linear in the product of the lengths: rubbish cannot make it explode.
bool matches_pattern(std::string_view name, std::string_view pattern) {
  std::size_t at = 0, p = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (at < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = at;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[at])) {
      ++p;
      ++at;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

/// "|1|", the salt and the HMAC, both of 20 bytes: nothing else, and in one spelling only.
bool is_hash(std::string_view hashed) {
  constexpr std::size_t digits = 28;
  if (hashed.size() != 3 + digits + 1 + digits || !hashed.starts_with("|1|") || hashed[3 + digits] != '|')
    return false;
  for (auto part : {hashed.substr(3, digits), hashed.substr(3 + digits + 1)}) {
    auto bytes = from_base64(part);
    if (!bytes || bytes->size() != 20 || to_base64(*bytes) != part)
      return false;
  }
  return true;
}

/// libssh has the HMAC-SHA1 and shows it only through a whole line; the key is a well-formed one that stands
/// for any.
bool matches_hashed(const std::string& name, std::string_view hashed) {
  static constexpr const char* some_key =
      " ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  if (!is_hash(hashed))
    return false;
  ssh_knownhosts_entry* entry = nullptr;
  bool matched =
      ssh_known_hosts_parse_line(name.c_str(), (std::string{hashed} + some_key).c_str(), &entry) == SSH_OK;
  if (entry != nullptr)
    ssh_knownhosts_entry_free(entry);
  return matched;
}

struct host_match {
  bool matched = false;
  bool by_pattern = false;
};

/// `hosts` is the line's first field: names and patterns parted by commas, one negated match rules the line
/// out.
host_match match_hosts(const std::string& name, std::string_view hosts) {
  constexpr std::size_t pattern_max = 1'022; // with a longer one ssh takes no more of the line
  host_match result;
  if (hosts.starts_with('|')) {
    result.matched = matches_hashed(name, hosts);
    return result;
  }
  while (!hosts.empty()) {
    auto end = std::min(hosts.find(','), hosts.size());
    auto pattern = lower(hosts.substr(0, end));
    hosts.remove_prefix(std::min(end + 1, hosts.size()));
    bool negated = pattern.starts_with('!');
    if (negated)
      pattern.erase(0, 1);
    if (pattern.size() > pattern_max)
      return {};
    if (pattern.empty() || !matches_pattern(name, pattern))
      continue;
    if (negated)
      return {};
    bool wild = pattern.find_first_of("*?") != std::string::npos;
    result.by_pattern = result.matched ? result.by_pattern && wild : wild;
    result.matched = true;
  }
  return result;
}

std::string_view take_word(std::string_view& line) {
  auto begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    line = {};
    return {};
  }
  auto end = std::min(line.find_first_of(" \t", begin), line.size());
  auto word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

/// A kind of key as its blob spells it, with the fields that follow the name.
struct key_kind {
  std::string_view type;
  int fields;
};
constexpr key_kind kinds[] = {{"ssh-ed25519", 1},
                              {"ssh-rsa", 2},
                              {"ssh-dss", 4},
                              {"ecdsa-sha2-nistp256", 2},
                              {"ecdsa-sha2-nistp384", 2},
                              {"ecdsa-sha2-nistp521", 2},
                              {"sk-ssh-ed25519@openssh.com", 2},
                              {"sk-ecdsa-sha2-nistp256@openssh.com", 3}};

/// Names of signatures, which ssh takes for the name of the key on a line.
std::string_view key_type_of_line(std::string_view name) {
  if (name == "rsa-sha2-256" || name == "rsa-sha2-512")
    return "ssh-rsa";
  if (name == "rsa-sha2-256-cert-v01@openssh.com" || name == "rsa-sha2-512-cert-v01@openssh.com")
    return "ssh-rsa-cert-v01@openssh.com";
  if (name == "webauthn-sk-ecdsa-sha2-nistp256@openssh.com")
    return "sk-ecdsa-sha2-nistp256@openssh.com";
  return name;
}

/// Numbers of an RSA key that ssh takes; its sign byte aside.
constexpr std::size_t rsa_modulus_least = 1024 / 8;

bool makes_sense(std::string_view type, const std::vector<std::string_view>& fields) {
  if (type.find("ed25519") != std::string_view::npos)
    return fields[0].size() == 32;
  if (type == "ssh-rsa")
    return fields[1].size() >= rsa_modulus_least;
  if (type.find("ecdsa") != std::string_view::npos)
    return type.find(fields[0]) != std::string_view::npos && fields[1].starts_with('\x04');
  return true;
}

/// The key on a line; a certificate as it stands, or, if only its key matters, as that. Nothing: ssh skips
/// the line.
std::optional<host_key> read_key(std::string_view name, std::string_view text, host_marker marker) {
  constexpr std::string_view certificate = "-cert-v01@openssh.com";
  std::string digits{text};
  std::erase_if(digits, [](char c) { return c == '\r' || c == '\v' || c == '\f'; });
  auto blob = from_base64(digits);
  // Of a revocation we believe more than ssh does: one with its padding lost still says which key is not to
  // be trusted.
  if (!blob || (marker != host_marker::revoked && to_base64(*blob) != digits))
    return std::nullopt;
  wire_reader reader{*blob};
  auto inner = reader.string();
  if (!inner || *inner != key_type_of_line(name))
    return std::nullopt;
  auto type = *inner;
  const bool certified = type.ends_with(certificate);
  if (certified) {
    type.remove_suffix(certificate.size());
    if (type.starts_with("sk-"))
      type = type == "sk-ssh-ed25519" ? kinds[6].type : kinds[7].type;
    reader.string(); // a nonce
  }
  const auto* kind =
      std::find_if(std::begin(kinds), std::end(kinds), [&](auto& k) { return k.type == type; });
  if (kind == std::end(kinds))
    return std::nullopt;
  std::vector<std::string_view> fields;
  for (int i = 0; i < kind->fields; ++i) {
    auto field = reader.string();
    if (!field)
      return std::nullopt;
    fields.push_back(*field);
  }
  if (!makes_sense(type, fields) || (!certified && !reader.rest().empty()))
    return std::nullopt;
  if (certified && marker != host_marker::revoked)
    return host_key{std::string{*inner}, to_base64(*blob)};
  std::string plain;
  append_string(plain, type);
  for (auto field : fields)
    append_string(plain, field);
  return host_key{std::string{type}, to_base64(plain)};
}

void parse_line(std::string_view line, const std::string& file, int number, known_hosts& known) {
  auto hosts = take_word(line);
  if (hosts.empty() || hosts.starts_with('#'))
    return;
  known_host found;
  if (hosts.starts_with('@')) {
    if (hosts == "@revoked")
      found.marker = host_marker::revoked;
    else if (hosts == "@cert-authority")
      found.marker = host_marker::cert_authority;
    else
      return;
    hosts = take_word(line);
  }
  auto type = take_word(line);
  auto base64 = take_word(line);
  if (base64.empty())
    return;
  auto match = match_hosts(known_hosts_name(known.host, known.port), hosts);
  if (!match.matched && known.port != 22) {
    match = match_hosts(lower(known.host), hosts);
    found.without_port = match.matched;
  }
  if (!match.matched)
    return;
  auto key = read_key(type, base64, found.marker);
  if (!key)
    return;
  found.by_pattern = match.by_pattern;
  found.key = std::move(*key);
  found.file = file;
  found.line = number;
  known.entries.push_back(std::move(found));
}

} // namespace

std::string known_hosts_name(const std::string& host, std::uint16_t port) {
  return port == 22 ? lower(host) : "[" + lower(host) + "]:" + std::to_string(port);
}

std::string hashed_name(const std::string& name) {
  std::string salt(20, '\0'), hash(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (::getrandom(salt.data(), salt.size(), 0) != static_cast<ssize_t>(salt.size()) ||
      HMAC(EVP_sha1(), salt.data(), static_cast<int>(salt.size()),
           reinterpret_cast<const unsigned char*>(name.data()), name.size(),
           reinterpret_cast<unsigned char*>(hash.data()), &size) == nullptr)
    return {};
  hash.resize(size);
  return "|1|" + to_base64(salt) + "|" + to_base64(hash);
}

void parse_known_hosts(std::string_view text, const std::string& file, known_hosts& known) {
  int damaged = 0;
  for (int number = 1; !text.empty(); ++number) {
    auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto nul = line.find('\0');
    if (nul != std::string_view::npos && damaged++ == 0)
      known.problems.push_back(
          {file + " is damaged: line " + std::to_string(number) +
               " has a NUL character, so that a key or a revocation may be lost; mend it or remove that line",
           false});
    // As ssh, which reads a line as far as that.
    parse_line(line.substr(0, nul), file, number, known);
  }
}

} // namespace moorage
