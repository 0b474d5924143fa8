// The keys and certificates that a Host has us show are those that ssh shows, in its order, at real servers.
#include "tests/cli/agreement.hpp"

using namespace moorage::cli_tests;

namespace {

const std::string with_nothing =
    "who has nothing to show does not connect: a log-in without a key is a failure that counts";
const std::string files_first =
    "a key in a file is shown before the agent is waited for, which may be asking its user";
const std::string named_alone =
    "where a Host names keys the agent is asked for those alone, as with IdentitiesOnly";
const std::string likeliest =
    "a certificate comes before keys without one, since a server counts what it denies";

} // namespace

std::vector<trial> trials::keys_of_a_host() {
  return {
      {.config = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/w2\n IdentityFile <k>/k1\n"
                 " IdentityFile <k>/k2\n"},
      {.config = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/w2\n", .ends = "denied"},
      {.config = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/w1\n IdentityFile <k>/k2\n"},
      {.config = "Host lumi\n<far> IdentityFile <k>/w2\nMatch all\n IdentityFile <k>/w1\n"
                 " IdentityFile <k>/k1\n"},
      {.config = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/by/%h/%p/%r/%n\n",
       .copies = {{"k1", "by/<far:host>/<far:port>/<far:user>/lumi"}}},
      {.config = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/on/%l/%L/%u/%i/%k/100%%\n"
                 " HostKeyAlias al\n",
       .known = "al <far:key>\n",
       .copies = {{"k2", "on/<machine>/<short>/<me>/<uid>/al/100%"}}},
      {.config = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/of/%C\n",
       .copies = {{"k1", "of/<digest>"}}},
      {.config = "Host lumi\n<far> IdentityFile %d<up><k>/w1\n IdentityFile ~<up><k>/k1\n"},
      {.config = "Host lumi\n<far> IdentityFile ${KEYS}/w1\n IdentityFile ${KEYS}/${KEY}\n",
       .environment = {{"KEYS", "<k>"}, {"KEY", "k2"}}},
      {.config = "Host lumi\n<far> IdentityFile ${NOT_SET}/w1\n IdentityFile <k>/k1\n",
       .ends = "bad",
       .because = "ssh finds that when it has connected; moorage before, and does not connect",
       .differing = {"ssh: <reached>"}},
      {.config = "Host lumi\n<far> identityfile=\"<k>/with blank/k\"\n\tIDENTITYFILE\t=  <k>/k1  \n",
       .copies = {{"w1", "with blank/k"}}},
  };
}

TEST_CASE("the keys of a Host are shown as by ssh, at real servers: several, tokens, variables, quotes") {
  agreement both;
  both.compare(trials::keys_of_a_host());
}

std::vector<trial> trials::keys_of_no_use() {
  return {
      {.config = "Host lumi\n<far> IdentityFile <k>/missing\n IdentityFile <k>/known\n IdentityFile <k>/by\n"
                 " IdentityFile <k>/k1\n",
       .copies = {{"w1", "by/w1"}}},
      {.config = "Host lumi\n<far> IdentityFile <k>/open\n IdentityFile <k>/k2\n",
       .because = "a key that others can read is not shown, as it cannot be used",
       .differing = {"ssh: <turned down> ED25519 w1"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/lockedw\n IdentityFile <k>/k2\n",
       .because = "a key that nobody is there to unlock is not shown: a server counts what it denies",
       .differing = {"ssh: <turned down> ED25519 lockedw"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/locked\n IdentityFile <k>/k2\n"},
      {.config = "Host lumi\n<far> IdentityFile <k>/ecdsa\n IdentityFile <k>/k2\n"},
      {.config = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/rsa\n IdentityFile <k>/k2\n"},
      {.config = "Host lumi\n<far> IdentityFile <k>/rsa\n IdentityFile <k>/k2\n"
                 " PubkeyAcceptedAlgorithms ssh-ed25519\n"},
      {.config = "Host lumi\n<far> IdentityFile <k>/k1\n PubkeyAuthentication no\n",
       .ends = "denied",
       .because = with_nothing,
       .differing = {"ssh: <reached>"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/k1\n PreferredAuthentications password\n",
       .ends = "denied",
       .because = with_nothing,
       .differing = {"ssh: <reached>"}},
      {.config = "Host lumi\n<far>",
       .ends = "denied",
       .because = with_nothing,
       .differing = {"ssh: <reached>"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/k1\n", .words = {"-i", "<k>/w1", "lumi"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/k2\n",
       .words = {"-oIdentityFile=<k>/w2", "-i", "<k>/w1", "-oIdentitiesOnly=yes", "lumi"},
       .because = "no key is shown twice",
       .differing = {"ssh: <turned down> ED25519 w1"}},
      {.config = "Host lumi\n<far>", .words = {"-i", "<k>/w1", "-i", "<k>/k2", "lumi"}},
  };
}

TEST_CASE("keys that cannot be used, of other kinds, or of the words are shown as by ssh, or not, at real "
          "servers") {
  agreement both;
  both.compare(trials::keys_of_no_use());
}

std::vector<trial> trials::keys_of_words() {
  const std::string far = "Host lumi\n<far> IdentityFile <k>/k1\n";
  const std::map<std::string, std::string> elsewhere{{"MINE", "<agent>"}, {"SSH_AUTH_SOCK", "<k>/nobody"}};
  return {
      {.config = "Host lumi\n<far> IdentitiesOnly yes\n IdentityFile <k>/missing\n",
       .words = {"-i", "<k>/k1", "lumi"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/by/%k\n", .copies = {{"k1", "by/lumi"}}},
      {.config = far,
       .words = {"-o", "UserKnownHostsFile=<k>/known_%h", "lumi"},
       .known = "",
       .files = {{"known_<far:host>", "<far:known>"}}},
      {.config = far,
       .words = {"-o", "UserKnownHostsFile=${KNOWN}", "lumi"},
       .known = "",
       .files = {{"mine", "<far:known>"}},
       .environment = {{"KNOWN", "<k>/mine"}}},
      {.config = "Host lumi\n<far>",
       .words = {"-o", "IdentityAgent=%d<up><agent>", "lumi"},
       .agent = {"k2"},
       .environment = elsewhere},
      {.config = "Host lumi\n<far>",
       .words = {"-o", "IdentityAgent=$MINE", "lumi"},
       .agent = {"k2"},
       .environment = elsewhere},
      {.config = "Host lumi\n<far>",
       .words = {"-o", "IdentityAgent=${MINE}", "lumi"},
       .agent = {"k2"},
       .environment = elsewhere},
      {.config = "Host lumi\n<far>",
       .words = {"-o", "IdentityFile=none", "lumi"},
       .agent = {"k1"},
       .copies = {{"w1", ".ssh/id_ed25519"}}},
      {.config = "Host lumi\n<far>",
       .words = {"-oIdentityFile=<k>/missing", "lumi"},
       .agent = {"k1"},
       .copies = {{"w1", ".ssh/id_ed25519"}}},
      {.config = far, .words = {"-o", "IdentityFile=none", "lumi"}, .copies = {{"w1", ".ssh/id_rsa"}}},
  };
}

TEST_CASE("a key of the words beside a Host's that is missing, and tokens in words, are as with ssh, at real "
          "servers") {
  agreement both;
  both.compare(trials::keys_of_words());
}

std::vector<trial> trials::keys_of_agents() {
  const std::string only = "Host lumi\n<far> IdentitiesOnly yes\n";
  const std::string three = " IdentityFile <k>/w2\n IdentityFile <k>/w1\n IdentityFile <k>/k1\n";
  return {
      {.config = "Host lumi\n<far>", .agent = {"w1", "w2", "k1"}},
      {.config = only,
       .ends = "denied",
       .agent = {"k1"},
       .because = with_nothing,
       .differing = {"ssh: <reached>"}},
      {.config = only + " IdentityFile <k>/k1\n", .agent = {"w1", "w2", "k1"}},
      {.config = only + " IdentityFile <k>/only\n",
       .agent = {"w1", "w2", "k1"},
       .copies = {{"k1.pub", "only.pub"}}},
      {.config = only + " IdentityFile <k>/k2.pub\n IdentityFile <k>/w2.pub\n", .agent = {"w1", "w2", "k2"}},
      {.config = only + three,
       .agent = {"w1", "w2", "k1"},
       .because = files_first,
       .differing = {"in another order"}},
      {.config = only + three,
       .agent = {"w1", "k1"},
       .because = files_first,
       .differing = {"moorage: <turned down> ED25519 w2"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/w2\n IdentityFile <k>/k1\n",
       .agent = {"w1"},
       .because = named_alone,
       .differing = {"ssh: <turned down> ED25519 w1"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/w2\n",
       .agent = {"w1", "k1"},
       .because = named_alone,
       .differing = {"ssh: <entered>", "ssh: <turned down> ED25519 w1", "ssh: <took> ED25519 k1",
                     "moorage: ended with 255", "moorage: <turned down> ED25519 w2"},
       .ends_here = "denied"},
      {.config = "Host lumi\n<far> IdentityFile <k>/missing\n", .agent = {"w1", "k1"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/locked\n", .agent = {"unlocked"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/k1\n IdentityAgent none\n", .agent = {"w1"}},
      {.config = "Host lumi\n<far> IdentityAgent none\n",
       .ends = "denied",
       .agent = {"k1"},
       .because = with_nothing,
       .differing = {"ssh: <reached>"}},
      {.config = "Host lumi\n<far> IdentityAgent <k>/nobody\n", .ends = "denied", .agent = {"k1"}},
      {.config = "Host lumi\n<far> IdentityAgent SSH_AUTH_SOCK\n", .agent = {"k1"}},
      {.config = "Host lumi\n<far> IdentityAgent $MINE\n",
       .agent = {"k2"},
       .environment = {{"MINE", "<agent>"}, {"SSH_AUTH_SOCK", "<k>/nobody"}}},
      {.config = "Host lumi\n<far> IdentityAgent \"${MINE}\"\n",
       .agent = {"k2"},
       .environment = {{"MINE", "<agent>"}, {"SSH_AUTH_SOCK", "<k>/nobody"}}},
      {.config = "Host lumi\n<far> IdentityAgent %d<up><agent>\n",
       .agent = {"k2"},
       .environment = {{"SSH_AUTH_SOCK", "<k>/nobody"}}},
      {.config = "Host lumi\n<far> IdentityAgent <agent>\n",
       .agent = {"k2"},
       .environment = {{"SSH_AUTH_SOCK", "<k>/nobody"}}},
  };
}

TEST_CASE("an agent's keys are shown as by ssh, at real servers, IdentitiesOnly and IdentityAgent too") {
  agreement both;
  both.compare(trials::keys_of_agents());
}

std::vector<trial> trials::no_keys_of_files() {
  return {
      {.config = "Host lumi\n<far> IdentitiesOnly yes\n IdentityFile none\n",
       .ends = "denied",
       .agent = {"k1"},
       .copies = {{"k1", ".ssh/id_ed25519"}},
       .because = with_nothing,
       .differing = {"ssh: <reached>"}},
      {.config = "Host lumi\n<far> IdentitiesOnly yes\n IdentityFile none\n",
       .words = {"-i", "<k>/k1.pub", "lumi"},
       .agent = {"w1", "k1"}},
      {.config = "Host lumi\n<far> IdentitiesOnly yes\n IdentityFile none\n",
       .words = {"-oIdentityAgent=<agent>", "lumi"},
       .ends = "denied",
       .agent = {"k1"},
       .because = with_nothing,
       .differing = {"ssh: <reached>"}},
      {.config = "Host lumi\n<far> IdentitiesOnly yes\n IdentityFile none\n IdentityAgent none\n",
       .words = {"-i", "<k>/k1.pub", "lumi"},
       .ends = "denied",
       .agent = {"k1"},
       .because = with_nothing,
       .differing = {"ssh: <reached>"}},
      {.config = "Host lumi\n<far> IdentityFile none\n",
       .ends = "denied",
       .copies = {{"k1", ".ssh/id_ed25519"}},
       .because = with_nothing,
       .differing = {"ssh: <reached>"}},
      {.config = "Host lumi\n<far> IdentityFile none\n",
       .agent = {"w1", "k1"},
       .copies = {{"w2", ".ssh/id_ed25519"}}},
      {.config = "Host lumi\n<far> IdentityFile <k>/missing\n",
       .agent = {"w1", "k1"},
       .copies = {{"w2", ".ssh/id_ed25519"}}},
  };
}

TEST_CASE(
    "a Host that wants no key file, or names one that is missing, shows no usual one, as by ssh, at real "
    "servers") {
  agreement both;
  both.compare(trials::no_keys_of_files());
}

std::vector<trial> trials::certificates() {
  const std::string apart = " CertificateFile <k>/apart.pub\n";
  const std::string c2 = "ssh: <turned down> ED25519 c2";
  return {
      {.config = "Host lumi\n<far> IdentityFile <k>/c2\n", .because = likeliest, .differing = {c2}},
      {.config = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/c2\n",
       .because = likeliest,
       .differing = {c2}},
      {.config = "Host lumi\n<far> IdentityFile <k>/c1\n", .ends = "denied"},
      {.config = "Host lumi\n<far> IdentityFile <k>/c1\n" + apart},
      {.config = "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/c1\n" + apart},
      {.config =
           "Host lumi\n<far> IdentityFile <k>/w1\n IdentityFile <k>/c1\n IdentityFile <k>/c2\n" + apart},
      {.config = "Host lumi\n<far>" + apart, .agent = {"w1", "c1"}},
      {.config = "Host lumi\n<far> IdentitiesOnly yes\n" + apart,
       .ends = "denied",
       .agent = {"w1", "c1"},
       .because = with_nothing,
       .differing = {"ssh: <reached>"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/c1.pub\n IdentitiesOnly yes\n" + apart,
       .agent = {"w1", "c1"}},
      {.config = "Host lumi\n<far>", .agent = {"c2"}, .because = likeliest, .differing = {c2}},
      {.config = "Host lumi\n<far>",
       .agent = {"w1", "c2"},
       .because = likeliest,
       .differing = {"ssh: <turned down> ED25519 w1", c2}},
      {.config = "Host lumi\n<far> IdentitiesOnly yes\n IdentityFile <k>/c2\n",
       .agent = {"w1", "c2"},
       .because = likeliest,
       .differing = {c2}},
      {.config = "Host lumi\n<far> IdentityFile <k>/k2\n CertificateFile <k>/ended.pub\n",
       .because = "a certificate that has run out is not shown: a server would deny it, and count that",
       .differing = {"ssh: <turned down> ED25519-CERT k2 ID us (serial 0) CA ED25519 authority"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/k1\n" + apart},
      {.config = "Host lumi\n<far> IdentityFile <k>/c1\n CertificateFile <k>/certs/%r@%h\n",
       .copies = {{"apart.pub", "certs/<far:user>@<far:host>"}}},
      {.config = "Host lumi\n<far> IdentityFile <k>/c1\n CertificateFile <k>/missing\n" + apart},
      {.config = "Host lumi\n<far> IdentityFile <k>/c1\n",
       .words = {"-oCertificateFile=<k>/apart.pub", "lumi"}},
      {.config = "Host lumi\n<far>", .words = {"-i", "<k>/c1", "-oCertificateFile=<k>/apart.pub", "lumi"}},
      {.config = "Host lumi\n<far> IdentityFile <k>/c1\n IdentityFile <k>/k1\n" + apart +
                 " PubkeyAcceptedAlgorithms ssh-ed25519\n"},
  };
}

TEST_CASE("certificates are shown as by ssh, at real servers: beside a key, named, in the agent, run out") {
  agreement both;
  both.compare(trials::certificates());
}
