// The words of ssh as `moorage ssh` takes them: words in, values or a complaint out.
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "deploy/moorage/ssh_words.hpp"
#include "runtime/config.hpp"
#include "runtime/config/ssh_config.hpp"
#include "runtime/system/program_output.hpp"

using namespace moorage::cli;
using words = std::vector<std::string>;
using Catch::Contains;

namespace {

/// "user host port | command | settings", with what is empty left out.
std::string read(const words& from) {
  auto [call, complaint] = parse_ssh(from);
  if (!complaint.empty())
    return complaint;
  auto result = call.user + (call.user.empty() ? "" : "@") + call.host;
  result += (call.port.empty() ? "" : ":" + call.port) + (call.command.empty() ? "" : " | " + call.command);
  for (const auto& each : call.settings)
    result += " | " + each;
  for (const auto& each : call.identities)
    result += (each.by_letter ? " | -i " : " | key ") + each.file;
  return result;
}

} // namespace

TEST_CASE("ssh's options are taken before and after the destination, up to the command's first word") {
  CHECK(read({"h", "ls", "-l"}) == "h | ls -l");
  CHECK(read({"-p", "22", "h", "-l", "me", "ls", "-p", "1"}) == "me@h:22 | ls -p 1");
  CHECK(read({"h", "-p22", "--", "-x", "y"}) == "h:22 | -x y");
  CHECK(read({"--", "h", "-p", "1"}) == "h | -p 1");
  CHECK(read({"-l", "me", "--", "h", "scp -t ."}) == "me@h | scp -t .");
  CHECK(read({"h", "a  b", "", "c"}) == "h | a  b  c");
}

TEST_CASE("ssh's options may be bundled, and have their values attached") {
  auto call = parse_ssh({"-nqvvxaTC", "-p2222", "-oUser=me", "-E/tmp/log", "h", "true"}).call;
  CHECK(call.no_input);
  CHECK(call.quiet);
  CHECK(call.verbose == 2);
  CHECK(call.log_file == "/tmp/log");
  CHECK(call.port == "2222");
  CHECK(call.user == "me");
  CHECK(read({"-np", "7", "h", "true"}) == "h:7 | true");
  CHECK(parse_ssh({"h", "-s", "sftp"}).call.subsystem);
}

TEST_CASE("destinations are ssh's and moorage's") {
  CHECK(read({"me@h"}) == "me@h");
  CHECK(read({"me@site@h"}) == "me@site@h");
  CHECK(read({"ssh://me@h:2222"}) == "me@h:2222");
  CHECK(read({"ssh://h/"}) == "h");
  CHECK(read({"me@h:2222"}) == "me@h:2222");
  CHECK(read({"::1"}) == "::1");
  CHECK(read({"me@[::1]:22"}) == "me@::1:22");
  CHECK(read({"[::1]"}) == "::1");
  CHECK_THAT(read({"@h"}), Contains("no user"));
  CHECK_THAT(read({"me@"}), Contains("no host"));
  CHECK_THAT(read({"ssh://h:x"}), Contains("bad port 'x'"));
  CHECK_THAT(read({"--", "-oProxyCommand=x"}), Contains("no host"));
}

TEST_CASE("of ssh's options the first value counts, wherever it stands") {
  CHECK(read({"-p", "1", "-p", "2", "h:3"}) == "h:1");
  CHECK(read({"-oPort=1", "-p", "2", "h"}) == "h:1");
  CHECK(read({"-l", "a", "b@h"}) == "a@h");
  CHECK(read({"b@h", "-l", "a"}) == "b@h");
  // Of letters that ssh does not ask whether they were given, the last.
  CHECK(read({"-4", "-6", "-oAddressFamily=inet", "h"}) == "h | address_family=inet6");
  CHECK(read({"-i", "a", "-o", "IdentityFile=b", "-oIdentityFile=none", "h"}) ==
        "h | -i a | key b | key none");
}

