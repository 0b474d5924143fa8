#include "tests/cli/frozen_threads.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <sys/ptrace.h>
#include <sys/wait.h>

namespace moorage::cli_tests {

frozen_threads::frozen_threads(pid_t process,
                               const std::function<bool(pid_t thread, const std::string& name)>& which) {
  for (const auto& each : std::filesystem::directory_iterator{"/proc/" + std::to_string(process) + "/task"}) {
    auto thread = static_cast<pid_t>(std::stol(each.path().filename()));
    std::string name;
    std::getline(std::ifstream{each.path() / "comm"} >> std::ws, name);
    if (!which(thread, name))
      continue;
    if (ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) {
      allowed_ = allowed_ && errno != EPERM;
      continue; // or it has ended
    }
    ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
    waitpid(thread, nullptr, __WALL);
    held_.push_back(thread);
  }
}

frozen_threads::~frozen_threads() {
  for (auto each : held_)
    ptrace(PTRACE_DETACH, each, nullptr, nullptr);
}

} // namespace moorage::cli_tests
