// One session to a real or fake sshd and one log-in over it, for tests of what happens before a channel is
// opened.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <libssh/libssh.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/ssh/login/authenticator.hpp"

namespace moorage::support {

/// Something to poll that a waker can make ready from any thread.
class bell {
public:
  bell() : fd_(std::make_shared<unique_fd>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))) {}
  std::function<void()> waker() const {
    return [fd = fd_] {
      std::uint64_t one = 1;
      if (::write(fd->get(), &one, sizeof one) < 0) {
      }
    };
  }
  int fd() const { return fd_->get(); }
  void silence() const {
    std::uint64_t count = 0;
    if (::read(fd_->get(), &count, sizeof count) < 0) {
    }
  }
  /// False: the time is up.
  bool wait(std::chrono::milliseconds patience) const {
    pollfd one{fd(), POLLIN, 0};
    bool rang = ::poll(&one, 1, static_cast<int>(patience.count())) > 0;
    silence();
    return rang;
  }

private:
  std::shared_ptr<unique_fd> fd_;
};

/// Connected, keys exchanged, host key not looked at.
class open_session {
public:
  open_session(const std::string& host, int port, const std::string& algorithms = {}) : session_(ssh_new()) {
    int off = 0;
    ssh_options_set(session_, SSH_OPTIONS_HOST, host.c_str());
    ssh_options_set(session_, SSH_OPTIONS_PORT, &port);
    ssh_options_set(session_, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
    ssh_options_set(session_, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
    ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &off);
    if (!algorithms.empty())
      ssh_options_set(session_, SSH_OPTIONS_HOSTKEYS, algorithms.c_str());
    if (ssh_connect(session_) != SSH_OK) {
      std::string why = ssh_get_error(session_);
      ssh_free(session_);
      throw std::runtime_error("no session: " + why);
    }
    ssh_set_blocking(session_, 0);
    ::fcntl(ssh_get_fd(session_), F_SETFL, ::fcntl(ssh_get_fd(session_), F_GETFL) | O_NONBLOCK);
  }
  ~open_session() {
    ssh_disconnect(session_);
    ssh_free(session_);
  }
  open_session(const open_session&) = delete;
  open_session& operator=(const open_session&) = delete;
  ssh_session get() const { return session_; }

private:
  ssh_session session_;
};

struct log_in_result {
  authenticator::state state = authenticator::state::waiting; ///< waiting: the time was up
  std::string text;
  ssh_error error;
  std::chrono::nanoseconds longest_step{0};
  std::string waiting_for;
  std::string banner;
  std::string agent_state; ///< as pools compare it with what they see later
};

inline log_in_result log_in(ssh_session session, const std::string& user, credentials with, const bell& woken,
                            std::chrono::milliseconds patience = std::chrono::seconds(20)) {
  using clock = std::chrono::steady_clock;
  authenticator attempt{session, user, std::move(with)};
  log_in_result result;
  const auto end = clock::now() + patience;
  for (;;) {
    const auto begin = clock::now();
    result.state = attempt.step(begin);
    result.longest_step = std::max<std::chrono::nanoseconds>(result.longest_step, clock::now() - begin);
    if (result.state != authenticator::state::waiting)
      break;
    result.waiting_for = attempt.waiting_for();
    const auto now = clock::now();
    if (now >= end)
      return result;
    const auto until = std::min<time_point>(attempt.next_due(), end);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
    const int pending = ssh_get_poll_flags(session) & SSH_WRITE_PENDING;
    pollfd all[] = {
        {ssh_get_fd(session), static_cast<short>(POLLIN | (pending != 0 ? POLLOUT : 0)), 0},
        {woken.fd(), POLLIN, 0},
        {attempt.agent_fd(), static_cast<short>(attempt.agent_wants_write() ? POLLOUT : POLLIN), 0}};
    ::poll(all, 3, static_cast<int>(std::max<long>(wait, 0)));
    woken.silence();
  }
  result.text = attempt.text();
  result.error = attempt.error();
  result.banner = attempt.banner();
  result.agent_state = attempt.agent_state();
  return result;
}

} // namespace moorage::support
