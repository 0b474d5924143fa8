#include "runtime/ssh/opening/proxy_command.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "messages/printable.hpp"
#include "runtime/system/reaper.hpp"

namespace moorage {

namespace {

/// Processes that were killed and do not end. Each is held up in the kernel: more would be, too.
constexpr std::size_t unreaped_max = 100;

/// A word to every shell, and no option to any program (CVE-2023-51385).
bool one_word(std::string_view text) {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"-_.:@%+"}.find(c) != std::string_view::npos;
  });
}

/// Above the standard ones: the child's are put into their places one after the other.
unique_fd out_of_the_way(unique_fd from) {
  return unique_fd{::fcntl(from.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
}

struct ends {
  unique_fd ours;
  unique_fd theirs;
};

ends standard_streams() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return {};
  ends result{unique_fd{pair[0]}, out_of_the_way(unique_fd{pair[1]})};
  ::fcntl(result.ours.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  return result;
}

ends error_stream() {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0)
    return {};
  ends result{unique_fd{pipe[0]}, out_of_the_way(unique_fd{pipe[1]})};
  ::fcntl(result.ours.get(), F_SETFL, O_NONBLOCK);
  return result;
}

int spawn(const std::string& shell, const std::string& line, int streams, int errors, pid_t& pid) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, streams, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, streams, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawnattr_t manner;
  posix_spawnattr_init(&manner);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&manner, &none);
  posix_spawnattr_setsigdefault(&manner, &all);
  posix_spawnattr_setflags(&manner, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string words[] = {shell, "-c", line};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  const int code = ::posix_spawn(&pid, shell.c_str(), &files, &manner, arguments, environ);
  posix_spawnattr_destroy(&manner);
  posix_spawn_file_actions_destroy(&files);
  return code;
}

proxy_start not_started(const std::string& what, int code) {
  return {nullptr, {}, what + ": " + std::strerror(code), code};
}

} // namespace

proxy_line proxy_line_of(const cluster_settings& settings, const std::string& user) {
  proxy_line result{"exec ", {}};
  auto put = [&result](const char* what, const std::string& value) {
    if (!one_word(value))
      result.problem = std::string{"the "} + what + " \"" + printable(value) +
                       "\" may be read by a shell as more than a name, and is not put into proxy_command";
    result.text += value;
  };
  const auto& command = settings.proxy_command;
  for (std::size_t i = 0; i < command.size() && result.problem.empty(); ++i) {
    if (command[i] != '%') {
      result.text += command[i];
      continue;
    }
    ++i;
    const char wanted = i < command.size() ? command[i] : '\0';
    if (wanted == '%')
      result.text += '%';
    else if (wanted == 'h' || wanted == 'n')
      put("host", settings.host);
    else if (wanted == 'p')
      result.text += std::to_string(settings.port);
    else if (wanted == 'r')
      put("user", user);
    else
      result.problem =
          (wanted == '\0' ? std::string{"proxy_command ends with a single %"}
                          : "proxy_command has %" + printable(std::string_view{command}.substr(i, 1))) +
          ", which stands for nothing: %h, %n, %p, %r and %% do";
  }
  return result;
}

std::string proxy_shell(const std::string& shell) {
  const auto name = shell.substr(shell.rfind('/') + 1);
  return shell.empty() || name == "nologin" || name == "false" ? "/bin/sh" : shell;
}

proxy_start start_proxy(const std::string& shell, const std::string& line) {
  if (unreaped() >= unreaped_max)
    return not_started(std::to_string(unreaped()) + " processes that were killed do not end", EAGAIN);
  auto streams = standard_streams();
  if (!streams.ours || !streams.theirs)
    return not_started("a socket for it", errno);
  auto errors = error_stream();
  if (!errors.ours || !errors.theirs)
    return not_started("a pipe for it", errno);
  pid_t pid = -1;
  if (const int code = spawn(shell, line, streams.theirs.get(), errors.theirs.get(), pid); code != 0)
    return not_started(shell, code);
  // By its number: glibc 2.36 declares the call for C only.
  unique_fd process{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!process && errno != ESRCH) {
    // Nobody would be told of its end. This thread may wait for it.
    const int code = errno;
    ::kill(-pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return not_started("a descriptor for its process", code);
  }
  return {std::make_unique<proxy_process>(pid, std::move(process), std::move(errors.ours)),
          std::move(streams.ours),
          {},
          0};
}

} // namespace moorage
