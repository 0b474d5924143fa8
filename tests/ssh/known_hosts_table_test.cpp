// What known_hosts says of a host: situation by situation the verdict of the real ssh, asked in the same
// test.
#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <sstream>

#include <catch2/catch.hpp>

#include "runtime/ssh/opening/host_keys.hpp"
#include "tests/ssh/log_in_driver.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::support {

namespace {

constexpr auto strict = host_key_policy::strict;
constexpr auto accept_new = host_key_policy::accept_new;
constexpr auto off = host_key_policy::off;

/// `{ed}`, `{ecdsa}`, `{rsa}` stand for the keys that the server has, as "type base64"; `{ed2}` and so on for
/// those of another server; `{rsa:}` for the base64 alone, `{ecdsa-}` for a key with its padding lost.
struct situation {
  const char* what;
  const char* lines;
  const char* verdict;       ///< known, new, unknown, changed, revoked, unreadable
  const char* ssh = nullptr; ///< where it is another: we are stricter, or say more of what we refuse
  host_key_policy policy = strict;
  const char* host = "lumi";
  std::uint16_t port = 2222;
  bool hashed = false;          ///< by ssh-keygen -H
  const char* more = nullptr;   ///< a second file
  bool without_ed25519 = false; ///< the server has no such key
};

const situation names[] = {
    {"nothing is known", "", "unknown"},
    {"the key", "[lumi]:2222 {ed}\n", "known"},
    {"an RSA key only", "[lumi]:2222 {rsa}\n", "known"},
    {"an ECDSA key only", "[lumi]:2222 {ecdsa}\n", "known"},
    {"the last line is not ended", "[lumi]:2222 {ed}", "known"},
    {"another key", "[lumi]:2222 {ed2}\n", "changed"},
    {"another RSA key", "[lumi]:2222 {rsa2}\n", "changed"},
    {"another port's key", "[lumi]:2223 {ed}\n", "unknown"},
    {"another host's key", "[puhti]:2222 {ed}\n", "unknown"},
    {"an old key and the new one", "[lumi]:2222 {ed2}\n[lumi]:2222 {ed}\n", "known"},
    {"capitals in the file", "[LUMI]:2222 {ed}\n", "known"},
    {"capitals in the settings", "[lumi]:2222 {ed}\n", "known", nullptr, strict, "LuMi"},
    {"an address", "[192.0.2.7]:2222 {ed}\n", "known", nullptr, strict, "192.0.2.7"},
    {"an IPv6 address", "[2001:db8::7]:2222 {ed}\n", "known", nullptr, strict, "2001:db8::7"},
    {"a list of names", "[puhti]:2222,[lumi]:2222 {ed}\n", "known"},
    {"a star for the name", "[lu*]:2222 {ed}\n", "known"},
    {"a star for the port", "[lumi]:* {ed}\n", "known"},
    {"a star for everything", "* {ed}\n", "known"},
    {"a question mark", "[lum?]:2222 {ed}\n", "known"},
    {"a negated name in a list", "*,![lumi]:2222 {ed}\n", "known"}, // by its name without the port
    {"a negated name without the port", "*,!lumi {ed}\n", "known"},
    {"a negated name, both ways", "*,!lumi,![lumi]:* {ed}\n", "unknown"},
    {"a negated name first, port 22", "!lumi,* {ed}\n", "unknown", nullptr, strict, "lumi", 22},
    {"a hashed name", "[lumi]:2222 {ed}\n", "known", nullptr, strict, "lumi", 2222, true},
    {"a hashed name, another key", "[lumi]:2222 {ed2}\n", "changed", nullptr, strict, "lumi", 2222, true},
    {"a hashed name without the port", "lumi {ed}\n", "known", nullptr, strict, "lumi", 2222, true},
    {"a hashed name that goes on", "|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA=,* {ed}\n",
     "unknown"},
    {"a salt that is too short", "|1|AAAA|AAAAAAAAAAAAAAAAAAAAAAAAAAA= {ed}\n", "unknown"},
};

const situation bare_names[] = {
    {"the key for the bare name", "lumi {ed}\n", "known"},
    {"another key for the bare name", "lumi {ed2}\n", "unknown"},
    {"an RSA key for the bare name", "lumi {rsa}\n", "unknown"}, // it is not asked for
    {"another key for the bare name, and the port's own", "lumi {ed2}\n[lumi]:2222 {rsa}\n", "known"},
    {"the key for the bare name, another for the port", "lumi {ed}\n[lumi]:2222 {rsa2}\n", "changed"},
    {"the key for the bare name, two others for the port",
     "[lumi]:2222 {rsa2}\nlumi {ed}\n[lumi]:2222 {ed2}\n", "changed"},
    {"port 22 has a bare name", "lumi {ed}\n", "known", nullptr, strict, "lumi", 22},
    {"port 22 is never written", "[lumi]:22 {ed}\n", "unknown", nullptr, strict, "lumi", 22},
    {"port 22, and another port's key", "[lumi]:2222 {ed2}\n", "unknown", nullptr, strict, "lumi", 22},
};

const situation asked_for[] = {
    {"a wrong key of the type that is asked for first", "[lumi]:2222 {ed2}\n[lumi]:2222 {rsa}\n", "changed"},
    {"a good key beside a wrong one of a later type", "[lumi]:2222 {ecdsa}\n[lumi]:2222 {rsa2}\n", "known"},
    {"a type that the server lost, and one that it has", "[lumi]:2222 {ed2}\n[lumi]:2222 {rsa}\n", "changed",
     nullptr, strict, "lumi", 2222, false, nullptr, true},
    {"types that the server has", "[lumi]:2222 {ecdsa}\n[lumi]:2222 {rsa}\n", "known", nullptr, strict,
     "lumi", 2222, false, nullptr, true},
};

const situation revocations[] = {
    {"a revoked key", "[lumi]:2222 {ed}\n@revoked [lumi]:2222 {ed}\n", "revoked"},
    {"a revoked key that nobody knows", "@revoked * {ed}\n", "revoked"},
    {"a revoked key, and a good one of another type", "@revoked * {ed}\n[lumi]:2222 {rsa}\n", "known"},
    {"a revoked key, and it and another type are known",
     "@revoked * {ed}\n[lumi]:2222 {ed}\n[lumi]:2222 {rsa}\n", "known"},
    {"a revoked key known first of its type",
     "@revoked * {ed}\n[lumi]:2222 {ed}\n[lumi]:2222 {ed2}\n* {rsa}\n", "known"},
    {"a revoked key known second of its type",
     "@revoked * {ed}\n[lumi]:2222 {ed2}\n[lumi]:2222 {ed}\n* {rsa}\n", "revoked"},
    {"a revoked key, and others are known", "@revoked * {ed}\n[lumi]:2222 {ed2}\n", "revoked"},
    {"another key is revoked", "@revoked * {ed2}\n[lumi]:2222 {ed}\n", "known"},
    {"another host's key is revoked", "@revoked [puhti]:2222 {ed}\n[lumi]:2222 {ed}\n", "known"},
    {"a revoked key of the bare name alone", "@revoked lumi {ed}\n", "revoked"},
    {"a revoked key of the bare name", "@revoked lumi {ed}\n[lumi]:2222 {ed}\n", "revoked", "known"},
    {"a revoked key of the bare name under accept-new", "@revoked lumi {ed}\n", "revoked", "new", accept_new},
    {"a revocation with a tab", "@revoked\t* {ed}\n[lumi]:2222 {ed}\n", "revoked", "known"},
    {"a revocation that lost its padding", "@revoked * {ecdsa-}\n[lumi]:2222 {ecdsa}\n", "changed", "known"},
    {"two marks", "@revoked @revoked * {ed}\n[lumi]:2222 {ed}\n", "known"},
    {"a mark that nobody knows", "@trusted [lumi]:2222 {ed}\n", "unknown"},
    {"an authority is no key", "@cert-authority [lumi]:2222 {ed}\n", "unknown"},
    {"an authority beside the key", "@cert-authority * {ed2}\n[lumi]:2222 {ed}\n", "known"},
};

const situation spellings[] = {
    {"comments, blanks and tabs", "# [lumi]:2222 {ed2}\n\n  \t[lumi]:2222\t {ed} me@home # mine\n", "known"},
    {"lines that end as on Windows", "[lumi]:2222 {ed2}\r\n[lumi]:2222 {ed}\r\n", "known"},
    {"an RSA key under its signature's name", "[lumi]:2222 rsa-sha2-512 {rsa:}\n", "known"},
    {"a key under another type's name", "[lumi]:2222 ssh-rsa {ed:}\n", "unknown"},
    {"a type that nobody knows", "[lumi]:2222 ssh-ed448 {ed:}\n", "unknown"},
    {"a key that is cut off", "[lumi]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==\n", "unknown"},
    {"a key that lost its padding", "[lumi]:2222 {ecdsa-}\n", "unknown"},
    {"a key that is none", "[lumi]:2222 ssh-ed25519 !!!!\n", "unknown"},
    {"a host without a key", "[lumi]:2222\n[lumi]:2222 ssh-ed25519\n[lumi]:2222 # {ed}\n", "unknown"},
    {"an SSH-1 key", "[lumi]:2222 1024 35 1234567890\n", "unknown"},
    {"a mark of the byte order", "\xef\xbb\xbf[lumi]:2222 {ed}\n", "unknown"},
    {"a NUL in a comment", "[lumi]:2222 {ed} a{0}b\n", "unreadable", "known"},
    {"a NUL before a revocation", "{0}@revoked * {ed}\n[lumi]:2222 {ed}\n", "unreadable", "known"},
    {"a NUL behind a revocation", "@revoked * {ed}{0}\n[lumi]:2222 {ed}\n", "revoked"},
    {"a NUL before a key that has changed", "{0}[lumi]:2222 {ed2}\n", "unreadable", "new", accept_new},
};

const situation several_files[] = {
    {"the key in the second file", "[puhti]:2222 {ed2}\n", "known", nullptr, strict, "lumi", 2222, false,
     "[lumi]:2222 {ed}\n"},
    {"another key in the first file", "[lumi]:2222 {ed2}\n", "known", nullptr, strict, "lumi", 2222, false,
     "[lumi]:2222 {ed}\n"},
    {"the revocation in the second file", "[lumi]:2222 {ed}\n", "revoked", nullptr, strict, "lumi", 2222,
     false, "@revoked * {ed}\n"},
};

const situation policies[] = {
    {"nothing is known under accept-new", "", "new", nullptr, accept_new},
    {"another key for the bare name under accept-new", "lumi {ed2}\n", "new", nullptr, accept_new},
    {"another type is known under accept-new", "[lumi]:2222 {ed2}\n", "changed", nullptr, accept_new, "lumi",
     2222, false, nullptr, true},
    {"another key under accept-new", "[lumi]:2222 {ed2}\n", "changed", nullptr, accept_new},
    {"a revoked key under accept-new", "@revoked * {ed}\n", "revoked", nullptr, accept_new},
    {"nothing is known and nothing checked", "", "new", nullptr, off},
    {"another key, and nothing checked", "[lumi]:2222 {ed2}\n", "changed", "accepted though changed", off},
    {"a revoked key, and nothing checked", "@revoked * {ed}\n", "revoked", "accepted though revoked", off},
};

std::string replaced(std::string text, const std::map<std::string, std::string>& words) {
  for (const auto& [word, by] : words)
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
      text.replace(at, word.size(), by);
  return text;
}

/// A server, one that has lost a type of key, and keys of a third; each made when first asked for.
class servers {
public:
  const real_sshd& of(const situation& at) {
    auto& one = at.without_ed25519 ? older_ : server_;
    if (!one) {
      real_sshd_settings settings;
      settings.host_key_types = {"ecdsa", "rsa"};
      if (!at.without_ed25519)
        settings.host_key_types.push_back("ed25519");
      one.emplace(settings);
    }
    return *one;
  }

