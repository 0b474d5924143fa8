// What a Host means to moorage and to ssh itself: the same destination, keys, proxy and verdict on the host
// key, for 144 configurations, each read by both. ssh's own words (`ssh -v`) are the measure.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <sstream>

#include <unistd.h>

#include "runtime/config.hpp"
#include "runtime/ssh/opening/host_keys.hpp"
#include "runtime/system/program_output.hpp"
#include "tests/support/between.hpp"
#include "tests/support/real_sshd.hpp"

using namespace moorage;
using namespace std::chrono_literals;
using support::between;

namespace {

using strings = std::vector<std::string>;

// One reading of a configuration: by ssh from its own words, by us from the settings.
struct reached {
  std::string address;    ///< "127.0.0.1 port 22"; empty: by a proxy
  std::string user;       ///< empty: it came to no log-in
  strings keys;           ///< that are there
  bool keys_told = false; ///< not by an ssh that reached nobody
  std::string proxy;      ///< the command, or "jump " and the hops
  std::string host_key;
  bool circle = false; ///< jumps that lead to themselves, where ssh ends at once or starts itself for ever
};

struct agreement {
  agreement() {
    for (const char* key : {"k1", "k2", "lumi-me", "base@127.0.0.1"})
      std::filesystem::copy_file(sshd.client_key(), folder / key);
    put("none_known", "");
    put("alias_known", "al " + sshd.host_key() + "\n");
    put("other_known", place() + " ssh-ed25519 " + std::string{other_key} + "\n");
  }
  void put(const std::string& name, const std::string& text) const { std::ofstream{folder / name} << text; }
  std::string place() const { return "[127.0.0.1]:" + std::to_string(sshd.port()); }
  // What holds for every Host unless it says something else.
  std::string for_all() const {
    return "\nHost *\n HostName 127.0.0.1\n Port " + std::to_string(sshd.port()) + "\n User base\n" +
           " IdentityAgent none\n GlobalKnownHostsFile none\n UserKnownHostsFile " + sshd.known_hosts() +
           "\n";
  }

