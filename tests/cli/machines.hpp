// A site in small: nodes, their clients and their clusters, each on a machine of its own, so that a test cuts
// the network between any two of them. What each cut does is the table in tests/machines.md.
#pragma once

#include <catch2/catch.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <poll.h>

#include "runtime/node/tls/front.hpp"
#include "runtime/runtime.hpp"
#include "tests/cli/program.hpp"
#include "tests/support/own_machines.hpp"
#include "tests/support/real_sshd.hpp"
#include "tests/support/trial_authority.hpp"

namespace moorage::cli_tests {

using support::own_machine;

/// How much later than promised something may be seen to happen: on a machine that is five times slower than
/// usual, or under a sanitizer, a command that asks takes some seconds.
constexpr std::chrono::seconds slack{20};
/// By when either end of a link over TLS has given it up that is cut, seen from the cut.
constexpr auto silence_over = tls_silence_max + std::chrono::seconds{1};

/// A program tries to reach its node again after pauses of up to 6 s.
constexpr std::chrono::seconds comeback_max{6};

/// For an acquire that waits for a node, or a cluster, that is away.
inline acquire_options riding_out() {
  return {.patience = std::chrono::seconds{90}, .wait_for_ready = true};
}

/// What is asked again: a machine that is slow may answer late.
inline const std::vector<waiter_status> nobody;

/// Answers whether it came true in time.
template <class Condition>
bool becomes_true(Condition holds, std::chrono::milliseconds within) {
  for (auto deadline = std::chrono::steady_clock::now() + within; !holds(); ::poll(nullptr, 0, 5))
    if (std::chrono::steady_clock::now() > deadline)
      return false;
  return true;
}

struct cluster_machine {
  std::string name;
  std::unique_ptr<own_machine> at;
  std::unique_ptr<support::real_sshd> sshd;
};

/// `moorage serve` on its machine; its owner's commands reach it by its Unix-domain socket.
struct node_machine {
  std::unique_ptr<own_machine> at;
  support::scratch_folder home = {};
  node_files files = {};
  std::optional<program> process = {};

  std::string address() const { return at->address() + ":7443"; }
  program_spec spec(std::vector<std::string> words) const {
    return {std::move(words), home.path(), {}, {{"MOORAGE_CONFIG", home / "moorage.toml"}}};
  }
  void begin(); ///< once it has ended, at the same place
  void kill();  ///< SIGKILL
  std::size_t leases(const std::string& cluster) const;
  bool has_leases(std::size_t count, std::chrono::milliseconds within,
                  const std::string& cluster = "lumi") const {
    return becomes_true([&] { return leases(cluster) == count; }, within);
  }
};

/// What comes to a node by a certificate of this name, which may use and observe every cluster.
struct client_machine {
  std::string name;
  std::unique_ptr<own_machine> at;
  support::scratch_folder home = {};
  node_files files = {};
};

struct site_plan {
  std::vector<std::string> clusters{"lumi"};
  int nodes = 1;
  bool ordinary_user = false;            ///< whose commands sshd signals
  std::string settings = {};             ///< more lines of each cluster's table
  std::chrono::milliseconds far_away{0}; ///< the delay of `portal`'s wire, either way
};

/// Where no such machines can be had it says so by a warning, and is empty: then there is nothing to test.
class site {
public:
  explicit site(site_plan plan = {});
  explicit operator bool() const { return there_; }

  /// A command of that client's, through that node.
  program_spec spec(const client_machine& who, const node_machine& through, std::vector<std::string> words,
                    std::string input = {}) const;
  finished run(const client_machine& who, const node_machine& through, std::vector<std::string> words) const;
  program start(const client_machine& who, const program_spec& what) const;
  program start(const client_machine& who, const node_machine& through,
                std::vector<std::string> words) const {
    return start(who, spec(who, through, std::move(words)));
  }
  /// A program of that client's, linked to that node.
  runtime connect(const client_machine& who, const node_machine& through) const;
  int logins(std::size_t cluster = 0) const { return clusters[cluster].sshd->logins(); }

  support::own_machines network;
  support::trial_authority authority;
  std::vector<cluster_machine> clusters;
  std::deque<node_machine> nodes;
  client_machine jobs{"jobs", nullptr}, portal{"portal", nullptr};

private:
  void add_cluster(const std::string& name);
  void add_node();
  bool add_client(client_machine& who, std::chrono::milliseconds delay);

  site_plan plan_;
  bool there_ = false;
};

} // namespace moorage::cli_tests
