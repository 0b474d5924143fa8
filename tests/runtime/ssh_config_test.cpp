// What of a Host of OpenSSH's configuration becomes a cluster's settings. The real ssh reads the files.
#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>
#include <future>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/config/openssh.hpp"
#include "runtime/system/account.hpp"
#include "runtime/system/program_output.hpp"
#include "tests/runtime/parsed_config.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

void write_text(const std::string& path, const std::string& text) {
  std::ofstream{path} << text;
}

// A configuration of ssh's, and clusters that are read from it.
struct ssh_files {
  explicit ssh_files(const std::string& text) { write_text(file(), text); }

  std::string file() const { return folder / "config"; }
  // The cluster of this name, by its Host alone.
  cluster_config host(const std::string& name) const {
    configuration from;
    from.defaults.settings.ssh_config = file();
    cluster_config result;
    auto wrong = find_cluster(from, name, result);
    INFO(wrong.text);
    REQUIRE(wrong.code == errc::none);
    return result;
  }
  failure refusal(const std::string& name) const {
    configuration from;
    from.defaults.settings.ssh_config = file();
    cluster_config result;
    return find_cluster(from, name, result);
  }

  support::scratch_folder folder;
};

std::string own_home() {
  return user_account_of(getuid()).home;
}

using strings = std::vector<std::string>;

} // namespace

TEST_CASE("a Host of ssh's configuration is a cluster, with what it says in our settings") {
  ssh_files files{"Host lumi\n"
                  "  HostName login.lumi.example\n"
                  "  User me\n"
                  "  Port 2222\n"
                  "  AddressFamily inet6\n"
                  "  ConnectTimeout 7\n"
                  "  ServerAliveInterval 20\n"
                  "  StrictHostKeyChecking accept-new\n"
                  "  HostKeyAlias lumi-keys\n"
                  "  UserKnownHostsFile \"/of me/known\" ~/second\n"
                  "  GlobalKnownHostsFile none\n"
                  "  IdentityAgent /run/agent.sock\n"
                  "  ProxyCommand connect --to %n:%p as %r 100%%\n"
                  "  Ciphers aes256-ctr\n"
                  "  SetEnv A=b \"C=d  e\"\n"
                  "  SendEnv LANG LC_* X?\n"
                  "  SendEnv -X*\n"
                  "  CheckHostIP yes\n"
                  "  VerifyHostKeyDNS yes\n"
                  "  ControlMaster auto\n"};
  auto lumi = files.host("lumi");
  const auto& s = lumi.settings;
  CHECK(s.name == "lumi");
  CHECK(s.ssh_host == "lumi");
  CHECK(s.host == "login.lumi.example");
  CHECK(s.user == "me");
  CHECK(s.port == 2222);
  CHECK(s.address_family == address_family::inet6);
  CHECK(s.ciphers == "aes256-ctr");
  CHECK(s.connect_timeout == 7s);
  CHECK(s.keep_alive_interval == 20s);
  CHECK(s.strict_host_keys == host_key_policy::accept_new);
  CHECK(s.host_key_alias == "lumi-keys");
  CHECK(s.known_hosts_files == strings{"/of me/known", own_home() + "/second"});
  CHECK(s.agent_socket == "/run/agent.sock");
  CHECK(s.proxy_command == "connect --to lumi:%p as %r 100%%");
  CHECK(s.set_env == "A=b \"C=d  e\"");
  CHECK(s.send_env == "LANG LC_*");
  CHECK(s.check_host_ip);
  // What has no effect here (ControlMaster) is not told of.
  CHECK(lumi.not_followed == strings{"VerifyHostKeyDNS"});
  CHECK(describe_origin({}, lumi, lumi.origin_of("host")) == "ssh -G lumi");
  CHECK(describe_origin({}, lumi, lumi.origin_of("pool_size")) == "default");
}

TEST_CASE("what of a Host cannot be is told with its option when it is read, not at the first log-in") {
  ssh_files files{"Host proxied\n  ProxyCommand connect %x\nHost many\n  SendEnv"};
  std::ofstream out{files.file(), std::ios::app};
  for (auto i = 0; i < 101; ++i)
    out << " A" << i;
  out << "\n" << std::flush;
  CHECK_THAT(files.refusal("proxied").text,
             Contains("ssh_host proxied: ProxyCommand connect %x: '%x' stands for"));
  CHECK_THAT(files.refusal("many").text,
             Contains("ssh_host many: SendEnv") && Contains("more than 100 words"));
}

