// Every refusal that moorage gives on purpose, and what the one who meets it can do about it.
//
// An expected refusal is an `errc` with a text; it travels as `caf::error` between actors (make_error in
// messages/type_ids.hpp) and is thrown as `moorage::error` by the throwing forms of the embedding API. The
// text names the cluster, says what happened and what to do. Failures of the world (a network, a server) are
// values of another type, `ssh_error` in messages/ssh_error.hpp; a bug is neither and ends the pool it is in
// (see `internal`).
#pragma once

#include <cstdint>
#include <string>

#pragma GCC visibility push(default)

namespace moorage {

// clang-format off
/// Every refusal, one row each: its name, which logs, JSON and scripts see as well; the program's exit code for it, as
/// deploy/moorage/exit_codes.hpp names it; its words, for where it comes without a text; what it means and what to do. One more is
/// a row, and the place that refuses. Values travel between processes: append only, never renumber.
#define MOORAGE_ERRORS(row) \
  row(unknown_cluster, wrong_config, "no such cluster is registered", \
      "No cluster of that name is registered. Register it, or correct the name; the text lists those that exist.") \
  row(invalid_settings, wrong_config, "a setting was refused", \
      "A setting was refused. The text names the file, line, key and what is allowed. Nothing was changed.") \
  row(queue_full, refused, "the queue is full", \
      "The pool's queue is at queue_depth. Try again later, raise it, or raise pool_size.") \
  row(acquire_timeout, refused, "no lease was free in time", \
      "No lease was free by the deadline. The text says who held them; ask with more patience, or raise pool_size.") \
  row(cancelled, refused, "it was cancelled", \
      "The asker withdrew the request, or another order undid this one.") \
  row(auth_denied, refused, "the log-in was denied", \
      "The server denied the log-in; latched. Mend the key files, which is seen when somebody asks, or reset the pool. " \
      "Behind a jump host that one's pool may be meant, as by the next codes: the text names it.") \
  row(host_key_unknown, refused, "the server's host key is not known", \
      "The server's host key is not known; latched. The text has the key and the command that accepts it.") \
  row(host_key_changed, refused, "the server shows another host key than the known one", \
      "The server shows another host key than the known one; latched. Ask the site before you accept it.") \
  row(connect_failed, refused, "the cluster could not be reached", \
      "The cluster could not be reached. The text has the last failure; the pool tries again, backing off.") \
  row(local_failure, failed, "something on this machine is in the way", \
      "A cause on this machine, such as the descriptor limit, a file or a folder. The text names it.") \
  row(already_released, failed, "the lease was given back before", \
      "This lease was given back already. A bug of the holder, harmless.") \
  row(lease_ended, refused, "the lease had ended", \
      "This lease ended before it was given back: revoked, reclaimed, or its connection was lost. Acquire anew.") \
  row(unknown_lease, failed, "there is no such lease", \
      "This pool never granted such a lease.") \
  row(connection_lost, refused, "the connection was lost", \
      "The connection under the lease is gone. Acquire anew; an outcome says whether a command may have run.") \
  row(cluster_removed, refused, "the cluster was removed", \
      "The cluster was removed while the request waited or the lease was held.") \
  row(stopping, refused, "it is stopping", \
      "The runtime or node is stopping.") \
  row(internal, failed, "a bug in moorage: please report it", \
      "A bug in moorage ended the pool; a fresh one has taken its place. Report it with the logged text; try again.") \
  row(node_lost, no_node, "the node went away", \
      "The node behind runtime::connect went away. What ran on it may have run. A runtime that comes back by itself tries " \
      "again until it is there; else connect again.") \
  row(no_node, no_node, "no node listens there", \
      "No node listens on that socket. Start one with moorage serve, or work embedded.") \
  row(node_running, no_node, "a node listens there already", \
      "A node already listens on that socket. Use it, stop it, or serve on another path.") \
  row(would_block_scheduler, failed, "a call that waits was made where none may wait", \
      "A blocking call was made on a thread of CAF's scheduler. Use the future, callback or message form there.") \
  row(exec_refused, refused, "the server refused to start the command", \
      "The server refused to open a channel, though nothing else ran on the connection, or to start the command; or a jump " \
      "host on the way forbids forwarding, which refuses an acquire.") \
  row(unknown_connection, failed, "there is no such connection", \
      "No such connection in this pool.") \
  row(invalid_request, failed, "the request makes no sense", \
      "The request itself makes no sense. The text says what is wrong with it.") \
  row(command_timeout, refused, "the command took too long", \
      "The command took longer than its timeout and was given up. It may still run there, unless it was never sent; raise " \
      "the timeout.") \
  row(host_key_revoked, refused, "the server's host key is revoked", \
      "A known_hosts file says that the server's key is revoked (@revoked); latched. Tell the site.") \
  row(known_hosts_unreadable, refused, "a file of known host keys cannot be read whole", \
      "A known_hosts file could not be read whole, so the server's key cannot be judged; latched. The text says which and why.") \
  row(too_many_requests, refused, "too many requests wait for answers", \
      "This application has as many requests outstanding as it may; the text has the number. Wait for answers first.") \
  row(receiver_gone, refused, "what was asked had ended", \
      "The actor that was asked, or that was to receive, is gone. A request to it was never read: nothing was done.") \
  row(request_timeout, refused, "no answer came in the asker's own time", \
      "The asker's own time-out for the request ended before an answer came.") \
  row(no_reply, refused, "the server did not answer", \
      "The server did not answer a request of ours within reply_timeout, or a probe within probe_timeout.") \
  row(disconnected, refused, "an administrator disconnected the cluster", \
      "An administrator disconnected the cluster while the request waited or the lease was held. Ask again.") \
  row(channel_refused, refused, "the connection had no channel for the command", \
      "The server refused to open another channel on the connection, and the command was never sent. Other connections were " \
      "tried where the client or run_once could. Wait for commands that run there, or lower channels_per_connection.") \
  row(no_credentials, refused, "there was nothing to log in with", \
      "There was nothing to log in with: no key, agent or password that could be offered. The text says what was missing; mend " \
      "that and ask again.") \
  row(drained, refused, "an administrator drained the cluster", \
      "An administrator drained the cluster: nobody is served, and leases end, until it is resumed. Ask again then.") \
  row(suspended, refused, "an administrator suspended the cluster", \
      "An administrator suspended the cluster: whoever comes is refused until it is resumed. Ask again then.") \
  row(overloaded, refused, "the pool is overloaded", \
      "Every wait has been longer than overload_target for overload_interval, and the request named no patience. The text says " \
      "how long, and who holds the leases; name a patience, try later, or raise pool_size.") \
  row(channel_late, refused, "the connection had no channel for the command in time", \
      "The server did not open a channel on the connection in time, and the command was never sent. Other connections were " \
      "tried where the client or run_once could. The host hangs, or is too busy: try later.") \
  row(not_permitted, refused, "it is not permitted", \
      "The node does not permit it to this client. The text says which right on which cluster is missing; the node's own " \
      "configuration gives it ([[access]]). To ask again changes nothing.") \
  row(other_version, failed, "the node is of another version and does not know the request", \
      "The node behind runtime::connect is of another version of moorage, and has no such request, or another of that name. The " \
      "text says which of the two is older. Nothing was sent; what both have works.") \
  row(elsewhere, refused, "the cluster is on another node", \
      "The cluster's pool is on another of the site's nodes, which the text names. A runtime that can reach that one goes there by " \
      "itself: give it the certificate, key and authority of TLS; else ask that node.") \
  row(unknown_machine, wrong_config, "the cluster has no such machine", \
      "The cluster has no machine of that name. The text lists those that it has (hosts, or its name's addresses).")

#define MOORAGE_ERROR(name, exit, words, meaning) name,
enum class errc : std::uint8_t {
  none = 0,
  MOORAGE_ERRORS(MOORAGE_ERROR)
  count_ // not an error: the number of values
};
// clang-format on
#undef MOORAGE_ERROR

/// The value's name as it is spelt above, for logs, JSON and scripts.
std::string to_string(errc code);

/// One connection had no channel for a command, which was never sent: another one may have.
constexpr bool lacks_channel(errc code) {
  return code == errc::channel_refused || code == errc::channel_late;
}

/// A refusal as a plain value, where CAF's error may not go.
struct failure {
  errc code = errc::none;
  std::string text = {};

  friend bool operator==(const failure&, const failure&) = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, failure& x) {
  return f(x.code, x.text);
}

} // namespace moorage

#pragma GCC visibility pop
