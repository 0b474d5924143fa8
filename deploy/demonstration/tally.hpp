// What the quickstart counts and measures.
#pragma once

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "messages/durations.hpp"
#include "messages/exec.hpp"
#include "messages/ssh_error.hpp"
#include "messages/status.hpp"
#include "runtime/result.hpp"

namespace moorage {

/// "connect 80 µs, key_exchange 12.1 ms, …"
inline std::string steps_text(const std::vector<opening_step>& steps) {
  std::string text;
  for (auto& step : steps)
    text += (text.empty() ? "" : ", ") + to_string(step.stage) + " " + to_text(step.took);
  return text;
}

/// "2 probe_failures, 1 lost", or "0".
inline std::string removed_text(const pool_counters& counters) {
  std::string text;
  for (std::size_t i = 0; i < counters.removed.size(); ++i)
    if (counters.removed[i] > 0)
      text += (text.empty() ? "" : ", ") +
              fmt::format("{} {}", counters.removed[i], to_string(static_cast<removal_reason>(i)));
  return text.empty() ? "0" : text;
}

class latencies {
public:
  void add(std::chrono::steady_clock::duration value) { values_.push_back(value); }

  std::string text() {
    if (values_.empty())
      return "-";
    std::sort(values_.begin(), values_.end());
    return to_text(values_[values_.size() / 2]) + " / " + to_text(values_[values_.size() * 99 / 100]);
  }

private:
  std::vector<std::chrono::steady_clock::duration> values_;
};

/// Every lease granted, and how it ended; every command, and what became of it.
class tally {
public:
  void granted() {
    std::lock_guard guard{mutex_};
    ++granted_;
  }

  /// An honest end is one that the pool told: given back, or ended with a reason.
  void given_back(const result<void>& answer) {
    std::lock_guard guard{mutex_};
    if (answer)
      ++given_back_;
    else if (answer.error().code == errc::lease_ended || answer.error().code == errc::connection_lost)
      ++ended_;
  }

  void ran(const outcome& ended) {
    std::lock_guard guard{mutex_};
    ++outcomes_[ended.kind == outcome_kind::exited ? fmt::format("exited {}", ended.code)
                                                   : to_string(ended.kind)];
  }

  int lost() {
    std::lock_guard guard{mutex_};
    return granted_ - given_back_ - ended_;
  }

  std::string text() {
    std::string text = "  commands by outcome: ";
    for (auto& [outcome, count] : outcomes_)
      text += fmt::format("{}{}: {}", &outcome == &outcomes_.begin()->first ? "" : ", ", outcome, count);
    return text + fmt::format("\n  leases: {} granted, {} given back, {} ended with a reason, {} lost\n\n",
                              granted_, given_back_, ended_, lost());
  }

private:
  std::mutex mutex_;
  int granted_ = 0;
  int given_back_ = 0;
  int ended_ = 0;
  std::map<std::string, int> outcomes_;
};

} // namespace moorage
