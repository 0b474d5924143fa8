// Which message becomes which call: the session's table of contents.
#include <caf/all.hpp>

#include "actors/composure.hpp"
#include "actors/session/session.hpp"

namespace moorage {

namespace {

#define MOORAGE_QUESTION(type, answer)                                                                       \
  [self, ask](type& request) { return ask(self->make_response_promise<answer>(), request); }
#define MOORAGE_ORDER(type) [order](type& request) { return order(request); }

/// Apart from the actor's function: see the pool's.
inner_session_actor::behavior_type behaviour_of(session_actor_state* state) {
  auto self = state->self();
  auto ask = [self, state](auto promise, auto& request) {
    state->ask_manager(request, promise);
    return promise;
  };
  auto order = [state](auto& request) { return state->order(request); };
  auto change = [state](auto& request) { return state->change(request); };
  return {
      MOORAGE_QUESTION(get_pool, pool_status),
      MOORAGE_QUESTION(get_connections, connection_list),
      MOORAGE_QUESTION(get_leases, lease_list),
      MOORAGE_QUESTION(get_waiters, waiter_list),
      MOORAGE_QUESTION(get_explanation, explanation),
      MOORAGE_QUESTION(get_errors, error_list),
      MOORAGE_ORDERS(MOORAGE_ORDER, MOORAGE_COMMA),
      [state](acquire& request) { state->take(request); },
      [state](acquire_machine& request) { state->take(request); },
      [state](const cancel_acquire& request) { state->take(request); },
      [self, state](const release_lease& request) {
        auto waits = self->current_message_id().is_request();
        auto promise = self->make_response_promise<done>();
        state->take(request, waits, promise);
        return promise;
      },
      [state](run_command& request) { state->take(request); },
      [state](run_once& request) { state->take(request); },
      [state](open_stream& request) { state->take(request); },
      [state](open_last_stream& request) { state->take(request); },
      [state](cancel_command& request) { state->take(request); },
      [state](grant_stream_credit& request) { state->take(request); },
      [state](const took_stream_output& said) { state->take(said); },
      [state](send_stream_input& request) { state->pass(request); },
      [state](end_stream_input& request) { state->pass(request); },
      [self, state](const probe_lease& request) {
        auto promise = self->make_response_promise<probe_answer>();
        state->take(request, promise);
        return promise;
      },
      [self, state](const subscribe& request) {
        auto sender = self->current_sender(); // before the promise, which takes it away
        auto promise = self->make_response_promise<done>();
        state->take(request, sender, promise);
        return promise;
      },
      [state](const grant_event_credit& request) { state->take(request); },
      [change](register_cluster& request) { return change(request); },
      [change](remove_cluster& request) { return change(request); },
      [change](shut_down_pools& request) { return change(request); },
      [change](reload_configuration& request) { return change(request); },
      MOORAGE_QUESTION(locate_cluster, cluster_place),
      [self, state](hand_over_cluster& request) {
        auto promise = self->make_response_promise<cluster_handed_over>();
        state->change(request, promise);
        return promise;
      },
      [change](take_over_cluster& request) { return change(request); },
      MOORAGE_QUESTION(list_clusters, cluster_list),
      MOORAGE_QUESTION(get_pools, pool_list),
      [state](lease_granted& granted) { state->state().take(granted); },
      [state](acquire_refused& refusal) { state->state().take(refusal); },
      [state](lease_lost& lost) { state->state().take(lost); },
      [state](const outsider_gone& end) { state->take(end); },
      [state](run_ended& end) { state->state().take(end); },
      [state](stream_chunk& chunk) { state->state().take(chunk); },
      [state](stream_room& room) { state->state().take(room); },
      [state](stream_end& end) { state->state().take(end); },
  };
}

#undef MOORAGE_QUESTION
#undef MOORAGE_ORDER

} // namespace

inner_session_actor::behavior_type session(session_actor_state::self_pointer self, manager_actor manager,
                                           caf::strong_actor_ptr whom, session_bounds bounds,
                                           std::string known_as, access_rights rights) {
  auto state = &self->state; // lives as long as the behaviour
  keep_composure(self);
  self->set_down_handler([state](const caf::down_msg& down) { state->take(down); });
  state->begin(std::move(manager), whom, bounds, std::move(known_as), std::move(rights));
  return behaviour_of(state);
}

} // namespace moorage
