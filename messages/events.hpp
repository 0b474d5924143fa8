// What a pool tells those who subscribed to its life, as it happens.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/ids.hpp"
#include "messages/ssh_error.hpp"

namespace moorage {

struct event_record {
  std::string cluster;
  /// Wall-clock time since 1970, for people; nothing is decided by it.
  std::chrono::microseconds at{0};
  /// What happened, as `announcement` in actors/pool/protocol.hpp spells it: "opened", "probe_failed",
  /// "granted" …
  std::string what;
  connection_id connection; ///< 0: the event is about the pool
  lease_id lease;           ///< 0: none
  std::string text;
  std::vector<opening_step> steps; ///< of an opening that ended, well or not
  ssh_error error;                 ///< why an opening failed or a connection was lost; else kind `none`
  /// Events that this subscriber missed before this one, because it had granted no credit for them.
  std::uint64_t missed = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, event_record& x) {
  return f(x.cluster, x.at, x.what, x.connection, x.lease, x.text, x.steps, x.error, x.missed);
}

} // namespace moorage
