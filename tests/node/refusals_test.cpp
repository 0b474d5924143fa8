// What does not answer as it should: each case ends in time, with an error that helps, and leaves nothing
// behind.
#include "tests/node/other_process.hpp"
#include "tests/node/protocol.hpp"
#include "tests/node/raw_socket.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <functional>
#include <future>
#include <signal.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace node_tests;
using clock_type = std::chrono::steady_clock;
using moorage::errc;

namespace {

/// Connects in vain to `socket` from a fresh system; checks what must hold whatever the reason.
/// `held` is how many descriptors the test's own peer opens meanwhile and keeps.
moorage::failure fail_to_connect(const std::string& socket, std::chrono::milliseconds timeout = 300ms,
                                 std::size_t held = 0) {
  auto before = open_descriptors();
  moorage::failure result;
  {
    node_system system;
    auto idle = open_descriptors();
    auto start = clock_type::now();
    auto link = moorage::connect_node<echo_actor>(*system, socket, timeout);
    CHECK(clock_type::now() - start < timeout + 3s);
    if (!link)
      result = moorage::to_failure(link.error());
    CHECK(eventually([&] { return open_descriptors() == idle + held; }));
    CHECK(system.end() < 5s); // not when the peer goes on, which it never does
  }
  CHECK(open_descriptors() == before + held);
  CHECK(result.text.find(socket) != std::string::npos);
  return result;
}

/// The same where a peer takes the connection and does this with it.
moorage::failure refused_by(const std::function<void(raw_connection&)>& script,
                            std::chrono::milliseconds timeout) {
  own_folder folder;
  raw_listener listener{folder / "node.sock"};
  raw_connection accepted;
  std::thread peer{[&] {
    accepted = listener.accept();
    script(accepted);
  }};
  auto wrong = fail_to_connect(folder / "node.sock", timeout, 1);
  peer.join();
  CHECK(wrong.code == errc::node_lost);
  return wrong;
}

} // namespace

TEST_CASE("without a file, no node is found") {
  own_folder folder;
  auto wrong = fail_to_connect(folder / "node.sock");
  CHECK(wrong.code == errc::no_node);
  CHECK(says(wrong, "moorage serve"));
}

TEST_CASE("a file that nobody listens on is no node") {
  own_folder folder;
  raw_listener{folder / "node.sock"}.close();
  auto wrong = fail_to_connect(folder / "node.sock");
  CHECK(wrong.code == errc::no_node);
  CHECK(says(wrong, "left behind"));
}

TEST_CASE("a file that is no socket is named as such") {
  own_folder folder;
  std::ofstream{folder / "node.sock"} << "text";
  auto wrong = fail_to_connect(folder / "node.sock");
  CHECK(wrong.code == errc::local_failure);
  CHECK(says(wrong, "is not a socket"));
}

TEST_CASE("an impossible path is refused") {
  own_folder folder;
  auto wrong = fail_to_connect(folder / std::string(120, 'x'));
  CHECK(wrong.code == errc::invalid_request);
  CHECK(says(wrong, "at most 107"));
  node_system system;
  CHECK(moorage::to_failure(moorage::connect_node(*system, "", 1s).error()).code == errc::invalid_request);
}

TEST_CASE("a listener that never accepts is given up at the time-out") {
  own_folder folder;
  raw_listener silent{folder / "node.sock"};
  auto wrong = fail_to_connect(folder / "node.sock");
  CHECK(wrong.code == errc::node_lost);
  CHECK(says(wrong, "did not answer within 300ms"));
  CHECK(says(wrong, "(pid " + std::to_string(::getpid()) + ")"));
}

TEST_CASE("a listener whose queue is full is given up at the time-out") {
  own_folder folder;
  raw_listener full{folder / "node.sock", 0};
  raw_connection first{folder / "node.sock"};
  auto wrong = fail_to_connect(folder / "node.sock");
  CHECK(wrong.code == errc::node_lost);
  CHECK(says(wrong, "accepts no connection"));
}

TEST_CASE("a peer that accepts and says nothing is given up at the time-out") {
  own_folder folder;
  raw_listener listener{folder / "node.sock"};
  raw_connection accepted;
  std::thread peer{[&] { accepted = listener.accept(); }};
  auto wrong = fail_to_connect(folder / "node.sock", 300ms, 1);
  peer.join();
  CHECK(wrong.code == errc::node_lost);
}

TEST_CASE("a peer that talks rubbish is refused at once") {
  auto start = clock_type::now();
  auto wrong = refused_by([](raw_connection& peer) { peer.send(std::string(512, 'r')); }, 5s);
  CHECK(clock_type::now() - start < 4s);
  CHECK(says(wrong, "does not speak CAF's protocol"));
}

TEST_CASE("a peer that says half of a greeting is given up at the time-out, and costs no processor time") {
  auto before = processor_time();
  auto wrong = refused_by([](raw_connection& peer) { peer.send(std::string(20, '\0')); }, 1s);
  CHECK(processor_time() - before < 200ms);
}

TEST_CASE("a peer that hangs up is an error at once") {
  own_folder folder;
  raw_listener listener{folder / "node.sock"};
  std::thread peer{[&] { listener.accept(); }};
  auto wrong = fail_to_connect(folder / "node.sock", 5s);
  peer.join();
  CHECK(wrong.code == errc::node_lost);
  CHECK(says(wrong, "closed the connection during the handshake"));
}

TEST_CASE("a peer that announces a gigabyte is cut off before memory is set aside for it") {
  auto wrong = refused_by([](raw_connection& peer) { peer.send(greeting_header(1u << 30)); }, 5s);
  CHECK(says(wrong, "it announced 1073741824 bytes where at most 8192 are taken"));
}

