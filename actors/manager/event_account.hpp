// The one account of a subscriber that hears every pool. It stands between them and the subscriber: the pools
// tell it all, and it passes on what the credit allows. Without it each pool would give the whole credit, and
// a credit that is divided among pools lies idle with those that have nothing to tell.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/manager/event_credit.hpp"
#include "messages/internal_interfaces.hpp"

namespace moorage {

using event_account_actor = subscriber_actor::extend<
    // From the manager, whichever pool the grant names.
    caf::reacts_to<grant_event_credit_for>,
    // From the manager: what came before is passed on, then it ends.
    caf::reacts_to<stop_all>>;

class event_account_state {
public:
  static inline const char* name = "moorage.event_account";

  caf::strong_actor_ptr subscriber;
  event_credit credit;
};

event_account_actor::behavior_type
event_account(event_account_actor::stateful_pointer<event_account_state> self,
              caf::strong_actor_ptr subscriber, std::uint32_t credit);

} // namespace moorage
