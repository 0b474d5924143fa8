// What is known of one connection's health, from probes and from all else that is heard of its peer.
//
// A value of few numbers: it is told the evidence and when it came, and is asked. One for each connection.
#pragma once

#include <chrono>
#include <cstdint>

#include "actors/durations.hpp"
#include "actors/pool/seeded_random.hpp"
#include "messages/ids.hpp"
#include "messages/settings.hpp"

namespace moorage {

class health {
public:
  /// After a failure the connection is probed again this soon (or after `probe_interval`, if that is
  /// shorter).
  static constexpr std::chrono::seconds retry_interval{10};
  /// A probe that has told nothing so long after its `probe_timeout` counts as failed: its actor is gone.
  static constexpr std::chrono::seconds probe_grace{1};

  /// When the next round of probes begins; `time_point::max()`: never, the interval is 0. A fifth either way
  /// is left to chance, so that pools do not probe in step.
  static time_point next_round(time_point now, std::chrono::nanoseconds interval, seeded_random& random);

  // --- evidence
  /// A user cut something short. Whether that is news; any answer, or failure, ends the doubt.
  bool doubt();
  /// It was silent while it owed an answer.
  void failed(time_point now, std::chrono::nanoseconds probe_interval);
  /// `ran`: it was a command's end. A channel that opens does not say that commands run: where that is what
  /// probes ask, only a command's end makes a probe's failed command good.
  void answered(bool ran, probe_method asked);
  /// An administrator wants a fresh start.
  void forget_failures();

  /// In a row: probes that failed, and silences.
  std::uint32_t failures() const { return silences_ + failed_commands_; }
  bool doubted() const { return doubted_; }
  /// Its peer is in doubt, so that it is asked under a lease, too.
  bool in_question() const { return doubted_ || silences_ > 0; }
  /// One silence counts once: a probe in flight hears it too, and one that has failed just now has counted
  /// it.
  bool silence_counts(time_point now, std::chrono::nanoseconds probe_timeout) const;

  // --- its probe
  /// `runs`: it is the pool's command, not a channel.
  void probe_started(probe_id probe, bool runs, time_point now, std::chrono::nanoseconds probe_timeout);
  void probe_passed(std::chrono::nanoseconds rtt, probe_method asked);
  void probe_failed(time_point now, std::chrono::nanoseconds probe_interval);
  /// Nobody waits for its answer any more. Whether there was one.
  bool probe_dropped();

  /// In flight; 0: none.
  probe_id probe() const { return probe_; }
  bool probe_overdue(time_point now) const { return probe_ && probe_by_ <= now; }
  std::chrono::nanoseconds last_rtt() const { return last_rtt_; }
  /// When it falls due by itself: its probe is overdue, or, where it may be asked, the next one is due.
  time_point due(bool may_ask) const;

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

private:
  void count(std::uint32_t& failures, time_point now, std::chrono::nanoseconds probe_interval);

  std::uint32_t silences_ = 0;        ///< of the peer, whoever asked
  std::uint32_t failed_commands_ = 0; ///< of probes
  time_point failed_at_;
  time_point ask_again_; ///< after a failure
  bool doubted_ = false;
  bool served_ = false;
  bool proved_ = false;
  bool probe_runs_ = false;
  probe_id probe_;
  time_point probe_by_;
  std::chrono::nanoseconds last_rtt_{0};
};

} // namespace moorage
