// The log: what the pools tell, written by a thread of its own, so that a slow disk or a full pipe never
// keeps an actor.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messages/events.hpp"

namespace moorage {

class event_log {
public:
  /// `level` as in the configuration ("off": nothing is opened). `file`: appended to, and created for its
  /// owner alone (0600); empty: stderr. `causes` and `names`: as `configuration::log_causes` and `log_names`.
  /// Throws `error` (`local_failure`) when the file cannot be opened.
  event_log(const std::string& level, const std::string& file, bool causes = true,
            std::vector<std::pair<std::string, std::string>> names = {});
  ~event_log();
  event_log(const event_log&) = delete;
  event_log& operator=(const event_log&) = delete;

  bool wanted() const { return inside_ != nullptr; }
  void write(const event_record& record);
  void bug(const std::string& cluster, const std::string& text);
  /// A cluster that cannot be used as it is configured, and why.
  void misconfigured(const std::string& text);
  /// Somebody who could not prove who they are, and why; ten a minute, since strangers could fill a disk.
  void turned_away(const std::string& who_and_why);
  /// What a host's callback threw. `cluster` may be empty.
  void callback_failed(const std::string& cluster, const std::string& text);

private:
  struct inside;
  std::unique_ptr<inside> inside_;
  std::string named(std::string line, const std::string& cluster) const;

  bool causes_;
  std::vector<std::pair<std::string, std::string>> names_;
  std::atomic<std::int64_t> turned_away_minute_{0}; // edge: a front's thread, of each runtime its own
  std::atomic<int> turned_away_{0};
};

} // namespace moorage