  // A key that nobody has.
  static constexpr const char* other_key =
      "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
  support::scratch_folder folder;
  support::real_sshd sshd;
};

// `ssh [-l USER] [-p PORT] [-J HOPS] … -W '[%h]:%p' HOST` as the hops that it goes by.
std::string hops_of(const std::string& command) {
  auto plain = command;
  std::erase_if(plain, [](char c) { return c == '[' || c == ']'; });
  std::istringstream words{plain};
  strings all{std::istream_iterator<std::string>{words}, {}};
  std::string user, port, before, last = all.back();
  for (std::size_t i = 0; i + 1 < all.size(); ++i)
    (all[i] == "-l" ? user : all[i] == "-p" ? port : all[i] == "-J" ? before : all[0]) = all[i + 1];
  if (last.starts_with("ssh://"))
    last = last.substr(6);
  return "jump " + (before.empty() ? "" : before + ",") + (user.empty() ? "" : user + "@") + last +
         (port.empty() ? "" : ":" + port);
}

// In a circle of jumps it starts itself again and again until it is stopped; else it takes a twentieth of a
// second. A busy machine may show no circle in the first of these.
constexpr auto circling_time = 8s, circling_time_at_most = 30s;

bool shows_circle(const std::string& words) {
  std::set<std::string> hops;
  for (auto at = words.find("Setting implicit"); at != words.npos;
       at = words.find("Setting implicit", at + 1))
    if (!hops.insert(words.substr(at, words.find('\r', at) - at)).second)
      return true;
  return words.find("jumphost loop via") != words.npos;
}

reached by_ssh(const std::string& file) {
  const strings asked{"ssh", "-v", "-F", file, "-o", "BatchMode=yes", "lumi", "true"};
  auto said = output_of(asked, circling_time);
  if (said.late && !shows_circle(said.error_output))
    said = output_of(asked, circling_time_at_most);
  const auto& words = said.error_output;
  reached result;
  result.address = between(words, "Connecting to 127.0.0.1 [127.0.0.1] port ", ".");
  result.user = between(between(words, "Authenticating to ", "\n"), "as '", "'");
  std::istringstream lines{words};
  for (std::string line; std::getline(lines, line);)
    if (auto key = between(line, "identity file ", " type");
        !key.empty() && line.find("type -1") == line.npos)
      result.keys.push_back(key);
  result.circle = shows_circle(words);
  result.keys_told = words.find("identity file ") != std::string::npos;
  result.proxy = between(words, "Executing proxy command: exec ", "\r");
  if (!result.proxy.empty())
    result.address.clear(); // the proxy's own words are among them
  if (result.proxy.starts_with("ssh -"))
    result.proxy = hops_of(result.proxy);
  if (words.find("is known and matches") != std::string::npos)
    result.host_key = "known";
  else if (words.find("Permanently added") != std::string::npos)
    result.host_key = "taken as new";
  else if (words.find("IDENTIFICATION HAS CHANGED") != std::string::npos)
    result.host_key = "changed";
  else if (words.find("Host key verification failed") != std::string::npos)
    result.host_key = "unknown";
  INFO(words);
  CHECK_FALSE((result.address.empty() && result.proxy.empty()));
  return result;
}

// The same of a cluster's jumps; of what their own Hosts add, ssh's first process tells nothing.
std::string hops_of(const cluster_config& of) {
  std::string result;
  for (const auto& each : of.jumps) {
    const auto& s = each.settings;
    auto user = each.origin_of("user").from == setting_origin::source::destination ? s.user + "@" : "";
    auto port = each.origin_of("port").from == setting_origin::source::destination
                    ? ":" + std::to_string(s.port)
                    : "";
    result = user + s.ssh_host + port + (result.empty() ? "" : ",") + result;
  }
  return "jump " + result;
}

std::string expanded(std::string command, const cluster_settings& of) {
  for (auto [token, value] : {std::pair{"%h", of.host}, std::pair{"%p", std::to_string(of.port)},
                              std::pair{"%r", of.user}, std::pair{"%%", std::string{"%"}}})
    for (auto at = command.find(token); at != std::string::npos; at = command.find(token, at + value.size()))
      command.replace(at, 2, value);
  return command;
}

std::string verdict_on(const cluster_settings& of, const support::real_sshd& sshd) {
  const auto& alias = of.host_key_alias;
  auto known =
      read_known_hosts(alias.empty() ? of.host : alias, alias.empty() ? of.port : 22, of.known_hosts_files);
  auto key = sshd.host_key();
  auto verdict = judge_host_key(known, {key.substr(0, key.find(' ')), key.substr(key.find(' ') + 1)},
                                of.strict_host_keys);
  switch (verdict.state) {
  case host_key_state::known:
    return "known";
  case host_key_state::changed:
    return "changed";
  default:
    return verdict.accepted ? "taken as new" : "unknown";
  }
}

reached by_moorage(const std::string& file, const support::real_sshd& sshd, const reached& ssh) {
  configuration from;
  from.defaults.settings.ssh_config = file;
  cluster_config found;
  auto wrong = find_cluster(from, "lumi", found);
  // What a pattern for every name says makes no name a cluster; a table that names the Host does.
  if (wrong.code == errc::unknown_cluster) {
    found = from.defaults;
    found.settings.name = found.settings.ssh_host = "lumi";
    wrong = ask_openssh(from, found);
  }
  INFO(wrong.text);
  if (wrong.text.find("a circle: ") != std::string::npos ||
      wrong.text.find("jumphost loop") != wrong.text.npos) {
    auto result = ssh;
    result.circle = true;
    return result;
  }
  REQUIRE(wrong.code == errc::none);
  const auto& s = found.settings;
  reached result;
  if (!s.jump.empty())
    result.proxy = hops_of(found);
  else if (s.proxy_command.empty())
    result.address = std::to_string(s.port);
  else
    result.proxy = expanded(s.proxy_command, s);
  if (!ssh.user.empty()) // it was reached
    result.user = s.user;
  for (const auto& each : s.key_files)
    if (access(each.c_str(), F_OK) == 0)
      result.keys.push_back(each);
  if (s.key_files.empty() || !ssh.keys_told) // the usual ones, which are the machine's
    result.keys = ssh.keys;
  if (!ssh.host_key.empty())
    result.host_key = verdict_on(s, sshd);
  return result;
}

/// Each selector, which puts the options into force for `lumi`, or does not, with each of the options, for
/// which $ stands.
void compare_with_ssh(const std::function<strings(const std::string& folder)>& selectors) {
  agreement both;
  const auto k = both.folder.path() + "/";
  const strings bodies{" User someone\n",
                       " IdentityFile " + k + "k1\n IdentityFile " + k + "k2\n IdentityFile " + k + "k1\n",
                       " identityfile = \"" + k + "%n-me\"\n IdentityFile " + k + "%r@%h\n",
                       " IdentityFile " + k + "missing\n IdentitiesOnly yes\n IdentityFile " + k + "k2\n",
                       " UserKnownHostsFile " + k + "none_known\n",
                       " UserKnownHostsFile " + k + "other_known\n",
                       " UserKnownHostsFile /dev/null\n StrictHostKeyChecking no\n",
                       " HostKeyAlias al\n UserKnownHostsFile " + k + "none_known " + k + "alias_known\n",
                       " Port 1\n",
                       " ProxyCommand echo %h %p %r 100%% >&2; false\n",
                       " ProxyJump me@127.0.0.1:1\n",
                       " ProxyJump a@127.0.0.1:2,127.0.0.1:1\n"};
  auto compared = 0;
  for (const auto& selector : selectors(k))
    for (const auto& body : bodies) {
      auto text = selector;
      if (auto at = text.find('$'); at != std::string::npos)
        text.replace(at, 1, body);
      both.put("more", "Host lumi\n" + body);
      both.put("config", text + both.for_all());
      INFO(text);
      auto ssh = by_ssh(k + "config");
      auto ours = by_moorage(k + "config", both.sshd, ssh);
      CHECK(ours.circle == ssh.circle);
      CHECK(ours.address == ssh.address);
      CHECK(ours.user == ssh.user);
      CHECK(ours.keys == ssh.keys);
      CHECK(ours.proxy == ssh.proxy);
      CHECK(ours.host_key == ssh.host_key);
      ++compared;
    }
  CHECK(compared == 72);
}

} // namespace

// In two halves, each of which waits for many processes.
TEST_CASE("what a Host means to us is what it means to ssh: destination, keys, proxy, verdict",
          "[ssh_config]") {
  compare_with_ssh([](const std::string&) {
    return strings{"Host lumi\n$",         "Host other l*i\n$", "Host lum?\n$",
                   "Host !nobody lumi\n$", "Host * !lumi\n$",   "Match originalhost lumi\n$"};
  });
}

TEST_CASE("and so is what Match and Include put into force, and lines in odd ways of writing",
          "[ssh_config]") {
  compare_with_ssh([](const std::string& k) {
    return strings{"Match all\n$",
                   "Match originalhost l*,m* exec \"true\"\n$",
                   "Include " + k + "more\n",
                   "Host lumi\n User early\n IdentityFile " + k + "k2\nHost *\n$",
                   "Match final all\n$",
                   "# Host other\nHOST=\"lumi\"\n$"};
  });
}
