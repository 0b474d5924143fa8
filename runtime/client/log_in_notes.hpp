// What people should know of the log-ins that a lease waited for, and on which machine it is: written by the
// client, read by whoever holds the lease.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/lease.hpp"

namespace moorage {

/// edge: host threads read what the client's actor adds.
class log_in_notes {
public:
  /// Nothing is added for a connection that was open already, or whose log-in had nothing to say.
  void add(log_in words) {
    if (words.banner.empty() && words.warnings.empty())
      return;
    std::lock_guard guard{mutex_};
    all_.push_back(std::move(words));
  }
  /// From now on.
  void is_on(const std::string& machine) {
    std::lock_guard guard{mutex_};
    machine_ = machine;
  }
  std::string machine() const {
    std::lock_guard guard{mutex_};
    return machine_;
  }
  std::vector<log_in> all() const {
    std::lock_guard guard{mutex_};
    return all_;
  }

private:
  mutable std::mutex mutex_;
  std::vector<log_in> all_;
  std::string machine_;
};

} // namespace moorage
