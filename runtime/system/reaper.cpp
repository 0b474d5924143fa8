// edge: whoever has killed a process leaves it here to the thread that waits for its end.
#include "runtime/system/reaper.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include <sys/epoll.h>
#include <sys/wait.h>

namespace moorage {

namespace {

/// Never destroyed: its thread may outlive everything else, and is ended by the process's exit.
struct reaper {
  std::mutex mutex;
  std::map<int, unique_fd> processes; ///< by the descriptor's number
  unique_fd epoll;                    ///< while the thread runs
  bool running = false;

  static reaper& only() {
    static auto* one = new reaper;
    return *one;
  }

  void begin_with_lock();
  void run();
  bool reap(int descriptor);
};

bool watch_end(int epoll, int process) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = process;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, process, &event) == 0;
}

/// Where the system has no thread or descriptor to give, those who are left here wait for the next who comes.
void reaper::begin_with_lock() {
  epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll)
    return;
  for (const auto& [descriptor, process] : processes)
    watch_end(epoll.get(), descriptor);
  // The host's signal handlers are none of this thread's business; a new thread inherits the mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread{[this] { run(); }}.detach();
    running = true;
  } catch (const std::system_error&) {
    epoll.reset();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

/// True: nobody is left to wait for.
bool reaper::reap(int descriptor) {
  siginfo_t how{};
  const auto rc = ::waitid(P_PIDFD, static_cast<id_t>(descriptor), &how, WEXITED | WNOHANG);
  if (rc == 0 && how.si_pid == 0)
    return false;
  // Its status is nobody's business any more; with ECHILD another has taken it, or the host ignores SIGCHLD.
  std::lock_guard guard{mutex};
  processes.erase(descriptor);
  if (!processes.empty())
    return false;
  running = false;
  epoll.reset();
  return true;
}

void reaper::run() {
  const int waits_on = [this] {
    std::lock_guard guard{mutex};
    return epoll.get();
  }();
  std::array<epoll_event, 16> ended{};
  for (;;) {
    const int count = ::epoll_wait(waits_on, ended.data(), static_cast<int>(ended.size()), -1);
    for (int i = 0; i < count; ++i)
      if (reap(ended[static_cast<std::size_t>(i)].data.fd))
        return;
  }
}

} // namespace

void reap_later(unique_fd process) {
  auto& r = reaper::only();
  std::lock_guard guard{r.mutex};
  const int descriptor = process.get();
  r.processes.insert_or_assign(descriptor, std::move(process));
  if (r.running)
    watch_end(r.epoll.get(), descriptor);
  else
    r.begin_with_lock();
}

std::size_t unreaped() {
  auto& r = reaper::only();
  std::lock_guard guard{r.mutex};
  return r.processes.size();
}

} // namespace moorage
