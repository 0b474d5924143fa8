// Callers: many threads, or other programs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/process_tree.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::bench {

/// Has `threads` threads do it until it was done `times` times; how many a second. Threads are not started on
/// the clock.
double rate_of(int threads, int times, const std::function<void()>& once);

/// One process with nothing on its input, to its end; throws if that is no success.
void run_to_success(const std::vector<std::string>& words);

/// OpenSSH's ControlMaster, connected to the sshd.
class control_master {
public:
  explicit control_master(support::real_sshd& sshd);
  /// The client that has the command run through the master.
  std::vector<std::string> client(const std::string& command) const;

private:
  support::real_sshd& sshd_;
  std::string control_;
  support::process_tree process_;
};

} // namespace moorage::bench
