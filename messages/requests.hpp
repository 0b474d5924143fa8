// The messages that actors exchange, one struct each. Who takes which, and what answers: messages/interfaces.hpp.
#pragma once

#include <caf/actor_control_block.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/cluster.hpp"
#include "messages/errors.hpp"
#include "messages/evidence.hpp"
#include "messages/exec.hpp"
#include "messages/ids.hpp"
#include "messages/ssh_error.hpp"
#include "messages/status.hpp"

namespace moorage {

/// "It is done"; the text adds something for people, or nothing.
struct done {
  std::string text;
};

// --- leases

/// Patience that asks for the cluster's own `acquire_timeout`.
constexpr std::chrono::nanoseconds default_patience{-1};

/// Asks for a lease. One message to the holder answers it, under the holder's own number: `lease_grant`, or
/// `acquire_refused`, at the latest when the patience ends. (Not CAF's response to a request: CAF searches a
/// list of all that are outstanding for each, which with thousands of waiters slows everything that the asker does.)
/// The manager sees to it that a pool's end loses none that it passed on; who asks a pool directly monitors it, and
/// asks again what was not answered before it ended. What the manager itself had not read when it ended has no answer.
struct acquire {
  std::string cluster;
  /// Whose life the lease shares. It is monitored; it must confirm; it hears of the lease's end by
  /// `lease_lost`. None: the sender.
  caf::strong_actor_ptr holder;
  /// The holder's own number for this request: the answer carries it, and it cancels. While it waits, a second
  /// acquire under the same number is the same one, asked again. 0: cannot be cancelled.
  std::uint64_t call = 0;
  /// From the arrival at the pool; 0: now or not at all; `default_patience`: the cluster's `acquire_timeout`.
  std::chrono::nanoseconds patience = default_patience;
  /// Who this is, for people who wonder who holds the leases.
  std::string label;
  /// Rides out an outage: while the cluster cannot be reached for a cause that may pass, it stays in the queue and is
  /// told the last error at its deadline. Without it the waiters are told as soon as an opening is given up.
  bool wait_for_ready = false;
  /// What of the patience is used up: it waited in another pool of this cluster, which ended.
  std::chrono::nanoseconds waited{0};
};

/// Withdraws an acquire, which is then answered `cancelled`. One that was answered already is not touched, so a
/// holder that has a grant for it, or still gets one, gives it back.
struct cancel_acquire {
  std::string cluster;
  caf::strong_actor_ptr holder;
  std::uint64_t call = 0;
};

/// To the holder, in answer to `acquire`. Confirm to `pool` within 5 s, work with `connection`, then release to
/// `pool`.
struct lease_grant {
  std::string cluster;
  std::uint64_t call = 0;
  lease_id lease;
  connection_id connection_number;
  caf::strong_actor_ptr pool;       ///< a pool_actor
  caf::strong_actor_ptr connection; ///< a connection_actor
  /// What the server said to people (RFC 4252, section 5.4) in the log-in that this acquire waited for, fit to be
  /// printed, with its lines. Empty: nothing, or the connection was open already.
  std::string banner;
  /// Of the same log-in, for people, a line each: that its host key could not be written down, and what to do.
  std::vector<std::string> warnings;
};

/// To the holder, in answer to `acquire`: there is no lease.
struct acquire_refused {
  std::string cluster;
  std::uint64_t call = 0;
  failure reason;
};

struct confirm_lease {
  lease_id lease;
};
/// Gives it back. Without a holder the sender is taken for it.
struct release_lease {
  lease_id lease;
  caf::strong_actor_ptr holder;
};
/// To the holder: this lease ended without your doing; the connection refuses further work under it.
struct lease_lost {
  std::string cluster;
  lease_id lease;
  failure reason;
};

// --- work under a lease

/// Runs a command and collects its output up to `output_max`. One message to the sender answers it, under the
/// sender's own number: `run_ended`, also when the link is lost. (Not CAF's response to a request, for the reason that
/// `acquire` has.) Who has to know what becomes of an order that the connection had not read when it ended
/// monitors the connection: in one process, what has no answer before the `down_msg` was never sent.
struct run_command {
  lease_id lease;
  std::uint64_t call = 0; ///< differs from that of whatever else still runs under the lease
  exec_request what;
};
struct run_ended {
  std::uint64_t call = 0;
  exec_result result;
};
/// Ends a run or a stream early: the outcome is `maybe_ran` or `never_sent`.
struct cancel_command {
  lease_id lease;
  std::uint64_t call = 0;
};

/// Starts a command whose output goes to the sender, the stream's sink, as `stream_chunk`s within the credit, ended by
/// one `stream_end`, which is the only answer to one that cannot be started. Standard input stays open until
/// `end_stream_input`. The connection monitors the sink: a dead one cancels the stream.
struct open_stream {
  lease_id lease;
  std::uint64_t call = 0; ///< as of `run_command`; comes back in every message to the sink
  exec_request what;
  std::uint64_t credit = 0; ///< bytes of output, both kinds together, that the sink can take
};
struct stream_chunk {
  std::uint64_t call = 0;
  output_kind kind = output_kind::output;
  std::string bytes;
};
/// The peer took so many bytes of input: as many more may be sent. The first one gives the initial room.
struct stream_room {
  std::uint64_t call = 0;
  std::uint64_t bytes = 0;
};
struct stream_end {
  std::uint64_t call = 0;
  outcome ended;
};
struct grant_stream_credit {
  lease_id lease;
  std::uint64_t call = 0;
  std::uint64_t bytes = 0;
};
/// Standard input. More than the room given is refused by cancelling the stream.
struct send_stream_input {
  lease_id lease;
  std::uint64_t call = 0;
  std::string bytes;
};
struct end_stream_input {
  lease_id lease;
  std::uint64_t call = 0;
};

// --- clusters

/// Registers a cluster, or changes the settings of the one with this name; connections opened under other
/// transport settings are closed when their leases end.
struct register_cluster {
  cluster_settings settings;
};
/// Closes its connections, refuses its waiters `cluster_removed`, forgets it.
struct remove_cluster {
  std::string cluster;
};
struct list_clusters {};
struct cluster_list {
  std::vector<cluster_settings> clusters;
};

// --- administration

struct get_pools {};
struct pool_list {
  std::vector<pool_status> pools;
};
struct get_pool {
  std::string cluster;
};
struct get_connections {
  std::string cluster;
};
struct connection_list {
  std::vector<connection_status> connections;
};
struct get_leases {
  std::string cluster;
};
struct lease_list {
  std::vector<lease_status> leases;
};
struct get_waiters {
  std::string cluster;
};
struct waiter_list {
  std::vector<waiter_status> waiters;
};
/// No grants and no new openings until resumed; waiters queue, leases go on. Pausing twice is pausing once.
struct pause_pool {
  std::string cluster;
};
struct resume_pool {
  std::string cluster;
};
/// A health check now.
struct probe_pool {
  std::string cluster;
};
/// Closes this connection: at once if idle or opening, when its leases end otherwise.
struct evict_connection {
  std::string cluster;
  connection_id connection;
};
/// Ends a lease against its holder's will.
struct revoke_lease {
  std::string cluster;
  lease_id lease;
};
struct resize_pool {
  std::string cluster;
  std::uint32_t size = 0;
};
/// Forgets the latch, the back-off and the failures.
struct reset_pool {
  std::string cluster;
};
/// Closes every connection and refuses the waiters `disconnected`; the cluster stays registered.
struct disconnect_pool {
  std::string cluster;
};

/// Events of a cluster's pool (empty: of every pool, also those to come) as `event_record` messages, `credit`
/// of them at first; when the credit is used up events are counted as missed instead of queued. The credit is one account,
/// also for every pool. Who subscribes again adds to it, and is told each event once. 0xffffffff is without limit.
struct subscribe {
  std::string cluster;
  caf::strong_actor_ptr subscriber;
  std::uint32_t credit = 0;
};
/// More of it. `cluster`: as in the subscription; who hears every pool may name any.
struct grant_event_credit {
  std::string cluster;
  caf::strong_actor_ptr subscriber;
  std::uint32_t credit = 0;
};

// --- between our own actors

/// From the manager to a pool, which says that it has read it: what a pool had not read when it ended is asked again.
struct passed_acquire {
  std::uint64_t number = 0;
  acquire request;
};
struct acquire_taken {
  std::uint64_t number = 0;
};
struct begin_lease {
  lease_id lease;
  /// What is collected of a command that does not say it: the cluster's setting of now.
  std::size_t output_max = 0;
};
/// Refuse further work under the lease and end what runs; `ask`: answer the pool with `lease_cleared`.
struct fence_lease {
  lease_id lease;
  bool ask = false;
  std::string reason; ///< why it ended, for whoever still works under it
};
struct lease_cleared {
  connection_id connection;
  lease_id lease;
  bool was_running = false;
};
/// Good-bye to the peer, `link_closed` to the pool, end.
struct close_link {};
/// No error: it is open.
struct opening_ended {
  connection_id connection;
  ssh_error error;
  std::vector<opening_step> steps;
  std::vector<std::string> warnings; ///< for people; each becomes an event
  std::string banner;                ///< of the server, when it let us in
};
struct link_lost {
  connection_id connection;
  ssh_error error;
};
struct link_closed {
  connection_id connection;
};
/// How the connection is probed from now on: its pool alone supplies the command, which runs without a lease.
struct change_probes {
  probe_method method = probe_method::channel;
  std::string command;
  /// After which the command is given up, and a peer that owes an answer counts as silent.
  std::chrono::milliseconds timeout{0};
};
/// Asks whether the connection is well.
struct probe_request {
  /// In the pool's own way; else by a channel that opens and closes, whatever the pool's way is.
  bool as_pool = false;
};
struct probe_report {
  probe_id probe;
  connection_id connection;
  bool passed = false;
  std::chrono::nanoseconds rtt{0};
  std::string text;
};
/// The socket is ready, or the time that an actor set itself has come.
struct wake_up {
  std::uint64_t generation = 0;
};
struct stop_all {};

// --- inspection

#define MOORAGE_INSPECT(type, ...)                                                                           \
  template <class Inspector>                                                                                 \
  typename Inspector::result_type inspect(Inspector& f, type& x) {                                           \
    return f(__VA_ARGS__);                                                                                   \
  }

MOORAGE_INSPECT(done, x.text)
MOORAGE_INSPECT(acquire, x.cluster, x.holder, x.call, x.patience, x.label, x.wait_for_ready, x.waited)
MOORAGE_INSPECT(cancel_acquire, x.cluster, x.holder, x.call)
MOORAGE_INSPECT(lease_grant, x.cluster, x.call, x.lease, x.connection_number, x.pool, x.connection, x.banner,
                x.warnings)
MOORAGE_INSPECT(acquire_refused, x.cluster, x.call, x.reason)
MOORAGE_INSPECT(passed_acquire, x.number, x.request)
MOORAGE_INSPECT(acquire_taken, x.number)
MOORAGE_INSPECT(confirm_lease, x.lease)
MOORAGE_INSPECT(release_lease, x.lease, x.holder)
MOORAGE_INSPECT(lease_lost, x.cluster, x.lease, x.reason)
MOORAGE_INSPECT(run_command, x.lease, x.call, x.what)
MOORAGE_INSPECT(cancel_command, x.lease, x.call)
MOORAGE_INSPECT(run_ended, x.call, x.result)
MOORAGE_INSPECT(open_stream, x.lease, x.call, x.what, x.credit)
MOORAGE_INSPECT(stream_chunk, x.call, x.kind, x.bytes)
MOORAGE_INSPECT(stream_room, x.call, x.bytes)
MOORAGE_INSPECT(stream_end, x.call, x.ended)
MOORAGE_INSPECT(grant_stream_credit, x.lease, x.call, x.bytes)
MOORAGE_INSPECT(send_stream_input, x.lease, x.call, x.bytes)
MOORAGE_INSPECT(end_stream_input, x.lease, x.call)
MOORAGE_INSPECT(register_cluster, x.settings)
MOORAGE_INSPECT(remove_cluster, x.cluster)
MOORAGE_INSPECT(cluster_list, x.clusters)
MOORAGE_INSPECT(pool_list, x.pools)
MOORAGE_INSPECT(get_pool, x.cluster)
MOORAGE_INSPECT(get_connections, x.cluster)
MOORAGE_INSPECT(connection_list, x.connections)
MOORAGE_INSPECT(get_leases, x.cluster)
MOORAGE_INSPECT(lease_list, x.leases)
MOORAGE_INSPECT(get_waiters, x.cluster)
MOORAGE_INSPECT(waiter_list, x.waiters)
MOORAGE_INSPECT(pause_pool, x.cluster)
MOORAGE_INSPECT(resume_pool, x.cluster)
MOORAGE_INSPECT(probe_pool, x.cluster)
MOORAGE_INSPECT(evict_connection, x.cluster, x.connection)
MOORAGE_INSPECT(revoke_lease, x.cluster, x.lease)
MOORAGE_INSPECT(resize_pool, x.cluster, x.size)
MOORAGE_INSPECT(reset_pool, x.cluster)
MOORAGE_INSPECT(disconnect_pool, x.cluster)
MOORAGE_INSPECT(subscribe, x.cluster, x.subscriber, x.credit)
MOORAGE_INSPECT(grant_event_credit, x.cluster, x.subscriber, x.credit)
MOORAGE_INSPECT(begin_lease, x.lease, x.output_max)
MOORAGE_INSPECT(fence_lease, x.lease, x.ask, x.reason)
MOORAGE_INSPECT(lease_cleared, x.connection, x.lease, x.was_running)
MOORAGE_INSPECT(opening_ended, x.connection, x.error, x.steps, x.warnings, x.banner)
MOORAGE_INSPECT(link_lost, x.connection, x.error)
MOORAGE_INSPECT(link_closed, x.connection)
MOORAGE_INSPECT(change_probes, x.method, x.command, x.timeout)
MOORAGE_INSPECT(probe_request, x.as_pool)
MOORAGE_INSPECT(probe_report, x.probe, x.connection, x.passed, x.rtt, x.text)
MOORAGE_INSPECT(wake_up, x.generation)

#undef MOORAGE_INSPECT

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, list_clusters&) {
  return f();
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, get_pools&) {
  return f();
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, close_link&) {
  return f();
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stop_all&) {
  return f();
}

} // namespace moorage
