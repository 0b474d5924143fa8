// Peers that speak CAF's protocol by hand, and not as CAF does: the node behind serves on.
#include "tests/node/frames.hpp"
#include "tests/node/other_process.hpp"
#include "tests/node/protocol.hpp"
#include "tests/node/raw_socket.hpp"

#include <catch2/catch.hpp>

#include <caf/binary_serializer.hpp>

#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace node_tests;

namespace {

constexpr std::uint32_t large = 255u << 20;

/// A node in a process of its own, and whether it is still well.
struct served_node {
  own_folder folder;
  std::string socket = folder / "node.sock";
  other_process server{"serve", socket};

  served_node() { REQUIRE(server.line() == "ready"); }

  /// One that has greeted as process `pid`.
  raw_connection greeted(std::uint32_t pid) {
    raw_connection result{socket};
    result.send(client_greeting(pid));
    return result;
  }
  /// The server's answer, and not what it tells of actors that go meanwhile.
  std::string answer(const std::string& question) {
    server.say(question);
    return next(server);
  }
  static std::string next(other_process& from) {
    auto line = from.line();
    while (line.starts_with("down "))
      line = from.line();
    return line;
  }
  long memory() { return std::stol(answer("memory")); }
  bool serves() {
    other_process client{"connect", socket};
    auto well = client.line() == "watched yes";
    client.say("quit");
    return well && next(client).starts_with("ended ");
  }
  bool ends() { return answer("quit").starts_with("ended "); }
};

std::string encoded(caf::actor_system& system, const caf::node_id& node) {
  std::vector<char> bytes;
  caf::binary_serializer sink{system, bytes};
  REQUIRE(!sink(node));
  return {bytes.begin(), bytes.end()};
}

/// What a peer that has greeted could send to an actor of the node's to do harm, each seen to do it.
std::vector<std::string> harmful_messages(const std::string& server, std::uint64_t actor) {
  auto to_actor = [actor](const std::string& content) {
    return frame(frame_kind::direct_message, sequence_size(0) + content, 0, 9, actor);
  };
  auto link = number(static_cast<std::uint64_t>(caf::atom("link")), 8) + number(actor, 8) + server;
  return {to_actor(message("@<>+@atom+@strong_actor_ptr", link)), to_actor(nested_errors(50'000)),
          to_actor(message("@<>+@charbuf", "\xff\xff\xff\xff\x0f"))};
}

} // namespace

TEST_CASE("a frame of 32 bytes, of any kind and at any time, does not end a node") {
  served_node node;
  for (int kind : {0, 1, 2, 3, 4, 5, 6, 7, 255})
    for (bool after : {false, true}) {
      auto peer = after ? node.greeted(static_cast<std::uint32_t>(1000 + kind)) : raw_connection{node.socket};
      peer.send(header(static_cast<frame_kind>(kind), 0, 3, 0, 7));
      CAPTURE(kind, after);
      auto is_heartbeat = kind == static_cast<int>(frame_kind::heartbeat);
      CHECK(((after && is_heartbeat) || peer.ended()));
    }
  CHECK(node.serves());
  CHECK(node.ends());
}

TEST_CASE("what is announced costs a node nothing until it comes, before the greeting and after it") {
  served_node node;
  REQUIRE(node.serves());
  auto before = node.memory();
  std::vector<raw_connection> peers;
  for (std::uint32_t i = 0; i < 10; ++i) {
    peers.emplace_back(node.socket);
    peers.back().send(header(frame_kind::client_handshake, large));
    CHECK(peers.back().ended());
    peers.push_back(node.greeted(2000 + i));
    peers.back().send(header(frame_kind::direct_message, large, 0, 9, 7) + std::string(1000, 'x'));
  }
  CHECK(node.serves());
  CHECK(node.memory() - before < 10 << 10); // KiB
  CHECK(node.ends());
}

TEST_CASE("frames that come in single bytes are taken, and half ones keep nobody waiting") {
  served_node node;
  raw_connection slow{node.socket};
  for (auto byte : client_greeting(3000))
    slow.send({byte});
  slow.send(header(frame_kind::heartbeat, 0));
  auto half = node.greeted(3001);
  half.send(frame(frame_kind::monitor_message, node_tests::node(3001), 0, 0, 7).substr(0, 50));
  CHECK(node.serves());
  slow.send(header(frame_kind::server_handshake, 0));
  CHECK(slow.ended()); // it was understood until then
  CHECK(node.ends());
}

TEST_CASE("a peer that has greeted can neither end nor hang a node by a message") {
  served_node node;
  node_system system;
  auto link = moorage::connect_node<echo_actor>(*system, node.socket, 5s);
  REQUIRE(link);
  auto before = node.memory();
  std::uint32_t pid = 4000;
  for (auto& harm : harmful_messages(encoded(*system, link->actor()->node()), link->actor()->id())) {
    auto peer = node.greeted(pid++);
    try {
      for (std::size_t sent = 0; sent < harm.size(); sent += 16 << 10)
        peer.send(harm.substr(sent, 16 << 10));
    } catch (const std::runtime_error&) {
      // It was cut before all was sent, which is well.
    }
    CHECK(peer.ended());
    CHECK(ask(*system, link->actor_as<echo_actor>(), std::string{"still here"}) == "still here");
  }
  CHECK(node.memory() - before < 20 << 10); // KiB
  link->close();
  CHECK(node.ends());
}

TEST_CASE("clients that never greet are cut when there are too many, the oldest first, and keep nobody out") {
  served_node node;
  std::vector<raw_connection> silent;
  auto one_more = [&] {
    try {
      silent.emplace_back(node.socket);
      return true;
    } catch (const std::runtime_error&) {
      return false; // as many as may wait have not been accepted yet
    }
  };
  for (int i = 0; i < 200; ++i)
    REQUIRE(eventually(one_more));
  CHECK(silent.front().ended());
  CHECK(eventually([&] { return std::stol(node.answer("descriptors")) < 170; }));
  CHECK(node.serves());
  CHECK(node.ends());
}

TEST_CASE("of two links with one identity the second is refused, and the first goes on") {
  served_node node;
  auto first = node.greeted(5);
  {
    auto second = node.greeted(5);
    CHECK(second.ended());
  }
  first.send(frame(frame_kind::heartbeat, ""));
  auto other = node.greeted(6);
  CHECK(node.serves());
  first = raw_connection{};
  // Whoever has it next may be anybody: it is free again.
  CHECK(eventually([&] {
    auto again = node.greeted(5);
    again.send(std::string(32, '\xff')); // is answered by the end that a stranger's frame has
    return again.ended();
  }));
  CHECK(node.ends());
}

TEST_CASE("whatever frames come, a node serves on") {
  served_node node;
  std::mt19937 random{20}; // the same every time
  auto any = [&](std::uint32_t most) {
    return std::uniform_int_distribution<std::uint32_t>{0, most}(random);
  };
  for (std::uint32_t round = 0; round < 200; ++round) {
    auto peer = any(3) == 0 ? raw_connection{node.socket} : node.greeted(5000 + round);
    std::string bytes;
    for (auto frames = any(4) + 1; frames > 0; --frames) {
      std::string payload(any(200), '\0');
      for (auto& each : payload)
        each = static_cast<char>(any(3) == 0 ? any(255) : any(9));
      bytes += header(static_cast<frame_kind>(any(6)), static_cast<std::uint32_t>(payload.size()), any(1) * 3,
                      any(1) * 9, any(20)) +
               payload;
    }
    try {
      peer.send(bytes);
    } catch (const std::runtime_error&) {
      // It was cut already, which is well.
    }
  }
  CHECK(node.serves());
  CHECK(node.ends());
}
