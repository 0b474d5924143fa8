#include "runtime/ssh/opening/proxy_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "messages/printable.hpp"
#include "runtime/system/reaper.hpp"

namespace moorage {

proxy_process::proxy_process(pid_t pid, unique_fd process, unique_fd errors)
    : pid_(pid), process_(std::move(process)), errors_(std::move(errors)) {}

proxy_process::~proxy_process() {
  end_watch_.end();
  words_watch_.end();
  see_end();
  if (exited_)
    return;
  ::kill(-pid_, SIGKILL);
  siginfo_t how{};
  if (::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &how, WEXITED | WNOHANG) == 0 && how.si_pid == 0)
    reap_later(std::move(process_));
}

bool proxy_process::watch_by(readiness& loop, std::function<void()> wake) {
  if (process_)
    end_watch_ = loop.add(process_.get(), wake);
  words_watch_ = loop.add(errors_.get(), std::move(wake));
  return (!process_ || end_watch_.arm(true, false)) && words_watch_.arm(true, false);
}

void proxy_process::look(time_point now) {
  if (!exited_ && !end_watch_.armed())
    see_end();
  if (exited_) {
    // A pipe holds no more than one look takes: all that it said is heard.
    if (errors_)
      listen();
    words_watch_.end();
    errors_.reset();
    listens_again_ = time_point::max();
    return;
  }
  end_watch_.arm(true, false);
  const bool due = listens_again_ == time_point::max() ? !words_watch_.armed() : now >= listens_again_;
  if (!errors_ || !due)
    return;
  // Whoever talks without end is heard at a bounded pace.
  listens_again_ = listen() ? now + look_pause : time_point::max();
  if (listens_again_ == time_point::max() && errors_)
    words_watch_.arm(true, false);
}

/// True: there may be more.
bool proxy_process::listen() {
  std::array<char, 16u << 10> bytes{};
  for (std::size_t heard = 0; heard < look_max;) {
    const auto got = ::read(errors_.get(), bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && errno == EAGAIN)
      return false;
    if (got <= 0) { // it has closed it
      words_watch_.end();
      errors_.reset();
      return false;
    }
    heard += static_cast<std::size_t>(got);
    said_.append(bytes.data(), static_cast<std::size_t>(got));
    if (said_.size() > words_max) {
      said_.erase(0, said_.size() - words_max);
      cut_ = true;
    }
  }
  return true;
}

/// Its process group's number is nobody else's while the process has not been reaped: so its end is looked
/// at, what it has left behind is killed, and then it is reaped. Where the host has reaped it (a handler of
/// its own, or SIGCHLD ignored) the number is still its group's while that has members, and then no process
/// has it: one that does is a stranger's.
void proxy_process::see_end() {
  if (exited_)
    return;
  siginfo_t how{};
  bool ours = false;
  if (process_) {
    pollfd ended{process_.get(), POLLIN, 0};
    if (::poll(&ended, 1, 0) <= 0)
      return;
    if (::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &how, WEXITED | WNOHANG | WNOWAIT) == 0) {
      ours = true;
      how_ = how.si_code;
      status_ = how.si_status;
    }
  }
  exited_ = true;
  if (ours || (::kill(pid_, 0) != 0 && errno == ESRCH))
    ::kill(-pid_, SIGKILL);
  if (process_)
    ::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &how, WEXITED | WNOHANG);
}

bool proxy_process::content() const {
  return exited_ && how_ == CLD_EXITED && status_ == 0;
}

std::string proxy_process::state() const {
  if (!exited_)
    return "is still running";
  if (how_ == 0)
    return "has ended, how is not known since this process does not wait for its children";
  if (how_ == CLD_EXITED)
    return "exited with " + std::to_string(status_);
  return "was ended by signal " + std::to_string(status_) + " (" + ::strsignal(status_) + ")";
}

std::string proxy_process::words() const {
  auto end = said_.find_last_not_of(" \r\n\t");
  std::string text = end == std::string::npos ? "" : said_.substr(0, end + 1);
  if (cut_) {
    auto line = text.find('\n');
    text = "…" + (line == std::string::npos ? text : text.substr(line + 1));
  }
  return printable(text, printable_whole, lines::many);
}

} // namespace moorage
