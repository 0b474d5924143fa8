#include "runtime/system/threads.hpp"

#include <latch>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace moorage {

failure check_threads(std::size_t wanted) {
  // All at once, or the same one would be counted again and again. edge: no actor knows of them.
  std::latch end{1};
  std::vector<std::jthread> taken;
  taken.reserve(wanted);
  std::string reason;
  try {
    while (taken.size() < wanted)
      taken.emplace_back([&end] { end.wait(); });
  } catch (const std::system_error& none) {
    reason = none.what();
  }
  const auto count = taken.size();
  end.count_down();
  taken.clear();
  if (count == wanted)
    return {};
  return {errc::local_failure, "this process may start only " + std::to_string(count) +
                                   " more threads, and needs " + std::to_string(wanted) + " to begin with (" +
                                   reason +
                                   "): raise the limit of its user (ulimit -u) or service (TasksMax), or end "
                                   "something"};
}

} // namespace moorage
