#include "deploy/moorage/signals.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <system_error>

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

signal_watch::signal_watch(signal_manners manners) : manners_(std::move(manners)) {
  auto set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_ = eventfd(0, EFD_CLOEXEC);
  try {
    if (signals_ >= 0 && wake_ >= 0) {
      thread_ = std::jthread{[this](std::stop_token end) { watch(std::move(end)); }};
      return;
    }
  } catch (const std::system_error&) {
  }
  // Out of descriptors or threads, which whoever needs more of them will say: until then signals do what they
  // do by themselves.
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

signal_watch::~signal_watch() {
  end_watch();
  for (auto each : {signals_, wake_})
    if (each >= 0)
      close(each);
}

void signal_watch::end_watch() {
  if (!thread_.joinable())
    return;
  thread_.request_stop();
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = write(wake_, &one, sizeof one);
  thread_.join();
}

void signal_watch::hand_over() {
  end_watch();
  if (caught() != 0)
    kill(getpid(), caught());
}

void signal_watch::watch(std::stop_token end) {
  while (!end.stop_requested()) {
    std::array<pollfd, 2> both{pollfd{signals_, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
    signalfd_siginfo seen{};
    auto ready = poll(both.data(), both.size(), left_to_wait());
    if (ready > 0 && (both[0].revents & POLLIN) != 0 &&
        read(signals_, &seen, sizeof seen) == static_cast<ssize_t>(sizeof seen))
      take(static_cast<int>(seen.ssi_signo));
    else if (ready == 0 && left_to_wait() == 0)
      give_up();
  }
}

void signal_watch::take(int number) {
  if (number == SIGHUP && manners_.on_hangup)
    return manners_.on_hangup();
  if (stop_.stop_requested()) {
    if (clock::now() - first_ >= same_request)
      end_by_signal(number);
    return;
  }
  first_ = clock::now();
  caught_.store(number);
  stop_.request_stop();
}

/// For poll(2): until the patience is over, or for ever.
int signal_watch::left_to_wait() const {
  if (caught() == 0 || manners_.patience.count() == 0)
    return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(first_ + manners_.patience - clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void signal_watch::give_up() const {
  // No more than a pipe takes at once, and only if it takes it now: what keeps the others may keep stderr as
  // well.
  pollfd room{complaints_go_to(), POLLOUT, 0};
  if (manners_.last_words && poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0) {
    auto text = "moorage: " + manners_.last_words().substr(0, PIPE_BUF - 16) + "\n";
    [[maybe_unused]] auto written = write(room.fd, text.data(), text.size());
  }
  end_by_signal(caught());
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

void end_at_once(const ending& how) {
  if (how.signal != 0)
    end_by_signal(how.signal);
  std::_Exit(how.code);
}

} // namespace moorage::cli
