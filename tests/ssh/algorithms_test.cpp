// The settings' algorithms on OpenSSH's own sshd: what is agreed on is within them, and what is not is told.
#include <catch2/catch.hpp>

#include <atomic>
#include <fstream>

#include <libssh/libssh.h>

#include "messages/algorithms.hpp"
#include "runtime/ssh/libssh_session.hpp"
#include "runtime/ssh/login/accepted.hpp"
#include "runtime/ssh/wire.hpp"
#include "tests/ssh/hostile_driver.hpp"
#include "tests/ssh/visitor.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/scripted_sshd.hpp"

namespace moorage::test {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::real_sshd;
using support::real_sshd_settings;
using support::scripted_peer;
using support::scripted_sshd;

real_sshd_settings with(std::vector<std::string> lines) {
  real_sshd_settings settings;
  settings.config = std::move(lines);
  return settings;
}

/// What the key exchange's step says: "curve25519-sha256, aes256-ctr, hmac-sha2-256, SSH-2.0-…".
std::string agreed(const driven& link) {
  for (const auto& step : link.steps)
    if (step.stage == ssh_stage::key_exchange)
      return step.text.substr(0, step.text.find(", SSH-"));
  return {};
}

bool library_takes(ssh_options_e option, const std::string& name) {
  ssh_session session = ssh_new();
  bool taken = ssh_options_set(session, option, name.c_str()) == SSH_OK;
  ssh_free(session);
  return taken;
}

/// Empty: it is open.
std::string why_no_log_in(world& around, const real_sshd& server, const std::string& file, bool by_agent,
                          const std::string& accepted) {
  auto settings = around.settings_for(server);
  settings.agent = by_agent;
  settings.key_files = {file};
  settings.pubkey_accepted_algorithms = accepted;
  driven link{around, settings};
  return link.open() ? "" : link.failed ? link.failed->text : "neither";
}

} // namespace

TEST_CASE("the SSH library has each algorithm that settings may name, and none else of ssh's") {
  struct list {
    algorithm_kind kind;
    ssh_options_e option;
    const char* query;
  };
  for (auto [kind, option, query] :
       {list{algorithm_kind::cipher, SSH_OPTIONS_CIPHERS_C_S, "cipher"},
        list{algorithm_kind::mac, SSH_OPTIONS_HMAC_C_S, "mac"},
        list{algorithm_kind::key_exchange, SSH_OPTIONS_KEY_EXCHANGE, "kex"},
        list{algorithm_kind::host_key, SSH_OPTIONS_HOSTKEYS, "HostKeyAlgorithms"},
        list{algorithm_kind::public_key, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, "PubkeyAcceptedAlgorithms"}}) {
    for (const auto& name : usual_algorithms(kind))
      CHECK(library_takes(option, name));
    support::scratch_folder folder;
    const auto file = folder / "names";
    support::run_to_end({{"sh", "-c", std::string{"ssh -Q "} + query + " > " + file}, {}, {}, -1, -1});
    auto of_ssh = support::contents_of(file);
    std::size_t seen = 0;
    for (std::size_t at = 0; at < of_ssh.size(); ++seen) {
      auto end = of_ssh.find('\n', at);
      auto name = of_ssh.substr(at, end - at);
      at = end + 1;
      INFO(query << " " << name);
      // The certificates of hosts are not checked here.
      const bool left_out = kind == algorithm_kind::host_key && name.find("-cert-") != std::string::npos;
      CHECK(is_known_algorithm(kind, name) == (!left_out && library_takes(option, name)));
    }
    CHECK(seen > 5);
  }
}

TEST_CASE("what is offered where nothing is said is what settings call the usual", "[transport]") {
  real_sshd server{with({"LogVerbose kex.c:*:*"})};
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  for (auto kind : {algorithm_kind::cipher, algorithm_kind::mac, algorithm_kind::key_exchange,
                    algorithm_kind::host_key}) {
    auto list = join_names(usual_algorithms(kind));
    INFO(list);
    CHECK(server.log_count(": " + list) > 0);
  }
}

