// Where a configuration leads to, and by which hosts, is where ssh goes by the same, at real servers.
#include "tests/cli/agreement.hpp"

using namespace moorage::cli_tests;

namespace {

const std::string gate_host = "Host gate\n<gate> IdentityFile <k>/w2\n IdentityFile <k>/k2\n";
const std::string second_host = "Host second\n<second> IdentityFile <k>/k1\n";
const std::string host_behind = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/k1\n";
const std::string key = " IdentityFile <k>/k1\n";
const std::string by_ssh_itself = "ssh -v -F <k>/config -o BatchMode=yes -W %h:%p ";

} // namespace

std::vector<trial> trials::hosts_and_matches() {
  return {
      {.config = "Host lumi\n<far>" + key},
      {.config =
           "Host l*\n Port <far:port>\nHost lumi\n Port 1\n HostName <far:host>\n User <far:user>\n" + key},
      {.config = "Host 3\n HostName 127.0.0.%h\n Port <far:port>\n User <far:user>\n" + key, .words = {"3"}},
      {.config = "Host l* !lumi\n<gate>Host !gate l*\n<far>" + key},
      {.config = "Host !lumi\n<gate>Host *\n<far>" + key},
      {.config = "Match originalhost lumi user <far:user>\n Port <far:port>\nHost lumi\n<second>" + key,
       .words = {"-l", "<far:user>", "lumi", "-oHostName=<far:host>"}},
      {.config = "Host lumi\n<far>" + key + " Port 1\nMatch host <far:host>\n IdentityFile <k>/w1\n"},
      {.config = "Match host lumi\n HostName <far:host>\nMatch host <far:host>\n<far>" + key},
      {.config = "Match exec \"test %n-%h-%p = lumi-lumi-22\"\n<far>" + key + "Match all\n<gate>"},
      {.config = "Match exec \"false\"\n<gate>Match !exec \"false\"\n<far>" + key},
      {.config = "Match localuser <me> originalhost x,l?mi,!lumo\n<far>" + key + "Match all\n<gate>"},
      {.config = "Match originalhost *,!lumi\n<gate>Match !originalhost other\n<far>" + key},
      {.config = "Host lumi\n HostName <far:host>\n User <far:user>\n" + key +
                 "Match final host <far:host>\n Port <far:port>\nMatch final host lumi\n Port 1\n"},
      {.config = "CanonicalizeHostname always\nHost lumi\n HostName <far:host>\n" + key +
                 "Match canonical all\n Port <far:port>\n User <far:user>\n"},
  };
}

TEST_CASE("where Host, Match and negation lead to is where ssh goes, at real servers") {
  agreement both;
  both.compare(trials::hosts_and_matches());
}

std::vector<trial> trials::included_files() {
  return {
      {.config = "Include <k>/of.d/*.conf <k>/more\n" + key,
       .files = {{"of.d/20.conf", "Host lumi\n<gate>"},
                 {"of.d/10.conf", "Host lumi\n HostName <far:host>\n"},
                 {"more", "User <far:user>\n"},
                 {"of.d/15.conf", "Host *\n Port <far:port>\n"}}},
      {.config = "Host other\n Include <k>/more\nHost lumi\n Include <k>/lumis\n Include <k>/none*\n",
       .files = {{"more", "<gate>"}, {"lumis", "<far>" + key + "Host x\n User y\n"}}},
      {.config = "Match originalhost lumi\n Include \"<k>/with blank\"\nMatch all\n Port 1\n",
       .files = {{"with blank", "<far>" + key}}},
      {.config =
           "# all\n\n  HOST=\"lumi\"\n\thostname\t=\t\"<far:host>\"  \nport  <far:port> # there\nUSER = "
           "<far:user>\n" +
           key},
      {.config = "Host other \"lumi\" 'third'\r\n HostName <far:host>\r\n Port \"<far:port>\"\r\n User "
                 "'<far:user>'\r\n" +
                 key},
  };
}

TEST_CASE("where files that a file includes lead to, and lines however written, is where ssh goes, at real "
          "servers") {
  agreement both;
  both.compare(trials::included_files());
}

std::vector<trial> trials::destinations_in_words() {
  return {
      {.config = "Host <far:host>\n User <far:user>\n Port <far:port>\n" + key, .words = {"<far:host>"}},
      {.config = "Host lumi\n HostName <far:host>\n Port 1\n User nobody\n" + key,
       .words = {"-p", "<far:port>", "<far:user>@lumi"}},
      {.config = "Host lumi\n HostName <far:host>\n" + key, .words = {"ssh://<far:user>@lumi:<far:port>"}},
      {.config = "Host lumi\n<gate>" + key,
       .words = {"-oHostName=<far:host>", "-o", "port <far:port>", "-oUser=<far:user>", "lumi"}},
      {.config = "Host lumi\n<far> BindAddress 127.0.0.9\n" + key},
      {.config = "Host lumi\n<gate> HostName x\n" + key + "Host lumi\n",
       .words = {"-oHostname=localhost", "-4", "lumi"},
       .known = "[localhost]:<gate:port> <gate:key>\n"},
  };
}

