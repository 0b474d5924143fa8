#include "tests/support/watched_process.hpp"

#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

namespace moorage::support {

watched_process::watched_process(pid_t pid) : fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {
  if (fd_ < 0)
    throw std::runtime_error("there is no process " + std::to_string(pid));
}

watched_process::~watched_process() {
  ::close(fd_);
}

bool watched_process::ends(std::chrono::milliseconds patience) const {
  pollfd over{fd_, POLLIN, 0};
  return ::poll(&over, 1, static_cast<int>(patience.count())) == 1;
}

} // namespace moorage::support
