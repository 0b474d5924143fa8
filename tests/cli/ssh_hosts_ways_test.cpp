// Ways to Hosts of OpenSSH's configuration, by the program, at real sshds: over several hops, by certificates
// and agents, and from whichever file.
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/cli/hosts_home.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/own_network.hpp"

using namespace moorage;
using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::real_sshd;

namespace {

// Who lets in by certificates alone, and a key in that folder that has one, beside it: `key`-cert.pub.
void certify(real_sshd& sshd, const std::string& key) {
  auto authority = sshd.add_client_key("authority");
  sshd.reconfigure({"TrustedUserCAKeys " + authority + ".pub", "AuthorizedKeysFile none"});
  std::filesystem::copy(sshd.unauthorised_client_key(), key);
  support::process_spec spec;
  spec.argv = {"sh", "-c",
               "ssh-keygen -y -f " + key + " > " + key + ".pub && ssh-keygen -q -s " + authority +
                   " -I us -n " + sshd.user() + " -V -1h:+1h " + key + ".pub"};
  REQUIRE(support::run_to_end(spec) == 0);
}

std::string host_with_key(const std::string& name, const real_sshd& sshd, const std::string& key) {
  auto text = host_of(name, sshd);
  return text.replace(text.find(sshd.client_key()), sshd.client_key().size(), key);
}

// /etc/passwd with another home for us, which is where ssh looks for the user's files.
std::string passwd_with_home(const std::string& home) {
  const auto* self = getpwuid(geteuid());
  return std::string{self->pw_name} + ":x:" + std::to_string(self->pw_uid) + ":" +
         std::to_string(self->pw_gid) + "::" + home + ":" + self->pw_shell + "\n" +
         support::contents_of("/etc/passwd");
}

} // namespace

TEST_CASE("a ProxyJump over two hosts, with certificates at the first and behind both, is one log-in at each",
          "[certificates over jumps]") {
  hosts_home home;
  real_sshd first, second;
  auto at_first = home.folder / "first", behind = home.folder / "behind", apart = home.folder / "apart";
  certify(first, at_first);
  certify(home.sshd, behind);
  std::filesystem::rename(at_first + "-cert.pub", apart);
  home.write(host_with_key("first", first, at_first) + "  CertificateFile " + apart + "\n" +
             host_of("second", second) + host_with_key("far", home.sshd, behind) +
             "  ProxyJump first,second\n");
  auto ended = home.moorage({"exec", "far", "--", "echo", "there"});
  INFO(ended.error_output);
  CHECK(ended.output == "there\n");
  for (const real_sshd* each : {&first, &second, &home.sshd}) {
    CHECK(each->log_count("Accepted publickey for ") == 1);
    CHECK(each->connects() == 1);
    CHECK(each->log_count("-CERT ") == (each == &second ? 0 : 1));
  }
}

TEST_CASE(
    "ssh is asked once about each host on the way, when a cluster is made known, and never in an acquire") {
  hosts_home home;
  real_sshd first, second;
  home.write(host_of("first", first) + host_of("second", second) + "  ProxyJump first\n" +
             host_of("far", home.sshd) + "  ProxyJump second\n");
  home.configure("[clusters.own]\nssh_host = \"far\"\n");
  const auto bin = home.folder / "bin", asked = home.folder / "asked";
  std::filesystem::create_directory(bin);
  auto ssh_is = [&bin](const std::string& script) {
    std::ofstream{bin + "/new"} << "#!/bin/sh\n" << script;
    std::filesystem::permissions(bin + "/new", std::filesystem::perms::owner_all);
    std::filesystem::rename(bin + "/new", bin + "/ssh");
  };
  ssh_is("echo \"$*\" >> " + asked + "\nexec /usr/bin/ssh \"$@\"\n");
  // Of each host once with the files, and once without, to see what is of the files.
  auto of_each = [&](int times) {
    std::vector<std::string> result;
    for (const char* host : {"far", "second", "first"})
      for (const auto& file : {home.ssh_config(), std::string{"none"}})
        result.insert(result.end(), times, "-vvv -G -T -o ControlPath=%C -F " + file + " -- " + host);
    std::sort(result.begin(), result.end());
    return result;
  };
  auto questions = [&asked] {
    std::vector<std::string> result;
    std::ifstream in{asked};
    for (std::string line; std::getline(in, line);)
      result.push_back(line);
    std::sort(result.begin(), result.end());
    return result;
  };
  // The node and its clients, all with that one.
  auto with_that_ssh = [&](const std::vector<std::string>& words) {
    auto spec = home.spec({"PATH=" + bin + ":" + std::getenv("PATH"),
                           "MOORAGE_CONFIG=" + home.folder / "moorage.toml", MOORAGE_PROGRAM});
    spec.arguments.insert(spec.arguments.end(), words.begin(), words.end());
    spec.executable = "/usr/bin/env";
    return spec;
  };
  auto moorage = [&](const std::vector<std::string>& words) { return run(with_that_ssh(words)); };
  program node{with_that_ssh({"serve"})};
  REQUIRE(node.wrote("serving 3 clusters on "));
  CHECK(questions() == of_each(1));
  CHECK(moorage({"exec", "own", "--", "echo", "in"}).output == "in\n");
  // Log-ins anew at each, while whoever asked ssh would wait for ever.
  ssh_is("echo \"$*\" >> " + asked + "\nexec sleep 600\n");
  CHECK(moorage({"admin", "disconnect", "@all"}).code == 0);
  auto again = moorage({"exec", "own", "--", "echo", "again"});
  INFO(again.error_output);
  CHECK(again.output == "again\n");
  CHECK(first.logins() == 2);
  CHECK(home.sshd.logins() == 2);
  CHECK(questions() == of_each(1));
  ssh_is("echo \"$*\" >> " + asked + "\nexec /usr/bin/ssh \"$@\"\n");
  CHECK(moorage({"admin", "reload"}).code == 0);
  CHECK(questions() == of_each(2));
  // What no table names is its client's to ask about.
  CHECK(moorage({"exec", "far", "--", "echo", "far"}).output == "far\n");
  CHECK(questions() == of_each(3));
}