TEST_CASE("where the words of a command lead to is where ssh goes, at real servers") {
  agreement both;
  both.compare(trials::destinations_in_words());
}

std::vector<trial> trials::jumps() {
  return {
      {.config = host_behind + " ProxyJump gate\n" + gate_host},
      {.config =
           host_behind + " ProxyJump <gate:user>@<gate:host>:<gate:port>\nMatch all\n IdentityFile <k>/k2\n"},
      {.config = host_behind +
                 " ProxyJump ssh://<gate:user>@<gate:host>:<gate:port>\nMatch all\n IdentityFile <k>/k2\n"},
      {.config = host_behind + " ProxyJump gate,second\n" + gate_host + second_host},
      {.config = host_behind + " ProxyJump second\n" + gate_host + second_host + " ProxyJump gate\n"},
  };
}

TEST_CASE(
    "the hosts on the way are those by which ssh goes, with users and ports of their own, at real servers") {
  agreement both;
  both.compare(trials::jumps());
}

std::vector<trial> trials::jumps_of_words() {
  return {
      {.config = host_behind + gate_host, .words = {"-J", "gate", "lumi"}},
      {.config = host_behind + " ProxyJump gate\n" + gate_host + second_host,
       .words = {"-J", "second", "lumi"}},
      {.config = host_behind + " ProxyJump none\n ProxyJump gate\n" + gate_host},
      {.config = host_behind + " ProxyJump gate\n" + gate_host, .words = {"-oProxyJump=none", "lumi"}},
      {.config = host_behind + " ProxyJump gate\n ProxyCommand false\n" + gate_host},
      {.config = host_behind + " ProxyCommand " + by_ssh_itself + "second\n ProxyJump gate\n" + gate_host +
                 second_host},
      {.config =
           host_behind +
           " ProxyJump <second:user>@other:<second:port>\nHost other\n HostName <second:host>\n User nobody\n"
           " Port 1\n IdentityFile <k>/k1\n"},
      {.config = host_behind + " ProxyJump g%n\n" + "Host glumi\n<gate> IdentityFile <k>/k2\n"},
  };
}

TEST_CASE("the hosts on the way that words and ProxyCommand lead over are those by which ssh goes, at real "
          "servers") {
  agreement both;
  both.compare(trials::jumps_of_words());
}

std::vector<trial> trials::keys_of_jumps() {
  return {
      {.config = host_behind + gate_host,
       .words = {"-J", "gate", "-i", "<k>/k2", "-p", "<far:port>", "-l", "<far:user>", "lumi"}},
      {.config = host_behind + " ProxyJump gate\n" + gate_host + " UserKnownHostsFile <k>/none\n",
       .ends = "unknown"},
      {.config = host_behind + " ProxyJump gate\n" + gate_host,
       .words = {"-oStrictHostKeyChecking=no", "lumi"},
       .ends = "unknown",
       .known = "<far:known>"},
      {.config = host_behind + " ProxyJump gate\n" + gate_host,
       .words = {"-oStrictHostKeyChecking=no", "lumi"},
       .known = "<gate:known>",
       .because = "with the check off a new key is not written down, as it was not checked",
       .differing = {"ssh: written down: [<far:host>]:<far:port> <far:key>"}},
      {.config = host_behind + " ProxyJump gate\n HostKeyAlias al\n" + gate_host,
       .known = "<gate:known>al <far:key>\n"},
      {.config = host_behind + " ProxyJump gate\n" + "Host gate\n<gate> IdentityFile <k>/w1\n",
       .ends = "denied"},
      {.config = "Host lumi\n<far> ProxyJump gate\nHost gate\n<gate>", .agent = {"w1", "k2"}},
      {.config = "Host lumi\n<far> CertificateFile <k>/apart.pub\n IdentityFile <k>/c1\n ProxyJump "
                 "gate\nHost gate\n<gate>"
                 " CertificateFile <k>/apart.pub\n IdentityFile <k>/c1\n"},
      {.config =
           "Match originalhost lumi !exec \"false\"\n<far> ProxyJump gate\nMatch originalhost gate\n<gate>"
           "Match all\n IdentityFile <k>/k1\n"},
      {.config = host_behind + " ProxyCommand " + by_ssh_itself + "gate\n" + gate_host},
      {.config = host_behind + " ProxyCommand sh -c 'echo %h %p %r %n 100%% ${SAID} >> <k>/known; exec " +
                 by_ssh_itself + "gate'\n" + gate_host,
       .environment = {{"SAID", "of all"}}},
  };
}

TEST_CASE("the hosts on the way have keys, certificates, trust and proxies as with ssh, at real servers") {
  agreement both;
  both.compare(trials::keys_of_jumps());
}
