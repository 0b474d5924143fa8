// Signals as a request to stop, seen by one thread that waits for nothing else.
#pragma once

#include <atomic> // edge: see `caught_`
#include <functional>
#include <stop_token>
#include <thread>

namespace moorage::cli {

/// Made before any other thread, so that all of them leave SIGINT, SIGTERM and SIGHUP to it. The first one requests a
/// stop; the second one ends the process at once, for whoever has no patience with the first.
class signal_watch {
public:
  /// With `on_hangup`, SIGHUP calls it (on the watch's thread) instead of requesting a stop.
  explicit signal_watch(std::function<void()> on_hangup = {});
  ~signal_watch();
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;

  std::stop_token token() const { return stop_.get_token(); }
  /// The signal that came, or 0.
  int caught() const { return caught_.load(); }

private:
  void watch(std::stop_token end);

  std::function<void()> on_hangup_;
  std::stop_source stop_;
  // edge: the watching thread writes it, everybody else asks.
  std::atomic<int> caught_ = 0;
  int signals_ = -1;
  int wake_ = -1;
  std::jthread thread_;
};

/// Ends the process as the signal does by default.
[[noreturn]] void end_by_signal(int number);

} // namespace moorage::cli