TEST_CASE("what a Host leaves out stays at its default") {
  ssh_files files{"Host lumi\n  User me\n"};
  auto lumi = files.host("lumi");
  cluster_settings usual;
  usual.name = usual.host = usual.ssh_host = "lumi";
  usual.user = "me";
  usual.ssh_config = files.file();
  CHECK(lumi.settings == usual);
  CHECK(lumi.not_followed.empty());
}

TEST_CASE("keys of a Host: those that are there, in ssh's order, with their tokens and certificates") {
  ssh_files files{""};
  auto key = [&](const std::string& name) { return files.folder / name; };
  for (const char* each : {"me@login.example", "lumi", "2222.pub", "cert.pub"})
    write_text(key(each), "");
  write_text(files.file(), "Host lumi\n HostName login.example\n User me\n Port 2222\n"
                           " IdentityFile \"" +
                               key("%p") + "\"\n IdentityFile " + key("not-there") + "\n IdentityFile " +
                               key("%r@%h") + "\n IdentityFile ${KEYS_HERE}/%n\n" + " CertificateFile " +
                               key("cert.pub") + "\nHost none\n IdentityFile " + key("not-there") +
                               "\nHost only\n IdentitiesOnly yes\n IdentityFile " + key("not-there-%i") +
                               "\nHost odd\n IdentityFile /keys/%T\nHost unset\n IdentityFile "
                               "${NO_SUCH_VARIABLE}/id\nHost agentless\n IdentityAgent none\n"
                               "Host bare\n IdentitiesOnly yes\n");
  setenv("KEYS_HERE", files.folder.path().c_str(), 1);
  CHECK(files.host("lumi").settings.key_files ==
        strings{key("2222"), key("me@login.example"), key("lumi"), key("cert.pub")});
  unsetenv("KEYS_HERE");
  // Where nothing of a list is there, ssh asks the agent; may it not, that is somebody's mistake, and told.
  CHECK(files.host("none").settings.key_files == strings{"none"});
  CHECK(files.host("only").settings.key_files == strings{key("not-there-" + std::to_string(::getuid()))});
  CHECK_THAT(files.refusal("odd").text, Contains("IdentityFile: %T is not known here"));
  CHECK_THAT(files.refusal("unset").text, Contains("IdentityFile: the variable NO_SUCH_VARIABLE is not set"));
  CHECK_FALSE(files.host("agentless").settings.agent);
  setenv("HOME", (files.folder / "home").c_str(), 1);
  auto bare = files.host("bare");
  setenv("HOME", own_home().c_str(), 1);
  REQUIRE(bare.named_by.size() == 1); // of seven usual names, which nobody wrote
  CHECK(bare.named_by[0].second == "IdentitiesOnly, without a usual key, of 'bare' in ssh's configuration");
}

TEST_CASE(
    "a key or certificate of a Host that cannot be read is passed over by its option, while another may do") {
  ssh_files files{""};
  auto key = [&](const std::string& name) { return files.folder / name; };
  write_text(key("good"), "");
  REQUIRE(mkdir(key("folder").c_str(), 0700) == 0);
  const auto bad = " IdentityFile " + key("folder") + "\n CertificateFile " + key("gone") + "\n";
  write_text(files.file(), "Host some\n IdentitiesOnly yes\n" + bad + " IdentityFile " + key("good") +
                               "\nHost none\n" + bad + "Host only\n IdentitiesOnly yes\n" + bad);
  auto told = [&](const std::string& host) {
    return strings{"CertificateFile of '" + host + "' in ssh's configuration: " + key("gone") +
                       " is not there (No such file or directory)",
                   "IdentityFile of '" + host + "' in ssh's configuration: " + key("folder") +
                       " is not a regular file"};
  };
  auto some = files.host("some");
  CHECK(some.settings.key_files == strings{key("good")});
  CHECK(some.passed_over == told("some"));
  CHECK(check_files({}, some).empty());
  // Without any of them there is the agent.
  CHECK(files.host("none").settings.key_files == strings{"none"});
  CHECK(files.host("none").passed_over == told("none"));
  // Where no other may be tried, each is what is wrong.
  auto only = files.host("only");
  CHECK(only.passed_over.empty());
  strings refused;
  for (const auto& each : check_files({}, only))
    refused.push_back(to_string(each));
  auto allowed = "; allowed: a file that can be read";
  CHECK(refused == strings{told("only")[1] + allowed, told("only")[0] + allowed});
}