TEST_CASE("a Match exec of ssh's configuration runs once for each host on the way, with a node and without") {
  using names = std::vector<std::string>;
  hosts_home home;
  real_sshd gate;
  const auto ran = home.folder / "ran";
  auto ran_for = [&ran](const finished& ended) {
    INFO(ended.error_output);
    CHECK(ended.code == 0);
    names result;
    std::ifstream in{ran};
    for (std::string line; std::getline(in, line);)
      result.push_back(line);
    std::filesystem::remove(ran);
    std::sort(result.begin(), result.end());
    return result;
  };
  auto there = [&home](std::vector<std::string> words) { return home.moorage(std::move(words)); };
  const auto hosts = host_of("gate", gate) + host_of("far", home.sshd) + "  ProxyJump gate\n";
  // One that applies is no sign of a Host, which `far` is by its name.
  for (const char* end : {"", "; false"}) {
    home.write("Match exec \"echo %n >> " + ran + end + "\"\n  Compression no\n" + hosts);
    for (const std::string table : {"", "[clusters.gate]\nssh_host = \"gate\"\n"}) {
      home.configure(table);
      CHECK(ran_for(there({"exec", "-n", "far", "--", "true"})) == names{"far", "gate"});
      CHECK(ran_for(there({"ssh", "-n", "far", "true"})) == names{"far", "gate"});
      CHECK(ran_for(there({"check", "far"})) == names{"far", "gate"});
      CHECK(ran_for(there({"config", "far"})) == names{"far", "gate"});
      program node{home.spec({"serve"})};
      REQUIRE(node.wrote("serving "));
      std::filesystem::remove(ran);
      CHECK(ran_for(there({"exec", "-n", "far", "--", "true"})) == names{"far", "gate"});
      CHECK(ran_for(there({"ssh", "-n", "far", "true"})) == names{"far", "gate"});
      CHECK(ran_for(there({"admin", "reload"})) == (table.empty() ? names{} : names{"gate"}));
    }
  }
  // With a user another question, and of no Host that has another answer without.
  home.write("Match exec \"echo %n >> " + ran + "; false\"\n" + hosts);
  CHECK(ran_for(there({"ssh", "-n", "-p", std::to_string(home.sshd.port()), "-i", home.sshd.client_key(),
                       "-oUserKnownHostsFile=" + home.sshd.known_hosts(), "-oIdentityAgent=none",
                       home.sshd.user() + "@" + home.sshd.host(), "true"})) == names{home.sshd.host()});
}

