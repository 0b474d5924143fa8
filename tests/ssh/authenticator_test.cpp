// Log-ins on OpenSSH's own sshd and on a fake one, without a blocking call: by key file, agent, password, and
// chains of them; and what is said when there is no way in.
#include <dirent.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "actors/pool/policies/latch_watch.hpp"
#include "tests/ssh/visitor.hpp"
#include "tests/support/agents.hpp"

namespace moorage::support {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

int open_descriptors() {
  int count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr)
    ++count;
  ::closedir(folder);
  return count;
}

} // namespace

TEST_CASE("a key file logs in, and the text says which") {
  real_sshd server;
  visitor alice{server};
  alice.settings.key_files = {server.client_key()};
  auto result = alice.log_in();
  INFO(to_string(result.error));
  REQUIRE(result.state == authenticator::state::logged_in);
  CHECK_THAT(result.text, Contains("publickey ssh-ed25519 SHA256:") && Contains(server.client_key()));
}

TEST_CASE("ECDSA and RSA key files log in") {
  real_sshd server;
  auto type = GENERATE(as<std::string>(), "ecdsa", "rsa");
  visitor alice{server};
  alice.settings.key_files = {server.add_client_key("key_" + type, type)};
  auto result = alice.log_in();
  INFO(to_string(result.error));
  CHECK(result.state == authenticator::state::logged_in);
}

TEST_CASE("a locked key file logs in with the passphrase from the secret store") {
  real_sshd server;
  visitor alice{server};
  alice.settings.key_files = {server.locked_client_key()};
  alice.settings.passphrase_secret = "key word";
  alice.secrets->put("key word", secret{real_sshd::passphrase});
  auto result = alice.log_in();
  INFO(to_string(result.error));
  CHECK(result.state == authenticator::state::logged_in);
}

TEST_CASE("a wrong passphrase is told from a missing one, and neither is ever asked for at the terminal") {
  real_sshd server;
  visitor alice{server};
  alice.settings.key_files = {server.locked_client_key()};
  SECTION("missing") {
    auto result = alice.log_in();
    REQUIRE(result.state == authenticator::state::failed);
    CHECK(result.error.kind == ssh_failure::no_credentials);
    CHECK_THAT(result.error.text, Contains(server.locked_client_key()) && Contains("locked by a passphrase"));
  }
  SECTION("wrong") {
    alice.settings.passphrase_secret = "key word";
    alice.secrets->put("key word", secret{"a wrong guess"});
    auto result = alice.log_in();
    REQUIRE(result.state == authenticator::state::failed);
    CHECK(result.error.kind == ssh_failure::no_credentials);
    CHECK_THAT(result.error.text, Contains("the passphrase is wrong") && !Contains("a wrong guess"));
  }
}

TEST_CASE("a listed key file that is missing is named, and the next one still logs in") {
  real_sshd server;
  visitor alice{server};
  alice.settings.key_files = {"~/no_such_key"};
  SECTION("alone it is an error that names the file") {
    auto result = alice.log_in();
    REQUIRE(result.state == authenticator::state::failed);
    CHECK(result.error.kind == ssh_failure::no_credentials);
    CHECK_THAT(result.error.text, Contains(alice.home / "no_such_key does not exist"));
  }
  SECTION("with another there is a way in") {
    alice.settings.key_files.push_back(server.client_key());
    CHECK(alice.log_in().state == authenticator::state::logged_in);
  }
}

TEST_CASE("a denied key latches as denied, names the key and what the server still offers") {
  real_sshd server;
  visitor alice{server};
  alice.settings.key_files = {server.unauthorised_client_key()};
  auto result = alice.log_in();
  REQUIRE(result.state == authenticator::state::failed);
  CHECK(result.error.kind == ssh_failure::denied);
  CHECK(is_latching(result.error.kind));
  CHECK_THAT(result.error.text, Contains(alice.settings.key_files[0]) && Contains("denied") &&
                                    Contains("the server offers publickey"));
}

TEST_CASE("the usual key files are tried when none is listed") {
  real_sshd server;
  visitor alice{server};
  ::mkdir((alice.home / ".ssh").c_str(), 0700);
  REQUIRE(::link(server.client_key().c_str(), (alice.home / ".ssh/id_ed25519").c_str()) == 0);
  auto result = alice.log_in();
  INFO(to_string(result.error));
  CHECK(result.state == authenticator::state::logged_in);
}

TEST_CASE("the agent's keys log in: ed25519, ECDSA and RSA, on a server that allows one try") {
  real_sshd_settings strict;
  strict.config = {"MaxAuthTries 1"};
  real_sshd server{strict};
  auto type = GENERATE(as<std::string>(), "ed25519", "ecdsa", "rsa");
  support::ssh_agent agent{{server.add_client_key("agent_" + type, type)}};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  auto result = alice.log_in();
  INFO(to_string(result.error));
  REQUIRE(result.state == authenticator::state::logged_in);
  CHECK_THAT(result.text, Contains("(agent)"));
}

