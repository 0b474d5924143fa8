// What becomes of a host's key, and of files that are not as they should be, is what becomes of it by ssh.
#include "tests/cli/agreement.hpp"

using namespace moorage::cli_tests;

namespace {

const std::string to_far = "Host lumi\n<far> IdentityFile <k>/k1\n";
const std::string changed_key = "[<far:host>]:<far:port> <gate:key>\n";
const std::string to_localhost =
    "Host lumi\n HostName localhost\n AddressFamily inet\n Port <gate:port>\n User "
    "<gate:user>\n IdentityFile <k>/k1\n";
const std::string unchecked_is_not_written =
    "with the check off a new key is not written down, as it was not checked";
const std::string never_taken = "changed and revoked keys are refused under every policy";

} // namespace

std::vector<trial> trials::keys_of_hosts() {
  return {
      {.config = to_far, .ends = "unknown", .known = ""},
      {.config = to_far + " StrictHostKeyChecking yes\n", .ends = "unknown", .known = "<gate:known>"},
      {.config = to_far + " StrictHostKeyChecking accept-new\n", .known = "<gate:known>"},
      {.config = to_far + " StrictHostKeyChecking accept-new\n HashKnownHosts yes\n", .known = ""},
      {.config = to_far + " StrictHostKeyChecking accept-new\n", .ends = "changed", .known = changed_key},
      {.config = to_far, .ends = "changed", .known = changed_key},
      {.config = to_far, .known = changed_key + "<far:known>"},
      {.config = to_far + " StrictHostKeyChecking no\n",
       .known = "",
       .because = unchecked_is_not_written,
       .differing = {"ssh: written down: [<far:host>]:<far:port> <far:key>"}},
      {.config = to_far + " StrictHostKeyChecking no\n",
       .known = changed_key,
       .because = never_taken,
       .differing = {"ssh: <entered>", "ssh: <took> ED25519 k1", "moorage: ended with 255"},
       .ends_here = "changed"},
      {.config = to_far + " StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n"},
      {.config = to_far, .ends = "revoked", .known = "<far:known>@revoked * <far:key>\n"},
      {.config = to_far + " StrictHostKeyChecking no\n",
       .known = "@revoked * <far:key>\n",
       .because = never_taken,
       .differing = {"ssh: <entered>", "ssh: <took> ED25519 k1", "moorage: ended with 255"},
       .ends_here = "revoked"},
      {.config = to_far, .known = "<far:known>@revoked * <gate:key>\n"},
      {.config = to_far + " HostKeyAlias al\n", .known = "al <far:key>\n"},
      {.config = to_far + " HostKeyAlias al\n", .ends = "unknown"},
      {.config = to_far + " HostKeyAlias al\n StrictHostKeyChecking accept-new\n"},
      {.config = to_far, .known = "<far:host> <far:key>\n"},
      {.config = to_far, .ends = "unknown", .known = "lumi <far:key>\n"},
      {.config = to_far, .known = "[127.0.0.?]:<far:port> <far:key>\n"},
      {.config = to_far,
       .ends = "unknown",
       .known = "[127.0.0.*]:<far:port>,![<far:host>]:<far:port> <far:key>\n"},
      {.config = to_far, .known = "# all\n\nnonsense\nx ssh-ed25519 AAAA\n<far:known>"},
  };
}

TEST_CASE("a host's key is taken, written down or refused as by ssh, at real servers") {
  agreement both;
  both.compare(trials::keys_of_hosts());
}

std::vector<trial> trials::files_of_known_hosts() {
  return {
      {.config = to_far + " UserKnownHostsFile <k>/none <k>/mine\n",
       .known = "",
       .files = {{"mine", "<far:known>"}}},
      {.config = to_far + " UserKnownHostsFile \"<k>/with blank\"\n",
       .known = "",
       .files = {{"with blank", "<far:known>"}}},
      {.config = to_far + " UserKnownHostsFile <k>/of-%n-%h-%p-%r\n StrictHostKeyChecking yes\n",
       .known = "",
       .files = {{"of-lumi-<far:host>-<far:port>-<far:user>", "<far:known>"}}},
      {.config = to_far + " UserKnownHostsFile %d<up><k>/mine\n",
       .known = "",
       .files = {{"mine", "<far:known>"}}},
      {.config = to_far + " UserKnownHostsFile ${KNOWN}\n",
       .known = "",
       .files = {{"mine", "<far:known>"}},
       .environment = {{"KNOWN", "<k>/mine"}}},
      {.config = to_far + " UserKnownHostsFile none\n", .ends = "unknown"},
      {.config = to_far + " GlobalKnownHostsFile <k>/mine\n",
       .known = "",
       .files = {{"mine", "<far:known>"}}},
      {.config = to_far,
       .words = {"-oUserKnownHostsFile=<k>/mine", "lumi"},
       .known = "",
       .files = {{"mine", "<far:known>"}}},
      {.config = to_far + " HostKeyAlgorithms ecdsa-sha2-nistp256\n", .ends = "nothing in common"},
      {.config = to_far + " CheckHostIP yes\n"},
      {.config = to_localhost + " CheckHostIP yes\n", .known = "[localhost]:<gate:port> <gate:key>\n"},
      {.config = to_localhost + " CheckHostIP yes\n", // the machine's own address is nobody's to compare
       .known = "[localhost]:<gate:port> <gate:key>\n[127.0.0.1]:<gate:port> <far:key>\n"},
      {.config = to_far + " KnownHostsCommand /bin/cat <k>/mine\n",
       .known = "",
       .files = {{"mine", "<far:known>"}},
       .because = "KnownHostsCommand is refused, since it may revoke what is let in without it",
       .differing = {"ssh: <entered>", "ssh: far: from 127.0.0.1 to 127.0.0.3 port <far:port>",
                     "ssh: <took> ED25519 k1", "moorage: ended with 255"},
       .ends_here = "bad"},
  };
}