TEST_CASE("options of ssh_config are read in each way of writing, and become settings") {
  CHECK(read({"-o", "ConnectTimeout=10", "h"}) == "h | connect_timeout=10s");
  CHECK(read({"-o", "connecttimeout 1m30s", "h"}) == "h | connect_timeout=90s");
  CHECK(read({"-o", "ConnectTimeout = 10", "-oConnectTimeout=0", "h"}) == "h | connect_timeout=10s");
  CHECK(read({"-oConnectTimeout=none", "h"}) == "h");
  CHECK(read({"-oConnectionAttempts=1", "h"}) == "h | connect_tries=1");
  CHECK(read({"-oConnectionAttempts=50", "h"}) == "h | connect_tries=10");
  CHECK(read({"-o", "User=\"me\"", "h"}) == "me@h");
  CHECK(read({"-oServerAliveInterval=15", "-oHostKeyAlias=x", "h"}) ==
        "h | keep_alive_interval=15s | host_key_alias=x");
  CHECK(read({"-oStrictHostKeyChecking=off", "h"}) == "h | strict_host_keys=no");
  CHECK(read({"-oStrictHostKeyChecking=ask", "h"}) == "h | strict_host_keys=yes");
  CHECK(parse_ssh({"-oHostName=%h.example", "h"}).call.host_name == "%h.example");
  auto call = parse_ssh({"-oUserKnownHostsFile=/a \"/b c\"", "-oGlobalKnownHostsFile=none",
                         "-oSendEnv=LANG LC_*", "-oSetEnv=A=1 B='2 3'", "-oIdentitiesOnly=yes",
                         "-oIdentityAgent=none", "-oStdinNull=yes", "h"})
                  .call;
  CHECK(call.known_hosts == words{"/a", "/b c"});
  CHECK(call.site_known_hosts == words{"/dev/null"});
  CHECK(call.passed_on == words{"LANG", "LC_*"});
  CHECK(call.environment == words{"A=1", "B=2 3"});
  CHECK(call.identities_only);
  CHECK(call.no_agent);
  CHECK(call.no_input);
}

TEST_CASE("what is no option of ssh's, or is incomplete, is told in one line") {
  CHECK(read({"-Z", "h"}) == "unknown option -- Z");
  CHECK(read({"-p"}) == "option requires an argument -- p");
  CHECK(read({"h", "-nZ"}) == "unknown option -- Z");
  CHECK(read({}) == "no destination");
  CHECK(read({"-n"}) == "no destination");
  CHECK(read({"-p", "0", "h"}) == "bad port '0': it is a number from 1 to 65535");
  CHECK(read({"-oNoSuch=1", "h"}) == "bad configuration option: 'NoSuch'");
  CHECK(read({"-o", "", "h"}) == "bad configuration option: ''");
  CHECK(read({"-oUser", "h"}) == "option User has no value");
  CHECK(read({"-oUser=\"me", "h"}) == "a quote of User is never closed");
  for (const auto* wrong : {"ConnectTimeout=soon", "ConnectTimeout=5y", "ConnectionAttempts=0",
                            "ConnectionAttempts=x", "StrictHostKeyChecking=maybe", "AddressFamily=yes",
                            "SetEnv=A", "SetEnv==1", "IdentitiesOnly=1", "LogLevel=loud"})
    CHECK_THAT(read({"-o", wrong, "h"}), Contains("is no value of"));
  CHECK_THAT(read({"--socket", "x", "h"}), Contains("options of moorage stand before ssh"));
}

TEST_CASE("hosts to go by that are none at all are refused, as by ssh, and never left out") {
  for (const auto* hosts : {"", ",", "a,", ",a", "a,,b"})
    CHECK_THAT(read({"-J", hosts, "h"}), Contains("invalid -J argument '" + std::string{hosts} + "'"));
  CHECK_THAT(read({"-oProxyJump=a,", "h"}), Contains("invalid ProxyJump argument 'a,'"));
  CHECK(parse_ssh({"-J", "a,b", "h"}).call.jump == "a,b");
  for (const auto* hosts : {"", ",", "a,", "a,,b"})
    CHECK_FALSE(
        moorage::output_of({"ssh", "-G", "-F", "none", "-J", hosts, "h"}, std::chrono::seconds{10}).done);
}

