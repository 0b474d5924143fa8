// Key files that hold no private key: they name what the agent is to sign with, as IdentityFile does for ssh.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include <catch2/catch.hpp>

#include "tests/ssh/visitor.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/process_tree.hpp"

namespace moorage::support {

namespace {

using Catch::Matchers::Contains;

std::string contents(const std::string& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// Readable by all, as what is public usually is.
std::string write_public(const std::string& path, const std::string& text) {
  std::ofstream{path} << text;
  ::chmod(path.c_str(), 0644);
  return path;
}

void run_tool(std::vector<std::string> argv, std::vector<std::string> environment = {}) {
  process_spec spec;
  spec.argv = std::move(argv);
  spec.environment = std::move(environment);
  REQUIRE(run_to_end(spec) == 0);
}

/// A server that trusts an authority, and a key that it knows by its certificate alone.
struct certified {
  explicit certified(const std::string& type = "ed25519") {
    authority = server.add_client_key("authority");
    key = server.folder() + "/certified";
    run_tool({"ssh-keygen", "-q", "-t", type, "-N", "", "-f", key});
    server.reconfigure({"MaxAuthTries 1", "TrustedUserCAKeys " + authority + ".pub"});
  }
  /// The certificate's text.
  std::string certify(const std::string& validity = "-1h:+1h") const {
    run_tool(
        {"ssh-keygen", "-q", "-s", authority, "-I", "us", "-n", server.user(), "-V", validity, key + ".pub"});
    auto text = contents(key + "-cert.pub");
    ::unlink((key + "-cert.pub").c_str());
    return text;
  }

  real_sshd server;
  std::string authority;
  std::string key;
};

} // namespace

TEST_CASE(
    "a .pub file stands for the agent's key, with or without the private key on disk, whatever its mode") {
  real_sshd_settings strict;
  strict.config = {"MaxAuthTries 1"};
  real_sshd server{strict};
  auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  auto wanted = server.add_client_key("wanted_" + type, type);
  support::ssh_agent agent{{server.unauthorised_client_key(), server.unauthorised_client_key(), wanted}};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  SECTION("a copy elsewhere, with a comment before it") {
    alice.settings.key_files = {
        write_public(alice.home / "cluster.pub", "# the cluster's\n\n" + contents(wanted + ".pub"))};
  }
  SECTION("beside its private key") {
    ::chmod((wanted + ".pub").c_str(), 0644);
    alice.settings.key_files = {wanted + ".pub"};
  }
  SECTION("named without its suffix") {
    write_public(alice.home / "cluster.pub", contents(wanted + ".pub"));
    alice.settings.key_files = {alice.home / "cluster"};
  }
  auto result = alice.log_in();
  INFO(to_string(result.error));
  REQUIRE(result.state == authenticator::state::logged_in);
  CHECK_THAT(result.text, Contains("(agent)"));
}

TEST_CASE("a .pub file whose key no agent holds says so, and gives no advice about its mode") {
  real_sshd server;
  visitor alice{server};
  alice.settings.key_files = {
      write_public(alice.home / "cluster.pub", contents(server.client_key() + ".pub"))};
  support::ssh_agent other{{server.unauthorised_client_key()}};
  SECTION("no agent") {}
  SECTION("an agent with other keys") {
    alice.around.agent_socket = other.socket();
  }
  auto result = alice.log_in();
  REQUIRE(result.state == authenticator::state::failed);
  CHECK(result.error.kind == ssh_failure::no_credentials);
  CHECK_THAT(result.error.text, Contains(alice.settings.key_files[0]) &&
                                    Contains("holds only a public key") && Contains("agent") &&
                                    !Contains("chmod"));
}

TEST_CASE("a file that holds a certificate is used as such") {
  auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  const bool others = GENERATE(false, true);
  certified place{type};
  visitor alice{place.server};
  auto certificate = write_public(alice.home / "us.pub", place.certify());
  support::ssh_agent agent;
  alice.around.agent_socket = agent.socket();
  alice.settings.key_files = {certificate};
  SECTION("with a key that the agent holds without it") {
    agent.add(place.key);
  }
  SECTION("with a key that the agent holds with it") {
    write_public(place.key + "-cert.pub", contents(certificate));
    agent.add(place.key); // ssh-add takes the certificate beside it along
  }
  SECTION("with a private key that is listed too, and no agent") {
    alice.around.agent_socket = {};
    alice.settings.key_files.push_back(place.key);
  }
  // Before any key that is listed besides: the server takes one try.
  if (others)
    alice.settings.key_files.insert(alice.settings.key_files.begin(), place.server.unauthorised_client_key());
  auto result = alice.log_in();
  INFO(to_string(result.error));
  REQUIRE(result.state == authenticator::state::logged_in);
  CHECK_THAT(result.text, Contains("-cert-v01@openssh.com"));
}

TEST_CASE("a certificate that is listed beside another key than its own is told as that") {
  certified place;
  visitor alice{place.server};
  const auto other = place.server.unauthorised_client_key();
  const auto certificate = write_public(alice.home / "us.pub", place.certify());
  alice.settings.key_files = {other, certificate};
  const auto as_that =
      Contains(certificate + " holds only a certificate, which certifies another key than " + other);
  CHECK_THAT(alice.log_in().error.text, as_that);
  // A key whose private part is not at hand is its own all the same, and an agent may have it.
  alice.settings.key_files = {other, certificate,
                              write_public(alice.home / "own.pub", contents(place.key + ".pub"))};
  CHECK_THAT(alice.log_in().error.text, !Contains("certifies another"));
  support::ssh_agent agent{{place.key}};
  alice.around.agent_socket = agent.socket();
  alice.settings.key_files = {other, certificate};
  CHECK(alice.log_in().state == authenticator::state::logged_in);
}

TEST_CASE("a certificate that has run out is not shown, and the text says why") {
  certified place;
  visitor alice{place.server};
  support::ssh_agent agent{{place.key}};
  alice.around.agent_socket = agent.socket();
  alice.settings.key_files = {write_public(alice.home / "us.pub", place.certify("-2h:-1h"))};
  auto result = alice.log_in();
  REQUIRE(result.state == authenticator::state::failed);
  CHECK(result.error.kind == ssh_failure::no_credentials);
  CHECK_THAT(result.error.text, Contains("us.pub has expired, on 20") && Contains(" UTC (key id '"));
}

} // namespace moorage::support
