// Transports that are carried by others, all driven by one thread, as their actors and pools would.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "runtime/ssh/opening/carried_socket.hpp"
#include "tests/ssh/transport_driver.hpp"

namespace moorage::test {

class journey {
public:
  world around;

  /// `by`: which one carries it.
  driven& add(const cluster_settings& settings, driven* by = nullptr) {
    auto with = settings;
    if (by)
      with.jump = "gate";
    travellers_.emplace_back(std::make_unique<driven>(around, with, bell_), by);
    return *travellers_.back().first;
  }

  /// Pumps all of them until it holds. Other sides than transports wake nobody: they are looked at each tick.
  bool until(const std::function<bool()>& holds, std::chrono::milliseconds patience = patient,
             std::chrono::milliseconds tick = std::chrono::milliseconds{10}) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      bool more = false;
      auto due = std::min<time_point>(deadline, std::chrono::steady_clock::now() + tick);
      for (auto& [one, by] : travellers_) {
        more = one->pump() || more;
        if (by && by->opened && !one->wanted.empty()) {
          by->it->carry(stream_id{++carried_}, std::move(one->wanted.front().what), one->wanted.front().to);
          one->wanted.clear();
          more = true;
        }
      }
      if (holds())
        return true;
      if (std::chrono::steady_clock::now() >= deadline)
        return false;
      for (auto& [one, by] : travellers_)
        due = std::min(due, one->it->next_due());
      if (!more)
        bell_.wait_until(due);
    }
  }

  bool open(driven& one, std::chrono::milliseconds patience = patient) {
    one.it->open();
    until([&] { return one.opened || one.failed; }, patience);
    return one.opened && !one.failed;
  }

  exec_result run(driven& one, exec_request request) {
    const auto id = one.start(std::move(request));
    until([&] { return one.streams[id.value].ended.has_value() || one.failed; });
    const auto& seen = one.streams[id.value];
    return {seen.ended.value_or(outcome{outcome_kind::maybe_ran, 0, {}, {errc::internal, "no end"}}),
            seen.output,
            seen.error_output,
            false,
            {}};
  }
  exec_result run(driven& one, const std::string& command) {
    return run(one, exec_request{command, {}, {}, {}, 0});
  }

  /// Nothing but what wakes us.
  void idle(std::chrono::milliseconds time) {
    until([] { return false; }, time, time);
  }

  /// A carriage whose near side is the test's own.
  carried_ends carry(driven& by, const std::string& host, std::uint16_t port) {
    auto ends = make_carriage();
    by.it->carry(stream_id{++carried_}, ends.far, {host, port});
    ends.far = nullptr;
    return ends;
  }
  std::uint64_t last_carried() const { return carried_; }

private:
  bell bell_; // before the transports that ring it
  std::deque<std::pair<std::unique_ptr<driven>, driven*>> travellers_;
  std::uint64_t carried_ = 1'000'000; ///< not a command's
};

/// What the test's own near side has to read: -1 nothing yet, 0 the end.
inline ssize_t read_near(const carried_ends& ends, std::string& into) {
  char bytes[65'536];
  const auto got = ::recv(ends.near.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (got > 0)
    into.append(bytes, static_cast<std::size_t>(got));
  return got;
}

} // namespace moorage::test
