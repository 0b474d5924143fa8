// known_hosts text, with its verdicts. Promised whatever the text: a key that no line names is never trusted, one that a
// line revokes for every host never accepted, text that is damaged never taken for silence, and what would be written
// down makes the key known.
#include <algorithm>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/ssh/host_keys.hpp"
#include "runtime/ssh/wire.hpp"
#include "tests/fuzz/require.hpp"

namespace {

using namespace moorage;

/// The corpus has these: 32 times the letter a, and an RSA key of 2,048 bits of it.
std::vector<host_key> make_keys() {
  std::vector<host_key> keys;
  std::string blob;
  append_string(blob, "ssh-ed25519");
  append_string(blob, std::string(32, 'a'));
  keys.push_back({"ssh-ed25519", to_base64(blob)});
  blob.clear();
  append_string(blob, "ssh-rsa");
  append_string(blob, std::string("\1\0\1", 3));
  append_string(blob, std::string(256, 'a'));
  keys.push_back({"ssh-rsa", to_base64(blob)});
  return keys;
}

known_hosts parsed(std::string_view text, std::uint16_t port) {
  known_hosts known;
  known.host = "lumi";
  known.port = port;
  known.files = {"/k"};
  parse_known_hosts(text, "/k", known);
  return known;
}

/// A line as a reader who knows nothing of ours would take it apart.
struct plain_line {
  std::string marker, hosts, type, base64;
};

std::vector<plain_line> taken_apart(std::string_view text) {
  std::vector<plain_line> lines;
  std::istringstream all{std::string{text}};
  for (std::string line; std::getline(all, line);) {
    line.resize(std::min(line.find('\0'), line.size()));
    line.erase(
        std::remove_if(line.begin(), line.end(), [](char c) { return c == '\r' || c == '\v' || c == '\f'; }),
        line.end());
    std::istringstream words{line};
    plain_line one;
    words >> one.hosts;
    if (one.hosts.starts_with('@')) {
      one.marker = one.hosts;
      words >> one.hosts;
    }
    words >> one.type >> one.base64;
    lines.push_back(std::move(one));
  }
  return lines;
}

bool may_name(const std::string& hosts) {
  auto low = hosts;
  for (char& c : low)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return low.find("lumi") != std::string::npos || low.find_first_of("*?|") != std::string::npos;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const auto keys = make_keys();
  if (size == 0)
    return 0;
  const std::string_view text{reinterpret_cast<const char*>(bytes) + 1, size - 1};
  const auto& shown = keys[bytes[0] & 1];
  const std::uint16_t port = bytes[0] & 2 ? 2222 : 22;
  const auto policy = static_cast<host_key_policy>((bytes[0] >> 2) % 3);

  const auto known = parsed(text, port);
  static_cast<void>(host_key_algorithms(known));
  const auto verdict = judge_host_key(known, shown, policy);
  const auto lines = taken_apart(text);

  fuzz::require(verdict.accepted == !verdict.error && verdict.accepted == verdict.error.text.empty(),
                "what is not accepted says why");
  if (verdict.state == host_key_state::known)
    fuzz::require(std::any_of(lines.begin(), lines.end(),
                              [&](const plain_line& line) {
                                return line.marker.empty() && may_name(line.hosts) &&
                                       line.base64 == shown.base64;
                              }),
                  "a key that no line names is never trusted");
  else if (verdict.accepted)
    fuzz::require(verdict.state == host_key_state::unknown && policy != host_key_policy::strict,
                  "under strict only a known key is accepted");
  if (text.find('\0') != std::string_view::npos)
    fuzz::require(!verdict.accepted, "damaged text is not taken for silence");
  for (const auto& line : lines)
    if (line.marker == "@revoked" && line.hosts == "*" && line.type == shown.type &&
        line.base64 == shown.base64)
      fuzz::require(verdict.state == host_key_state::revoked, "a revoked key is never accepted");
  if (verdict.to_write) {
    const auto after = std::string{text} + "\n" + known_hosts_line(known, shown) + "\n";
    fuzz::require(judge_host_key(parsed(after, port), shown, host_key_policy::strict).state ==
                      host_key_state::known,
                  "what is written down makes the key known");
  }
  return 0;
}
