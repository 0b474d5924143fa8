#include "deploy/moorage/signals.hpp"

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace moorage::cli {

namespace {

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  // What was ignored from the start (nohup) stays ignored.
  for (auto number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now {};
    sigaction(number, nullptr, &now);
    if (now.sa_handler != SIG_IGN)
      sigaddset(&set, number);
  }
  return set;
}

} // namespace

signal_watch::signal_watch(std::function<void()> on_hangup) : on_hangup_(std::move(on_hangup)) {
  auto set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::jthread{[this](std::stop_token end) { watch(std::move(end)); }};
}

signal_watch::~signal_watch() {
  thread_.request_stop();
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = write(wake_, &one, sizeof one);
  thread_.join();
  close(signals_);
  close(wake_);
}

void signal_watch::watch(std::stop_token end) {
  while (!end.stop_requested()) {
    std::array<pollfd, 2> both{pollfd{signals_, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
    signalfd_siginfo seen{};
    if (poll(both.data(), both.size(), -1) < 0 || (both[0].revents & POLLIN) == 0 ||
        read(signals_, &seen, sizeof seen) != static_cast<ssize_t>(sizeof seen))
      continue;
    auto number = static_cast<int>(seen.ssi_signo);
    if (number == SIGHUP && on_hangup_) {
      on_hangup_();
      continue;
    }
    if (stop_.stop_requested())
      end_by_signal(number);
    caught_.store(number);
    stop_.request_stop();
  }
}

void end_by_signal(int number) {
  std::signal(number, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  kill(getpid(), number);
  raise(number);
  std::_Exit(128 + number);
}

} // namespace moorage::cli
