// A home folder with one cluster, and a node that serves it.
#pragma once

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/clusters.hpp"

namespace moorage::cli_tests {

struct node_home : home_with_cluster {
  explicit node_home(moorage::support::real_sshd_settings settings = {})
      : home_with_cluster(std::move(settings)), node(spec({"serve"})) {
    REQUIRE(node.wrote("serving 1 cluster on "));
  }

  nlohmann::json ask(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    auto ended = moorage(std::move(arguments));
    INFO(ended.error_output);
    REQUIRE(ended.code == 0);
    return nlohmann::json::parse(ended.output);
  }
  nlohmann::json pool() const { return ask({"status", "here"})["pools"][0]; }
  // Asks over and over: each asking waits for an answer.
  template <class Condition>
  bool until(Condition holds) const {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!holds())
      if (std::chrono::steady_clock::now() > deadline)
        return false;
    return true;
  }

  program node;
};

} // namespace moorage::cli_tests
