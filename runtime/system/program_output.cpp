#include "runtime/system/program_output.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "messages/durations.hpp"
#include "runtime/system/descriptors.hpp"

extern char** environ; // POSIX has it in no header

namespace moorage {

namespace {

using clock = std::chrono::steady_clock;

struct pipe_ends {
  unique_fd ours;
  unique_fd theirs;
};

pipe_ends make_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return {};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return {unique_fd{ends[0]}, unique_fd{ends[1]}};
}

/// 0, or the errno.
int spawn(const std::vector<std::string>& words, int output, int error_output, pid_t& pid) {
  std::vector<char*> arguments;
  for (const auto& each : words)
    arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDWR, 0);
  ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, error_output, STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawnattr_t manner;
  ::posix_spawnattr_init(&manner);
  sigset_t none, usual;
  ::sigemptyset(&none);
  ::sigfillset(&usual); // a host that ignores SIGCHLD would have ssh lose its own children
  ::posix_spawnattr_setsigmask(&manner, &none);
  ::posix_spawnattr_setsigdefault(&manner, &usual);
  ::posix_spawnattr_setflags(&manner, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  auto failed = ::posix_spawnp(&pid, arguments[0], &files, &manner, arguments.data(), environ);
  ::posix_spawnattr_destroy(&manner);
  ::posix_spawn_file_actions_destroy(&files);
  return failed;
}

/// What there is to be read now. False: no more will come, or too much came.
bool drain(const unique_fd& from, std::string& into, bool& too_much) {
  std::array<char, 16 << 10> buffer{};
  for (;;) {
    auto got = ::read(from.get(), buffer.data(), buffer.size());
    if (got < 0)
      return errno == EAGAIN || errno == EINTR;
    if (got == 0)
      return false;
    into.append(buffer.data(), static_cast<std::size_t>(got));
    if ((too_much = into.size() > program_output_max))
      return false;
  }
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status))
    return "was ended by signal " + std::to_string(WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? "" : "exited with " + std::to_string(WEXITSTATUS(status));
}

/// Reads until the program has ended. Why it is to be ended, in words; empty: it has.
std::string listen(pid_t pid, pipe_ends& out, pipe_ends& err, program_output& result,
                   std::chrono::milliseconds timeout, const std::stop_token& stop) {
  unique_fd ended{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  unique_fd stopped{::eventfd(0, EFD_CLOEXEC)};
  std::stop_callback wake{stop, [&stopped] { ::eventfd_write(stopped.get(), 1); }};
  auto due = clock::now() + timeout;
  auto too_much = false;
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(due - clock::now());
    result.late = left.count() <= 0;
    if (result.late)
      return "had not answered after " + format_duration(timeout);
    std::array<pollfd, 4> all{pollfd{out.ours.get(), POLLIN, 0}, pollfd{err.ours.get(), POLLIN, 0},
                              pollfd{ended.get(), POLLIN, 0}, pollfd{stopped.get(), POLLIN, 0}};
    if (::poll(all.data(), all.size(), static_cast<int>(left.count())) < 0 && errno != EINTR)
      return std::string{"could not be listened to: "} + std::strerror(errno);
    if (stop.stop_requested())
      return "was called off";
    if (!drain(out.ours, result.output, too_much))
      out.ours.reset();
    if (!too_much && !drain(err.ours, result.error_output, too_much))
      err.ours.reset();
    if (too_much)
      return "said more than " + std::to_string(program_output_max) + " bytes";
    // One that cannot be watched has ended already, as far as anybody can know who ignores SIGCHLD.
    if ((all[2].revents & POLLIN) != 0 || (!ended && !out.ours && !err.ours))
      return {};
  }
}

} // namespace

program_output output_of(const std::vector<std::string>& words, std::chrono::milliseconds timeout,
                         const std::stop_token& stop) {
  program_output result;
  auto out = make_pipe();
  auto err = make_pipe();
  if (!out.ours || !err.ours) {
    result.problem = words[0] + " could not be run: " + std::strerror(errno);
    return result;
  }
  pid_t pid = -1;
  if (auto failed = spawn(words, out.theirs.get(), err.theirs.get(), pid); failed != 0) {
    result.missing = failed == ENOENT;
    result.problem = words[0] + " could not be run: " + std::strerror(failed);
    return result;
  }
  result.begun = true;
  out.theirs.reset();
  err.theirs.reset();
  result.problem = listen(pid, out, err, result, timeout, stop);
  ::kill(-pid, SIGKILL); // with whatever it has left behind; before its number may be another's
  int status = 0;
  pid_t reaped = -1;
  while ((reaped = ::waitpid(pid, &status, 0)) < 0 && errno == EINTR)
    ;
  if (result.problem.empty() && reaped == pid)
    result.problem = how_it_ended(status);
  else if (result.problem.empty() && result.output.empty())
    result.problem = "ended without an answer"; // how it did, the host let nobody know (SIGCHLD)
  if (!result.problem.empty())
    result.problem = words[0] + " " + result.problem;
  result.done = result.problem.empty();
  return result;
}

} // namespace moorage
