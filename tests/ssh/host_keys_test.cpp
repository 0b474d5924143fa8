// known_hosts lines as sshd(8) describes them, and the verdict on a host's key, down to the command that
// accepts it.
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "runtime/ssh/login/credentials.hpp"
#include "runtime/ssh/opening/host_keys.hpp"
#include "runtime/ssh/wire.hpp"
#include "runtime/system/base64.hpp"
#include "tests/ssh/log_in_driver.hpp"
#include "tests/support/process_tree.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::support {

namespace {

using Catch::Matchers::Contains;

/// Well-formed keys, each as good as any other.
host_key key_of(const std::string& type, char fill) {
  std::string blob;
  append_string(blob, type);
  if (type == "ssh-rsa") {
    append_string(blob, std::string("\1\0\1", 3));
    append_string(blob, '\0' + std::string(256, static_cast<char>(fill | 0x80)));
  } else if (type.starts_with("ecdsa-")) {
    append_string(blob, type.substr(std::string{"ecdsa-sha2-"}.size()));
    append_string(blob, '\4' + std::string(64, fill));
  } else {
    append_string(blob, std::string(32, fill));
  }
  return {type, to_base64(blob)};
}

const host_key key_a = key_of("ssh-ed25519", 'a');
const host_key key_b = key_of("ssh-ed25519", 'b');

std::string line(const std::string& hosts, const host_key& key) {
  return hosts + " " + key.type + " " + key.base64;
}

known_hosts parse(const std::string& text, const std::string& host = "lumi", std::uint16_t port = 22) {
  known_hosts known;
  known.host = host;
  known.port = port;
  known.files = {"/home/u/.ssh/known_hosts"};
  parse_known_hosts(text, known.files[0], known);
  return known;
}

bool speaks_of(const std::string& hosts, const std::string& host, std::uint16_t port = 22) {
  return parse(line(hosts, key_a), host, port).entries.size() == 1;
}

} // namespace

TEST_CASE("a line speaks of the hosts it names, by name, list, wildcard and negation") {
  CHECK(speaks_of("lumi", "lumi"));
  CHECK(speaks_of("LUMI", "lumi"));
  CHECK(speaks_of("lumi", "LuMi"));
  CHECK_FALSE(speaks_of("lumi", "lumi2"));
  CHECK(speaks_of("puhti,lumi,192.0.2.1", "lumi"));
  CHECK(speaks_of("*.csc.fi", "lumi.csc.fi"));
  CHECK_FALSE(speaks_of("*.csc.fi", "csc.fi"));
  CHECK(speaks_of("login?", "login1"));
  CHECK_FALSE(speaks_of("login?", "login12"));
  CHECK(speaks_of("*", "anything"));
  CHECK_FALSE(speaks_of("*.fi,!bad.fi", "bad.fi"));
  CHECK_FALSE(speaks_of("!bad.fi,*.fi", "bad.fi"));
  CHECK(speaks_of("*.fi,!bad.fi", "good.fi"));
  CHECK_FALSE(speaks_of("!bad.fi", "good.fi"));
  CHECK(speaks_of("2001:db8::1", "2001:DB8::1"));
}

TEST_CASE("a port that is not 22 is part of the name, and a line without it speaks only when no other does") {
  CHECK(speaks_of("[lumi]:2222", "lumi", 2222));
  CHECK_FALSE(speaks_of("[lumi]:2222", "lumi", 22));
  CHECK_FALSE(speaks_of("[lumi]:2222", "lumi", 2223));
  CHECK(speaks_of("[*]:2222", "lumi", 2222));
  CHECK(known_hosts_name("LUMI", 22) == "lumi");
  CHECK(known_hosts_name("::1", 2222) == "[::1]:2222");
  auto plain = parse(line("lumi", key_a), "lumi", 2222);
  REQUIRE(plain.entries.size() == 1);
  CHECK(plain.entries[0].without_port);
  CHECK(judge_host_key(plain, key_a, host_key_policy::strict).state == host_key_state::known);
  CHECK(judge_host_key(plain, key_b, host_key_policy::strict).state == host_key_state::unknown);
  auto both = parse(line("lumi", key_a) + "\n" + line("[lumi]:2222", key_b), "lumi", 2222);
  CHECK(judge_host_key(both, key_b, host_key_policy::strict).state == host_key_state::known);
  CHECK(judge_host_key(both, key_a, host_key_policy::strict).state == host_key_state::changed);
}

