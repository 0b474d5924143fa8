// Machines: what a cluster's name stands for. Each has a name of its own, the one in `hosts`, or its address
// in digits where `host` is looked up; where the way to it is a jump or a proxy command it is the host's
// name.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/errors.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// Of a name server's answers so many machines are known at most, besides those that have connections.
constexpr std::size_t machines_max = 64;

/// Where a connection is to be opened; from a pool to its connection.
struct machine_choice {
  std::string only = {}; ///< on this one and nowhere else; empty: on any
  /// In this order; then those that are not named here, as the settings or the look-up have them.
  std::vector<std::string> first = {};
  std::vector<std::string> last = {};  ///< these failed lately: when no other is left
  std::vector<std::string> never = {}; ///< their host keys are not trusted

  bool empty() const { return only.empty() && first.empty() && last.empty() && never.empty(); }
  friend bool operator==(const machine_choice&, const machine_choice&) = default;
};

enum class machine_finding : std::uint8_t {
  listed, ///< the name stands for it, too
  failed, ///< it could not be reached, or did not let us in
  refused ///< its host key is not trusted
};

/// What an opening found out about one machine.
struct machine_seen {
  std::string machine;
  machine_finding found = machine_finding::listed;
  std::string text = {};  ///< for people: why
  errc code = errc::none; ///< what is said to who asks for one whose host key is not trusted

  friend bool operator==(const machine_seen&, const machine_seen&) = default;
};

/// How one of a pool's machines does, for people and programs.
struct machine_status {
  std::string machine;
  std::uint32_t connections = 0; ///< those that are being opened there, too
  std::uint32_t failures = 0;    ///< in a row
  /// Until new connections are opened there again, where another machine does; 0: they are.
  std::chrono::nanoseconds avoided_for{0};
  bool distrusted = false; ///< its host key; no connection is opened there
  std::string trouble;     ///< the last failure; empty: it let us in, or was not tried
  std::string host_key;    ///< that it showed last, by its kind and fingerprint
  std::chrono::nanoseconds last_use{
      0}; ///< since a connection there was opened or given back; negative: never
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, machine_choice& x) {
  return f(x.only, x.first, x.last, x.never);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, machine_seen& x) {
  return f(x.machine, x.found, x.text, x.code);
}
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, machine_status& x) {
  return f(x.machine, x.connections, x.failures, x.avoided_for, x.distrusted, x.trouble, x.host_key,
           x.last_use);
}

} // namespace moorage

#pragma GCC visibility pop