TEST_CASE("algorithms and the address to come from are settings, by option and by letter") {
  CHECK(read({"-c", "aes256-ctr", "-m", "hmac-sha1", "-b::1", "-oKexAlgorithms=+diffie-hellman-group14-sha1",
              "-o", "HostKeyAlgorithms=ssh-ed25519", "-oPubkeyAcceptedAlgorithms=-rsa-sha2-256", "h"}) ==
        "h | ciphers=aes256-ctr | macs=hmac-sha1 | bind_address=::1 | "
        "kex_algorithms=+diffie-hellman-group14-sha1 | host_key_algorithms=ssh-ed25519 | "
        "pubkey_accepted_algorithms=-rsa-sha2-256");
  CHECK(read({"-oCiphers=aes128-ctr", "-c", "aes256-ctr", "h"}) == "h | ciphers=aes256-ctr");
}

TEST_CASE("a setting is called what it was written as among ssh's words") {
  auto call =
      parse_ssh({"-c", "aes256-ctr", "-b", "10.0.0.1", "-o", "MACs=hmac-sha2-256", "-o", "hostname=login",
                 "-o", "PreferredAuthentications=publickey", "-l", "me", "h", "true"})
          .call;
  CHECK(name_in_words(call, "ciphers") == "-c");
  CHECK(name_in_words(call, "bind_address") == "-b");
  CHECK(name_in_words(call, "macs") == "-o MACs");
  CHECK(name_in_words(call, "host") == "-o HostName");
  CHECK(name_in_words(call, "auth_methods") == "-o PreferredAuthentications");
  CHECK(name_in_words(call, "user") == "-l");
  CHECK(name_in_words(call, "pool_size") == "-o pool_size"); // moorage's own
  // Of -c the last counts, whatever options say.
  CHECK(name_in_words(parse_ssh({"-oCiphers=aes256-ctr", "-c", "aes128-ctr", "h"}).call, "ciphers") == "-c");
  CHECK(name_in_words(parse_ssh({"-c", "aes128-ctr", "-oCiphers=aes256-ctr", "h"}).call, "ciphers") == "-c");
}

TEST_CASE("options of the transport, of host keys and of the log-in are settings, by option and by letter") {
  CHECK(read({"-C", "-oServerAliveCountMax=7", "-oRekeyLimit=64M 1h", "-oHashKnownHosts=no",
              "-oCheckHostIP=yes", "h"}) ==
        "h | compression=true | keep_alive_count_max=7 | rekey_data=67108864 | "
        "rekey_interval=3600000ms | hash_known_hosts=false | check_host_ip=true");
  CHECK(read({"-oCompression=no", "-C", "-oCompression=no", "h"}) == "h | compression=true");
  // Within what those may be, as of a Host.
  CHECK(read({"-oRekeyLimit=default none", "-oServerAliveCountMax=0", "h"}) ==
        "h | rekey_data=0 | rekey_interval=0 | keep_alive_count_max=1");
  CHECK(read({"-oRekeyLimit=16K", "h"}) == "h | rekey_data=1048576 | rekey_interval=0");
  CHECK(read({"-oPreferredAuthentications=gssapi-with-mic,publickey,password", "-oPasswordAuthentication=no",
              "h"}) == "h | auth_methods=publickey");
  CHECK(read({"-oChallengeResponseAuthentication=no", "h"}) == "h | auth_methods=publickey,password");
  CHECK(read({"-oPubkeyAuthentication=no", "-oKbdInteractiveAuthentication=no", "h"}) ==
        "h | auth_methods=password");
  CHECK(read({"-oPubkeyAuthentication=unbound", "-oPasswordAuthentication=yes", "h"}) == "h");
  CHECK(
      read({"-c", "*-ctr", "-m", "^hmac-sha1*", "-oKexAlgorithms=-diffie-hellman-*", "h"}) ==
      "h | ciphers=aes256-ctr,aes192-ctr,aes128-ctr | macs=^hmac-sha1-etm@openssh.com,hmac-sha1 | "
      "kex_algorithms=-diffie-hellman-group18-sha512,diffie-hellman-group16-sha512,"
      "diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,diffie-hellman-group-exchange-sha1,"
      "diffie-hellman-group14-sha1,diffie-hellman-group1-sha1");
  for (const auto* wrong : {"Compression=9", "RekeyLimit=none", "RekeyLimit=5", "RekeyLimit=1M soon",
                            "ServerAliveCountMax=many", "PubkeyAuthentication=perhaps", "CheckHostIP=ask"})
    CHECK_THAT(read({"-o", wrong, "h"}), Contains("is no value of"));
}

