// A site of two nodes in this process, over TLS.
#pragma once

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "runtime/runtime.hpp"
#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/trial_authority.hpp"

namespace moorage::test {

/// A port of loopback that stays ours until somebody listens there.
struct loopback_port {
  loopback_port() : socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    int yes = 1; // the links that it accepts are no obstacle to whoever listens here next
    REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), size) == 0);
    REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
    address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  }
  int listening() {
    REQUIRE(::listen(socket.get(), 64) == 0);
    return socket.release();
  }
  unique_fd socket;
  std::string address;
};

/// Two nodes, gw1 with the cluster `one` and gw2 with `two`.
struct two_nodes {
  two_nodes() { begin_both(); }
  void begin_both() {
    loopback_port first, second;
    addresses = {first.address, second.address};
    begin(0, {.tcp_listening = {first.listening()}});
    begin(1, {.tcp_listening = {second.listening()}});
  }
  /// gw1 was stopped, and comes back where it was, knowing what its configuration says alone.
  void begin_gw1_again() {
    gw1.reset();
    begin(0, {.listen = {addresses[0]}});
  }
  void begin(std::size_t index, serving how) {
    auto config = quiet_configuration({placed("one", "gw1"), placed("two", "gw2")});
    config.nodes = {{"gw1", addresses[0]}, {"gw2", addresses[1]}};
    config.node_name = index == 0 ? "gw1" : "gw2";
    auto& node = index == 0 ? gw1 : gw2;
    node.emplace(config);
    how.socket = folder / (config.node_name + ".sock");
    how.files = of_node;
    how.access = {{.certificate = "uri:moorage:portal",
                   .clusters = {"*"},
                   .allow = {access_right::use, access_right::admin}}};
    auto serves = node->serve(how);
    INFO(serves.error().text);
    REQUIRE(serves);
  }
  cluster_settings placed(const std::string& name, const std::string& node) const {
    auto settings = settings_for(sshd, name);
    settings.node = node;
    return settings;
  }
  node_address at(std::size_t index) const { return {addresses[index], of_portal}; }
  node_address both() const { return {addresses[0], of_portal, {addresses[1]}}; }

  support::real_sshd sshd;
  support::trial_authority authority;
  node_files of_node = authority.node();
  node_files of_portal = authority.client("portal");
  support::scratch_folder folder;
  std::vector<std::string> addresses;
  std::optional<runtime> gw1, gw2;
};

} // namespace moorage::test
