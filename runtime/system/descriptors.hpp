// Descriptors: the one owner of each, and whether there are enough to begin with. CAF, for one, ends the
// process when it gets none for itself.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <unistd.h>

#include "messages/errors.hpp"

namespace moorage {

/// A descriptor that is closed once, by its one owner.
class unique_fd {
public:
  unique_fd() = default;
  explicit unique_fd(int fd) : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~unique_fd() { reset(); }

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = fd;
  }
  explicit operator bool() const { return fd_ >= 0; }

private:
  int fd_ = -1;
};

/// What an actor system with its network takes, the readiness loop, and one connection or link: 14 seen, and
/// some to spare.
constexpr std::size_t descriptors_to_begin = 20;

/// What this process is called in what a client of a node may read, to whom it is another: "the process that
/// has the pools (pid 4711)".
std::string name_of_this_process();

/// `local_failure` if this process may not open so many more files; the text says what its limit is.
failure check_descriptors(std::size_t wanted = descriptors_to_begin);

} // namespace moorage