  std::string fill_in(const situation& at, const std::string& lines) {
    std::map<std::string, std::string> words{{"{0}", std::string(1, '\0')}};
    for (const std::string type : {"ed25519", "ecdsa", "rsa"}) {
      const auto mark = "{" + (type == "ed25519" ? "ed" : type);
      if (lines.find(mark) == std::string::npos)
        continue;
      if (lines.find(mark + "2}") != std::string::npos)
        words[mark + "2}"] = another(type);
      if (type == "ed25519" && at.without_ed25519)
        continue;
      const auto key = of(at).host_key(type);
      words[mark + "}"] = key;
      words[mark + ":}"] = key.substr(key.find(' ') + 1);
      words[mark + "-}"] = key.substr(0, key.find('='));
    }
    return replaced(lines, words);
  }

private:
  const std::string& another(const std::string& type) {
    auto& key = others_[type];
    if (key.empty()) {
      scratch_folder folder;
      run_to_end({{"ssh-keygen", "-q", "-t", type, "-N", "", "-C", "", "-f", folder / "key"}});
      std::istringstream line{contents_of(folder / "key.pub")};
      std::string name, base64;
      line >> name >> base64;
      key = name + " " + base64;
    }
    return key;
  }

  std::optional<real_sshd> server_, older_;
  std::map<std::string, std::string> others_;
};

/// In ssh's words, from what it says. It gets as far as the log-in when it takes the key.
std::string verdict_of_ssh(const std::string& said) {
  auto says = [&](const char* words) { return said.find(words) != std::string::npos; };
  const bool accepted = says("Permission denied");
  if (says("REVOKED HOST KEY"))
    return accepted && says("Permanently added") ? "new" : accepted ? "accepted though revoked" : "revoked";
  if (says("REMOTE HOST IDENTIFICATION HAS CHANGED"))
    return accepted ? "accepted though changed" : "changed";
  if (says("Permanently added"))
    return accepted ? "new" : "?";
  if (says("host key is known for"))
    return "unknown";
  return accepted ? "known" : "? " + said;
}

std::string ask_ssh(const situation& at, const real_sshd& server, const std::vector<std::string>& files) {
  scratch_folder folder;
  std::string names;
  for (const auto& file : files) { // copies: it writes
    auto copy = folder / std::to_string(names.size());
    std::ofstream{copy, std::ios::binary} << contents_of(file);
    names += (names.empty() ? "" : " ") + copy;
  }
  const char* policy = at.policy == strict ? "yes" : at.policy == accept_new ? "accept-new" : "no";
  auto option = [](const std::string& text) { return "-o" + text; };
  // The way there has no say in the name: any name can be had.
  auto proxy = "bash -c 'exec 3<>/dev/tcp/" + server.host() + "/" + std::to_string(server.port()) +
               "; cat <&3 & exec cat >&3'";
  process_spec spec;
  spec.argv = {"ssh",
               "-F",
               "none",
               option("UserKnownHostsFile=" + names),
               option("GlobalKnownHostsFile=none"),
               option("StrictHostKeyChecking=" + std::string{policy}),
               option("UpdateHostKeys=no"),
               option("BatchMode=yes"),
               option("KexAlgorithms=curve25519-sha256"), // the cheapest
               option("PreferredAuthentications=none"),
               option("ProxyCommand=" + proxy),
               "-p",
               std::to_string(at.port),
               "-l",
               server.user(),
               at.host,
               "true"};
  spec.output = folder / "said";
  run_to_end(spec);
  return verdict_of_ssh(contents_of(folder / "said"));
}

std::string judged(const situation& at, const real_sshd& server, const std::vector<std::string>& files) {
  auto known = read_known_hosts(at.host, at.port, files);
  open_session session{server.host(), server.port(), host_key_algorithms(known)};
  auto verdict = judge_host_key(known, shown_host_key(session.get()), at.policy);
  switch (verdict.state) {
  case host_key_state::known:
    return "known";
  case host_key_state::unknown:
    return verdict.accepted ? "new" : "unknown";
  case host_key_state::changed:
    return "changed";
  case host_key_state::revoked:
    return "revoked";
  case host_key_state::unreadable:
    return "unreadable";
  }
  return "?";
}

void compare(std::span<const situation> table) {
  servers with;
  for (const auto& at : table) {
    CAPTURE(at.what);
    scratch_folder folder;
    std::vector<std::string> files{folder / "known_hosts"};
    std::ofstream{files[0], std::ios::binary} << with.fill_in(at, at.lines);
    if (at.hashed)
      REQUIRE(run_to_end({{"ssh-keygen", "-H", "-f", files[0]}}) == 0);
    if (at.more != nullptr) {
      files.push_back(folder / "more");
      std::ofstream{files[1], std::ios::binary} << with.fill_in(at, at.more);
    }
    CHECK(judged(at, with.of(at), files) == at.verdict);
    CHECK(ask_ssh(at, with.of(at), files) == (at.ssh != nullptr ? at.ssh : at.verdict));
  }
}

} // namespace

TEST_CASE("known_hosts lines speak of the hosts that they speak of for ssh") {
  compare(names);
}

TEST_CASE("a name without its port means what it means to ssh") {
  compare(bare_names);
}

TEST_CASE("of several keys the one is asked for that ssh asks for") {
  compare(asked_for);
}

TEST_CASE("revocations are honoured as by ssh, or more strictly where the table says so") {
  compare(revocations);
}

TEST_CASE("known_hosts lines are spelt as for ssh, and damaged ones are never passed over") {
  compare(spellings);
}

TEST_CASE("several known_hosts files are one, as for ssh") {
  compare(several_files);
}

TEST_CASE("each policy accepts what ssh accepts under it, but no changed or revoked key") {
  compare(policies);
}

} // namespace moorage::support
