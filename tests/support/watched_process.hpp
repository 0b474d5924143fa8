#pragma once

#include <chrono>

#include <sys/types.h>

namespace moorage::support {

/// The end of a process that need not be a child of ours; its number is never taken for another's. It must be
/// alive.
class watched_process {
public:
  explicit watched_process(pid_t pid); ///< throws std::runtime_error where there is none
  ~watched_process();
  watched_process(const watched_process&) = delete;
  watched_process& operator=(const watched_process&) = delete;

  /// Waits for its end; false when the time is up.
  bool ends(std::chrono::milliseconds patience) const;

private:
  int fd_ = -1; ///< a pidfd
};

} // namespace moorage::support