TEST_CASE("hashed names are recognised as ssh-keygen writes them") {
  scratch_folder folder;
  const auto file = folder / "known_hosts";
  std::ofstream{file} << line("lumi", key_a) << "\n" << line("[puhti]:2222", key_b) << "\n";
  process_spec spec;
  spec.argv = {"ssh-keygen", "-H", "-f", file};
  REQUIRE(run_to_end(spec) == 0);
  const auto text = contents_of(file);
  REQUIRE_THAT(text, Contains("|1|") && !Contains("lumi"));
  CHECK(parse(text, "lumi").entries.size() == 1);
  CHECK(parse(text, "puhti", 2222).entries.size() == 1);
  CHECK(parse(text, "puhti").entries.empty());
  CHECK(parse(text, "mahti").entries.empty());
}

TEST_CASE("comments, blanks, tabs, markers, old lines and rubbish are read as ssh reads them") {
  auto known =
      parse("# a comment\n\n   \n" + line("\tlumi", key_a) + " a comment with blanks\r\n" + "@revoked " +
            line("*", key_b) + "\n@cert-authority " + line("*.fi,lumi", key_b) + "\n@unknown " +
            line("lumi", key_b) + "\nlumi 1024 35 1234567890\nlumi\nlumi ssh-ed25519\n" +
            "lumi ssh-ed25519 !!!!\nlumi ssh-rsa " + key_a.base64 + "\n");
  REQUIRE(known.entries.size() == 3);
  CHECK(known.entries[0].line == 4);
  CHECK(known.entries[0].marker == host_marker::none);
  CHECK(known.entries[1].marker == host_marker::revoked);
  CHECK(known.entries[2].marker == host_marker::cert_authority);
}

TEST_CASE("random lines never crash the reader") {
  std::uint32_t random = 1;
  auto next = [&] { return (random = random * 1664525 + 1013904223) >> 16; };
  const std::string pieces[] = {
      "lumi",   "|1|", "|1|AAAA|BBBB",       "*",       "!",           ",",          " ",
      "\t",     "\n",  "@revoked ",          "ssh-rsa", "ssh-ed25519", key_a.base64, "[",
      "]:2222", "#",   std::string(1, '\0'), "=",       "\xff",        "?"};
  for (int round = 0; round < 2'000; ++round) {
    std::string text;
    for (auto left = next() % 40; left > 0; --left)
      text += pieces[next() % std::size(pieces)];
    auto known = parse(text);
    judge_host_key(known, key_a, host_key_policy::strict);
    host_key_algorithms(known);
  }
}

TEST_CASE("a pattern of many stars takes no time worth mentioning") {
  std::string stars;
  for (int i = 0; i < 100; ++i)
    stars += "*a";
  CHECK_FALSE(speaks_of(stars, std::string(250, 'a') + "b"));
}

TEST_CASE("a known key is trusted, and the text says where it stands") {
  auto verdict =
      judge_host_key(parse(line("lumi", key_b) + "\n" + line("lumi", key_a)), key_a, host_key_policy::strict);
  CHECK(verdict.accepted);
  CHECK(verdict.state == host_key_state::known);
  CHECK_THAT(verdict.text, Contains("ssh-ed25519 SHA256:") && Contains("/home/u/.ssh/known_hosts:2"));
}

TEST_CASE("an unknown key is refused under strict, with the key and the command that accepts it") {
  auto verdict = judge_host_key(parse("", "lumi", 2222), key_a, host_key_policy::strict);
  CHECK_FALSE(verdict.accepted);
  CHECK(verdict.error.kind == ssh_failure::host_key_unknown);
  CHECK(verdict.error.stage == ssh_stage::host_key);
  CHECK_THAT(verdict.error.text, Contains(fingerprint(key_a)) && Contains("/home/u/.ssh/known_hosts") &&
                                     Contains("echo '[lumi]:2222 ssh-ed25519 " + key_a.base64 +
                                              "' >> /home/u/.ssh/known_hosts") &&
                                     Contains("accept-new"));
}

TEST_CASE("an unknown key under accept-new is to be written down, under no it is not") {
  auto accept = judge_host_key(parse(""), key_a, host_key_policy::accept_new);
  CHECK(accept.accepted);
  CHECK(accept.to_write);
  CHECK(known_hosts_line(parse(""), key_a) == "lumi ssh-ed25519 " + key_a.base64);
  auto off = judge_host_key(parse(""), key_a, host_key_policy::off);
  CHECK(off.accepted);
  CHECK_FALSE(off.to_write);
}

TEST_CASE("a changed key is refused under every policy, and says what was expected and where") {
  auto policy = GENERATE(host_key_policy::strict, host_key_policy::accept_new, host_key_policy::off);
  auto verdict = judge_host_key(parse("\n" + line("lumi", key_b)), key_a, policy);
  CHECK_FALSE(verdict.accepted);
  CHECK(verdict.state == host_key_state::changed);
  CHECK(verdict.error.kind == ssh_failure::host_key_changed);
  CHECK_THAT(
      verdict.error.text,
      Contains("showed the key ssh-ed25519 " + fingerprint(key_a)) &&
          Contains("expected was ssh-ed25519 " + fingerprint(key_b) + " at /home/u/.ssh/known_hosts:2") &&
          Contains("ssh-keygen -R lumi -f /home/u/.ssh/known_hosts && echo 'lumi ssh-ed25519 "));
}

