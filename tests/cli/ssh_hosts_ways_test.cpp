// Ways to Hosts of OpenSSH's configuration, by the program, at real sshds: over several hops, by certificates
// and agents, and from whichever file.
#include <filesystem>

#include "tests/cli/hosts_home.hpp"
#include "tests/support/agents.hpp"

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

} // namespace

TEST_CASE(
    "a ProxyJump over two hosts, with certificates at the first and behind both, is one log-in at each") {
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
