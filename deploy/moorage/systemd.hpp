// What systemd and the service that it starts say to each other: sockets that are handed over
// (sd_listen_fds(3)), how the service fares (sd_notify(3)), and how often it is to show that it lives
// (sd_watchdog_enabled(3)). Each is a few variables or one datagram, so that its library is not needed. The
// variables stay: they name this process, which may become the other program (pools.hpp) and reads them anew,
// and they mean nothing to its children.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "runtime/result.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage::cli {

struct handed_sockets {
  unique_fd local;            ///< of the Unix domain
  std::vector<unique_fd> tcp; ///< in the order in which they came

  bool any() const { return local || !tcp.empty(); }
  /// They came open to what this process becomes, and are not for what it starts.
  void keep_from_children() const;
};

/// Told apart by their family, so that their order and names do not matter. An error names the descriptor and
/// says what to write in the unit.
result<handed_sockets> sockets_handed_over();

/// How often a service has to give a sign of life; 0: nobody waits for one. The error is for people: what was
/// said is no time, and so it is not known.
result<std::chrono::microseconds> watchdog_interval();

/// Whoever wants to know how this service fares.
class service_manager {
public:
  service_manager();

  bool there() const { return !address_.empty(); }
  /// One datagram, of lines such as "READY=1". Where nobody reads what is there already, the thread waits for
  /// `patience` at most. False: it did not go out, or nobody wants to know.
  bool tell(const std::string& state, std::chrono::milliseconds patience = std::chrono::seconds{1}) const;

private:
  std::string address_; ///< the path of a socket, or an abstract one's name behind a '\0'
};

} // namespace moorage::cli
