// A host application that knows clusters by the names of ~/.ssh/config.
#include <catch2/catch.hpp>

#include <fstream>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Matchers::Contains;

namespace {

std::string host_of(const std::string& name, const support::real_sshd& sshd, const std::string& more = {}) {
  return "Host " + name + "\n  HostName " + sshd.host() + "\n  Port " + std::to_string(sshd.port()) +
         "\n  User " + sshd.user() + "\n  IdentityFile " + sshd.client_key() +
         "\n  IdentityAgent none\n  UserKnownHostsFile " + sshd.known_hosts() + "\n" + more;
}

configuration reading(const std::string& file) {
  auto config = quiet_configuration();
  config.defaults.settings.ssh_config = file;
  return config;
}

} // namespace

TEST_CASE("a Host that was registered is a cluster of a runtime, and so are the jump hosts on the way") {
  support::real_sshd sshd, gate;
  support::scratch_folder folder;
  auto file = folder / "config";
  std::ofstream{file} << host_of("gate", gate) << host_of("far", sshd, "  ProxyJump gate\n");
  auto config = reading(file);
  runtime pools{config};
  // An acquire asks nobody but the pools.
  CHECK(pools.try_acquire("far", 20s).error().code == errc::unknown_cluster);
  REQUIRE(pools.register_host("far", config));
  CHECK(pools.run("far", "echo there").output == "there\n");
  CHECK(pools.run("gate", "echo gate").output == "gate\n");
  CHECK(gate.logins() == 1);
  // Asked once: what it was registered as holds, whatever has become of the file.
  std::ofstream{file} << "Nonsense yes\n";
  CHECK(pools.register_host("far", config));
  auto refused = pools.register_host("farther", config);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::invalid_settings);
  CHECK_THAT(refused.error().text, Contains("config: line 1: Bad configuration option: nonsense"));
}

TEST_CASE(
    "a name that is no Host is refused with what was looked at, and a destination is registered as it is") {
  support::real_sshd sshd;
  support::scratch_folder folder;
  auto file = folder / "config";
  std::ofstream{file} << host_of("lumi", sshd);
  auto config = reading(file);
  runtime pools{config};
  auto refused = pools.register_host("lumo", config);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::unknown_cluster);
  CHECK_THAT(refused.error().text,
             Contains("no cluster 'lumo'") && Contains(file + " have a Host of that name"));
  CHECK(pools.register_host("me@localhost:22", config));
  CHECK(pools.pool("me@localhost:22").has_value());
}