TEST_CASE("exec, check and config look for a Host in the file that -F names, and in no other") {
  hosts_home home;
  auto other = home.folder / "other";
  std::ofstream{other} << host_of("elsewhere", home.sshd);
  CHECK(home.moorage({"exec", "-F", other, "elsewhere", "--", "echo", "in"}).output == "in\n");
  CHECK_THAT(home.moorage({"check", "-F", other, "elsewhere"}).output, Contains("all is well"));
  CHECK_THAT(home.moorage({"config", "-F", other, "elsewhere"}).output,
             Contains("port = " + std::to_string(home.sshd.port())) && Contains("# ssh -G elsewhere"));
  for (const char* word : {"exec", "check", "config"}) {
    INFO(word);
    auto is_none = [&](const std::string& file, const std::string& host) {
      std::vector<std::string> words{word, "-F", file, host};
      if (file.empty())
        words.erase(words.begin() + 1, words.begin() + 3);
      if (words.front() == "exec")
        words.insert(words.end(), {"--", "true"});
      auto ended = home.moorage(words);
      CHECK(ended.code != 0);
      CHECK_THAT(ended.error_output, Contains("no cluster '" + host + "'"));
    };
    is_none("", "elsewhere");
    is_none(other, "lumi");
    is_none("none", "lumi");
  }
  // A node has other settings: it is not asked, as with -o.
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 0 clusters on "));
  CHECK(home.moorage({"exec", "-F", other, "elsewhere", "--", "echo", "in"}).output == "in\n");
}

TEST_CASE("the user's own file and the system's are ssh's as well, and with -F neither is read") {
  hosts_home home{{.config = {"AcceptEnv SITE"}}};
  std::filesystem::create_directory(home.folder / ".ssh");
  std::filesystem::rename(home.ssh_config(), home.folder / ".ssh/config");
  std::ofstream{home.folder / "moorage.toml"};
  std::ofstream{home.folder / "system"} << "Host *\n  SetEnv SITE=system\n";
  std::ofstream{home.folder / "passwd"} << passwd_with_home(home.folder.path());
  support::own_files files;
  files.place(home.folder / "passwd", "/etc/passwd");
  files.place(home.folder / "system", "/etc/ssh/ssh_config");
  if (!files) {
    WARN("skipped: " << files.why_not());
    return;
  }
  const std::string shown = "echo [$SITE]";
  auto usual = home.moorage({"exec", "lumi", "--", shown});
  INFO(usual.error_output);
  CHECK(usual.output == "[system]\n");
  CHECK(home.moorage({"ssh", "lumi", shown}).output == "[system]\n");
  std::filesystem::rename(home.folder / ".ssh/config", home.folder / "named");
  CHECK(home.moorage({"exec", "lumi", "--", shown}).code == 255);
  CHECK(home.moorage({"exec", "-F", home.folder / "named", "lumi", "--", shown}).output == "[]\n");
  CHECK(home.moorage({"ssh", "-F", home.folder / "named", "lumi", shown}).output == "[]\n");
}

TEST_CASE("moorage ssh goes by IPv4 or IPv6 as -4 and -6 say, and compresses with -C") {
  hosts_home home{{.ipv6 = true, .config = {"LogVerbose kex.c:*"}}};
  std::ofstream{home.folder / "hosts"} << "127.0.0.1 localhost\n::1 localhost\n";
  support::own_files files;
  files.place(home.folder / "hosts", "/etc/hosts");
  if (!files) {
    WARN("skipped: " << files.why_not());
    return;
  }
  home.write(
      host_of("lumi", home.sshd)
          .replace(std::string{"Host lumi\n  HostName "}.size(), home.sshd.host().size(), "localhost"));
  auto connects = [&](const std::string& from) { return home.sshd.log_count("Connection from " + from); };
  auto ssh = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"ssh", "-F", home.ssh_config()});
    words.insert(words.end(), {"lumi", "echo", "in"});
    auto ended = home.moorage(words);
    INFO(ended.error_output);
    CHECK(ended.output == "in\n");
  };
  ssh({"-6"});
  CHECK(connects("::1 ") == 1);
  CHECK(connects("127.0.0.1 ") == 0);
  ssh({"-4"});
  CHECK(connects("::1 ") == 1);
  CHECK(connects("127.0.0.1 ") == 1);
  const std::string compressed = "compression: zlib@openssh.com";
  CHECK(home.sshd.log_count(compressed) == 0);
  ssh({"-C", "-4"});
  CHECK(home.sshd.log_count(compressed) > 0);
}

TEST_CASE("IdentityAgent of a Host may be a variable, of whoever asks") {
  hosts_home home;
  support::ssh_agent agent{{home.sshd.client_key()}};
  auto text = host_with_key("lumi", home.sshd, home.folder / "not-there");
  home.write(text.replace(text.find("IdentityAgent none"), 18, "IdentityAgent $MY_AGENT"));
  auto spec = home.spec({"exec", "lumi", "--", "echo", "in"});
  CHECK(run(spec).code == 255);
  spec.environment["SSH_AUTH_SOCK"] = agent.socket();
  CHECK(run(spec).code == 255);
  spec.environment["MY_AGENT"] = agent.socket();
  spec.environment["SSH_AUTH_SOCK"] = home.folder / "nobody";
  auto ended = run(spec);
  INFO(ended.error_output);
  CHECK(ended.output == "in\n");
}