TEST_CASE("of an agent with many keys only the listed one is tried, so that one try suffices") {
  real_sshd_settings strict;
  strict.config = {"MaxAuthTries 1"};
  real_sshd server{strict};
  std::vector<std::string> keys;
  keys.reserve(8);
  for (int i = 0; i < 7; ++i)
    keys.push_back(server.unauthorised_client_key());
  keys.push_back(server.locked_client_key());
  support::ssh_agent agent{{keys.begin(), keys.end() - 1}};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  // The private part is not readable here; the public part beside it says which of the agent's keys is meant.
  auto unlocked = server.add_client_key("for_agent");
  agent.add(unlocked);
  REQUIRE(::unlink(unlocked.c_str()) == 0);
  alice.settings.key_files = {unlocked};
  auto result = alice.log_in();
  INFO(to_string(result.error));
  CHECK(result.state == authenticator::state::logged_in);
}

TEST_CASE("the third of an agent's keys logs in after two denied ones") {
  real_sshd server;
  support::ssh_agent agent{
      {server.unauthorised_client_key(), server.unauthorised_client_key(), server.client_key()}};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  auto result = alice.log_in();
  INFO(to_string(result.error));
  CHECK(result.state == authenticator::state::logged_in);
}

TEST_CASE("a server that cuts off after too many keys has denied, and the text says what to do") {
  real_sshd_settings strict;
  strict.config = {"MaxAuthTries 2"};
  real_sshd server{strict};
  support::ssh_agent agent{{server.unauthorised_client_key(), server.unauthorised_client_key(),
                            server.unauthorised_client_key(), server.client_key()}};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  auto result = alice.log_in();
  REQUIRE(result.state == authenticator::state::failed);
  CHECK(result.error.kind == ssh_failure::denied_too_often);
  CHECK_THAT(result.error.text, Contains("key_files"));
}

TEST_CASE("a hung agent delays a log-in by its patience at most, and key files do not wait for it at all") {
  real_sshd server;
  auto how =
      GENERATE(hung_agent::manner::accepts, hung_agent::manner::hangs_up, hung_agent::manner::never_accepts);
  hung_agent agent{how};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  auto begin = std::chrono::steady_clock::now();
  SECTION("a key file logs in at once") {
    alice.settings.key_files = {server.client_key()};
    auto result = alice.log_in();
    INFO(to_string(result.error));
    CHECK(result.state == authenticator::state::logged_in);
    CHECK(std::chrono::steady_clock::now() - begin < agent_patience - 1s);
  }
  SECTION("without one the agent is given up after its patience, and named") {
    auto result = alice.log_in();
    REQUIRE(result.state == authenticator::state::failed);
    CHECK(result.error.kind == ssh_failure::no_credentials);
    CHECK_THAT(result.error.text, Contains("the agent"));
    CHECK(std::chrono::steady_clock::now() - begin < agent_patience + 3s);
  }
}

TEST_CASE("no step of a log-in blocks while the agent hangs") {
  real_sshd server;
  support::ssh_agent agent{{server.client_key()}};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  agent.freeze();
  auto result = alice.log_in();
  CHECK(result.state == authenticator::state::failed);
  CHECK(result.longest_step < 1s); // its own work is a few milliseconds; the rest is for a busy machine
}

TEST_CASE("log-ins by agent leave no descriptor behind") {
  real_sshd server;
  support::ssh_agent agent{{server.unauthorised_client_key(), server.client_key()}};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  CHECK(alice.log_in().state == authenticator::state::logged_in);
  const int before = open_descriptors();
  for (int i = 0; i < 5; ++i)
    CHECK(alice.log_in().state == authenticator::state::logged_in);
  CHECK(open_descriptors() == before);
}

TEST_CASE("an agent that cannot be asked for a moment latches nothing, unless another key was denied") {
  real_sshd server;
  visitor alice{server};
  const bool denied = GENERATE(false, true), passing = GENERATE(false, true);
  if (denied) {
    std::filesystem::create_directory(alice.home / ".ssh");
    std::filesystem::copy_file(server.unauthorised_client_key(), alice.home / ".ssh/id_ed25519");
  }
  auto result = alice.log_in_hearing(
      passing ? "cannot be asked: Too many open files" : "cannot be reached: Permission denied", passing);
  REQUIRE(result.state == authenticator::state::failed);
  INFO(to_string(result.error));
  CHECK(result.error.kind == (denied    ? ssh_failure::denied // which servers count
                              : passing ? ssh_failure::descriptor_limit
                                        : ssh_failure::no_credentials));
  // Else a pool that is latched would take what it holds, once it is asked, for what it held all the time.
  CHECK(result.agent_state == (passing ? no_agent_state : latch_watch::agent_untold));
}

TEST_CASE("a session that is logged in by the agent holds no more descriptors than any other") {
  real_sshd server;
  support::ssh_agent agent{{server.client_key()}};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  auto ready = alice.prepare();
  while (!ready.keys.connect.ready())
    REQUIRE(alice.woken.wait(10s));
  open_session session{alice.settings.host, alice.settings.port};
  const int before = open_descriptors();
  CHECK(log_in(session.get(), ready.user, std::move(ready.keys), alice.woken).state ==
        authenticator::state::logged_in);
  CHECK(open_descriptors() == before - 1); // the agent's own connection has gone too
}

