// A node, two sshds behind it, and a book of what was done to them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "runtime/runtime.hpp"
#include "tests/cli/clusters.hpp"
#include "tests/cli/program.hpp"
#include "tests/support/made_certificates.hpp"
#include "tests/support/real_sshd.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::soak {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

/// What was under way, and what went wrong. Any thread.
class journal {
public:
  void note(const std::string& text);
  /// A promise was broken.
  void wrong(const std::string& text);
  /// So often has something of this kind been done.
  void count(const std::string& kind);
  std::uint64_t counted(const std::string& kind) const;
  /// All kinds, each with its number.
  std::string counts() const;
  /// The latest, each with its time.
  std::string latest() const;
  std::vector<std::string> wrongs() const;

private:
  static constexpr std::size_t kept_max = 150;
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;
  std::vector<std::string> wrongs_;
  std::map<std::string, std::uint64_t> counts_;
  steady::time_point began_ = steady::now();
  bool loud_ = std::getenv("MOORAGE_SOAK_LOUD") != nullptr;
};

/// What a process has, as the system sees it.
struct process_holdings {
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::int64_t memory = 0; ///< KiB of its own: heap and stacks that are in memory

  static process_holdings of(pid_t process);
  /// Of descriptors and threads. A runtime's threads that call back are made where a callback finds those
  /// that there are busy, at most four, and stay.
  bool within(const process_holdings& before) const {
    return descriptors <= before.descriptors && threads <= before.threads + 3;
  }
  friend std::ostream& operator<<(std::ostream& out, const process_holdings& of) {
    return out << of.descriptors << " descriptors, " << of.threads << " threads, " << of.memory << " KiB";
  }
};

/// All members but `book` and `resident` are one thread's, and those that say what never changes.
class world {
public:
  world();

  const std::vector<std::string>& clusters() const { return clusters_; }
  std::string socket() const { return folder_ / "node.sock"; }
  const std::string& address() const { return address_; }
  const node_files& client_files() const { return client_files_; }
  std::string home() const { return folder_.path(); }
  std::string config() const { return folder_ / "moorage.toml"; }
  journal& book() { return book_; }
  /// Comes back when its link was cut.
  runtime& admin() { return *admin_; }
  /// A client that stays until all is settled, and comes back as well.
  runtime& resident() { return *resident_; }
  process_holdings holdings() const { return process_holdings::of(node_->pid()); }
  /// Takes what the node has written, which would else wait for a reader.
  void listen();

  // --- faults; those of a cluster do nothing while its sshd has another
  void kill_connections(const std::string& cluster);
  void freeze(const std::string& cluster);
  void stop(const std::string& cluster);
  void mend(const std::string& cluster); ///< of the two above
  /// Shuts down one of this process's own links to the node, as a network would.
  void cut_a_link(std::uint32_t which);
  /// The node reads its configuration again, of which this is other: sizes; or what the certificate may do,
  /// which cuts the links of those who have it.
  void reload_other_sizes();
  void reload_other_rights();

  /// With nobody left who uses it. Waits until every lease, waiter, connection and process of a channel has
  /// gone, and what the node had for its clients, beyond `most`; what stays is wrong.
  void settle(const process_holdings& most);

private:
  void link();
  void configure() const;
  std::string table_of(const std::string& cluster) const;
  support::real_sshd& sshd_of(const std::string& cluster) { return cluster == "alpha" ? alpha_ : beta_; }
  void settle(const std::string& cluster);
  /// Within two minutes; else it is wrong, in these words and those that `state` gives.
  void expect(const std::string& what, const std::function<bool()>& holds,
              const std::function<std::string()>& state);

  journal book_;
  const std::vector<std::string> clusters_{"alpha", "beta"};
  support::real_sshd alpha_, beta_;
  support::made_authority authority_{"authority"};
  node_files node_files_ = authority_.node(), client_files_ = authority_.client("worker");
  support::scratch_folder folder_;
  std::set<std::string> broken_;
  std::uint32_t sizes_ = 0;
  bool wide_ = true; ///< the certificate's rights
  std::string address_ = "127.0.0.1:0";
  std::optional<cli_tests::program> node_;
  std::unique_ptr<runtime> admin_, resident_;
};

} // namespace moorage::soak