TEST_CASE("a peer whose greeting has nothing in it is refused at once") {
  auto wrong = refused_by([](raw_connection& peer) { peer.send(greeting_header(0)); }, 5s);
  CHECK(says(wrong, "without the payload that its kind must have"));
}

TEST_CASE("a system that was not configured for nodes is refused by name") {
  echo_node node;
  caf::actor_system_config config;
  config.load<caf::io::middleman>();
  caf::actor_system system{config};
  auto wrong = moorage::to_failure(moorage::connect_node(system, node.socket, 5s).error());
  CHECK(wrong.code == errc::node_lost);
  CHECK(says(wrong, "another application"));
}

TEST_CASE("a node whose protocol's number is another is refused, and the text says what to do") {
  auto other_number = moorage::node_application();
  other_number.at(std::string{"moorage.node."}.size()) = '9';
  for (const auto& theirs : {std::string{"moorage.node.1"}, other_number}) {
    INFO(theirs);
    own_folder folder;
    node_config config{heartbeat::shipped};
    config.set("middleman.app-identifiers", std::vector<std::string>{theirs});
    caf::actor_system system{config};
    auto echo = spawn_echo(system, [](const std::string&) {});
    auto node = moorage::publish_node(system, echo, folder / "node.sock");
    REQUIRE(node);
    node_system client;
    auto link = moorage::connect_node<echo_actor>(*client, node->path(), 5s);
    caf::anon_send_exit(
        echo, caf::exit_reason::user_shutdown); // before anything fails: a system waits for its actors
    REQUIRE(!link);
    auto wrong = moorage::to_failure(link.error());
    CHECK(wrong.code == errc::node_lost);
    CHECK(says(wrong, "another version or build of moorage"));
    CHECK(says(wrong, "(moorage admin stop) and start it again"));
  }
}

TEST_CASE("a system without network is refused") {
  own_folder folder;
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto wrong = moorage::to_failure(moorage::connect_node(system, folder / "node.sock", 1s).error());
  CHECK(wrong.code == errc::invalid_request);
  CHECK(says(wrong, "caf::io::middleman"));
}

TEST_CASE("a frozen server is given up at the time-out, and does not hold up our end") {
  echo_node node;
  node.server.send_signal(SIGSTOP);
  auto wrong = fail_to_connect(node.socket);
  CHECK(wrong.code == errc::node_lost);
  CHECK(says(wrong, "(pid " + std::to_string(node.server.pid()) + ")"));
}

TEST_CASE("a server frozen with a full socket does not hold up our end") {
  echo_node node;
  auto before = open_descriptors();
  {
    node_system system;
    auto link = moorage::connect_node<echo_actor>(*system, node.socket, 5s);
    REQUIRE(link);
    auto echo = link->actor_as<echo_actor>();
    REQUIRE(ask(*system, echo, std::string{"awake"}) == "awake");
    node.server.send_signal(SIGSTOP);
    for (int i = 0; i < 16; ++i)
      caf::anon_send(echo, std::string(1 << 20, 'x'));
    let_pass(50ms); // until they are on their way
    SECTION("when the link is closed first") {
      link->close();
    }
    SECTION("when the link outlives the system") {}
    echo = nullptr;
    CHECK(system.end() < 5s); // not when the peer goes on, which it never does
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a client frozen with a full socket does not hold up the server's end") {
  own_folder folder;
  auto before = open_descriptors();
  {
    node_system system;
    std::promise<friend_actor> met;
    auto echo = spawn_echo(
        *system, [](const std::string&) {}, [&](const friend_actor& whom) { met.set_value(whom); });
    auto node = moorage::publish_node(*system, echo, folder / "node.sock");
    REQUIRE(node);
    other_process client{"connect", folder / "node.sock"};
    REQUIRE(client.line() == "watched yes");
    client.send_signal(SIGSTOP);
    auto frozen = met.get_future().get();
    for (int i = 0; i < 16; ++i)
      caf::anon_send(frozen, std::string(1 << 20, 'x'));
    let_pass(50ms); // until they are on their way
    caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
    echo = nullptr;
    frozen = nullptr;
    CHECK(system.end() < 5s); // not when the peer goes on, which it never does
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("somebody else's process may not connect") {
  if (::geteuid() != 0)
    return; // only root can make one
  echo_node node;
  other_process intruder{"intrude", node.socket};
  CHECK(
      intruder.line().starts_with("error local_failure: we (uid 65534) may not open " + node.folder.path()));
  // Nor if folder and file are opened to all by mistake: the server looks at who is there, too.
  ::chmod(node.folder.path().c_str(), 0755);
  ::chmod(node.socket.c_str(), 0666);
  other_process second{"intrude", node.socket};
  CHECK(second.line().find("closed the connection during the handshake") != std::string::npos);
}

TEST_CASE("we do not talk to somebody else's process") {
  if (::geteuid() != 0)
    return; // only root can make one
  own_folder folder;
  ::chmod(folder.path().c_str(), 0755);
  ::mkdir((folder / "theirs").c_str(), 0700);
  REQUIRE(::chown((folder / "theirs").c_str(), 65534, 65534) == 0);
  other_process server{"impersonate", folder / "theirs/node.sock"};
  REQUIRE(server.line() == "ready");
  auto wrong = fail_to_connect(folder / "theirs/node.sock");
  CHECK(wrong.code == errc::local_failure);
  CHECK(says(wrong, "is run by uid 65534"));
}
