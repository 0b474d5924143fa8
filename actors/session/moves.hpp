// How long a command that was never sent may go from one connection to the next: one rule, for sessions and
// for the clients that ask them.
//
// All its moves together have the patience of its lease's acquire, counted from when the command was asked.
// What the lease was waited for is a part of that, so that a command which brings no lease waits no longer in
// all than it said; but less and less the longer the lease has been held, whose user waits anew.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/durations.hpp"
#include "messages/durations.hpp"
#include "messages/exec.hpp"
#include "messages/ids.hpp"
#include "messages/settings.hpp"
#include "messages/timeout_words.hpp"

namespace moorage {

class command_moves {
public:
  command_moves() = default;
  /// `asked`: the command was, under a lease of that patience, which had been waited for and then held for so
  /// long. `timeout`: the command's own; 0: none.
  command_moves(time_point asked, std::chrono::nanoseconds patience, std::chrono::nanoseconds waited,
                std::chrono::nanoseconds held, std::chrono::milliseconds timeout)
      : asked_(asked), before_(std::max(waited - held, std::chrono::nanoseconds{0})),
        timeout_(std::min(timeout, longest_timeout)) {
    // A cluster's own is its pool's to keep. How long that is, only the pool knows; so it counts as usual
    // here.
    static const std::chrono::nanoseconds usual = cluster_settings{}.acquire_timeout;
    auto left = std::max((patience.count() < 0 ? usual : patience) - before_, std::chrono::nanoseconds{0});
    until_ = after(asked, left);
    waits_until_ = patience.count() < 0 ? time_point::max() : until_;
  }

  /// Another connection may have a channel for it, where this one has none. The first is always asked for: a
  /// connection that is free at once costs nobody anything. The number is more than enough, since each that
  /// has none has learnt something.
  bool may_go_on(time_point now) const { return made_ == 0 || (made_ < moves_max && now < until_); }
  void go_on() { ++made_; }
  /// It is sent there now, perhaps once more.
  void is_on(connection_id connection) {
    if (std::find(tried_.begin(), tried_.end(), connection) == tried_.end())
      tried_.push_back(connection);
  }
  std::uint32_t made() const { return made_; }
  /// When it is refused, if the pool has not said so; the end of a cluster's own patience its pool says.
  time_point waits_until() const { return std::min(waits_until_, timeout_ends()); }

  /// What is left of the command's time-out for the connection that has it next, since it runs all the while;
  /// 0: it has none.
  std::chrono::milliseconds timeout_from(time_point now) {
    using std::chrono::milliseconds;
    left_ = timeout_.count() <= 0
                ? timeout_
                : std::max(timeout_ - std::chrono::duration_cast<milliseconds>(between(asked_, now)),
                           milliseconds{1});
    return left_;
  }
  /// What such a connection says of the time-out.
  void tell_whole(failure& why) const {
    if (made_ > 0)
      tell_whole_timeout(why, left_, timeout_);
  }
  std::chrono::milliseconds timeout() const { return timeout_; }
  bool timed_out(time_point now) const { return timeout_ends() <= now; }
  /// What it is refused with then, while it waits for another connection.
  failure timed_out_waiting(time_point now, const failure& unsent) const {
    return {errc::command_timeout, unsent.text + in_words(now, true) +
                                       "; nor was there another connection within its timeout of " +
                                       format_duration(timeout_)};
  }

  /// What of its lease's patience is used up.
  std::chrono::nanoseconds waited(time_point now) const { return between(asked_, now) + before_; }
  /// The patience to ask another connection for: never longer than the command's own time-out lasts.
  std::chrono::nanoseconds patience(std::chrono::nanoseconds of_lease, time_point now) const {
    auto ends = timeout_ends();
    return ends < until_ ? between(now, ends) + waited(now) : of_lease;
  }

  /// For people, behind the reason why it was not sent the last time; empty: it was tried only then. `waits`:
  /// for another connection, and is on none. One that hangs may be granted again where there is no other.
  std::string in_words(time_point now, bool waits = false) const {
    const auto tries = made_ + (waits ? 0U : 1U);
    if (tries < 2 || tried_.empty())
      return {};
    const auto others = tried_.size() - 1;
    return (others == 0 ? "; it had been there"
                        : "; it had been on " + std::to_string(others) + " other connection" +
                              (others == 1 ? "" : "s")) +
           " before, for " + (tries > tried_.size() ? std::to_string(tries) + " tries and " : "") +
           to_text(between(asked_, now)) + " in all";
  }

private:
  static constexpr std::uint32_t moves_max = 16;

  time_point timeout_ends() const {
    return timeout_.count() > 0 ? after(asked_, timeout_) : time_point::max();
  }

  time_point asked_{};
  time_point until_{}; ///< further moves begin
  time_point waits_until_ = time_point::max();
  std::chrono::nanoseconds before_{0}; ///< of the patience, when the command was asked
  std::chrono::milliseconds timeout_{0};
  std::chrono::milliseconds left_{0}; ///< of that, when the last connection had it
  std::uint32_t made_ = 0;
  std::vector<connection_id> tried_; ///< each once
};

} // namespace moorage
