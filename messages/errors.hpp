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

namespace moorage {

/// Values travel between processes: append only, never renumber.
enum class errc : std::uint8_t {
  none = 0,
  /// No cluster of that name is registered. Register it, or correct the name; the text lists those that
  /// exist.
  unknown_cluster,
  /// A setting was refused. The text names the file, line, key and what is allowed. Nothing was changed.
  invalid_settings,
  /// The pool's queue is at `queue_depth`. Try again later, raise it, or raise `pool_size`.
  queue_full,
  /// No lease was free by the deadline. The text says who held them; ask with more patience, or raise
  /// `pool_size`.
  acquire_timeout,
  /// The asker withdrew the request.
  cancelled,
  /// The server denied the log-in; latched. Mend the credentials, then change the settings or reset the pool.
  auth_denied,
  /// The server's host key is not known; latched. The text has the key and the command that accepts it.
  host_key_unknown,
  /// The server shows another host key than the known one; latched. Ask the site before you accept it.
  host_key_changed,
  /// The cluster could not be reached. The text has the last failure; the pool tries again, backing off.
  connect_failed,
  /// A cause on this machine, such as the descriptor limit, a file or a folder. The text names it.
  local_failure,
  /// This lease was given back already. A bug of the holder, harmless.
  already_released,
  /// This lease ended before it was given back: revoked, reclaimed, or its connection was lost. Acquire anew.
  lease_ended,
  /// This pool never granted such a lease.
  unknown_lease,
  /// The connection under the lease is gone. Acquire anew; an outcome says whether a command may have run.
  connection_lost,
  /// The cluster was removed while the request waited or the lease was held.
  cluster_removed,
  /// The runtime or node is stopping.
  stopping,
  /// A bug in moorage ended the pool; a fresh one has taken its place. Report it with the logged text; try
  /// again.
  internal,
  /// The node behind `runtime::connect` went away. What ran on it may have run; connect again.
  node_lost,
  /// No node listens on that socket. Start one with `moorage serve`, or work embedded.
  no_node,
  /// A node already listens on that socket. Use it, stop it, or serve on another path.
  node_running,
  /// A blocking call was made on a thread of CAF's scheduler. Use the future, callback or message form there.
  would_block_scheduler,
  /// The server refused to open a channel or to start the command.
  exec_refused,
  /// No such connection in this pool.
  unknown_connection,
  /// The request itself makes no sense. The text says what is wrong with it.
  invalid_request,
  /// The command took longer than its timeout and was given up. It may still run there; raise the timeout.
  command_timeout,
  /// A known_hosts file says that the server's key is revoked (@revoked); latched. Tell the site.
  host_key_revoked,
  /// A known_hosts file could not be read whole, so the server's key cannot be judged; latched. The text says which and why.
  known_hosts_unreadable,
  /// This application has as many requests outstanding as it may (200,000). Wait for answers first.
  too_many_requests,
  /// The actor that was asked, or that was to receive, is gone. A request to it was never read: nothing was done.
  receiver_gone,
  /// The asker's own time-out for the request ended before an answer came.
  request_timeout,
  /// The server did not answer a request of ours within `reply_timeout`.
  no_reply,
  /// An administrator disconnected the cluster while the request waited or the lease was held. Ask again.
  disconnected,
  /// There was nothing to log in with: no key, agent or password that could be offered. The text says what was missing;
  /// mend that and ask again.
  no_credentials,
  count_ // not an error: the number of values
};

/// The value's name as it is spelt above, for logs, JSON and scripts.
std::string to_string(errc code);

/// A refusal as a plain value, where CAF's error may not go.
struct failure {
  errc code = errc::none;
  std::string text;

  friend bool operator==(const failure&, const failure&) = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, failure& x) {
  return f(x.code, x.text);
}

} // namespace moorage
