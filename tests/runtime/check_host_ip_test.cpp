// `check_host_ip` beside ssh's CheckHostIP: who is let in, and what is written down. An alias stands for the
// host's name, so that no name server is needed; of loopback nothing is compared, so it takes another address
// of this machine.
#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "runtime/system/program_output.hpp"
#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/own_address.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Matchers::Contains;

namespace {

support::real_sshd_settings at(const std::string& address) {
  support::real_sshd_settings result;
  result.address = address;
  return result;
}

struct addressed {
  explicit addressed(const std::string& address) : sshd(at(address)) {}

  std::string file() const { return folder / "known"; }
  std::string place() const { return "[" + sshd.host() + "]:" + std::to_string(sshd.port()); }
  // "same", "other" or "none": what the file has for the name and for the address.
  void write(const std::string& of_name, const std::string& of_address) const {
    std::ofstream out{file()};
    for (const auto& [host, which] : {std::pair{std::string{"al"}, of_name}, std::pair{place(), of_address}})
      if (which != "none")
        out << host << " " << (which == "same" ? sshd.host_key() : std::string{"ssh-ed25519 "} + other_key)
            << "\n";
  }
  bool has(const std::string& name) const {
    return output_of({"ssh-keygen", "-F", name, "-f", file()}, 30s).done;
  }
  // Whether ssh comes to run a command.
  bool by_ssh(const std::string& policy, const std::string& more) const {
    return output_of({"ssh",
                      "-F",
                      "none",
                      "-o",
                      "BatchMode=yes",
                      "-o",
                      "CheckHostIP=yes",
                      "-o",
                      "HostKeyAlias=al",
                      "-o",
                      "UserKnownHostsFile=" + file(),
                      "-o",
                      "GlobalKnownHostsFile=/dev/null",
                      "-o",
                      "StrictHostKeyChecking=" + policy,
                      "-o",
                      "IdentityAgent=none",
                      "-o",
                      more,
                      "-i",
                      sshd.client_key(),
                      "-p",
                      std::to_string(sshd.port()),
                      "-l",
                      sshd.user(),
                      sshd.host(),
                      "true"},
                     30s)
        .done;
  }
  result<lease> by_moorage(host_key_policy policy, bool hashed, bool checks = true) const {
    auto settings = settings_for(sshd, "alpha");
    settings.host_key_alias = "al";
    settings.known_hosts_files = {file()};
    settings.strict_host_keys = policy;
    settings.check_host_ip = checks;
    settings.hash_known_hosts = hashed;
    runtime pools{quiet_configuration({settings})};
    return pools.try_acquire("alpha", 20s);
  }

  static constexpr const char* other_key =
      "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
  support::scratch_folder folder;
  support::real_sshd sshd;
};

} // namespace

TEST_CASE("check_host_ip lets in whom ssh's CheckHostIP lets in, and writes down the address that it does") {
  auto address = support::own_address();
  if (address.empty()) {
    WARN("this machine has loopback's addresses alone, which are not compared");
    return;
  }
  addressed both{address};
  auto compared = 0;
  for (const std::string of_name : {"same", "none"})
    for (const std::string of_address : {"same", "other", "none"})
      for (auto policy : {host_key_policy::strict, host_key_policy::accept_new, host_key_policy::off}) {
        INFO("name " << of_name << ", address " << of_address << ", " << to_string(policy));
        both.write(of_name, of_address);
        auto admitted = both.by_ssh(to_string(policy), "HashKnownHosts=no");
        auto written = both.has(both.place());
        both.write(of_name, of_address);
        auto ours = both.by_moorage(policy, false);
        CHECK(ours.has_value() == admitted);
        // A new key is not written down here with the check off, neither for the name nor for the address.
        if (of_name == "same" || policy != host_key_policy::off)
          CHECK(both.has(both.place()) == written);
        ++compared;
      }
  CHECK(compared == 18);
}

TEST_CASE("another key of the address is refused as by ssh, with its line, or warned of with the check off") {
  auto address = support::own_address();
  if (address.empty()) {
    WARN("this machine has loopback's addresses alone, which are not compared");
    return;
  }
  addressed both{address};
  both.write("same", "other");
  auto differs =
      "the ssh-ed25519 host key for 'al' differs from the key for the IP address '" + both.place() + "'";
  auto refused = both.by_moorage(host_key_policy::accept_new, false);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::host_key_changed);
  CHECK_THAT(refused.error().text,
             Contains(differs) && Contains(both.file() + ":2") && Contains("ssh-keygen -R"));
  auto warned = both.by_moorage(host_key_policy::off, false);
  REQUIRE(warned);
  REQUIRE(warned->warnings().size() == 1);
  CHECK_THAT(warned->warnings()[0], Contains(differs) && Contains(both.file() + ":2"));
  // Nobody who did not ask for it is troubled.
  CHECK(both.by_moorage(host_key_policy::strict, false, false));
}

TEST_CASE("a new address is written down under a hashed name where names are") {
  auto address = support::own_address();
  if (address.empty()) {
    WARN("this machine has loopback's addresses alone, which are not compared");
    return;
  }
  addressed both{address};
  both.write("none", "none");
  CHECK(both.by_moorage(host_key_policy::accept_new, true));
  CHECK(both.has("al"));
  CHECK(both.has(both.place()));
  std::stringstream text;
  text << std::ifstream{both.file()}.rdbuf();
  CHECK(text.str().find(address) == std::string::npos);
  both.write("same", "none");
  CHECK(both.by_moorage(host_key_policy::strict, false, false));
  CHECK_FALSE(both.has(both.place()));
}