TEST_CASE("an address of IPv6 may be a Host, and what holds for every name makes it none") {
  ssh_files files{"Host ::1\n  Port 2222\nHost fd00::* !fd00::2\n  User deep\nHost *\n  User me\n"};
  auto own = files.host("::1");
  CHECK(own.settings.ssh_host == "::1");
  CHECK(own.settings.host == "::1");
  CHECK(own.settings.port == 2222);
  CHECK(own.settings.user == "me");
  CHECK(files.host("fd00::1").settings.user == "deep");
  auto other = files.host("fd00::2");
  CHECK(other.settings.ssh_host.empty());
  CHECK(other.settings.host == "fd00::2");
  CHECK(other.settings.user.empty());
  CHECK_THAT(ssh_files{"Frobnicate yes\n"}.refusal("::1").text, Contains("Bad configuration option"));
}

TEST_CASE("Match, Include, patterns and negation are ssh's own, since ssh reads them") {
  ssh_files files{""};
  write_text(files.folder / "more", "Host *.deep\n  Port 2300\n");
  write_text(files.file(), "Include " + (files.folder / "more") +
                               "\nHost login? !login3\n  User some\n"
                               "Match originalhost login2 exec \"true\"\n  Port 2202\n"
                               "Host *\n  ServerAliveInterval 15\n");
  CHECK(files.host("login1").settings.user == "some");
  CHECK(files.host("login1").settings.port == 22);
  CHECK(files.host("login2").settings.port == 2202);
  CHECK(files.host("a.deep").settings.port == 2300);
  CHECK(files.host("a.deep").settings.keep_alive_interval == 15s);
  // What holds for every name makes no name a cluster.
  auto other = files.refusal("login3");
  CHECK(other.code == errc::unknown_cluster);
  CHECK_THAT(other.text,
             Contains("no cluster 'login3'") && Contains(files.file() + " have a Host of that name"));
}

TEST_CASE("a cluster's own jump stands in the place of the one that ssh has for its Host") {
  ssh_files files{"Host far\n  HostName far.example.org\n  ProxyJump me@gate:2222\n"};
  cluster_config own;
  own.settings.name = "lumi";
  own.settings.host = own.settings.ssh_host = "far";
  own.settings.ssh_config = files.file();
  own.settings.jump = "gate";
  auto wrong = ask_openssh({}, own);
  INFO(wrong.text);
  REQUIRE(wrong.code == errc::none);
  CHECK(own.settings.host == "far.example.org");
  CHECK(own.settings.jump == "gate");
  CHECK(own.settings.proxy_command == "");
}

TEST_CASE("what ssh complains of is told as it says it, with file and line") {
  ssh_files files{"Host lumi\n  User me\n  Frobnicate yes\n  Port none\n"};
  auto wrong = files.refusal("lumi");
  CHECK_THAT(wrong.text, Contains("config: line 3: Bad configuration option: frobnicate") &&
                             Contains("line 4: Bad port 'none'"));
}

TEST_CASE("what ssh says of files that it reads all the same is kept to be told") {
  ssh_files files{"Host lumi\n  User me\n  RSAAuthentication yes\n"};
  CHECK_THAT(files.host("lumi").complaints, Contains("line 3: Unsupported option \"rsaauthentication\""));
  CHECK(ssh_files{"Host lumi\n  User me\n"}.host("lumi").complaints.empty());
}