TEST_CASE("the files that hosts' keys are looked for in are ssh's, at real servers: several, tokens, quotes, "
          "shared") {
  agreement both;
  both.compare(trials::files_of_known_hosts());
}

std::vector<trial> trials::certified_hosts() {
  return {
      {.config = to_far},
      {.config = to_far, .ends = "unknown", .known = ""},
      {.config = to_far, .ends = "revoked", .known = "<far:known>@revoked * <far:key>\n"},
      {.config = to_far,
       .known = "@cert-authority * <authority>\n",
       .because = "the SSH library knows no certificates of hosts",
       .differing = {"ssh: <entered>", "ssh: <took> ED25519 k1", "moorage: ended with 255"},
       .ends_here = "unknown"},
  };
}

TEST_CASE(
    "of a host that has a certificate the key by itself is taken or refused as by ssh, at a real server") {
  agreement both;
  both.certify_far();
  both.compare(trials::certified_hosts());
}

std::vector<trial> trials::bad_lines() {
  const std::string found_at_once =
      "ssh finds that when it has connected; moorage before, and does not connect";
  const std::string lumi = "Host lumi\n<far> IdentityFile <k>/k1\n";
  return {
      {.config = lumi + " Frobnicate yes\n", .ends = "bad"},
      {.config = "Host other\n Frobnicate yes\n" + lumi, .ends = "bad"},
      {.config = "IgnoreUnknown Frob*\nFrobnicate yes\n" + lumi},
      {.config = lumi + " Port x\n", .ends = "bad"},
      {.config = lumi + " Port 0\n", .ends = "bad"},
      {.config = lumi + " Port 70000\n", .ends = "bad"},
      {.config = lumi + " IdentityFile\n", .ends = "bad"},
      {.config = lumi + " User me too\n", .ends = "bad"},
      {.config = lumi + " StrictHostKeyChecking perhaps\n", .ends = "bad"},
      {.config = lumi + " IdentitiesOnly perhaps\n", .ends = "bad"},
      {.config = lumi + " IdentityFile \"<k>/k1\n", .ends = "bad"},
      {.config = "Match nonsense lumi\n" + lumi, .ends = "bad"},
      {.config = "Match\n" + lumi, .ends = "bad"},
      {.config = "Host\n" + lumi, .ends = "bad"},
      {.config = "Match all host lumi\n" + lumi, .ends = "bad"},
      {.config = "Include <k>/broken\n" + lumi, .ends = "bad", .files = {{"broken", "Ciphers nonsense\n"}}},
      {.config = "Include <k>/config\n" + lumi, .ends = "bad"},
      {.config = "Include <k>/nowhere\n" + lumi},
      {.config = lumi + " ProxyJump a@b@c:x\n", .ends = "bad"},
      {.config = lumi + " IdentityFile <k>/%q\n",
       .ends = "bad",
       .because = found_at_once,
       .differing = {"ssh: <reached>"}},
      {.config = lumi + " UsePrivilegedPort no\n RSAAuthentication yes\n Protocol 2\n"},
      {.config = lumi + " AddressFamily inet7\n", .ends = "bad"},
      {.config = lumi + " ConnectTimeout soon\n", .ends = "bad"},
      {.config = lumi, .words = {"-oFrobnicate=yes", "lumi"}, .ends = "bad"},
      {.config = lumi, .words = {"-oPort=x", "lumi"}, .ends = "bad"},
  };
}

TEST_CASE(
    "a line that ssh does not take is refused with ssh's own complaint, and one that it takes is no matter") {
  agreement both;
  both.compare(trials::bad_lines());
}
