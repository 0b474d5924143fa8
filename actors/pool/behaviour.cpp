// Which message becomes which call: the pool's table of contents.
#include <caf/all.hpp>

#include "actors/composure.hpp"
#include "actors/pool/shell.hpp"

namespace moorage {

namespace {

/// Apart from the actor's function, and of the state alone: the interface's type is in the name of each
/// lambda of a function that takes the actor, and those names were a tenth of the library.
pool_actor::behavior_type behaviour_of(pool_actor_state* state) {
  auto self = state->self();
  auto answer = [self, state](auto event) {
    auto promise = self->make_response_promise<done>();
    state->request(std::move(event), promise);
    return promise;
  };
#define MOORAGE_TAKE(type)                                                                                   \
  [answer, state](const type& order, const order_sender& sender) {                                           \
    return answer(ordered<type>{{}, order, state->whose(order, sender)});                                    \
  }
  return {
      [state](const get_pool&) { return state->status(); },
      [self, state](const get_connections&) {
        return connection_list{state->core().connections(self->clock().now())};
      },
      [self, state](const get_leases&) { return lease_list{state->core().leases(self->clock().now())}; },
      [self, state](const get_waiters&) { return waiter_list{state->core().waiters(self->clock().now())}; },
      [self, state](const get_explanation&) { return state->core().explain(self->clock().now()); },
      [state](const get_errors&) { return state->errors(); },
      MOORAGE_ORDERS(MOORAGE_TAKE, MOORAGE_COMMA),
      [state](const subscribe_for& request) {
        state->subscribe_to_events(request);
        return done{};
      },
      [state](const grant_event_credit_for& request) { state->credit_events(request); },
      [state](const end_subscriptions& order) {
        state->end_subscriptions_of(caf::actor_cast<caf::actor_addr>(order.subscriber));
      },
      [state](acquire_for& request) { state->take(request); },
      [state](passed_acquire& passed) { state->take(passed); },
      [state](const cancel_acquire_for& request) { state->take(request); },
      [state](const confirm_lease& confirm) { state->step(lease_confirmed{confirm.lease}); },
      [self, state](const release_lease_for& request) {
        auto promise = self->make_response_promise<done>();
        state->take(request, promise);
        return promise;
      },
      [answer](const register_cluster& request) {
        return answer(settings_changed{{}, request.settings, true, request.by});
      },
      [answer](const remove_cluster& request) {
        return answer(stop_requested{{}, true, request.by});
      },
      [answer](const stop_all&) { return answer(stop_requested{}); },
      [state](const turns_replaced& order) { state->take(order); },
      [state](const permits_replaced& order) { state->take(order); },
      [state](const permit_given& given) { state->step(given); },
      [state](permit_delayed& delay) { state->step(std::move(delay)); },
      [state](connection_opened& report) { state->take(report); },
      [state](connection_failed& report) { state->take(report); },
      [state](connection_lost& report) { state->take(report); },
      [state](const connection_closed& report) { state->take(report); },
      [state](carry_for& request) { state->take(request); },
      [state](const carriage_ended& report) { state->step(report); },
      [state](const lease_cleared& report) { state->step(report); },
      [state](const probe_passed& report) { state->step(report); },
      [state](probe_failed& report) { state->step(std::move(report)); },
      [state](connection_doubted& doubt) { state->step(std::move(doubt)); },
      [state](const connection_answered& answer) { state->step(answer); },
      [state](const channel_refused& refusal) { state->step(refusal); },
      [state](const channel_late& late) { state->step(late); },
      [state](connection_waits& wait) { state->step(std::move(wait)); },
      [state](connection_hindered& told) { state->step(std::move(told)); },
      [state](const wake_up& wake) { state->take(wake); },
  };
#undef MOORAGE_TAKE
}

} // namespace

pool_actor::behavior_type pool(pool_actor::stateful_pointer<pool_actor_state> self, cluster_settings settings,
                               pool_world world) {
  auto state = &self->state; // lives as long as the behaviour
  keep_composure(self);
  self->set_down_handler([state](const caf::down_msg& down) { state->take(down); });
  state->begin(std::move(settings), std::move(world));
  return behaviour_of(state);
}

} // namespace moorage
