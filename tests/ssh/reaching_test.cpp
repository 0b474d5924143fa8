// How a host is found and known, where that is not by its name alone.
#include <catch2/catch.hpp>

#include <fstream>

#include "tests/ssh/transport_driver.hpp"
#include "tests/support/agents.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Matchers::Contains;
using support::real_sshd;

TEST_CASE("a host that is known by an alias is looked up by that, whatever its name and port",
          "[transport]") {
  real_sshd server;
  world around;
  auto settings = around.settings_for(server);
  settings.known_hosts_files = {around.home / "known"};
  settings.host_key_alias = "lumi";
  std::ofstream{around.home / "known"} << "lumi " << server.host_key() << "\n";
  driven known{around, settings};
  CHECK(known.open());
  settings.host_key_alias = "mahti";
  driven unknown{around, settings};
  REQUIRE_FALSE(unknown.open());
  CHECK_THAT(to_string(*unknown.failed), Contains("mahti showed the key"));
  // What is accepted is written under the alias, and known from then on.
  settings.strict_host_keys = host_key_policy::accept_new;
  driven accepted{around, settings};
  CHECK(accepted.open());
  CHECK_THAT(support::contents_of(around.home / "known"), Contains("mahti " + server.host_key()));
  settings.strict_host_keys = host_key_policy::strict;
  driven again{around, settings};
  CHECK(again.open());
}

TEST_CASE("of a name's addresses those of the family asked for are tried", "[transport]") {
  real_sshd server{{.ipv6 = true}};
  world around;
  around.resolve = resolves_to({"::1", "127.0.0.1"});
  auto settings = around.settings_for(server);
  settings.host = "login.example";
  settings.strict_host_keys = host_key_policy::off;
  for (auto [family, address] :
       {std::pair{address_family::any, "[::1]:"}, std::pair{address_family::inet, "127.0.0.1:"},
        std::pair{address_family::inet6, "[::1]:"}}) {
    settings.address_family = family;
    driven link{around, settings};
    REQUIRE(link.open());
    CHECK(link.steps[2].text.find(address) == 0);
  }
  settings.host = "127.0.0.1";
  driven none{around, settings};
  REQUIRE_FALSE(none.open());
  CHECK_THAT(to_string(*none.failed), Contains("'127.0.0.1' has no IPv6 address, but 127.0.0.1:") &&
                                          Contains("address_family is inet6"));
}

TEST_CASE("the agent's socket may be named", "[transport]") {
  real_sshd server;
  support::ssh_agent agent{{server.client_key()}};
  world around; // whose environment has no agent
  auto settings = around.settings_for(server);
  settings.key_files.clear();
  settings.agent = true;
  driven without{around, settings};
  CHECK_FALSE(without.open());
  settings.agent_socket = agent.socket();
  driven with{around, settings};
  CHECK(with.open());
}