TEST_CASE("a key of a type that is not known, where another type is, counts as changed") {
  auto verdict =
      judge_host_key(parse(line("lumi", key_of("ssh-rsa", 'r'))), key_a, host_key_policy::accept_new);
  CHECK(verdict.state == host_key_state::changed);
  CHECK_THAT(verdict.error.text, Contains("no longer shows a key of a type that is known"));
}

TEST_CASE("a changed key that a pattern line expected names the line to remove by hand") {
  auto verdict = judge_host_key(parse(line("lu*", key_b)), key_a, host_key_policy::strict);
  CHECK_THAT(verdict.error.text, Contains("by hand the pattern line at /home/u/.ssh/known_hosts:1") &&
                                     !Contains("ssh-keygen -R"));
}

TEST_CASE("a revoked key is refused, though another line trusts it, and under every policy") {
  auto policy = GENERATE(host_key_policy::strict, host_key_policy::accept_new, host_key_policy::off);
  auto verdict = judge_host_key(parse(line("lumi", key_a) + "\n@revoked " + line("*", key_a)), key_a, policy);
  CHECK(verdict.state == host_key_state::revoked);
  CHECK(verdict.error.kind == ssh_failure::host_key_revoked);
  CHECK_THAT(verdict.error.text, Contains("revoked at /home/u/.ssh/known_hosts:2"));
  CHECK(
      judge_host_key(parse(line("lumi", key_a) + "\n@revoked " + line("*", key_b)), key_a, policy).accepted);
}

TEST_CASE("where only a certificate authority is known, the text says that keys must be") {
  auto verdict = judge_host_key(parse("@cert-authority " + line("*", key_a)), key_a, host_key_policy::strict);
  CHECK(verdict.state == host_key_state::unknown);
  CHECK_THAT(verdict.error.text, Contains("known_hosts:1 trusts a certificate authority"));
}

TEST_CASE("what a file does not tell is never taken for what it does not know, under any policy") {
  auto policy = GENERATE(host_key_policy::strict, host_key_policy::accept_new, host_key_policy::off);
  auto known = parse(line("lumi", key_a));
  SECTION("a file that could not be read whole may revoke the very key that another knows") {
    known.problems.push_back({"/etc/x is larger than 67108864 bytes, the most that is read of it", false});
    CHECK(judge_host_key(known, key_a, policy).state == host_key_state::unreadable);
  }
  SECTION("a file that the system keeps from this user hides no key that another has, as for ssh") {
    known.problems.push_back({"/etc/x cannot be read: Permission denied", true});
    CHECK(judge_host_key(known, key_a, policy).state == host_key_state::known);
    CHECK_THAT(judge_host_key(known, key_a, policy).text, Contains("/etc/x cannot be read"));
    CHECK(judge_host_key(known, key_b, policy).state == host_key_state::changed);
    CHECK_FALSE(unreadable_known_hosts(known));
    known.entries.clear();
    auto verdict = judge_host_key(known, key_a, policy);
    CHECK_FALSE(verdict.accepted);
    CHECK(verdict.error.kind == ssh_failure::known_hosts_unreadable);
    CHECK_THAT(verdict.error.text, Contains("/etc/x cannot be read: Permission denied"));
  }
  SECTION("a revocation that was read holds") {
    known = parse(line("lumi", key_a) + "\n@revoked " + line("*", key_a));
    known.problems.push_back({"/etc/x is damaged", false});
    CHECK(judge_host_key(known, key_a, policy).state == host_key_state::revoked);
  }
}

TEST_CASE(
    "where known_hosts is a device that keeps nothing, the advice names a file to set, and no command") {
  auto known = parse("");
  known.files = {"/dev/null"};
  auto verdict = judge_host_key(known, key_a, host_key_policy::strict);
  CHECK_THAT(verdict.error.text, Contains("known_hosts_files") && !Contains(">>"));
  CHECK_THAT(not_written_down(known, key_a, "/dev/null keeps nothing"),
             Contains("known_hosts_files") && !Contains(">>"));
  known.files.push_back("/home/u/.ssh/known_hosts");
  CHECK_THAT(judge_host_key(known, key_a, host_key_policy::strict).error.text,
             Contains(">> /home/u/.ssh/known_hosts"));
  known.keep_nothing.push_back("/home/u/.ssh/known_hosts"); // a link to it
  CHECK_THAT(judge_host_key(known, key_a, host_key_policy::strict).error.text, !Contains(">>"));
  known.files.push_back("/dev/shm/known_hosts");
  CHECK_THAT(judge_host_key(known, key_a, host_key_policy::strict).error.text,
             Contains(">> /dev/shm/known_hosts"));
}

