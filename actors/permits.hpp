// Leave to log in: who may, over all pools, and when. What a site counts is shared by all clusters on the
// same host and port, and what this process may do at once by all pools; so one actor gives permits, by the
// book (actors/manager/policies/).
//
// A pool asks and goes on with its work; it never waits here with an acquire in its hand. A pool that ends
// leaves its permits.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <optional>
#include <unordered_map>

#include "actors/manager/policies/permit_book.hpp"
#include "messages/internal_interfaces.hpp"

namespace moorage {

class permits_actor_state {
public:
  static inline const char* name = "moorage.permits";

  explicit permits_actor_state(permits_actor::stateful_pointer<permits_actor_state> self) : self_(self) {}

  void begin(std::uint32_t at_once, std::uint64_t seed, bool replaces);
  void ask(const permit_request& request);
  void take_back(const return_permit& what);
  void end(const caf::actor_addr& pool);
  site_budget budget(const get_budget& of) const;
  void join(const join_budget& what);
  void wake(const wake_up& wake);

private:
  void settle();

  permits_actor::stateful_pointer<permits_actor_state> self_;
  std::optional<permit_book> book_;
  std::unordered_map<caf::actor_addr, permit_book::pool_number> numbers_;
  std::unordered_map<permit_book::pool_number, pool_actor> pools_;
  permit_book::pool_number pools_seen_ = 0;
  time_point timer_due_ = time_point::max();
  std::uint64_t timer_generation_ = 0;
};

/// `at_once`: permits in use at most, over all pools; 0: no limit. `replaces`: another had its place, and
/// what it had given is not known.
permits_actor::behavior_type permits(permits_actor::stateful_pointer<permits_actor_state> self,
                                     std::uint32_t at_once, std::uint64_t seed, bool replaces);

} // namespace moorage
