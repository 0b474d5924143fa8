// A node that systemd starts with sockets of its own making: over TLS as well as on the machine.
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "messages/type_ids.hpp"
#include "runtime/node/socket.hpp"
#include "tests/cli/service.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::unique_fd;

namespace {

std::string ordered_end(program& node) {
  node.signal(SIGTERM);
  auto ended = node.wait();
  CHECK(ended.code == 0);
  return ended.error_output;
}

const std::vector<std::string> hello{"exec", "here", "--wait", "60s", "--", "echo hello"};

} // namespace

TEST_CASE(
    "a node serves both kinds of sockets that it is handed, in any order, and the next one whoever came "
    "in between") {
  service_home home;
  auto local = handed(unix_socket(home.path, SOCK_STREAM, true));
  auto tcp = handed(tcp_socket());
  auto address = moorage::address_of_listening(tcp.get());
  for (auto order :
       {std::vector<const unique_fd*>{&local, &tcp}, std::vector<const unique_fd*>{&tcp, &local}}) {
    program near{home.spec(hello)}, far{home.distant(address, hello)};
    REQUIRE(somebody_waits(local));
    REQUIRE(somebody_waits(tcp));
    program node{home.node_with(order)};
    for (auto* client : {&near, &far}) {
      auto ended = client->wait();
      CHECK(ended.error_output == "");
      CHECK(ended.output == "hello\n");
    }
    CHECK_THAT(ordered_end(node),
               Contains("serving 1 cluster on " + home.path + ", and over TLS on " + address + "\n"));
    CHECK(std::filesystem::exists(home.path));
  }
}

TEST_CASE(
    "a node that is handed TCP sockets alone makes its own on the machine, and takes those in the place of "
    "listen") {
  service_home home;
  auto first = handed(tcp_socket()), second = handed(tcp_socket());
  std::vector<std::string> addresses;
  for (const auto* each : {&first, &second})
    addresses.push_back(moorage::address_of_listening(each->get()));
  home.configure("listen = \"" + addresses.front() + "\"\n"); // which would be taken
  program node{home.node_with({&first, &second})};
  REQUIRE(node.wrote("serving 1 cluster on " + home.path + ", and over TLS on " + addresses[0] +
                     ", and over TLS on " + addresses[1] + "\n"));
  CHECK(home.moorage(hello).output == "hello\n");
  for (const auto& each : addresses)
    CHECK(run(home.distant(each, hello)).output == "hello\n");
  const std::string line = "listens on the TCP sockets that were handed over, in place of listen in [node]";
  auto said = ordered_end(node);
  CHECK_THAT(said, Contains(line));
  CHECK(said.find(line) == said.rfind(line));
  CHECK_FALSE(std::filesystem::exists(home.path));
}

TEST_CASE(
    "a TCP socket is handed over in vain without certificate, key and authority, and the node says so") {
  service_home home;
  auto tcp = handed(tcp_socket());
  home.write_config("[node]\nsocket = \"" + home.path + "\"\ncertificate = \"node.pem\"\n");
  auto ended = run(home.node_with({&tcp}));
  CHECK(ended.code == 3);
  CHECK_THAT(ended.error_output, Contains("descriptor 3, which was handed over, is a TCP socket") &&
                                     Contains("give key, authority in [node]"));
}

TEST_CASE("of sockets that are handed over the first that a node cannot serve is named, with what to write") {
  service_home home;
  auto local = handed(unix_socket(home.path, SOCK_STREAM, true)), tcp = handed(tcp_socket());
  struct fault {
    unique_fd fd;
    std::string text;
  };
  std::vector<fault> faults;
  auto add = [&faults](unique_fd made, std::string text) {
    faults.push_back({handed(std::move(made)), std::move(text)});
  };
  add(unix_socket(home.folder / "second.sock", SOCK_STREAM, true), "is the second Unix-domain socket");
  add(unix_socket(home.folder / "packets.sock", SOCK_SEQPACKET, true), "is no stream socket");
  add(unix_socket("@" + home.folder.path(), SOCK_STREAM, true), "without a file");
  add(tcp_socket(SOCK_DGRAM, false), "is no stream socket");
  add(tcp_socket(SOCK_STREAM, false), "does not listen");
  add(unique_fd{open("/dev/null", O_RDWR | O_CLOEXEC)}, "is no socket");
  for (const auto& each : faults) {
    auto ended = run(home.node_with({&tcp, &local, &each.fd}));
    CHECK(ended.code == 3);
    CHECK_THAT(ended.error_output, Contains("descriptor 5, which was handed over, ") && Contains(each.text) &&
                                       Contains("in the .socket unit"));
  }
  // More than there are, and what is no number.
  auto many = run(home.node_with({&tcp, &local}, {{"LISTEN_FDS", "999999"}}));
  CHECK(many.code == 3);
  CHECK_THAT(many.error_output, Contains("descriptor 5, which was handed over, is no socket"));
  for (const auto* each : {"-1", "two", "2x"}) {
    auto ended = run(home.node_with({&tcp, &local}, {{"LISTEN_FDS", each}}));
    CHECK(ended.code == 3);
    CHECK_THAT(ended.error_output, Contains("LISTEN_FDS is '" + std::string{each} + "'"));
  }
  // None, or somebody else's: a node as any other.
  local.reset();
  std::filesystem::remove(home.path);
  for (const auto& [name, value] : {std::pair{"LISTEN_FDS", "0"}, std::pair{"LISTEN_PID", "1"}}) {
    program node{home.node_with({&tcp}, {{name, value}})};
    REQUIRE(node.wrote("serving 1 cluster on " + home.path + "\n"));
    ordered_end(node);
  }
}