TEST_CASE("a revoked certificate revokes its key, and a certificate is never a host's plain key") {
  std::string blob;
  append_string(blob, "ssh-ed25519-cert-v01@openssh.com");
  append_string(blob, std::string(32, 'n'));
  append_string(blob, std::string(32, 'a'));
  blob += "and the rest of it";
  host_key certificate{"ssh-ed25519-cert-v01@openssh.com", to_base64(blob)};
  auto revoked = parse("@revoked " + line("*", certificate) + "\n" + line("lumi", key_a));
  CHECK(judge_host_key(revoked, key_a, host_key_policy::strict).state == host_key_state::revoked);
  auto stands_alone = parse(line("lumi", certificate));
  CHECK(judge_host_key(stands_alone, key_a, host_key_policy::accept_new).state == host_key_state::changed);
}

TEST_CASE("the algorithms of known keys are asked for first, RSA by its modern signatures") {
  CHECK_THAT(host_key_algorithms(parse("")), Catch::Matchers::StartsWith("ssh-ed25519,"));
  CHECK_THAT(host_key_algorithms(parse(line("lumi", key_of("ssh-rsa", 'r')))),
             Catch::Matchers::StartsWith("rsa-sha2-512,rsa-sha2-256,ssh-ed25519"));
  CHECK_THAT(host_key_algorithms(parse(line("lumi", key_of("ecdsa-sha2-nistp256", 'e')))),
             Catch::Matchers::StartsWith("ecdsa-sha2-nistp256,ssh-ed25519"));
  CHECK_THAT(host_key_algorithms(parse("@revoked " + line("lumi", key_of("ssh-rsa", 'r')))),
             Catch::Matchers::StartsWith("ssh-ed25519"));
  // A key for the name without the port is another server's, for all we know.
  CHECK_THAT(host_key_algorithms(parse(
                 line("lumi", key_a) + "\n" + line("[lumi]:2222", key_of("ssh-rsa", 'r')), "lumi", 2222)),
             Catch::Matchers::StartsWith("rsa-sha2-512"));
}

TEST_CASE("a key's fingerprint is the one that ssh-keygen prints") {
  real_sshd server;
  auto text = server.host_key();
  auto blank = text.find(' ');
  CHECK(fingerprint({text.substr(0, blank), text.substr(blank + 1)}) == server.host_key_fingerprint());
  CHECK(fingerprint({"ssh-ed25519", "AAAA"}) == "(unreadable)");
  CHECK(fingerprint({"no-such-type", key_a.base64}) == "(unreadable)");
}

TEST_CASE("a server with keys of three types shows the one that known_hosts has") {
  real_sshd_settings three;
  three.host_key_types = {"ed25519", "ecdsa", "rsa"};
  real_sshd server{three};
  auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  scratch_folder folder;
  const auto file = folder / "known_hosts";
  std::ofstream{file} << known_hosts_name(server.host(), server.port()) << " " << server.host_key(type)
                      << "\n";
  auto known = read_known_hosts(server.host(), server.port(), {file});
  open_session session{server.host(), server.port(), host_key_algorithms(known)};
  auto shown = shown_host_key(session.get());
  CHECK(shown.type + " " + shown.base64 == server.host_key(type));
  CHECK(judge_host_key(known, shown, host_key_policy::strict).state == host_key_state::known);
}

TEST_CASE("the command in a refusal accepts the key that was seen") {
  real_sshd server;
  scratch_folder folder;
  const auto file = folder / "known_hosts";
  open_session session{server.host(), server.port()};
  auto shown = shown_host_key(session.get());
  auto judge = [&] {
    return judge_host_key(read_known_hosts(server.host(), server.port(), {file}), shown,
                          host_key_policy::strict);
  };
  auto run_command_of = [&](const std::string& text, const std::string& first_word) {
    auto command = text.substr(text.find(first_word + " "));
    if (auto aside = command.find(" (or "); aside != std::string::npos)
      command.erase(aside);
    process_spec spec;
    spec.argv = {"sh", "-c", command};
    REQUIRE(run_to_end(spec) == 0);
  };
  auto unknown = judge();
  REQUIRE(unknown.state == host_key_state::unknown);
  run_command_of(unknown.error.text, "echo");
  CHECK(judge().state == host_key_state::known);
  std::ofstream{file, std::ios::trunc} << line(known_hosts_name(server.host(), server.port()), key_a) << "\n";
  auto changed = judge();
  REQUIRE(changed.state == host_key_state::changed);
  run_command_of(changed.error.text, "ssh-keygen");
  CHECK(judge().state == host_key_state::known);
}

} // namespace moorage::support
