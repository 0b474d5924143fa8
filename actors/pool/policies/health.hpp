// What is known of one connection's health, from probes and from all else that is heard of its peer.
//
// A value of few numbers: it is told the evidence and when it came, and is asked. One for each connection.
#pragma once

#include <chrono>
#include <cstdint>

#include "actors/durations.hpp"
#include "messages/ids.hpp"
#include "messages/settings.hpp"

namespace moorage {

class health {
public:
  /// A probe that has told nothing so long after its `probe_timeout` counts as failed: its actor is gone.
  static constexpr std::chrono::seconds probe_grace{1};

  // --- evidence
  /// A user cut something short. Whether that is news; any answer, or failure, ends the doubt.
  bool doubt();
  /// The peer opens no channel in time: until there is an answer or a failure, of which the channel that it
  /// owes will bring one, it takes no new lease, so that what is moved from here does not come back.
  void late();
  /// It was silent while it owed an answer.
  void failed(time_point now);
  /// `ran`: it was a command's end. A channel that opens does not say that commands run: where that is what
  /// probes ask, only a command's end makes a probe's failed command good.
  void answered(bool ran, probe_method asked);
  /// An administrator wants a fresh start.
  void forget_failures();

  /// In a row: probes that failed, and silences.
  std::uint32_t failures() const { return silences_ + failed_commands_; }
  bool doubted() const { return doubted_; }
  bool is_late() const { return late_; }
  /// Its peer is in doubt, so that it is asked under a lease, too.
  bool in_question() const { return doubted_ || silences_ > 0; }
  /// One silence counts once: a probe in flight hears it too, and one that has failed just now has counted
  /// it.
  bool silence_counts(time_point now, std::chrono::nanoseconds probe_timeout) const;

  // --- its probe
  /// `runs`: it is the pool's command, not a channel.
  void probe_started(probe_id probe, bool runs, time_point now, std::chrono::nanoseconds probe_timeout);
  void probe_passed(std::chrono::nanoseconds rtt, probe_method asked);
  void probe_failed(time_point now);
  /// Nobody waits for its answer any more. Whether there was one.
  bool probe_dropped();

  /// In flight; 0: none.
  probe_id probe() const { return probe_; }
  bool probe_runs() const { return probe_runs_; }
  bool probe_overdue(time_point now) const { return probe_ && probe_by_ <= now; }
  /// When its probe is overdue; when the next one is due says its clock (policies/check_clock.hpp).
  time_point due() const { return probe_ ? probe_by_ : time_point::max(); }
  std::chrono::nanoseconds last_rtt() const { return last_rtt_; }

  // --- its use
  /// A holder gave a lease back, or its command ran to its end.
  void served() { served_ = true; }
  /// It was of use just now. Whether that proves it, which it does once: a server that lets in may still be
  /// of no use, only what a connection did some time after it was `opened` says more.
  bool proves(time_point now, time_point opened, std::chrono::nanoseconds proving_time);
  bool proved() const { return proved_; }
  /// Whether one that ends now is no better than one that could not be opened. One that served a lease,
  /// however young, was what somebody logged in for.
  bool useless(time_point now, time_point opened, std::chrono::nanoseconds proving_time, bool in_use) const;

  friend bool operator==(const health&, const health&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, health& x) {
    return f(x.silences_, x.failed_commands_, x.failed_at_, x.doubted_, x.late_, x.served_, x.proved_,
             x.probe_runs_, x.probe_, x.probe_by_, x.last_rtt_);
  }

private:
  void count(std::uint32_t& failures, time_point now);

  std::uint32_t silences_ = 0;        ///< of the peer, whoever asked
  std::uint32_t failed_commands_ = 0; ///< of probes
  time_point failed_at_;
  bool doubted_ = false;
  bool late_ = false;
  bool served_ = false;
  bool proved_ = false;
  bool probe_runs_ = false;
  probe_id probe_;
  time_point probe_by_;
  std::chrono::nanoseconds last_rtt_{0};
};

} // namespace moorage
