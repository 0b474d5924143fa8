// When a latched pool looks whether what its log-ins use has changed on disk: keys, certificates,
// known_hosts.
//
// A value of few numbers: it is told what was seen, and is asked. What is seen is a text that says nothing
// but whether it is the same; behind a newline, what an agent holds, if it has told.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "actors/durations.hpp"

namespace moorage {

class latch_watch {
public:
  /// A look costs a few calls at the file system, and is made only when somebody asks: the first at once, the
  /// next ones no more often. Whoever was told what to mend, and has mended it, asks again within seconds.
  static constexpr std::chrono::seconds interval{1};
  /// After each change that mended nothing it is twice as long, to some minutes: what changes by itself, as
  /// an agent's keys may, must not have a site see one denied log-in after the other.
  static constexpr std::uint32_t doublings_max = 9;
  /// Who asks waits for the look, since they may have just mended what was wrong; no longer than this, should
  /// the file system hang.
  static constexpr std::chrono::seconds patience{2};
  /// What an agent holds, where one was asked and did not tell.
  static constexpr const char* agent_untold = "\n?";

  /// The pool was latched just now, by a log-in that had seen `used`, with which looks are compared: whoever
  /// mends a file while that log-in is still under way is not missed.
  void latched(std::string used) {
    known_ = std::move(used);
    if (changes_ == 0)
      looked_at_ = time_point::min();
    until_ = time_point::min();
  }
  /// A log-in succeeded, or somebody has ordered that the pool tries again.
  void forgive() { changes_ = 0; }
  /// Somebody asks for a lease. Whether it is time for a look, which then must be made.
  bool ask(time_point now) {
    if (now < until_ || now < after(looked_at_, interval * (1u << changes_)))
      return false; // whoever asks during a look waits for that one
    looked_at_ = now;
    until_ = after(now, patience);
    return true;
  }
  /// What the look brought; empty: nothing could be seen. Whether it is another than what the log-in saw.
  /// Where that is unknown, the first look stands for it; of an agent that the log-in did not ask nothing
  /// counts.
  bool seen(const std::string& state) {
    until_ = time_point::min();
    if (state.empty())
      return false;
    if (!differs(state))
      return false;
    changes_ = std::min(changes_ + 1, doublings_max);
    return true;
  }

  /// Those who asked wait for a look, until then; in the past: for none.
  time_point until() const { return until_; }

  /// A look has not been answered in that time.
  bool overdue(time_point now) const { return until_ != time_point::min() && until_ <= now; }

  friend bool operator==(const latch_watch&, const latch_watch&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, latch_watch& x) {
    return f(x.known_, x.looked_at_, x.until_, x.changes_);
  }

private:
  bool differs(const std::string& state) {
    const auto end = state.find('\n'), known_end = known_.find('\n');
    if (known_.empty())
      known_ = state;
    else if (state.substr(0, end) != known_.substr(0, known_end))
      return true;
    else if (end != std::string::npos && known_end != std::string::npos &&
             known_.substr(known_end) == agent_untold)
      known_ = state;
    else
      return end != std::string::npos && known_end != std::string::npos &&
             state.substr(end) != known_.substr(known_end);
    return false;
  }

  std::string known_;
  time_point looked_at_ = time_point::min();
  time_point until_ = time_point::min();
  std::uint32_t changes_ = 0; ///< in a row, of which each mended nothing
};

} // namespace moorage
