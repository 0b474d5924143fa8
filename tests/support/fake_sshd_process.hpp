#pragma once

#include "tests/support/fake_faults.hpp"
#include "tests/support/process_tree.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace moorage::support {

/// A fake sshd in a process of its own, so that the memory and the processor time of the process under
/// measure are its own. Ready when the constructor returns; throws std::runtime_error when the program does
/// not come up or refuses an order.
/// One thread.
class fake_sshd_process {
public:
  /// `program` is the path of fake_sshd_program; `faults` are "NAME=VALUE", as it takes them.
  explicit fake_sshd_process(const std::string& program, const std::vector<std::string>& faults = {});
  ~fake_sshd_process();
  fake_sshd_process(const fake_sshd_process&) = delete;
  fake_sshd_process& operator=(const fake_sshd_process&) = delete;

  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  const std::string& host_key() const { return host_key_; } ///< of the start
  std::string known_hosts_line() const {
    return "[" + host_ + "]:" + std::to_string(port_) + " " + host_key_;
  }

  /// Gives one order ("freeze", "set exec_delay=20", …) and returns the answer.
  std::string order(const std::string& line);
  fake_counters counters();
  /// When each TCP connection was accepted: the clock is the whole machine's.
  std::vector<std::chrono::steady_clock::time_point> connect_times();
  /// Asks for the counters again and again until they satisfy the predicate.
  bool wait_until(const std::function<bool(const fake_counters&)>& holds, std::chrono::milliseconds patience);

  /// SIGSTOP and SIGCONT. No order is answered in between.
  void stop_process() { process_.freeze(); }
  void continue_process() { process_.thaw(); }
  pid_t pid() const { return process_.main_pid(); }

private:
  struct pipes {
    int orders_read = -1, orders_write = -1, answers_read = -1, answers_write = -1;
    pipes();
    ~pipes();
  };
  std::string read_line();

  pipes pipes_;
  process_tree process_;
  std::string unread_;
  std::string host_;
  std::uint16_t port_ = 0;
  std::string host_key_;
};

} // namespace moorage::support