TEST_CASE("what is wrong with ssh's files is told before what may be no matter, and what hangs by its likely "
          "cause") {
  ssh_files bad{"Frobnicate yes\n"};
  auto wrong = bad.refusal("lumi");
  CHECK(wrong.code == errc::invalid_settings);
  CHECK_THAT(wrong.text,
             StartsWith("ssh_config cannot be read for 'lumi': ") && Contains("no cluster 'lumi'"));
  ssh_files hanging{"Match exec \"sleep 60\"\n  User me\n"};
  auto late = ask_openssh_about({"lumi"}, hanging.file(), 300ms, {});
  CHECK(late.problem.code == errc::invalid_settings);
  CHECK_THAT(late.problem.text,
             StartsWith("ssh_config cannot be read for 'lumi': ssh had not answered after") &&
                 Contains("a Match exec"));
}

TEST_CASE(
    "with another $HOME than the password database's, the known hosts that ssh takes by itself are its own") {
  ssh_files files{"Host lumi\n  User me\nHost told\n  UserKnownHostsFile /of/told\n"};
  const std::string before = getenv("HOME");
  auto table = parsed(
      "[defaults]\nknown_hosts_files = [\"/of/mine\"]\n[clusters.a]\nssh_host = \"lumi\"\nssh_config = \"" +
      files.file() + "\"\n");
  setenv("HOME", files.folder.path().c_str(), 1);
  auto lumi = files.host("lumi"), told = files.host("told");
  auto problems = ask_openssh(table);
  setenv("HOME", own_home().c_str(), 1);
  auto usual = files.host("lumi");
  setenv("HOME", before.c_str(), 1);
  CHECK(lumi.settings.known_hosts_files == strings{own_home() + "/.ssh/known_hosts",
                                                   own_home() + "/.ssh/known_hosts2",
                                                   "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"});
  CHECK(told.settings.known_hosts_files.front() == "/of/told");
  CHECK(problems.empty());
  CHECK(table.clusters.at(0).settings.known_hosts_files == strings{"/of/mine"});
  CHECK(usual.settings.known_hosts_files.empty());
}

TEST_CASE("a Host may have a name that no host has, also on the way, as ssh takes it") {
  for (const std::string name : {"a+b", "a=b", "a~b", "x/y", "a/../b"}) {
    CAPTURE(name);
    const bool hop = name.find('/') == std::string::npos; // as ssh has it
    ssh_files files{
        "Host " + name + "\n  HostName h.example\n  User me\n" +
        (hop ? "Host far\n  ProxyJump you@" + name + ":2222\nHost near\n  ProxyJump " + name + "\n" : "")};
    CHECK(output_of({"ssh", "-G", "-F", files.file(), name}, 10s).done);
    auto host = files.host(name);
    CHECK(host.settings.name == name);
    CHECK(host.settings.host == "h.example");
    if (!hop)
      continue;
    auto far = files.host("far");
    REQUIRE(far.jumps.size() == 1);
    CHECK(far.jumps[0].settings.host == "h.example");
    CHECK(far.jumps[0].settings.user == "you");
    CHECK(far.jumps[0].settings.port == 2222);
    CHECK(files.host("near").settings.jump == name);
  }
  // Without a HostName it is a host, which it cannot be.
  CHECK_THAT(ssh_files{"Host a+b\n  User me\n"}.refusal("a+b").text,
             Contains("ssh_host a+b: HostName a+b: 'a+b' is no host name"));
  for (const std::string name : {"+a", "/a", "=a", "~a", "a|b", "a&b", "a>b", "a(b"})
    CHECK(ssh_files{"Host *\n  User me\n"}.refusal(name).code == errc::unknown_cluster);
}

TEST_CASE("a name that ssh or a shell would read as something else never gets to them") {
  ssh_files files{"Host *\n  User me\n  ProxyCommand echo %n\n"};
  for (const char* name : {"-oProxyCommand=true", "a;b", "$(x)", "a b", "`x`", "a'b"})
    CHECK(files.refusal(name).code == errc::unknown_cluster);
  auto told = parse_config("[clusters.a]\nssh_host = \"-oProxyCommand=true\"\n", "m.toml");
  REQUIRE(told.problems.size() == 1);
  CHECK(
      to_string(told.problems[0]) ==
      "m.toml:2:12: clusters.a.ssh_host: '-oProxyCommand=true' is no name of "
      "a Host (letters, digits, '-', '_' and '.'; '+', '/', '=' and '~' except at its beginning; or an IPv6 "
      "address)");
}

