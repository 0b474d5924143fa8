#include "runtime/system/threads.hpp"

#include <sys/resource.h>

#include <cerrno>
#include <latch>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace moorage {

namespace {

/// A thread whose stack finds no room is refused by the same error as one too many (pthread_create(3)).
bool memory_is_limited() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

} // namespace

failure check_threads(std::size_t wanted) {
  // All at once, or the same one would be counted again and again. edge: no actor knows of them.
  std::latch end{1};
  std::vector<std::jthread> taken;
  std::string reason;
  bool memory = false;
  try {
    taken.reserve(wanted);
    while (taken.size() < wanted)
      taken.emplace_back([&end] { end.wait(); });
  } catch (const std::system_error& none) {
    reason = none.what();
    memory = none.code().value() == ENOMEM || memory_is_limited();
  } catch (const std::bad_alloc&) {
    reason = "there is no memory left";
    memory = true;
  }
  const auto count = taken.size();
  end.count_down();
  taken.clear();
  if (count == wanted)
    return {};
  return {errc::local_failure,
          "this process may start only " + std::to_string(count) +
              (count == 1 ? " more thread" : " more threads") + ", and needs " + std::to_string(wanted) +
              " to begin with (" + reason +
              "): raise the limit of its user (ulimit -u) or service (TasksMax)" +
              (memory ? ", or that of memory (ulimit -v, MemoryMax), of which each thread's stack takes some"
                      : "") +
              ", or end something"};
}

} // namespace moorage