TEST_CASE("what of ssh's options has no effect here is named, but what would change nothing") {
  auto not_followed = [](const words& from) { return parse_ssh(from).call.not_followed; };
  CHECK(not_followed({"-oMACs=umac-64@openssh.com,hmac-sha1", "-oGSSAPIAuthentication=yes",
                      "-oControlMaster=auto", "-oHostbasedAuthentication=no",
                      "-oPreferredAuthentications=gssapi-keyex,publickey", "h"}) ==
        words{"MACs umac-64@openssh.com", "GSSAPIAuthentication", "PreferredAuthentications gssapi-keyex"});
  // Nothing of it is here: then the setting's check says so.
  CHECK(read({"-oMACs=umac-64@openssh.com", "h"}) == "h | macs=umac-64@openssh.com");
  CHECK(read({"-oMACs=+umac-64@openssh.com", "h"}) == "h");
}

TEST_CASE("what changes nothing is taken, and what we cannot do is refused by its name") {
  for (const auto* taken :
       {"ControlMaster=auto", "ControlPath=/x/%C", "ControlPersist=60s", "BatchMode=yes", "ForwardX11=no",
        "ForwardAgent=no", "PermitLocalCommand=no", "ClearAllForwardings=yes", "RequestTTY=no",
        "EscapeChar=none", "RemoteCommand=none", "ProxyCommand=none", "NumberOfPasswordPrompts=1",
        "CompressionLevel=9", "GSSAPIAuthentication=no"})
    CHECK(read({"-o", taken, "h"}) == "h");
  for (const auto* refused : {"BindInterface=eth0", "LocalForward=1 h:1", "RemoteCommand=ls",
                              "RequestTTY=force", "ForwardAgent=yes", "CASignatureAlgorithms=ssh-rsa"})
    CHECK_THAT(read({"-o", refused, "h"}),
               Contains("option " + std::string{refused}.substr(0, std::string{refused}.find('=')) +
                        " is not possible"));
  for (const auto* letter : {"-t", "-N", "-A", "-f"})
    CHECK_THAT(read({letter, "h"}), Contains(std::string{letter} + " is not possible: "));
  CHECK_THAT(read({"-t", "h"}), Contains("there is no terminal yet"));
}

TEST_CASE("of ssh's files, proxies and jumps the first that is named counts") {
  CHECK(parse_ssh({"-F", "/etc/x", "h"}).call.ssh_config == "/etc/x");
  CHECK(parse_ssh({"-F/dev/null", "h"}).call.ssh_config == "none");
  CHECK(read({"-F", "", "h"}) == "-F wants a file");
  auto proxy = parse_ssh({"-o", "ProxyCommand  =  nc \"%h\" %p", "-J", "gw", "h"}).call;
  CHECK(proxy.command_between == "nc \"%h\" %p");
  CHECK(proxy.jump.empty());
  auto jump = parse_ssh({"-J", "gw,me@b:1", "-oProxyCommand=nc", "h"}).call;
  CHECK(jump.jump == "gw,me@b:1");
  CHECK_FALSE(jump.command_between);
  CHECK(parse_ssh({"-oProxyJump=none", "h"}).call.command_between == "");
  CHECK(parse_ssh({"-oCertificateFile=/c", "h"}).call.certificates == words{"/c"});
  CHECK(parse_ssh({"-oIdentityAgent=%d/agent", "h"}).call.agent == "%d/agent");
  CHECK(parse_ssh({"-oIdentityAgent=SSH_AUTH_SOCK", "h"}).call.agent.empty());
  CHECK(parse_ssh({"-oIdentityAgent=none", "h"}).call.no_agent);
}