TEST_CASE("a server that takes one cipher, MAC, key exchange or kind of host key is agreed with within ours",
          "[transport]") {
  struct pair {
    std::string server;
    void (*set)(cluster_settings&);
    const char* agreed;
  };
  const pair pairs[] = {
      {"Ciphers aes192-ctr", [](auto& s) { s.ciphers = "aes256-ctr,aes192-ctr"; }, "aes192-ctr"},
      {"Ciphers 3des-cbc", [](auto& s) { s.ciphers = "+3des-cbc"; }, "3des-cbc"},
      {"Ciphers aes128-ctr,aes256-ctr", [](auto& s) { s.ciphers = "^aes128-ctr"; }, ", aes128-ctr"},
      {"MACs hmac-sha1",
       [](auto& s) {
         s.ciphers = "aes256-ctr"; // one that needs a MAC
         s.macs = "hmac-sha2-512,hmac-sha1";
       },
       "aes256-ctr, hmac-sha1"},
      {"KexAlgorithms diffie-hellman-group14-sha1",
       [](auto& s) { s.kex_algorithms = "+diffie-hellman-group14-sha1"; }, "diffie-hellman-group14-sha1,"},
      {"KexAlgorithms diffie-hellman-group-exchange-sha1",
       [](auto& s) { s.kex_algorithms = "diffie-hellman-group-exchange-sha1"; },
       "diffie-hellman-group-exchange-sha1,"},
      {"KexAlgorithms ecdh-sha2-nistp384,curve25519-sha256",
       [](auto& s) { s.kex_algorithms = "-curve25519-sha256,curve25519-sha256@libssh.org"; },
       "ecdh-sha2-nistp384"},
  };
  for (const auto& [config, set, expected] : pairs) {
    INFO(config);
    real_sshd server{with({config, "RekeyLimit 64K"})};
    world around;
    auto settings = around.settings_for(server);
    set(settings);
    driven link{around, settings};
    REQUIRE(link.open());
    INFO(agreed(link));
    CHECK_THAT(agreed(link), Contains(expected));
    CHECK(link.warnings.empty());
    // New keys later are within them as well.
    CHECK(link.run({"cat", {}, std::string(256u << 10, 'x'), 0ms, 0}).output.size() == 256u << 10);
  }
}

TEST_CASE("where nothing is in common the error names both sides' lists and the setting", "[transport]") {
  struct pair {
    const char* server;
    void (*set)(cluster_settings&);
    std::vector<std::string> told;
  };
  const pair pairs[] = {
      {"Ciphers aes192-ctr",
       [](auto& s) { s.ciphers = "aes256-ctr,aes128-ctr"; },
       {"server [aes192-ctr]", "client [aes256-ctr,aes128-ctr]",
        "set ciphers of 'lumi' to what the server has"}},
      {"MACs hmac-sha1",
       [](auto& s) { s.ciphers = "aes256-ctr"; },
       {"server [hmac-sha1]", "client [hmac-sha2-256-etm@openssh.com,", "set macs of 'lumi' to what"}},
      {"KexAlgorithms diffie-hellman-group14-sha1",
       [](auto&) {},
       {"server [diffie-hellman-group14-sha1", "diffie-hellman-group14-sha256",
        "set kex_algorithms of 'lumi' to what"}},
      {"Protocol 2",
       [](auto& s) { s.host_key_algorithms = "rsa-sha2-512"; },
       {"server [ssh-ed25519]", "client [rsa-sha2-512]", "set host_key_algorithms of 'lumi' to what"}},
  };
  for (const auto& [config, set, told] : pairs) {
    INFO(config);
    real_sshd server{with({config})};
    world around;
    auto settings = around.settings_for(server);
    settings.name = "lumi";
    set(settings);
    driven link{around, settings};
    REQUIRE_FALSE(link.open());
    REQUIRE(link.failed);
    CHECK(link.failed->stage == ssh_stage::key_exchange);
    CHECK(link.failed->kind == ssh_failure::protocol);
    for (const auto& each : told)
      CHECK_THAT(link.failed->text, Contains(each));
  }
}

