// What a connection tells its pool of its peer's life, apart from its end. Each is a message and, the same
// value, an event of the pool's core. And what the pool keeps of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "messages/ids.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// What an answer, or that there was none, came of.
enum class evidence_kind : std::uint8_t {
  probe,      ///< the pool asked
  command,    ///< a command ran to its end
  stream,     ///< a command that was streamed did
  keep_alive, ///< the connection asked, under a lease
  channel     ///< a channel was opened, or something else was asked for on one
};

std::string to_string(evidence_kind kind);

/// One thing that was heard of a peer, or was not.
struct connection_outcome {
  evidence_kind of = evidence_kind::probe;
  bool answered = false;
  std::chrono::nanoseconds ago{0};
  std::chrono::nanoseconds rtt{0}; ///< 0: it was not measured
};

/// The peer may be dead: the pool asks for more evidence, or counts this as it counts a probe that failed.
struct connection_doubted {
  connection_id connection;
  /// True: nothing at all was heard of the peer for `probe_timeout` or more while it owed an answer (to the
  /// opening of a channel, to a request or to a question; a command owes neither output nor end). Told once
  /// for each silence. False: a user cut a command, a stream or the opening of a channel short sooner than
  /// that, so that nobody knows.
  bool silent = false;
  std::string text;
  evidence_kind of = evidence_kind::channel; ///< of a silence: what it owed
};

/// The peer has answered: told at once after a doubt, else now and then, since what answers needs no check.
struct connection_answered {
  connection_id connection;
  /// By more than a packet: a command ran to its end.
  bool ran = false;
  evidence_kind of = evidence_kind::channel;
  std::chrono::nanoseconds rtt{0}; ///< 0: it was not measured
};

/// The server opened no channel for a command under this lease. That many are what it carries, if other
/// leases had channels on the connection.
struct channel_refused {
  connection_id connection;
  lease_id lease;
  std::uint32_t carried = 0;  ///< the other leases with commands there
  std::uint32_t channels = 0; ///< of theirs, together
};

/// The server has not answered yet whether it opens a channel for a command under this lease. Told after
/// `channel_late_after`, or the cluster's `probe_timeout` if that is shorter, and again as often while it
/// lasts.
struct channel_late {
  connection_id connection;
  lease_id lease;
  std::chrono::nanoseconds waited{0}; ///< since the command was to be sent
};

/// A busy login node opens a channel in a second; one that takes longer may be gone.
inline constexpr std::chrono::seconds channel_late_after{2};

/// Asks whether the connection of a lease is well.
struct probe_lease {
  std::string cluster;
  lease_id lease;
  /// In the pool's own way; else by a channel that opens and closes, whatever the pool's way is.
  bool as_pool = false;
};

/// A probe that passed.
struct probe_answer {
  std::chrono::nanoseconds rtt{0};
  std::string text; ///< what happened, for people: a channel that is refused is an answer, too
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_outcome& x) {
  return f(x.of, x.answered, x.ago, x.rtt);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_lease& x) {
  return f(x.cluster, x.lease, x.as_pool);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_answer& x) {
  return f(x.rtt, x.text);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_doubted& x) {
  return f(x.connection, x.silent, x.text, x.of);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_answered& x) {
  return f(x.connection, x.ran, x.of, x.rtt);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, channel_refused& x) {
  return f(x.connection, x.lease, x.carried, x.channels);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, channel_late& x) {
  return f(x.connection, x.lease, x.waited);
}

} // namespace moorage

#pragma GCC visibility pop
