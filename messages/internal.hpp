// What our own actors say to each other; holders say one of these, too: `probe_request`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/evidence.hpp"
#include "messages/ids.hpp"
#include "messages/leases.hpp"
#include "messages/settings.hpp"
#include "messages/ssh_error.hpp"

namespace moorage {

/// From the manager to a pool, which says that it has read it: what a pool had not read when it ended is asked again.
struct passed_acquire {
  std::uint64_t number = 0;
  acquire request;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, passed_acquire& x) {
  return f(x.number, x.request);
}

struct acquire_taken {
  std::uint64_t number = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, acquire_taken& x) {
  return f(x.number);
}

struct begin_lease {
  lease_id lease;
  /// What is collected of a command that does not say it: the cluster's setting of now.
  std::size_t output_max = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, begin_lease& x) {
  return f(x.lease, x.output_max);
}

/// Refuse further work under the lease and end what runs; `ask`: answer the pool with `lease_cleared`.
struct fence_lease {
  lease_id lease;
  bool ask = false;
  failure reason; ///< why it ended, for whoever still works under it
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, fence_lease& x) {
  return f(x.lease, x.ask, x.reason);
}

struct lease_cleared {
  connection_id connection;
  lease_id lease;
  bool was_running = false;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_cleared& x) {
  return f(x.connection, x.lease, x.was_running);
}

/// Good-bye to the peer, `link_closed` to the pool, end.
struct close_link {};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, close_link&) {
  return f();
}

/// No error: it is open.
struct opening_ended {
  connection_id connection;
  ssh_error error;
  std::vector<opening_step> steps;
  std::vector<std::string> warnings; ///< for people; each becomes an event
  std::string banner;                ///< of the server, when it let us in
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, opening_ended& x) {
  return f(x.connection, x.error, x.steps, x.warnings, x.banner);
}

struct link_lost {
  connection_id connection;
  ssh_error error;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, link_lost& x) {
  return f(x.connection, x.error);
}

struct link_closed {
  connection_id connection;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, link_closed& x) {
  return f(x.connection);
}

/// How the connection is probed from now on: its pool alone supplies the command, which runs without a lease.
struct change_probes {
  probe_method method = probe_method::channel;
  std::string command;
  /// After which the command is given up, and a peer that owes an answer counts as silent.
  std::chrono::milliseconds timeout{0};
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, change_probes& x) {
  return f(x.method, x.command, x.timeout);
}

/// Asks whether the connection is well.
struct probe_request {
  /// In the pool's own way; else by a channel that opens and closes, whatever the pool's way is.
  bool as_pool = false;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_request& x) {
  return f(x.as_pool);
}

struct probe_report {
  probe_id probe;
  connection_id connection;
  bool passed = false;
  std::chrono::nanoseconds rtt{0};
  std::string text;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_report& x) {
  return f(x.probe, x.connection, x.passed, x.rtt, x.text);
}

/// The socket is ready, or the time that an actor set itself has come.
struct wake_up {
  std::uint64_t generation = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, wake_up& x) {
  return f(x.generation);
}

struct stop_all {};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, stop_all&) {
  return f();
}

} // namespace moorage