TEST_CASE("new keys are agreed on within kex_algorithms, and none that cost more") {
  CHECK(no_costlier_than("diffie-hellman-group14-sha256",
                         "diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,ecdh-sha2-nistp256") ==
        "diffie-hellman-group14-sha256,ecdh-sha2-nistp256");
  CHECK(no_costlier_than("diffie-hellman-group14-sha1", "diffie-hellman-group14-sha1") ==
        "diffie-hellman-group14-sha1");
  CHECK(no_costlier_than("diffie-hellman-group-exchange-sha256",
                         "diffie-hellman-group-exchange-sha1,diffie-hellman-group-exchange-sha256") ==
        "diffie-hellman-group-exchange-sha1,diffie-hellman-group-exchange-sha256");
}

TEST_CASE("within host_key_algorithms the kinds of which a key is known come first", "[transport]") {
  real_sshd_settings three;
  three.host_key_types = {"ed25519", "ecdsa", "rsa"};
  real_sshd server{three};
  world around;
  auto settings = around.settings_for(server);
  const auto known = around.home / "known";
  std::ofstream{known} << "[127.0.0.1]:" << server.port() << " " << server.host_key("rsa") << "\n";
  settings.known_hosts_files = {known};
  auto shown = [&](const std::string& algorithms) {
    settings.host_key_algorithms = algorithms;
    driven link{around, settings};
    auto text = link.open() ? link.steps.at(4).text : link.failed ? link.failed->text : "?";
    return text;
  };
  CHECK_THAT(shown("ecdsa-sha2-nistp256,rsa-sha2-256"), Contains("ssh-rsa SHA256:"));
  CHECK_THAT(shown("-rsa-sha2-512,rsa-sha2-256"),
             Contains("ssh-ed25519 SHA256:") && Contains("host_key_algorithms leaves out the types that"));
}

TEST_CASE("a key that pubkey_accepted_algorithms leaves out is not offered, and the text says why") {
  real_sshd server;
  support::visitor alice{server};
  alice.settings.pubkey_accepted_algorithms = "rsa-sha2-512";
  SECTION("of a file, before the server is asked") {
    alice.settings.key_files = {server.client_key()};
    auto result = alice.log_in();
    CHECK(result.error.stage == ssh_stage::prepare);
    CHECK(result.error.kind == ssh_failure::no_credentials);
    CHECK_THAT(result.error.text,
               Contains(server.client_key() + " is not offered: pubkey_accepted_algorithms does not have "
                                              "ssh-ed25519"));
  }
  SECTION("of an agent") {
    support::ssh_agent agent{{server.client_key()}};
    alice.around.agent_socket = agent.socket();
    auto result = alice.log_in();
    CHECK(result.error.kind == ssh_failure::no_credentials);
    CHECK_THAT(result.error.text, Contains("ssh-ed25519 SHA256:") && Contains("(agent) is not offered"));
    CHECK(server.log_count("Failed publickey") == 0);
  }
  SECTION("while another is") {
    alice.settings.key_files = {server.client_key(), server.add_client_key("rsa", "rsa")};
    auto result = alice.log_in();
    INFO(result.error.text);
    CHECK(result.state == authenticator::state::logged_in);
    CHECK_THAT(result.text, Contains("ssh-rsa SHA256:"));
  }
}

TEST_CASE("an RSA key signs in the ways that pubkey_accepted_algorithms has, by file and by agent",
          "[transport]") {
  real_sshd server{with({"LogVerbose auth2-pubkey.c:*:*"})};
  support::ssh_agent agent;
  const auto key = server.add_client_key("rsa", "rsa");
  agent.add(key);
  world around;
  around.around.agent_socket = agent.socket();
  auto log_in = [&](bool by_agent, const std::string& accepted) {
    return why_no_log_in(around, server, by_agent ? key + ".pub" : key, by_agent, accepted);
  };
  auto seen = [&](const std::string& algorithm) {
    return server.log_count("publickey have " + algorithm + " signature");
  };
  for (bool by_agent : {false, true}) {
    INFO(by_agent);
    CHECK(log_in(by_agent, "rsa-sha2-256") == "");
    CHECK(seen("rsa-sha2-512") == 0);
  }
  INFO(server.log());
  CHECK(seen("rsa-sha2-256") >= 2);
  CHECK(log_in(false, "") == "");
  CHECK(seen("rsa-sha2-512") > 0);
  server.reconfigure({"PubkeyAcceptedAlgorithms rsa-sha2-256"});
  for (bool by_agent : {false, true}) {
    CHECK_THAT(log_in(by_agent, "rsa-sha2-512"), Contains("denied; the server offers publickey"));
    CHECK(log_in(by_agent, "-rsa-sha2-512") == "");
  }
}

