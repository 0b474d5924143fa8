// What a pool knows of one of its connections, and where it stands in the pool's indexes. A part of the core
// (core.hpp), and of nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "actors/pool/ordered_index.hpp"
#include "actors/pool/policies/ageing.hpp"
#include "actors/pool/policies/channel_limit.hpp"
#include "actors/pool/policies/check_clock.hpp"
#include "actors/pool/policies/grant_order.hpp"
#include "actors/pool/policies/health.hpp"
#include "actors/pool/policies/history.hpp"
#include "actors/pool/protocol.hpp"

namespace moorage {

using grant_index = ordered_index<grant_rank>;
using id_index = ordered_index<connection_id>;
using stamp_index = ordered_index<std::pair<std::uint64_t, connection_id>>;
using time_index = ordered_index<std::pair<time_point, connection_id>>;

/// Under what a connection stands in each index; none: not in that one.
struct connection_keys {
  std::optional<grant_rank> grant, carry;
  std::optional<connection_id> opening, awaiting, outlived;
  std::optional<std::pair<std::uint64_t, connection_id>> idle;
  std::optional<std::pair<time_point, connection_id>> retry, timer, doubt, check;
};

/// One of a pool's connections, from the first try to open it until it is gone.
struct pool_connection {
  connection_id id;
  connection_state state = connection_state::opening;
  std::uint32_t attempt = 0;
  bool has_actor = false; ///< else it is between two tries, and waits for `retry_at` and then for a permit,
                          ///< or was given up there
  bool awaits_permit = false;
  permit_id permit; ///< of the try under way, until its end is known
  time_point tried; ///< when that began
  time_point retry_at;
  ssh_error last_error;      ///< of the opening's last try
  std::string machine;       ///< that it is on, or heads for; empty: unknown
  std::string asked_for;     ///< by whom it is opened: the machine that it must be on
  bool failed_there = false; ///< its last try, of that machine, which was booked as a failure of it
  std::string waits_for;     ///< what a person has to do for the opening to go on; empty: nothing
  time_point waits_until = time_point::min(); ///< at most
  std::string hindered;                       ///< what keeps it from being open; empty: nothing was said
  bool jump_failed = false;                   ///< something failed there, as was said with it
  std::vector<opening_step> steps;            ///< of its try, and last the one under way, as of `stepped_at`
  time_point stepped_at;
  bool condemned = false;
  removal_reason reason = removal_reason::lost; ///< why it is condemned or closing
  time_point began;                             ///< the opening; from then on when it was opened
  ageing age;
  time_point renew_at = time_point::max(); ///< by an administrator's order: condemned then
  std::vector<lease_id> leases;
  std::vector<lease_id>
      ending; ///< taken back; the slot stays in use until the connection says `lease_cleared`
  std::vector<request_id> carried; ///< connections of other clusters, by the request for each
  std::uint64_t leases_served = 0;
  std::uint64_t stamp = 0; ///< grows each time a connection becomes idle
  time_point idle_since;
  moorage::health health;
  check_clock checks;
  channel_limit channels;
  history past;
  bool probe_queued = false;
  bool silent_meanwhile = false; ///< while its probe was in flight
  bool checking = false;         ///< its probe is one of those that `probe_share` counts
  bool servable = false;         ///< as counted; like the places below kept by `refresh` alone
  bool hanging = false;          ///< as counted
  grant_index::place in_grants, in_carriers;
  id_index::place in_openings;
  id_index::place in_awaiting;
  stamp_index::place in_idle;
  id_index::place in_outlived;
  time_index::place in_timers;
  time_index::place in_retries;
  time_index::place in_doubts;
  time_index::place in_checks;

  /// Slots.
  std::uint32_t in_use() const { return static_cast<std::uint32_t>(leases.size() + ending.size()); }
  /// Somebody uses it: it is neither idle nor closed but for good reason.
  bool busy() const { return in_use() > 0 || !carried.empty(); }
  bool open() const { return state == connection_state::idle || state == connection_state::leased; }
  bool hangs() const { return open() && (health.is_late() || health.failures() > 0); }
  bool may_be_probed() const {
    return state == connection_state::idle || (open() && !condemned && health.in_question());
  }

  friend bool operator==(const pool_connection&, const pool_connection&) = default;
  /// All but what `refresh` alone keeps, which is a matter of the rest.
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, pool_connection& x) {
    return f(x.id, x.state, x.attempt, x.has_actor, x.awaits_permit, x.permit, x.tried, x.retry_at,
             x.last_error, x.machine, x.asked_for, x.failed_there, x.waits_for, x.waits_until, x.hindered,
             x.jump_failed, x.steps, x.stepped_at, x.condemned, x.reason, x.began, x.age, x.renew_at,
             x.leases, x.ending, x.carried, x.leases_served, x.stamp, x.idle_since, x.health, x.checks,
             x.channels, x.past, x.probe_queued, x.silent_meanwhile, x.checking);
  }
};

} // namespace moorage