TEST_CASE("of ssh's options -G, -Q and -V are seen before anything that follows them") {
  CHECK(parse_ssh({"-G", "h"}).call.why == ssh_call::purpose::hand_over);
  CHECK(parse_ssh({"-Q", "cipher"}).call.why == ssh_call::purpose::hand_over);
  CHECK(parse_ssh({"h", "-G"}).call.why == ssh_call::purpose::hand_over);
  CHECK(parse_ssh({"-V", "-Z"}).call.why == ssh_call::purpose::say_version);
}

TEST_CASE("the table of ssh's options is in order, each once") {
  auto lower = [](std::string_view name) {
    std::string result{name};
    std::transform(result.begin(), result.end(), result.begin(), ::tolower);
    return result;
  };
  for (auto options = moorage::cli::ssh_options(); const auto& each : options.subspan(1))
    CHECK(lower((&each - 1)->name) < lower(each.name));
  for (auto letters = ssh_letters(); const auto& each : letters.subspan(1))
    CHECK((&each - 1)->letter < each.letter);
}

TEST_CASE("options mean to us what they mean to ssh itself, as its own ssh -G tells them") {
  using moorage::cluster_config;
  auto said = [](words with) {
    with.insert(with.begin(), {"ssh", "-F", "none", "-G", "-T"});
    with.emplace_back("h");
    auto answer = moorage::output_of(with, std::chrono::seconds{30});
    INFO(answer.error_output);
    REQUIRE(answer.done);
    return moorage::parse_ssh_options(answer.output);
  };
  const auto usual = said({});
  for (const auto& with :
       {words{"-C"},
        {"-oCompression=no", "-oHashKnownHosts=yes", "-oCheckHostIP=yes"},
        {"-oRekeyLimit=64M 1h", "-oServerAliveCountMax=7", "-oServerAliveInterval=1m"},
        {"-oRekeyLimit=default none", "-oConnectTimeout=90"},
        {"-oPreferredAuthentications=password,publickey,gssapi-keyex", "-oPasswordAuthentication=no"},
        {"-oPubkeyAuthentication=no", "-oKbdInteractiveAuthentication=no"},
        {"-oPubkeyAuthentication=host-bound"},
        {"-c", "aes256-ctr,aes128-gcm@openssh.com", "-b", "127.0.0.2", "-b", "127.0.0.3"},
        {"-c", "aes256-ctr", "-oCiphers=aes128-ctr", "-c", "aes192-ctr", "-4", "-6"},
        {"-oCiphers=aes128-ctr", "-oCiphers=aes256-ctr", "-oCompression=no", "-C"},
        {"-m", "hmac-sha2-512,umac-64@openssh.com", "-oKexAlgorithms=curve25519-sha256"},
        {"-oHostKeyAlgorithms=ssh-ed25519,rsa-sha2-512", "-oPubkeyAcceptedAlgorithms=ssh-ed25519", "-4",
         "-oHostKeyAlias=x"},
        {"-oStrictHostKeyChecking=accept-new", "-oStrictHostKeyChecking=no"}}) {
    auto all = with;
    all.emplace_back("h");
    auto call = parse_ssh(all).call;
    cluster_config ours, theirs;
    ours.settings.name = ours.settings.host = theirs.settings.name = "h";
    INFO(with.front() << " …");
    CHECK(moorage::override_settings(ours, call.settings).empty());
    auto by_ssh = moorage::read_ssh_options(said(with), usual, {.tokens = {.alias = "h"}});
    CHECK(by_ssh.wrong.empty());
    for (const auto& [name, value] : by_ssh.settings)
      moorage::find_cluster_field(name)->set(theirs.settings, value);
    for (const auto& field : moorage::cluster_fields()) {
      INFO(field.name);
      CHECK(field.same(ours.settings, theirs.settings));
    }
    CHECK(call.not_followed == by_ssh.not_followed);
  }
}
