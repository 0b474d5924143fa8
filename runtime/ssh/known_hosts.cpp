// known_hosts files: which lines speak of our host, and how a line is added.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libssh/libssh.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <vector>

#include "runtime/ssh/agent.hpp"
#include "runtime/ssh/file_text.hpp"
#include "runtime/ssh/host_keys.hpp"
#include "runtime/ssh/wire.hpp"

namespace moorage {

namespace {

/// A site's file has some hundred thousand lines at most; more is a mistake such as a log written to the
/// wrong place.
constexpr std::size_t file_size_max = 64u << 20;

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

/// libssh has the HMAC-SHA1 and shows it only through a whole line; the key is a well-formed one that stands
/// for any.
bool matches_hashed(const std::string& name, std::string_view hashed) {
  static constexpr const char* some_key =
      " ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
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
  host_match result;
  if (hosts.starts_with('|')) {
    result.matched = hosts.starts_with("|1|") && matches_hashed(name, hosts);
    return result;
  }
  while (!hosts.empty()) {
    auto end = std::min(hosts.find(','), hosts.size());
    auto pattern = lower(hosts.substr(0, end));
    hosts.remove_prefix(std::min(end + 1, hosts.size()));
    bool negated = pattern.starts_with('!');
    if (negated)
      pattern.erase(0, 1);
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

/// The blob names its own type: a line on which the two differ is rubbish.
bool is_key(std::string_view type, std::string_view base64) {
  auto blob = from_base64(base64);
  if (!blob)
    return false;
  auto inner = wire_reader{*blob}.string();
  return inner && *inner == type;
}

void parse_line(std::string_view line, const std::string& file, int number, known_hosts& known) {
  if (line.ends_with('\r'))
    line.remove_suffix(1);
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
  if (!match.matched || !is_key(type, base64))
    return;
  found.by_pattern = match.by_pattern;
  found.key = {std::string{type}, std::string{base64}};
  found.file = file;
  found.line = number;
  known.entries.push_back(std::move(found));
}

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

/// The user's own ~/.ssh does not exist on a fresh account; folders above it are none of our business.
bool make_folder_of(const std::string& file) {
  auto slash = file.rfind('/');
  if (slash == std::string::npos || slash == 0)
    return true;
  return ::mkdir(file.substr(0, slash).c_str(), 0700) == 0 || errno == EEXIST;
}

} // namespace

std::string known_hosts_name(const std::string& host, std::uint16_t port) {
  return port == 22 ? lower(host) : "[" + lower(host) + "]:" + std::to_string(port);
}

void parse_known_hosts(std::string_view text, const std::string& file, known_hosts& known) {
  for (int number = 1; !text.empty(); ++number) {
    auto end = std::min(text.find('\n'), text.size());
    // A NUL would end a line early for whoever reads it as a C string, so no such line means what it seems
    // to.
    if (auto line = text.substr(0, end); line.find('\0') == std::string_view::npos)
      parse_line(line, file, number, known);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

known_hosts read_known_hosts(const std::string& host, std::uint16_t port,
                             const std::vector<std::string>& files) {
  known_hosts known;
  known.host = host;
  known.port = port;
  known.files = files;
  for (const auto& file : files) {
    auto read = read_file(file, file_size_max);
    if (read.error == ENOENT || read.error == ENOTDIR)
      continue;
    if (!read.problem.empty())
      known.problems.push_back(read.problem);
    else
      parse_known_hosts(read.view(), file, known);
  }
  return known;
}

std::string append_known_host(const std::string& file, const std::string& line) {
  if (!make_folder_of(file))
    return failed("the folder of " + file + " could not be made");
  owned_fd fd{::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600)};
  if (!fd)
    return failed(file + " could not be opened for writing");
  // Several connections of one pool meet a new host at the same time; one line is enough.
  if (::flock(fd.get(), LOCK_EX) != 0)
    return failed(file + " could not be locked");
  auto present = read_file(file, file_size_max);
  if (!present.problem.empty())
    return present.problem;
  auto text = "\n" + std::string{present.view()};
  if (text.find("\n" + line) != std::string::npos)
    return {};
  auto bytes = text.ends_with('\n') ? line : "\n" + line;
  if (::write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return failed(file + " could not be written");
  return {};
}

} // namespace moorage
