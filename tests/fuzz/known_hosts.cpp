// known_hosts text, with its verdicts, against an oracle that was written apart from the product
// (known_hosts_oracle.hpp). Promised besides, whatever the text: a revocation that is added to it wins, text
// that is damaged is never taken for silence, where a text is cut into files makes no difference, and what is
// written down makes the key known.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <unistd.h>

#include "runtime/ssh/opening/host_keys.hpp"
#include "tests/fuzz/known_hosts_oracle.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/hostile.hpp"

namespace {

using namespace moorage;
using namespace fuzz;

known_hosts nothing_known(std::uint16_t port) {
  known_hosts known;
  known.host = oracle_host;
  known.port = port;
  known.files = {"/k"};
  return known;
}

known_hosts parsed(std::string_view text, std::uint16_t port) {
  auto known = nothing_known(port);
  parse_known_hosts(text, "/k", known);
  return known;
}

std::string_view in_words(host_key_state state) {
  switch (state) {
  case host_key_state::known:
    return "known";
  case host_key_state::unknown:
    return "unknown";
  case host_key_state::changed:
    return "changed";
  case host_key_state::revoked:
    return "revoked";
  case host_key_state::unreadable:
    return "unreadable";
  }
  return "?";
}

void check_verdict(const host_key_verdict& verdict, host_key_policy policy) {
  require(verdict.accepted == !verdict.error && verdict.accepted == verdict.error.text.empty(),
          "what is not accepted says why");
  require(support::misleading_in_line(verdict.error.text + verdict.text).empty(), "a verdict is a line");
  const bool may_be_accepted =
      verdict.state == host_key_state::known ||
      (verdict.state == host_key_state::unknown && policy != host_key_policy::strict);
  require(verdict.accepted == may_be_accepted, "no policy accepts a changed or a revoked key");
  require(verdict.to_write ==
              (verdict.state == host_key_state::unknown && policy == host_key_policy::accept_new),
          "what is new under accept-new is to be written down, and nothing else");
}

/// The server is asked for every kind of key once, in whatever order.
void check_algorithms(const known_hosts& known) {
  auto list = host_key_algorithms(known) + ",";
  for (const std::string each :
       {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512", "rsa-sha2-256"}) {
    auto at = ("," + list).find("," + each + ",");
    require(at != std::string::npos, "every kind of key is asked for");
    list.erase(at, each.size() + 1);
  }
  require(list.empty(), "every kind of key is asked for once");
}

void write_text(const std::string& file, const std::string& text) {
  std::ofstream{file, std::ios::binary | std::ios::trunc} << text;
}

std::string text_of(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// Through a real file.
void check_writing(const std::string& text, const host_key& shown, std::uint16_t port) {
  static const std::string file = "/dev/shm/moorage-fuzz-" + std::to_string(::getpid());
  write_text(file, text);
  auto known = read_known_hosts(oracle_host, port, {file});
  auto written = write_known_host(known, shown, std::chrono::milliseconds{0});
  require(written.problem.empty() && !written.error, "a new key is written down");
  require(text_of(file).starts_with(text), "what stands in a file stays when a key is added");
  auto after = judge_host_key(read_known_hosts(oracle_host, port, {file}), shown, host_key_policy::strict);
  require(after.state == host_key_state::known, "what is written down makes the key known");
  ::unlink(file.c_str());
}

void check_metamorphoses(const std::string& text, const host_key& shown, std::uint16_t port,
                         const host_key_verdict& verdict, host_key_policy policy) {
  const auto revocation = "@revoked * " + shown.type + " " + shown.base64 + "\n";
  auto state_of = [&](const std::string& other) {
    return judge_host_key(parsed(other, port), shown, policy).state;
  };
  require(state_of(text + "\n" + revocation) == host_key_state::revoked, "a revocation at the end wins");
  require(state_of(revocation + text) == host_key_state::revoked, "a revocation at the beginning wins");
  require(!judge_host_key(parsed(text + std::string("\n\0", 2), port), shown, policy).accepted,
          "damaged text is not taken for silence");
  // "known" may be another line's with the same key: the state alone is compared.
  auto cut = text.find('\n', text.size() / 2);
  if (cut == std::string::npos)
    return;
  auto pieces = nothing_known(port);
  parse_known_hosts(std::string_view{text}.substr(0, cut + 1), "/k", pieces);
  parse_known_hosts(std::string_view{text}.substr(cut + 1), "/l", pieces);
  require(judge_host_key(pieces, shown, policy).state == verdict.state, "several files are one");
}

} // namespace

/// The first byte: the key that is shown, the port, the policy. Some control characters of the rest stand for
/// whole keys and names (see `written_out`), so that a change of one byte makes another text that means
/// something.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const oracle judge;
  if (size == 0)
    return 0;
  const auto text = judge.written_out({reinterpret_cast<const char*>(bytes) + 1, size - 1});
  const std::size_t which = bytes[0] & 1 ? 1 : bytes[0] & 64 ? 4 : 0;
  const auto& shown = judge.keys()[which];
  const std::uint16_t port = bytes[0] & 2 ? 2222 : 22;
  const auto policy = static_cast<host_key_policy>((bytes[0] >> 2) % 3);

  const auto known = parsed(text, port);
  check_algorithms(known);
  const auto verdict = judge_host_key(known, shown, policy);
  check_verdict(verdict, policy);
  const auto expected = judge.expect(text, which, port);
  if (expected.find(" " + std::string{in_words(verdict.state)} + " ") == std::string::npos) {
    std::fprintf(stderr, "the verdict is %s, expected was one of:%s\n", in_words(verdict.state).data(),
                 expected.c_str());
    require(false, "the verdict is the one that the oracle has");
  }
  check_metamorphoses(text, shown, port, verdict, policy);
  if (verdict.to_write)
    check_writing(text, shown, port);
  return 0;
}
