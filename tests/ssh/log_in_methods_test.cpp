// Which methods a log-in uses, and in which order: auth_methods.
#include <catch2/catch.hpp>

#include "tests/ssh/visitor.hpp"
#include "tests/support/agents.hpp"

namespace moorage::support {

namespace {

using Catch::Matchers::Contains;

/// Lets in by each of them.
fake_faults every_method() {
  fake_faults faults;
  faults.password = faults.keyboard_interactive = true;
  return faults;
}

/// With a key, and the password.
struct two_ways : visitor {
  explicit two_ways(const fake_sshd& server, const real_sshd& keys) : visitor(server) {
    settings.key_files = {keys.client_key()};
    settings.password_secret = "pw";
    secrets->put("pw", secret{"open sesame"});
  }
};

} // namespace

TEST_CASE("a log-in tries the methods of auth_methods in their order, and no other") {
  real_sshd keys; // for its key file
  struct way {
    const char* methods;
    const char* by;
  };
  for (auto [methods, by] :
       {way{"", "publickey "}, way{"password,publickey", "password"},
        way{"keyboard-interactive,password", "keyboard-interactive"}, way{"-publickey", "password"},
        way{"^keyboard-interactive", "keyboard-interactive"}, way{"publickey", "publickey "}}) {
    INFO(methods);
    fake_sshd server{every_method()};
    two_ways alice{server, keys};
    alice.settings.auth_methods = methods;
    auto result = alice.log_in();
    INFO(result.error.text);
    REQUIRE(result.state == authenticator::state::logged_in);
    CHECK(result.text.starts_with(by));
    CHECK(server.counters().auth_tries == 1);
  }
}

TEST_CASE("the next method is tried where one was denied, but no password twice") {
  real_sshd keys;
  auto faults = every_method();
  faults.password_expected = "another";
  faults.answers_expected = {"another"};
  fake_sshd server{faults};
  two_ways alice{server, keys};
  alice.settings.auth_methods = "keyboard-interactive,password,publickey";
  auto result = alice.log_in();
  INFO(result.error.text);
  REQUIRE(result.state == authenticator::state::logged_in);
  CHECK(result.text.starts_with("publickey "));
  CHECK(server.counters().auth_denials == 1);
}

TEST_CASE("what auth_methods leaves out is told where no way in is left") {
  real_sshd server;
  visitor alice{server};
  alice.settings.key_files = {server.client_key()};
  alice.settings.auth_methods = "password";
  SECTION("before the server is asked, where there is nothing for it") {
    auto result = alice.log_in();
    CHECK(result.error.stage == ssh_stage::prepare);
    CHECK(result.error.kind == ssh_failure::no_credentials);
    CHECK_THAT(result.error.text, Contains("auth_methods leaves out publickey, keyboard-interactive; no "
                                           "password (password_secret) is there to be used"));
    CHECK(server.connects() == 0);
  }
  SECTION("beside what is not there of what is left") {
    alice.settings.key_files = {};
    alice.settings.auth_methods = "publickey";
    CHECK_THAT(alice.log_in().error.text, Contains("auth_methods leaves out password, keyboard-interactive; "
                                                   "no key file or key in an agent"));
  }
  SECTION("a key file that is not there is no matter then, nor is an agent") {
    alice.settings.key_files = {"/nonexistent"};
    alice.settings.password_secret = "pw";
    alice.secrets->put("pw", secret{"open sesame"});
    ssh_agent agent{{server.client_key()}};
    alice.around.agent_socket = agent.socket();
    auto result = alice.log_in();
    CHECK(result.error.kind == ssh_failure::no_credentials);
    CHECK_THAT(result.error.text,
               Contains("the server offers publickey; auth_methods leaves out publickey") &&
                   !Contains("nonexistent"));
  }
  SECTION("nor is a password looked for that could not be sent") {
    alice.settings.auth_methods = "publickey";
    alice.settings.password_secret = "nobody's";
    CHECK(alice.log_in().state == authenticator::state::logged_in);
  }
}

TEST_CASE("a server that wants two methods gets them in its order, whatever ours is") {
  real_sshd keys;
  auto faults = every_method();
  faults.auth_chain = {"publickey", "password"};
  fake_sshd server{faults};
  two_ways alice{server, keys};
  SECTION("both") {
    alice.settings.auth_methods = "password,publickey";
    auto result = alice.log_in();
    INFO(result.error.text);
    REQUIRE(result.state == authenticator::state::logged_in);
    CHECK_THAT(result.text, Contains("publickey ") && Contains(", then password"));
  }
  SECTION("one of them is left out") {
    alice.settings.auth_methods = "publickey";
    auto result = alice.log_in();
    CHECK(result.error.kind == ssh_failure::denied);
    CHECK_THAT(result.error.text, Contains("then more was asked for") &&
                                      Contains("auth_methods leaves out password, keyboard-interactive"));
  }
}

TEST_CASE("a password that is denied is not sent again, though the agent could not be asked for a moment") {
  fake_faults faults;
  faults.publickey = false;
  faults.password = true;
  fake_sshd server{faults};
  visitor alice{server};
  alice.settings.password_secret = "pw";
  alice.secrets->put("pw", secret{"of yesterday"});
  auto result = alice.log_in_hearing("cannot be asked: Too many open files", true);
  CHECK(result.error.kind == ssh_failure::denied);
  CHECK(server.counters().auth_denials == 1);
}

} // namespace moorage::support
