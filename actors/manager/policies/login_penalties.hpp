// What a server has against our address, as OpenSSH 9.8 and later would count it (sshd_config(5):
// PerSourcePenalties): each failure of a log-in costs seconds, which run off by themselves, and from 15 s on
// it bans.
#pragma once

#include <chrono>

#include "actors/durations.hpp"
#include "messages/permits.hpp"

namespace moorage {

/// Our own account of that, by host and port. Every log-in under way is reckoned with as if it would be
/// denied.
class login_penalties {
public:
  static constexpr std::chrono::seconds for_denied{5};
  static constexpr std::chrono::seconds for_cut_short{1};
  static constexpr std::chrono::seconds for_grace_time{10};
  /// A log-in that was cut short after so long counts as one that outlasted the server's LoginGraceTime,
  /// which it does not tell: OpenSSH's default is 120 s, and hardened sites have 60 s, as the CIS benchmarks
  /// ask for. One that may last that long is reckoned with at that price from its beginning, so that no
  /// log-in costs more than it was reckoned with; save where it waits for its turn to ask the agent.
  static constexpr std::chrono::seconds grace_time_min{60};

  static std::chrono::nanoseconds cost(permit_use use, std::chrono::nanoseconds lasted);
  static std::chrono::nanoseconds worst(std::chrono::nanoseconds log_in_max);

  /// When a log-in may begin that could cost `worst`, so that the account stays within `limit`;
  /// `time_point::max()`: once one under way has ended. One is always possible in the end, however low the
  /// limit.
  time_point may_begin_at(std::chrono::nanoseconds worst, std::chrono::nanoseconds limit) const;
  void began(std::chrono::nanoseconds worst) { under_way_ += worst; }
  void ended(time_point now, std::chrono::nanoseconds worst, std::chrono::nanoseconds cost);

  /// What has not run off.
  std::chrono::nanoseconds account(time_point now) const { return between(now, clear_at_); }

private:
  std::chrono::nanoseconds under_way_{0}; ///< what the log-ins under way could cost
  time_point clear_at_ = time_point::min();
};

} // namespace moorage