TEST_CASE("a cluster's table comes before its ssh_host, and that before [defaults]") {
  ssh_files files{"Host far\n  HostName login.far\n  User of-ssh\n  Port 2200\n"};
  auto config =
      parsed("[defaults]\nssh_config = \"" + files.file() +
             "\"\nuser = \"of-defaults\"\nconnect_timeout = \"9s\"\n"
             "[clusters.lumi]\nssh_host = \"far\"\nport = 22\n[clusters.plain]\nhost = \"plain\"\n");
  REQUIRE(ask_openssh(config).empty());
  const auto& lumi = config.clusters.at(0);
  CHECK(lumi.settings.host == "login.far");
  CHECK(lumi.settings.user == "of-ssh");
  CHECK(lumi.settings.port == 22);
  CHECK(lumi.settings.connect_timeout == 9s);
  CHECK(config.clusters.at(1).settings.user == "of-defaults");
  // Once asked, not again: the file may have gone.
  unlink(files.file().c_str());
  CHECK(ask_openssh(config).empty());
}

TEST_CASE("a cluster that ssh has no answer for is told with its line, and keeps nobody from the others") {
  ssh_files files{"Host far\n  Port x\n"};
  auto config = parsed("[clusters.lumi]\nssh_host = \"far\"\nssh_config = \"" + files.file() +
                       "\"\n[clusters.well]\nhost = \"well\"\n");
  auto problems = ask_openssh(config);
  REQUIRE(problems.size() == 1);
  CHECK_THAT(to_string(problems[0]),
             Contains("m.toml:2: clusters.lumi.ssh_host: ssh_config cannot be read for 'far'") &&
                 Contains("line 2: Bad port 'x'"));
  CHECK(config.cluster_names() == strings{"well"});
  cluster_config found;
  CHECK_THAT(find_cluster(config, "lumi", found).text, Contains("Bad port 'x'"));
}

TEST_CASE("a program that is run for its words: what it says, how it ended, and its bounds") {
  auto said = output_of({"sh", "-c", "echo out; echo err >&2"}, 20s);
  CHECK(said.done);
  CHECK(said.output == "out\n");
  CHECK(said.error_output == "err\n");
  CHECK(output_of({"sh", "-c", "exit 3"}, 20s).problem == "sh exited with 3");
  CHECK(output_of({"sh", "-c", "kill -9 $$"}, 20s).problem == "sh was ended by signal 9");
  CHECK_THAT(output_of({"no-such-program"}, 20s).problem, Contains("No such file"));
  CHECK(output_of({"sh", "-c", "exec >&- 2>&-; exec sleep 60"}, 200ms).problem ==
        "sh had not answered after 200ms");
  CHECK_THAT(output_of({"sh", "-c", "cat /dev/zero"}, 20s).problem, Contains("said more than"));
  // Signals are as by default, whatever the host has made of them.
  auto before = std::signal(SIGCHLD, SIG_IGN);
  auto ignored = output_of({"sed", "-n", "s/^SigIgn:\\t//p", "/proc/self/status"}, 20s).output;
  CHECK((std::stoull(ignored, nullptr, 16) & 1u << (SIGCHLD - 1)) == 0);
  std::signal(SIGCHLD, before);
  // One that leaves somebody behind with its pipes is not waited for any longer, nor is that one left: it has
  // the lock for as long as it lives.
  support::scratch_folder folder;
  CHECK(output_of({"sh", "-c", "exec 9>" + (folder / "lock") + "; flock 9; sleep 600 &"}, 50s).done);
  unique_fd lock{open((folder / "lock").c_str(), O_RDWR | O_CLOEXEC)};
  CHECK(flock(lock.get(), LOCK_EX) == 0);
}

TEST_CASE("who waits for a program's words is let go when that is called off") {
  std::stop_source stop;
  auto asked = std::async(std::launch::async, [&] {
    return output_of({"sleep", "600"}, 600s, stop.get_token());
  });
  stop.request_stop();
  REQUIRE(asked.wait_for(50s) == std::future_status::ready);
  CHECK(asked.get().problem == "sleep was called off");
}
