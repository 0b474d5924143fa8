// What passes between a pool and its connections and probes, from a connection's opening to its end. Each is
// a message and, the same value, an event or an effect of the pool's core: one happening has one name. The
// evidence of a peer's life is in messages/evidence.hpp.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "messages/errors.hpp"
#include "messages/ids.hpp"
#include "messages/key_account.hpp"
#include "messages/machines.hpp"
#include "messages/settings.hpp"
#include "messages/ssh_error.hpp"
#include "messages/status.hpp"

#pragma GCC visibility push(default)

namespace moorage {

// --- what a connection tells

/// The certificate that a server let us in with.
struct certificate_used {
  std::string name;       ///< its file, or where else it was had from; empty: there was none
  std::string principals; ///< whom it names, for people
  std::string until;      ///< for people; with the name it tells this certificate from the next
  std::chrono::nanoseconds left =
      std::chrono::nanoseconds::max(); ///< until then, as of now; max(): it has no end
  std::chrono::nanoseconds life = std::chrono::nanoseconds::max(); ///< from its beginning to its end

  friend bool operator==(const certificate_used&, const certificate_used&) = default;
};

/// What the files that a log-in uses were like just before they were read: texts to be compared. Empty:
/// unknown.
struct files_used {
  std::string credentials; ///< key files, public ones and certificates; behind a newline an agent's keys
  std::string host_keys;   ///< known_hosts files

  friend bool operator==(const files_used&, const files_used&) = default;
};

struct connection_opened {
  connection_id connection;
  std::vector<opening_step> steps = {};
  std::vector<std::string> warnings = {}; ///< for people; each becomes an event
  std::string banner = {};                ///< of the server, when it let us in
  certificate_used certificate = {};
  std::vector<key_considered> keys = {}; ///< in the order in which they were
  std::string machine = {};              ///< that it is on; empty: unknown
  std::string host_key = {};             ///< that the machine showed, by its kind and fingerprint
  std::vector<machine_seen> machines = {};
  files_used files = {};
};

/// Its opening waits for a person, who has something to do, or does so no more.
struct connection_waits {
  connection_id connection;
  std::string for_what;              ///< "a touch (…)"; empty: it waits no more
  std::chrono::nanoseconds lasts{0}; ///< at most, from now on
};

/// From the pool of a jump host to a connection that waits there to be carried: what it waits for is a person
/// itself, or is not any more.
struct carrier_waits {
  std::string for_what;              ///< "a touch (…) at the jump host 'gate'"; empty: it waits no more
  std::chrono::nanoseconds lasts{0}; ///< at most, from now on
};

/// From the pool of a jump host to a connection that waits there to be carried: why it waits, when nobody is
/// waited for.
struct carrier_hindered {
  std::string why; ///< "its log-in is not done (try 2 of 3, last failure: …)"; empty: it is not, any more
  bool failed = false; ///< something has failed there; else it is paused or busy, or in its first try
};

/// From a connection that is not open yet to its own pool: the same, or what it waits for itself, such as a
/// server that says nothing. Half a second and more after it began, and whenever that changes.
struct connection_hindered {
  connection_id connection;
  std::string why;
  bool failed = false;
  /// Those that its try has made, and last the one under way, with its time until now and no text.
  std::vector<opening_step> steps = {};
};

/// One try to open has failed; the connection's actor has released everything and ended.
struct connection_failed {
  connection_id connection;
  ssh_error error;
  std::vector<opening_step> steps = {};
  std::vector<std::string> warnings = {};
  files_used files = {}; ///< whoever mends one that this try found wrong, changes it after that
  std::vector<key_considered> keys = {};
  std::vector<machine_seen> machines = {};
};

/// The connection is gone, and no `connection_closed` follows: an open one broke, or its actor ended (in any
/// state).
struct connection_lost {
  connection_id connection;
  ssh_error error;
};

/// The answer to `close_connection`.
struct connection_closed {
  connection_id connection;
};

/// The answer to an `end_lease` that asks: nothing runs under it any more; `was_running`: a command was cut
/// off and not seen to end.
struct lease_cleared {
  connection_id connection;
  lease_id lease;
  bool was_running = false;
};

/// A connection of another cluster that it carried is carried no more, or could not be.
struct carriage_ended {
  connection_id connection;
  request_id carriage;
};

// --- what a probe tells

struct probe_passed {
  probe_id probe;
  connection_id connection;
  std::chrono::nanoseconds rtt{0};
};

struct probe_failed {
  probe_id probe;
  connection_id connection;
  std::string text;
};

// --- what a connection is told

/// Close it, whatever it is doing; `connection_closed` must follow (for one that is opening, too).
struct close_connection {
  connection_id connection;
  removal_reason reason = removal_reason::none;
};

/// From now on the connection must refuse work under this lease, and end what runs. `ask`: it must answer
/// `lease_cleared`.
struct end_lease {
  connection_id connection;
  lease_id lease;
  bool ask = false;
  failure reason = {}; ///< why it ended, for whoever still works under it
};

/// What waits for a channel under this lease is not to wait for it any more: it was never sent, for this
/// reason. A channel that is opened late is closed.
struct give_up_channel {
  connection_id connection;
  lease_id lease;
  failure reason = {};
};

/// How each connection is probed from now on: its pool alone supplies the command, which runs without a
/// lease.
struct change_probes {
  probe_method method = probe_method::channel;
  std::string command;
  /// After which the command is given up, and a peer that owes an answer counts as silent.
  std::chrono::milliseconds timeout{0};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_opened& x) {
  return f(x.connection, x.steps, x.warnings, x.banner, x.certificate, x.keys, x.machine, x.host_key,
           x.machines, x.files);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, certificate_used& x) {
  return f(x.name, x.principals, x.until, x.left, x.life);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_waits& x) {
  return f(x.connection, x.for_what, x.lasts);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, carrier_waits& x) {
  return f(x.for_what, x.lasts);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, carrier_hindered& x) {
  return f(x.why, x.failed);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_hindered& x) {
  return f(x.connection, x.why, x.failed, x.steps);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, files_used& x) {
  return f(x.credentials, x.host_keys);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_failed& x) {
  return f(x.connection, x.error, x.steps, x.warnings, x.files, x.keys, x.machines);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_lost& x) {
  return f(x.connection, x.error);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, connection_closed& x) {
  return f(x.connection);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, lease_cleared& x) {
  return f(x.connection, x.lease, x.was_running);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, carriage_ended& x) {
  return f(x.connection, x.carriage);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_passed& x) {
  return f(x.probe, x.connection, x.rtt);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, probe_failed& x) {
  return f(x.probe, x.connection, x.text);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, close_connection& x) {
  return f(x.connection, x.reason);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, end_lease& x) {
  return f(x.connection, x.lease, x.ask, x.reason);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, give_up_channel& x) {
  return f(x.connection, x.lease, x.reason);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, change_probes& x) {
  return f(x.method, x.command, x.timeout);
}

} // namespace moorage

#pragma GCC visibility pop
