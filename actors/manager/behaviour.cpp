// Which message goes where: the manager's table of contents.
#include <caf/all.hpp>

#include "actors/composure.hpp"
#include "actors/manager/manager.hpp"

namespace moorage {

namespace {

#define MOORAGE_QUESTION(type, answer)                                                                       \
  [self, pass](type& request) { return pass(self->make_response_promise<answer>(), request); }
#define MOORAGE_PASS(type)                                                                                   \
  [pass_order](type& order, order_sender& sender) { return pass_order(order, sender); }

template <class Promise, class Work>
Promise promised(Promise promise, Work work) {
  work(promise);
  return promise;
}

/// Apart from the actor's function: see the pool's.
manager_actor::behavior_type behaviour_of(manager_actor_state* state) {
  auto self = state->self();
  auto pass = [state](auto promise, auto& request) {
    state->pass_on(request, promise);
    return promise;
  };
  auto pass_done = [self, pass](auto& request) { return pass(self->make_response_promise<done>(), request); };
  auto pass_order = [self, state](auto& order, order_sender& sender) {
    auto promise = self->make_response_promise<done>();
    if (order.cluster == every_pool)
      state->pass_to_all(order, sender, promise);
    else
      state->pass_on(order, sender, promise);
    return promise;
  };
  auto answer = [self](auto work) { return promised(self->make_response_promise<done>(), work); };
  return {
      MOORAGE_QUESTION(get_pool, pool_status),
      MOORAGE_QUESTION(get_connections, connection_list),
      MOORAGE_QUESTION(get_leases, lease_list),
      MOORAGE_QUESTION(get_waiters, waiter_list),
      MOORAGE_QUESTION(get_explanation, explanation),
      MOORAGE_QUESTION(get_errors, error_list),
      MOORAGE_ORDERS(MOORAGE_PASS, MOORAGE_COMMA),
      [state, answer, pass_done](subscribe_for& request) {
        auto taken = [](auto promise) { promise.deliver(done{}); };
        return state->take(request) ? answer(taken) : pass_done(request);
      },
      [state](grant_event_credit_for& request) { state->take(request); },
      [state](const end_subscriptions& order) { state->take(order); },
      [state](acquire_for& request) { state->pass(std::move(request)); },
      [state](cancel_acquire_for& request) { state->cancel(std::move(request)); },
      [answer, state](const register_cluster& request) {
        return answer([&](auto promise) { state->add(request, promise); });
      },
      [answer, state](const remove_cluster& request) {
        return answer([&](auto promise) { state->remove(request, promise); });
      },
      [answer, state](const shut_down_pools& order) {
        return answer([&](auto promise) { state->shut_down(order, promise); });
      },
      [answer, state](const reload_configuration& order) {
        return answer([&](auto promise) { state->reload(order, promise); });
      },
      [self, state](const locate_cluster& request) {
        return promised(self->make_response_promise<cluster_place>(),
                        [&](auto& promise) { state->locate(request, promise); });
      },
      [self, state](const hand_over_cluster& order) {
        return promised(self->make_response_promise<cluster_handed_over>(),
                        [&](auto& promise) { state->hand_over(order, promise); });
      },
      [answer, state](const take_over_cluster& order) {
        return answer([&](auto promise) { state->take_over(order, promise); });
      },
      [state](const list_clusters&) { return state->clusters(); },
      [self, state](const get_pools&) {
        return promised(self->make_response_promise<pool_list>(),
                        [state](auto& promise) { state->collect(promise); });
      },
      [answer, state](const stop_all&) { return answer([&](auto promise) { state->stop(promise); }); },
      [state](carry_for& request) { state->carry(request); },
      [state](const acquire_taken& read) { state->take(read); },
      [state](const wake_up&) {
        state->reload_ended();
        state->go_on_collecting();
      },
  };
}

#undef MOORAGE_QUESTION
#undef MOORAGE_PASS

} // namespace

manager_actor::behavior_type manager(manager_actor::stateful_pointer<manager_actor_state> self,
                                     std::vector<cluster_settings> clusters, manager_world world) {
  auto state = &self->state; // lives as long as the behaviour
  keep_composure(self);
  self->set_down_handler([state](const caf::down_msg& down) { state->lost(down); });
  state->begin(std::move(clusters), std::move(world));
  return behaviour_of(state);
}

} // namespace moorage
