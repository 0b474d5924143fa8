// An agent that asks its user before it signs: a touch of a hardware key, a fingerprint, `ssh-add -c`. It
// takes the time that it takes, and nobody is asked twice for one opening.
#include <poll.h>

#include <catch2/catch.hpp>

#include "tests/ssh/transport_driver.hpp"
#include "tests/ssh/visitor.hpp"
#include "tests/support/agents.hpp"

namespace moorage::support {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

/// A log-in with the agent's key, stepped by the test.
struct slow_log_in {
  slow_log_in(visitor& who, prepared ready)
      : who(who), session(who.settings.host, who.settings.port),
        attempt(session.get(), ready.user, std::move(ready.keys)) {}

  authenticator::state step(std::chrono::nanoseconds later = 0s) { return attempt.step(now() + later); }
  /// Until something may have happened.
  void wait() {
    pollfd all[] = {
        {ssh_get_fd(session.get()), POLLIN, 0},
        {who.woken.fd(), POLLIN, 0},
        {attempt.agent_fd(), static_cast<short>(attempt.agent_wants_write() ? POLLOUT : POLLIN), 0}};
    ::poll(all, 3, 50);
    who.woken.silence();
  }

  visitor& who;
  open_session session;
  authenticator attempt;
};

} // namespace

TEST_CASE("a signature is waited for as long as the log-in may take, and logs in when it comes") {
  real_sshd server;
  support::ssh_agent keys{{server.client_key()}};
  asking_agent agent{keys, asking_agent::manner::keeps};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  alice.settings.agent_timeout = 0s;
  slow_log_in slow{alice, alice.prepare()};
  while (agent.asked() == 0) {
    REQUIRE(slow.step() == authenticator::state::waiting);
    slow.wait();
  }
  CHECK(slow.step(9min) == authenticator::state::waiting);
  CHECK(slow.attempt.next_due() == time_point::max());
  CHECK_THAT(slow.attempt.waiting_for(),
             Contains("a signature from the agent at " + agent.socket()) && Contains("ssh-ed25519"));
  agent.let_sign();
  auto state = slow.step();
  for (; state == authenticator::state::waiting; state = slow.step())
    slow.wait();
  INFO(to_string(slow.attempt.error()));
  CHECK(state == authenticator::state::logged_in);
  CHECK(agent.asked() == 1);
}

TEST_CASE("agent_timeout bounds the wait for a signature, and the log-in goes on with what else there is") {
  fake_faults faults;
  faults.password = true;
  fake_sshd server{faults};
  real_sshd files; // for its key
  support::ssh_agent keys{{files.client_key()}};
  asking_agent agent{keys, asking_agent::manner::keeps};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  alice.settings.agent_timeout = 200ms;
  SECTION("a password") {
    alice.settings.password_secret = "pw";
    alice.secrets->put("pw", secret{"open sesame"});
    CHECK(alice.log_in().state == authenticator::state::logged_in);
  }
  SECTION("nothing") {
    auto result = alice.log_in();
    REQUIRE(result.state == authenticator::state::failed);
    CHECK(result.error.kind == ssh_failure::no_credentials);
    CHECK_THAT(result.error.text, Contains("(agent)") && Contains("did not answer in time"));
  }
  CHECK(agent.asked() == 1);
}

TEST_CASE("a signature that was asked for and did not come is not asked for again in the same opening") {
  real_sshd_settings hasty;
  hasty.config = {"LoginGraceTime 5"}; // a busy machine needs some of it to ask the agent
  real_sshd server{hasty};
  support::ssh_agent keys{{server.client_key()}};
  auto how =
      GENERATE(asking_agent::manner::keeps, asking_agent::manner::refuses, asking_agent::manner::hangs_up);
  asking_agent agent{keys, how};
  test::world around;
  around.around.agent_socket = agent.socket();
  auto settings = around.settings_for(server);
  settings.key_files = {};
  settings.agent = true;
  SECTION("the opening's time is up") {
    server.reconfigure({"LoginGraceTime 60"});
    settings.connect_timeout = 5s;
  }
  SECTION("the server's patience is at its end") {
    settings.connect_timeout = 1min;
  }
  test::driven link{around, settings};
  CHECK(!link.open(40s));
  REQUIRE(link.failed);
  INFO(link.failed->text);
  CHECK_FALSE(is_transient(link.failed->kind)); // or the pool would try again in this opening
  CHECK_FALSE(is_latching(link.failed->kind));
  CHECK_THAT(link.failed->text, Contains("agent"));
  CHECK(agent.asked() == 1);
}

TEST_CASE("a server that hangs up while the agent is asked is heard at once") {
  real_sshd_settings hasty;
  hasty.config = {"LoginGraceTime 5"}; // a busy machine needs some of it to ask the agent
  real_sshd server{hasty};
  support::ssh_agent keys{{server.client_key()}};
  asking_agent agent{keys, asking_agent::manner::keeps};
  test::world around;
  around.around.agent_socket = agent.socket();
  auto settings = around.settings_for(server);
  settings.key_files = {};
  settings.agent = true;
  settings.connect_timeout = 10min;
  test::driven link{around, settings};
  CHECK(!link.open(1min));
  REQUIRE(link.failed);
  CHECK_THAT(link.failed->text, Contains("the link broke while waiting for a signature from the agent"));
}

} // namespace moorage::support