TEST_CASE("a certificate of RSA signs in the ways that pubkey_accepted_algorithms has, by file and by agent",
          "[transport]") {
  real_sshd server;
  const auto authority = server.add_client_key("authority");
  const auto key = server.folder() + "/certified";
  REQUIRE(support::run_to_end({{"ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", key}}) == 0);
  REQUIRE(support::run_to_end(
              {{"ssh-keygen", "-q", "-s", authority, "-I", "us", "-n", server.user(), key + ".pub"}}) == 0);
  support::ssh_agent agent;
  agent.add(key); // and the certificate beside it
  world around;
  around.around.agent_socket = agent.socket();
  auto log_in = [&](bool by_agent, const std::string& accepted) {
    return why_no_log_in(around, server, by_agent ? key + "-cert.pub" : key, by_agent, accepted);
  };
  const std::string of_certificates = "-cert-v01@openssh.com";
  for (const auto& [way, other] : {std::pair<std::string, std::string>{"rsa-sha2-256", "rsa-sha2-512"},
                                   std::pair<std::string, std::string>{"rsa-sha2-512", "rsa-sha2-256"}})
    for (bool by_agent : {false, true}) {
      INFO(way << (by_agent ? " by agent" : " by file"));
      server.reconfigure(
          {"TrustedUserCAKeys " + authority + ".pub", "PubkeyAcceptedAlgorithms " + way + of_certificates});
      CHECK(log_in(by_agent, way + of_certificates) == "");
      // What is said of plain keys is no matter.
      CHECK(log_in(by_agent, other + "," + way + of_certificates) == "");
      CHECK(log_in(by_agent, "-" + other + of_certificates) == "");
      CHECK_THAT(log_in(by_agent, other + of_certificates), Contains("denied; the server offers publickey"));
      CHECK_THAT(log_in(by_agent, way + "," + other), Contains("pubkey_accepted_algorithms does not have"));
    }
}

TEST_CASE("where a server takes no way in which an RSA key may sign nothing is sent, and so nothing denied",
          "[transport]") {
  std::atomic<int> tries = 0; // set by the server's thread
  scripted_sshd server{[&tries](scripted_peer& peer) {
    peer.greet();
    peer.exchange_keys(); // and not a word of SHA-2
    peer.receive();
    std::string accepted(1, '\x06'), failed(1, '\x33');
    append_string(accepted, "ssh-userauth");
    append_string(failed, "publickey");
    peer.send(accepted);
    peer.receive(); // "none"
    peer.send(failed + '\0');
    for (;;)
      tries += peer.receive()[0] == '\x32';
  }};
  world around;
  auto settings = hostile_settings(around, server.host(), server.port());
  settings.key_files = {around.home / "rsa"};
  support::run_to_end(
      {{"ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", settings.key_files[0]}, {}, {}, -1, -1});
  driven link{around, settings};
  REQUIRE_FALSE(link.open());
  REQUIRE(link.failed);
  CHECK(link.failed->kind == ssh_failure::no_credentials);
  CHECK_THAT(link.failed->text,
             Contains("the server takes none of the signatures that pubkey_accepted_algorithms allows") &&
                 !Contains("denied"));
  CHECK(tries == 0);
}

TEST_CASE("where a certificate of RSA is accepted and its plain key is not, the library may sign for it") {
  auto blob = [](const std::string& type) {
    std::string result;
    append_string(result, type);
    return result;
  };
  const std::vector<std::string> accepted{"rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512", "ssh-ed25519"};
  CHECK(signatures_for(accepted, blob("ssh-rsa-cert-v01@openssh.com")) ==
        "rsa-sha2-256-cert-v01@openssh.com,rsa-sha2-256");
  CHECK(signatures_for(accepted, blob("ssh-rsa")) == "rsa-sha2-512");
  CHECK(signatures_for(accepted, blob("ssh-ed25519")) == "ssh-ed25519");
  CHECK(signatures_for(accepted, blob("ssh-dss")) == "");
}

} // namespace moorage::test
