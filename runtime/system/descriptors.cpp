#include "runtime/system/descriptors.hpp"

#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>

namespace moorage {

std::string name_of_this_process() {
  return "the process that has the pools (pid " + std::to_string(::getpid()) + ")";
}

failure check_descriptors(std::size_t wanted) {
  std::vector<unique_fd> taken; // all at once, or the same one would be counted again and again
  taken.reserve(wanted);
  while (taken.size() < wanted) {
    // A duplicate takes a number as a file does, in a fraction of the time.
    unique_fd next{taken.empty() ? ::open("/dev/null", O_RDONLY | O_CLOEXEC)
                                 : ::fcntl(taken.front().get(), F_DUPFD_CLOEXEC, 0)};
    if (!next)
      break;
    taken.push_back(std::move(next));
  }
  if (taken.size() == wanted)
    return {};
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return {errc::local_failure, "this process may open only " + std::to_string(taken.size()) +
                                   " more files, and needs " + std::to_string(wanted) +
                                   " to begin with: raise its limit, which is " +
                                   std::to_string(limit.rlim_cur) + " (ulimit -n), or close some"};
}

} // namespace moorage
