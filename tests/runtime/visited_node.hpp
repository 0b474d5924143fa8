// A node in this process, and the ways to it for clients that are made by hand.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "runtime/node/tls/dial.hpp"
#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/made_certificates.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::test {

struct visited_node {
  /// `may`: on which clusters a visitor over TLS has which rights.
  visited_node(configuration config, access_entry may) : rt(std::move(config)) {
    serving how{.socket = folder / "node.sock", .listen = {"127.0.0.1:0"}, .files = authority.node()};
    may.certificate = "uri:moorage:visitor";
    how.access.push_back(std::move(may));
    REQUIRE(rt.serve(how));
    address = rt.listens_on().front();
  }
  /// By the Unix-domain socket a visitor is the node's own user.
  unique_fd dial(bool over_tls) {
    auto deadline = std::chrono::steady_clock::now() + 30s;
    if (over_tls)
      return dial_tls(*carries, address, files, deadline, {}).value();
    return std::move(*connect_to(folder / "node.sock", deadline));
  }

  support::made_authority authority{"authority"};
  node_files files = authority.client("visitor");
  support::scratch_folder folder;
  runtime rt;
  std::shared_ptr<tls_front> carries = front_of_process();
  std::string address;
};

} // namespace moorage::test
