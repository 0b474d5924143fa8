#include "runtime/ssh/file_text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/system/descriptors.hpp"

namespace moorage {

namespace {

file_text failed(const std::string& path, int error) {
  file_text result;
  result.error = error;
  result.problem =
      error == ENOENT ? path + " does not exist" : path + " cannot be read: " + std::strerror(error);
  return result;
}

file_text refused(std::string problem) {
  file_text result;
  result.problem = std::move(problem);
  return result;
}

} // namespace

file_text read_file(const std::string& path, std::size_t size_max) {
  unique_fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!fd)
    return failed(path, errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0)
    return failed(path, errno);
  // Often named on purpose, to have a file with nothing in it.
  const bool nothing = S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
  if (!S_ISREG(status.st_mode) && !nothing)
    return refused(path + " is not an ordinary file");
  auto too_large = [&] {
    return refused(path + " is larger than " + std::to_string(size_max) +
                   " bytes, the most that is read of it");
  };
  if (static_cast<std::size_t>(status.st_size) > size_max)
    return too_large();
  // One byte more than it says, or a file that has grown, or that does not tell its size, would lose its end.
  auto bytes = secret::with_size(static_cast<std::size_t>(status.st_size) + 1);
  std::size_t have = 0;
  for (;;) {
    if (have > size_max)
      return too_large();
    if (have == bytes.size()) {
      // Not in place: a buffer that grows by itself would leave copies of a private key behind.
      auto larger = secret::with_size(std::min(2 * have, size_max) + 1);
      std::memcpy(larger.write_at(0), bytes.reveal(), have);
      bytes = std::move(larger);
    }
    auto got = ::read(fd.get(), bytes.write_at(have), bytes.size() - have);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return failed(path, errno);
    if (got == 0)
      break;
    have += static_cast<std::size_t>(got);
  }
  file_text result;
  bytes.shrink(have);
  result.bytes = std::move(bytes);
  result.mode = status.st_mode;
  result.owner = status.st_uid;
  return result;
}

} // namespace moorage
