// Signals as a request to stop, seen by one thread that waits for nothing else.
#pragma once

#include <atomic> // edge: see `caught_`
#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "deploy/moorage/output.hpp"

namespace moorage::cli {

/// How a command takes signals.
struct signal_manners {
  /// Not empty: SIGHUP calls it, on the watch's thread, instead of requesting a stop.
  std::function<void()> on_hangup = {};
  /// How long after the first signal the process may take to end by itself. Then the watch ends it: its other
  /// threads may be waiting for a reader of stdout that does not read, or for a node that does not answer. 0:
  /// for ever.
  std::chrono::milliseconds patience = std::chrono::seconds{1};
  /// What is said on stderr when the patience is over, if stderr takes it at once. Called on the watch's
  /// thread.
  std::function<std::string()> last_words = {};
};

/// Made before any other thread, so that all of them leave SIGINT, SIGTERM and SIGHUP to it. The first one
/// requests a stop. Another one ends the process at once, for whoever has no patience with the first; but
/// what comes within `same_request` is the first one again: whoever ends a process often tells its group as
/// well.
class signal_watch {
public:
  static constexpr std::chrono::milliseconds same_request{500};

  explicit signal_watch(signal_manners manners = {});
  ~signal_watch();
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;

  std::stop_token token() const { return stop_.get_token(); }
  /// The signal that came, or 0.
  int caught() const { return caught_.load(); }
  /// Ends the watch, with its signals blocked, and sends what was caught again: for the program that takes
  /// this one's place, which finds it waiting, as what comes from now on.
  void hand_over();

private:
  using clock = std::chrono::steady_clock;

  void watch(std::stop_token end);
  void end_watch();
  void take(int number);
  int left_to_wait() const;
  [[noreturn]] void give_up() const;

  signal_manners manners_;
  clock::time_point first_; ///< when the first signal came; the watching thread's
  std::stop_source stop_;
  // edge: the watching thread writes it, everybody else asks.
  std::atomic<int> caught_ = 0;
  int signals_ = -1;
  int wake_ = -1;
  std::jthread thread_;
};

/// Ends the process as the signal does by default.
[[noreturn]] void end_by_signal(int number);
/// Ends the process without taking apart what it still has: what was written has been written (`say`,
/// `complain`).
[[noreturn]] void end_at_once(const ending& how);

} // namespace moorage::cli
