// What a connection tells its pool while it opens: what it waits for, and that it is open.
#include "actors/connection/connection.hpp"

#include <caf/all.hpp>

#include <utility>

#include "actors/durations.hpp"

namespace moorage {

void connection_actor_state::fold(transport_opened& event) {
  if (now_in != phase::opening)
    return;
  now_in = phase::open;
  caf::anon_send(
      pool, connection_opened{id, std::move(event.steps), std::move(event.warnings), std::move(event.banner),
                              std::move(event.certificate), std::move(event.keys), std::move(event.machine),
                              std::move(event.host_key), std::move(event.machines), std::move(event.files)});
}

void connection_actor_state::fold(opening_waits& event) {
  if (now_in == phase::opening)
    caf::anon_send(pool, connection_waits{id, std::move(event.for_what), event.lasts});
}

/// Whoever waits behind it is told by its own pool.
void connection_actor_state::take(carrier_hindered& told) {
  if (now_in != phase::opening)
    return;
  carrier_ = std::move(told);
  awaited_.clear(); // it was of before
  tell_hindrance();
}

/// What its jump says, or else what the server keeps it waiting with. Openings that take no longer than they
/// do are nobody's business; of the others the steps are told as well.
void connection_actor_state::watch_opening(time_point now) {
  if (now_in != phase::opening || now < hindrance_due_)
    return;
  const bool begins = hindrance_due_ == time_point{};
  hindrance_due_ = after(now, hindrances_told_every);
  if (begins)
    return;
  awaited_ = link->awaited();
  tell_hindrance();
}

void connection_actor_state::tell_hindrance() {
  carrier_hindered now{carrier_.why.empty() ? awaited_ : carrier_.why, carrier_.failed};
  auto steps = link->steps(self->clock().now());
  auto told = std::to_string(steps.size()) + (steps.size() > 1 ? " " + steps[steps.size() - 2].text : "");
  if (now.why == hindered_.why && now.failed == hindered_.failed && told == steps_told_)
    return;
  hindered_ = now;
  steps_told_ = std::move(told);
  caf::anon_send(pool, connection_hindered{id, std::move(now.why), now.failed, std::move(steps)});
}

} // namespace moorage
