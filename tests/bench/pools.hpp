// Pools to measure: settings for the two kinds of sshd, and waiting for what a pool is to become.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/runtime.hpp"
#include "tests/bench/bare_loop.hpp"
#include "tests/support/fake_sshd_process.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::bench {

/// Where an sshd is, and what a client needs to get in.
struct address {
  std::string host;
  std::uint16_t port = 0;
  std::string user;
  std::string key_file;
  std::string known_hosts_file;

  /// As arguments for another process, and back.
  std::vector<std::string> words() const;
  static address from(const std::vector<std::string>& words);
};

/// A fake sshd in a process of its own, with the files that a client needs.
class fake_cluster {
public:
  fake_cluster();
  support::fake_sshd_process sshd;
  address at() const;

private:
  support::scratch_folder folder_;
};

address address_of(const support::real_sshd& sshd);
bare_target target_of(const support::real_sshd& sshd);

/// Every setting at its default.
cluster_settings usual(const address& at, const std::string& name);

/// A pool of that size that opens all of its connections by itself. Nothing else happens on its own within
/// the time of a figure: no keep-alive, no health check, no ageing.
cluster_settings still(const address& at, const std::string& name, std::uint32_t size);

configuration quiet(std::vector<cluster_settings> clusters = {});

/// Asks the pool again and again until it is so; throws after a minute.
void wait_until(runtime& of, const std::string& cluster,
                const std::function<bool(const pool_status&)>& holds);
/// Until so many connections are idle and nothing else is going on.
void wait_idle(runtime& of, const std::string& cluster, std::uint32_t connections);

/// Counts events of one kind, and knows when each came.
class event_counter {
public:
  /// `cluster` empty: of every pool, those to come included.
  event_counter(runtime& of, const std::string& cluster, event_kind what);
  /// From zero.
  void restart();
  /// When the first came since.
  std::chrono::steady_clock::time_point first();
  /// When the `count`th came; throws after a minute, or when the pool had to drop events.
  std::chrono::steady_clock::time_point wait_for(int count);

private:
  void take(const event_record& record);

  event_kind what_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int seen_ = 0;
  bool dropped_ = false;
  std::chrono::steady_clock::time_point first_;
  std::chrono::steady_clock::time_point last_;
  subscription watching_; ///< last: no event comes in once the rest goes
};

} // namespace moorage::bench
