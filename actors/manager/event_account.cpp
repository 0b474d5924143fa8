#include "actors/manager/event_account.hpp"

#include <caf/all.hpp>

#include "actors/composure.hpp"

namespace moorage {

event_account_actor::behavior_type
event_account(event_account_actor::stateful_pointer<event_account_state> self,
              caf::strong_actor_ptr subscriber, std::uint32_t credit) {
  auto state = &self->state; // lives as long as the behaviour
  keep_composure(self);
  state->subscriber = std::move(subscriber);
  state->credit.add(credit);
  return {
      [state](event_record& record) {
        if (state->credit.spend(record.missed))
          caf::anon_send(caf::actor_cast<caf::actor>(state->subscriber), std::move(record));
      },
      [state](const grant_event_credit_for& more) { state->credit.add(more.credit); },
      [self](const stop_all&) { self->quit(); },
  };
}

} // namespace moorage
