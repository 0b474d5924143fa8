// Our own client of the agent: it lists and signs without blocking, and gives up on an agent that does not
// answer.
#include <poll.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "runtime/ssh/login/agent.hpp"
#include "runtime/ssh/login/agent_signer.hpp"
#include "runtime/ssh/wire.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::support {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

agent_client::state finish(agent_client& client) {
  for (;;) {
    auto state = client.pump(now());
    if (state != agent_client::state::waiting)
      return state;
    pollfd one{client.fd(), static_cast<short>(client.wants_write() ? POLLOUT : POLLIN), 0};
    auto wait = std::chrono::ceil<std::chrono::milliseconds>(client.deadline() - now()).count();
    ::poll(&one, 1, static_cast<int>(std::max<long>(wait, 0)));
  }
}

/// An agent that says what the test has it say.
struct scripted_agent {
  scripted_agent() {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  }
  ~scripted_agent() { ::close(ends[1]); }
  void say(const std::string& bytes) { REQUIRE(::send(ends[1], bytes.data(), bytes.size(), 0) > 0); }
  int ends[2];
};

std::string framed(const std::string& body) {
  std::string bytes;
  append_string(bytes, body);
  return bytes;
}

} // namespace

TEST_CASE("an agent lists the keys it holds") {
  real_sshd keys;
  support::ssh_agent agent{{keys.client_key(), keys.add_client_key("second", "ecdsa")}};
  auto connection = connect_agent(agent.socket());
  REQUIRE(connection.socket);
  agent_client client{std::move(connection.socket)};
  client.request_keys(now() + 10s);
  REQUIRE(finish(client) == agent_client::state::answered);
  std::vector<agent_key> listed;
  REQUIRE(client.keys(listed));
  REQUIRE(listed.size() == 2);
  CHECK(wire_reader{listed[0].blob}.string() == "ssh-ed25519");
}

TEST_CASE("an agent that hangs is given up at the deadline") {
  hung_agent agent{hung_agent::manner::accepts};
  agent_client client{connect_agent(agent.socket()).socket};
  client.request_keys(now() + 50ms);
  CHECK(finish(client) == agent_client::state::failed);
  CHECK_THAT(client.problem(), Contains("did not answer in time"));
}

TEST_CASE("an agent that hangs up is a failure at once") {
  hung_agent agent{hung_agent::manner::hangs_up};
  agent_client client{connect_agent(agent.socket()).socket};
  client.request_keys(now() + 10s);
  CHECK(finish(client) == agent_client::state::failed);
}

TEST_CASE("a full backlog delays a connect by its patience at most") {
  hung_agent agent{hung_agent::manner::never_accepts};
  std::vector<agent_connection> waiting;
  const auto begin = now();
  // One of these meets a full backlog, however long it is.
  for (int i = 0; i < 300 && (waiting.empty() || waiting.back().socket); ++i)
    waiting.push_back(connect_agent(agent.socket(), 100ms));
  CHECK(now() - begin < 10s);
  if (!waiting.back().socket)
    CHECK_THAT(waiting.back().problem, Contains("did not take a connection in time"));
}

TEST_CASE("a socket that is not there is a problem in words") {
  CHECK_THAT(list_agent("/nonexistent/agent").problem,
             Contains("/nonexistent/agent") && Contains("cannot be reached"));
  CHECK_THAT(connect_agent(std::string(200, 'x')).problem, Contains("too long"));
}

TEST_CASE("answers that come byte by byte are put together, and nonsense is turned down") {
  scripted_agent agent;
  agent_client client{unique_fd{agent.ends[0]}};
  client.request_keys(now() + 10s);
  std::vector<agent_key> keys;
  SECTION("an empty list in pieces") {
    const auto answer = framed(std::string{"\x0c\0\0\0\0", 5});
    for (char c : answer) {
      CHECK(client.pump(now()) == agent_client::state::waiting);
      agent.say(std::string(1, c));
    }
    CHECK(client.pump(now()) == agent_client::state::answered);
    CHECK(client.keys(keys));
    CHECK(keys.empty());
  }
  SECTION("a refusal") {
    agent.say(framed("\x05"));
    CHECK(client.pump(now()) == agent_client::state::answered);
    CHECK_FALSE(client.keys(keys));
  }
  SECTION("an absurd length") {
    agent.say("\xff\xff\xff\xff");
    CHECK(client.pump(now()) == agent_client::state::failed);
  }
  SECTION("more than one answer") {
    agent.say(framed("\x05") + "x");
    CHECK(client.pump(now()) == agent_client::state::failed);
  }
  SECTION("a list that promises more than it holds") {
    agent.say(framed(std::string{"\x0c\0\0\0\x07", 5}));
    CHECK(client.pump(now()) == agent_client::state::answered);
    CHECK_FALSE(client.keys(keys));
  }
}

TEST_CASE("only a signature is no refusal") {
  CHECK(agent_signer::refuses("\x05"));
  CHECK(agent_signer::refuses(""));
  CHECK_FALSE(agent_signer::refuses("\x0e"));
}

} // namespace moorage::support
