// Algorithms, methods of log-in and the transport's options of a Host. The real ssh reads the files.
#include <catch2/catch.hpp>

#include <fstream>

#include "runtime/config/openssh.hpp"
#include "tests/runtime/parsed_config.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

/// Of a Host "lumi" with these lines, in a cluster's table that says no more.
struct lumi_of_ssh {
  explicit lumi_of_ssh(const std::string& lines, const std::string& own = {}) {
    const auto file = folder / "config";
    std::ofstream{file} << "Host lumi\n" + lines;
    auto config = parsed("[clusters.lumi]\nssh_host = \"lumi\"\nssh_config = \"" + file + "\"\n" + own);
    cluster = config.clusters.at(0);
    wrong = ask_openssh({}, cluster).text;
  }
  const cluster_settings& settings() const {
    INFO(wrong);
    REQUIRE(wrong.empty());
    return cluster.settings;
  }

  support::scratch_folder folder;
  cluster_config cluster;
  std::string wrong;
};

using names = std::vector<std::string>;

} // namespace

TEST_CASE("a Host's algorithms are taken over, and those that are not known here are told by name") {
  lumi_of_ssh lumi{"Ciphers aes256-ctr,aes128-ctr\nMACs umac-64@openssh.com,hmac-sha2-512\n"
                   "KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256\n"
                   "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com,ssh-ed25519\n"
                   "PubkeyAcceptedAlgorithms ssh-ed25519,rsa-sha2-512\n"};
  const auto& s = lumi.settings();
  CHECK(s.ciphers == "aes256-ctr,aes128-ctr");
  CHECK(s.macs == "hmac-sha2-512");
  CHECK(s.kex_algorithms == "curve25519-sha256");
  CHECK(s.host_key_algorithms == "ssh-ed25519");
  CHECK(s.pubkey_accepted_algorithms == "ssh-ed25519,rsa-sha2-512");
  CHECK(lumi.cluster.not_followed == names{"MACs umac-64@openssh.com",
                                           "KexAlgorithms sntrup761x25519-sha512@openssh.com",
                                           "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com"});
}

TEST_CASE("of a list that adds to ssh's own only what it adds is told, and one as ssh's own says nothing") {
  lumi_of_ssh lumi{
      "MACs +hmac-md5,hmac-sha1-96\nHostKeyAlgorithms +ssh-rsa\nKexAlgorithms ^ecdh-sha2-nistp384\n"
      "Ciphers -aes128-ctr\n"};
  const auto& s = lumi.settings();
  CHECK(s.macs == "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,"
                  "hmac-sha2-256,hmac-sha2-512,hmac-sha1");
  CHECK_THAT(s.host_key_algorithms, Contains("rsa-sha2-256,ssh-rsa") && !Contains("cert"));
  CHECK(s.kex_algorithms.starts_with("ecdh-sha2-nistp384,curve25519-sha256,"));
  CHECK_THAT(s.ciphers, Contains("aes192-ctr") && !Contains("aes128-ctr"));
  CHECK(lumi.cluster.not_followed == names{"MACs hmac-md5 hmac-sha1-96"});
  lumi_of_ssh plain{"User me\n"};
  CHECK(plain.settings().ciphers.empty());
  CHECK(plain.settings().host_key_algorithms.empty());
}

TEST_CASE("a list of which nothing is known here is refused by name, unless the cluster says its own") {
  lumi_of_ssh none{"MACs umac-64@openssh.com,umac-128@openssh.com\n"};
  CHECK_THAT(none.wrong,
             Contains("ssh_host lumi: macs: there is no MAC 'umac-64@openssh.com' here; name some") &&
                 Contains("hmac-sha2-512"));
  lumi_of_ssh own{"MACs umac-64@openssh.com\n", "macs = \"+hmac-sha1\"\n"};
  CHECK(own.settings().macs == "+hmac-sha1");
}

TEST_CASE("how often a Host is tried is ConnectionAttempts, ten at most, and three where nothing is said") {
  CHECK(lumi_of_ssh{"ConnectionAttempts 2\n"}.settings().connect_tries == 2);
  CHECK(lumi_of_ssh{"ConnectionAttempts 400\n"}.settings().connect_tries == 10);
  CHECK(lumi_of_ssh{"User me\n"}.settings().connect_tries == 3);
}

TEST_CASE("a Host's methods of log-in: their order, those that are switched off, and those not known here") {
  struct host {
    const char* lines;
    const char* methods;
    names not_followed;
  };
  for (const auto& [lines, methods, not_followed] :
       {host{"User me\n", "", {}},
        host{"PreferredAuthentications gssapi-with-mic,keyboard-interactive,publickey\n",
             "keyboard-interactive,publickey",
             {}},
        host{"PasswordAuthentication no\n", "publickey,keyboard-interactive", {}},
        host{"PubkeyAuthentication no\nKbdInteractiveAuthentication no\n", "password", {}},
        host{"PubkeyAuthentication unbound\n", "", {}},
        host{"PreferredAuthentications password,publickey\nPasswordAuthentication no\n", "publickey", {}},
        host{"PreferredAuthentications publickey,telepathy\nGSSAPIAuthentication yes\n"
             "HostbasedAuthentication yes\n",
             "publickey",
             {"PreferredAuthentications telepathy", "GSSAPIAuthentication", "HostbasedAuthentication"}},
        host{"GSSAPIAuthentication no\nHostbasedAuthentication no\n", "", {}}}) {
    INFO(lines);
    lumi_of_ssh lumi{lines};
    CHECK(lumi.settings().auth_methods == methods);
    CHECK(lumi.cluster.not_followed == not_followed);
  }
  CHECK_THAT(lumi_of_ssh{"PreferredAuthentications gssapi-with-mic\n"}.wrong,
             Contains("auth_methods: there is no method of log-in 'gssapi-with-mic' here"));
  CHECK_THAT(lumi_of_ssh{"PreferredAuthentications password\nPasswordAuthentication no\n"}.wrong,
             Contains("leaves no method of log-in"));
}

TEST_CASE("a Host's options of the transport are settings, within what those may be") {
  lumi_of_ssh lumi{"BindAddress 127.0.0.9\nCompression yes\nRekeyLimit 64M 1h\nServerAliveCountMax 7\n"
                   "HashKnownHosts yes\nVerifyHostKeyDNS yes\n"};
  const auto& s = lumi.settings();
  CHECK(s.bind_address == "127.0.0.9");
  CHECK(s.compression);
  CHECK(s.rekey_data == 64u << 20);
  CHECK(s.rekey_interval == 1h);
  CHECK(s.keep_alive_count_max == 7);
  CHECK(s.hash_known_hosts);
  CHECK(lumi.cluster.not_followed == names{"VerifyHostKeyDNS"});
  lumi_of_ssh odd{"RekeyLimit default 1\nServerAliveCountMax 0\n"};
  CHECK(odd.settings().rekey_data == 0);
  CHECK(odd.settings().rekey_interval == 1s);
  CHECK(odd.settings().keep_alive_count_max == 1);
  CHECK(lumi_of_ssh{"RekeyLimit 16K\n"}.settings().rekey_data == 1u << 20);
  CHECK_THAT(lumi_of_ssh{"BindAddress some.host\n"}.wrong,
             Contains("bind_address: 'some.host' is no address of this machine"));
}
