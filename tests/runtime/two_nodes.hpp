// A site of two nodes in this process, over TLS.
#pragma once

#include <catch2/catch.hpp>

#include <future>
#include <optional>
#include <string>
#include <vector>

#include "runtime/runtime.hpp"
#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/reserved_port.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/trial_authority.hpp"

namespace moorage::test {

/// Two nodes, gw1 with the cluster `one` and gw2 with `two`.
struct two_nodes {
  two_nodes() {
    begin(0);
    begin(1);
  }
  /// The node of that index, which knows what its configuration says alone; anew, if there was one.
  void begin(std::size_t index) {
    auto config = quiet_configuration({placed("one", "gw1"), placed("two", "gw2")});
    config.nodes = {{"gw1", addresses[0]}, {"gw2", addresses[1]}};
    config.node_name = index == 0 ? "gw1" : "gw2";
    auto& node = index == 0 ? gw1 : gw2;
    node.reset();
    node.emplace(config);
    serving how;
    how.listen = {addresses[index]};
    how.socket = folder / (config.node_name + ".sock");
    how.files = of_node;
    how.access = {{.certificate = "uri:moorage:portal",
                   .clusters = {"*"},
                   .allow = {access_right::use, access_right::admin}}};
    auto serves = node->serve(how);
    INFO(serves.error().text);
    REQUIRE(serves);
  }
  /// Of `one` to gw2, by an admin of that node. gw1 sends callers on by now, and drains what is leased.
  std::future<result<std::string>> begin_move() {
    auto moved = std::async(std::launch::async, [this] {
      auto admin = runtime::connect(at(1), 20s);
      return admin.move("one", "gw2", 60s);
    });
    while (gw1->try_acquire("one", 0s).error().code != errc::elsewhere)
      ;
    return moved;
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
  support::reserved_port ports[2];
  std::vector<std::string> addresses{ports[0].address(), ports[1].address()};
  std::optional<runtime> gw1, gw2;
};

} // namespace moorage::test
