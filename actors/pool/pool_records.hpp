// What a pool writes down of its leases, permits and requests. A part of the core (core.hpp), and of nothing
// else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/pool/policies/waiter_queue.hpp"
#include "actors/pool/protocol.hpp"

namespace moorage {

struct pool_lease {
  connection_id connection;
  holder_id holder;
  std::string label;
  bool confirmed = false;
  time_point granted;
  bool unserved = false; ///< there was no channel for it, which is no use to anybody

  friend bool operator==(const pool_lease&, const pool_lease&) = default;
};

/// While there is one, nobody is served.
struct pool_pause {
  holder_id holder; ///< 0: nobody's
  std::string by;
  bool keep = false;
  time_point since;

  friend bool operator==(const pool_pause&, const pool_pause&) = default;
};

enum class lease_end : std::uint8_t { unknown, released, involuntary };
struct ended_lease {
  lease_id lease;
  holder_id holder;
  lease_end how = lease_end::unknown;
  std::string why; ///< for `involuntary`

  friend bool operator==(const ended_lease&, const ended_lease&) = default;
};

/// Acknowledged when no connection up to and including `last` is left.
struct pending_request {
  request_id request;
  connection_id last;
  bool drains = false; ///< and when no waiter is left; refused if the drain is undone

  friend bool operator==(const pending_request&, const pending_request&) = default;
};

struct permit_wish {
  permit_id permit;
  time_point ask_again;

  friend bool operator==(const permit_wish&, const permit_wish&) = default;
};
struct permit_delay {
  time_point until;
  std::string why; ///< empty: none

  friend bool operator==(const permit_delay&, const permit_delay&) = default;
};

/// Waiters up to `last` are being refused, from `next` on.
struct doom {
  enum class whom : std::uint8_t { all, impatient, of_machine, impatient_of_machine };

  failure reason;
  waiter_queue::ticket last = 0;
  whom which = whom::all; ///< `impatient`: but for those who wait for the cluster to be ready again
  waiter_queue::ticket next = 0;
  std::string machine = {}; ///< that they ask for

  friend bool operator==(const doom&, const doom&) = default;
};

/// How the openings that are under way compare with those that are needed.
struct openings_balance {
  std::size_t missing = 0; ///< are needed, and not under way
  std::size_t spare = 0;   ///< are under way for nobody
};

/// Why those who wait to be carried are not.
struct hindrance {
  std::string why = {}; ///< empty: nothing hinders
  bool failed = false;  ///< something has failed: not only a pause, fullness or a first try

  friend bool operator==(const hindrance&, const hindrance&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, hindrance& x) {
    return f(x.why, x.failed);
  }
};

/// Of a server's banner in an event, in bytes: those that were last are kept.
constexpr std::size_t banner_in_event_max = 16u << 10;
/// As the event of an opening has it; empty: the server said nothing.
std::string banner_in_words(const std::string& banner);

/// What people are to know of a log-in.
struct words_of_opening {
  connection_id connection = {};
  std::string banner = {};
  std::vector<std::string> warnings = {};

  friend bool operator==(const words_of_opening&, const words_of_opening&) = default;
};

} // namespace moorage