TEST_CASE("a password logs in") {
  fake_faults faults;
  faults.publickey = false;
  SECTION("by the method password") {
    faults.password = true;
  }
  SECTION("by one hidden prompt of keyboard-interactive") {
    faults.keyboard_interactive = true;
  }
  fake_sshd server{faults};
  visitor alice{server};
  alice.settings.password_secret = "pw";
  alice.secrets->put("pw", secret{"open sesame"});
  auto result = alice.log_in();
  INFO(to_string(result.error));
  CHECK(result.state == authenticator::state::logged_in);
}

TEST_CASE("a denied password is sent once, by one method, and is in no text") {
  fake_faults faults;
  faults.publickey = false;
  faults.password = true;
  faults.keyboard_interactive = true;
  fake_sshd server{faults};
  visitor alice{server};
  alice.settings.password_secret = "pw";
  alice.secrets->put("pw", secret{"hunter2-hunter2"});
  auto result = alice.log_in();
  REQUIRE(result.state == authenticator::state::failed);
  CHECK(result.error.kind == ssh_failure::denied);
  CHECK(server.counters().auth_denials == 1);
  CHECK_THAT(result.error.text, Contains("password denied"));
  for (const auto& text : {result.error.text, result.text, result.waiting_for, to_string(result.error)})
    CHECK_THAT(text, !Contains("hunter2"));
}

TEST_CASE("partial success goes on with what the server then asks for") {
  fake_faults faults;
  faults.password = true;
  faults.auth_chain = {"publickey", "password"};
  fake_sshd server{faults};
  real_sshd keys; // for its key files
  visitor alice{server};
  alice.settings.key_files = {keys.client_key()};
  SECTION("and logs in") {
    alice.settings.password_secret = "pw";
    alice.secrets->put("pw", secret{"open sesame"});
    auto result = alice.log_in();
    INFO(to_string(result.error));
    REQUIRE(result.state == authenticator::state::logged_in);
    CHECK_THAT(result.text, Contains("publickey") && Contains(", then password"));
  }
  SECTION("without the second credential it is denied, and says what more was asked for") {
    auto result = alice.log_in();
    REQUIRE(result.state == authenticator::state::failed);
    CHECK(result.error.kind == ssh_failure::denied);
    CHECK_THAT(result.error.text, Contains("then more was asked for") && Contains("offers password"));
  }
}

TEST_CASE("a question that a program cannot answer is named") {
  fake_faults faults;
  faults.publickey = false;
  faults.keyboard_interactive = true;
  faults.prompts = {"Verification code: ", "Password: "};
  faults.answers_expected = {"1", "2"};
  fake_sshd server{faults};
  visitor alice{server};
  alice.settings.password_secret = "pw";
  alice.secrets->put("pw", secret{"open sesame"});
  auto result = alice.log_in();
  REQUIRE(result.state == authenticator::state::failed);
  CHECK_THAT(result.error.text, Contains("it asks 'Verification code: '"));
}

TEST_CASE("a password entry that the secret store lacks is named") {
  fake_faults faults;
  faults.publickey = false;
  faults.password = true;
  fake_sshd server{faults};
  visitor alice{server};
  alice.settings.password_secret = "lost entry";
  auto result = alice.log_in();
  REQUIRE(result.state == authenticator::state::failed);
  CHECK(result.error.kind == ssh_failure::no_credentials);
  CHECK_THAT(result.error.text, Contains("'lost entry'") && Contains("password_secret"));
}

TEST_CASE("who has nothing to log in with is told of passwords only where somebody gives some") {
  fake_sshd server;
  visitor alice{server};
  alice.settings.agent = true;
  auto without = alice.log_in();
  REQUIRE(without.state == authenticator::state::failed);
  CHECK_THAT(without.error.text, Contains("SSH_AUTH_SOCK") && !Contains("_secret"));
  alice.secrets->put("for another cluster", secret{"open sesame"});
  auto with = alice.log_in();
  REQUIRE(with.state == authenticator::state::failed);
  CHECK_THAT(with.error.text, Contains("password_secret"));
  alice.settings.agent = false;
  CHECK_THAT(alice.log_in().error.text, Contains("agent = false"));
}

TEST_CASE("a link that breaks in mid-log-in is a reset, not a denial") {
  fake_faults faults;
  faults.break_at = phase::authentication;
  faults.break_how = GENERATE(breakage::reset, breakage::close);
  fake_sshd server{faults};
  visitor alice{server};
  real_sshd keys;
  alice.settings.key_files = {keys.client_key()};
  auto result = alice.log_in();
  REQUIRE(result.state == authenticator::state::failed);
  CHECK(result.error.kind == ssh_failure::reset);
  CHECK(is_transient(result.error.kind));
}

} // namespace moorage::support
