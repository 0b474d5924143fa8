// Runs and streams: work under a lease. Both are named by their asker: the lease, by its cluster and its id,
// and a number of the asker's own. Who sends is who is answered.
#pragma once

#include <cstdint>
#include <string>

#include "messages/exec.hpp"
#include "messages/ids.hpp"
#include "messages/leases.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// Runs a command and collects its output up to `output_max`. One message to the sender answers it, under the
/// sender's own number: `run_ended`, also when the link is lost. (Not CAF's response to a request, for the
/// reason that `acquire` has.) What its connection had not read when it ended was `never_sent`.
struct run_command {
  std::string cluster;
  lease_id lease;
  std::uint64_t call = 0; ///< differs from that of whatever else the sender still runs
  exec_request what;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, run_command& x) {
  return f(x.cluster, x.lease, x.call, x.what);
}

struct run_ended {
  std::uint64_t call = 0;
  exec_result result;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, run_ended& x) {
  return f(x.call, x.result);
}

/// Acquires a lease, runs a command under it and gives the lease back. One `run_ended` answers it, under the
/// acquire's number, which differs from that of whatever else the sender still runs. What cannot have a lease
/// is `never_sent`, for the reason that an `acquire_refused` would give; what was never sent because its
/// connection had ended goes to another connection, once, within the patience. It is ended early by a
/// `cancel_command` that names no lease.
struct run_once {
  acquire from = {};
  exec_request what = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, run_once& x) {
  return f(x.from, x.what);
}

/// Ends a run or a stream early, as its time-out would: see `exec_request::timeout`.
struct cancel_command {
  std::string cluster;
  lease_id lease;
  std::uint64_t call = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cancel_command& x) {
  return f(x.cluster, x.lease, x.call);
}

/// Starts a command whose output goes to the sender, the stream's sink, as `stream_chunk`s within the credit,
/// ended by one `stream_end`, which is the only answer to one that cannot be started. Standard input stays
/// open until `end_stream_input`. The sink is monitored: a dead one cancels the stream.
struct open_stream {
  std::string cluster;
  lease_id lease;
  std::uint64_t call = 0; ///< as of `run_command`; comes back in every message to the sink
  exec_request what;
  std::uint64_t credit = 0; ///< bytes of output, both kinds together, that the sink can take
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, open_stream& x) {
  return f(x.cluster, x.lease, x.call, x.what, x.credit);
}

/// The same, and the lease ends with the command: it is given back before the `stream_end` is told, so that
/// nobody need ask for that and wait. The lease of a command that was `never_sent` stays.
struct open_last_stream {
  open_stream what = {};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, open_last_stream& x) {
  return f(x.what);
}

struct stream_chunk {
  std::uint64_t call = 0;
  output_kind kind = output_kind::output;
  std::string bytes;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stream_chunk& x) {
  return f(x.call, x.kind, x.bytes);
}

/// The peer took so many bytes of input: as many more may be sent. The first one gives the initial room.
struct stream_room {
  std::uint64_t call = 0;
  std::uint64_t bytes = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stream_room& x) {
  return f(x.call, x.bytes);
}

struct stream_end {
  std::uint64_t call = 0;
  outcome ended;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stream_end& x) {
  return f(x.call, x.ended);
}

struct grant_stream_credit {
  std::string cluster;
  lease_id lease;
  std::uint64_t call = 0;
  std::uint64_t bytes = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, grant_stream_credit& x) {
  return f(x.cluster, x.lease, x.call, x.bytes);
}

/// So many bytes of streams' output have arrived in the sender's process since it last said so, of all its
/// streams together and in the order in which they came, read or not. From the first of these on (0 bytes)
/// what is under way to the sender is bounded for the streams that it opens later, all of them together, and
/// shared among them: who does not go on saying what arrives gets no more. At the latest from 8 KiB on it is
/// to be said, soon.
struct took_stream_output {
  std::uint64_t bytes = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, took_stream_output& x) {
  return f(x.bytes);
}

/// Standard input. More than the room given is refused by cancelling the stream.
struct send_stream_input {
  std::string cluster;
  lease_id lease;
  std::uint64_t call = 0;
  std::string bytes;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, send_stream_input& x) {
  return f(x.cluster, x.lease, x.call, x.bytes);
}

struct end_stream_input {
  std::string cluster;
  lease_id lease;
  std::uint64_t call = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, end_stream_input& x) {
  return f(x.cluster, x.lease, x.call);
}

} // namespace moorage

#pragma GCC visibility pop
