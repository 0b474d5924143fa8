// Connections of other clusters that this pool's carry, as their jump: how they come here, and go on to one
// of its connections. And ours, that another pool is to carry.
#include <caf/all.hpp>

#include "actors/carriage.hpp"
#include "actors/pool/shell.hpp"

namespace moorage {

void pool_actor_state::take(carry_for& request) {
  if (!request.what)
    return;
  if (request.cluster != settings().name) { // one of our own connections asks
    if (!manager_)
      return request.what->end({errc::unknown_cluster, "there is no cluster '" + request.cluster + "' here"});
    return caf::anon_send(manager_, std::move(request));
  }
  if (!request.holder)
    return;
  auto now = self_->clock().now();
  auto holder = holder_of(request.holder);
  request_id id{++requests_};
  acquire_requested event{id, holder, now + request.patience, std::move(request.label)};
  event.carries = true;
  askers_.emplace(id, asker{holder, 0, request.holder, std::make_shared<carry_for>(std::move(request))});
  step(std::move(event));
}

void pool_actor_state::apply(const tell_of_wait& effect) {
  if (auto found = askers_.find(effect.request); found != askers_.end())
    tell(found->second.holder, carrier_waits{effect.for_what, effect.lasts});
}

void pool_actor_state::apply(const tell_of_hindrance& effect) {
  if (auto found = askers_.find(effect.request); found != askers_.end())
    tell(found->second.holder, carrier_hindered{effect.why, effect.failed});
}

void pool_actor_state::apply(const begin_carriage& effect) {
  auto found = askers_.find(effect.request);
  if (found == askers_.end())
    return;
  auto who = forget(found);
  auto& wanted = *who.carried;
  caf::anon_send(connections_.at(effect.connection), carry_connection{effect.request, std::move(wanted.host),
                                                                      wanted.port, std::move(wanted.what)});
}

} // namespace moorage
