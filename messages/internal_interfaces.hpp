// The protocols of our own actors. Sessions are their only way to the world; outsiders see
// messages/interfaces.hpp.
#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "messages/interfaces.hpp"
#include "messages/internal.hpp"
#include "messages/permits.hpp"
#include "messages/turns.hpp"
#include "messages/type_ids.hpp"

namespace moorage {

#define MOORAGE_ORDERED_BY(order) caf::replies_to<order, order_sender>::with<done>
/// What the manager takes of orders and events, and passes on to pools.
using announcer_actor =
    asked_actor::extend<MOORAGE_ORDERS(MOORAGE_ORDERED_BY, MOORAGE_COMMA),
                        caf::replies_to<subscribe_for>::with<done>, caf::reacts_to<grant_event_credit_for>,
                        caf::reacts_to<end_subscriptions>>;
#undef MOORAGE_ORDERED_BY

/// One per runtime. Knows the clusters, owns their pools, passes every request to the right one.
using manager_actor = announcer_actor::extend<
    caf::reacts_to<acquire_for>, caf::reacts_to<cancel_acquire_for>, // answered to the holder
    caf::replies_to<register_cluster>::with<done>, caf::replies_to<remove_cluster>::with<done>,
    caf::replies_to<shut_down_pools>::with<done>, caf::replies_to<reload_configuration>::with<done>,
    caf::replies_to<list_clusters>::with<cluster_list>, caf::replies_to<get_pools>::with<pool_list>,
    caf::replies_to<locate_cluster>::with<cluster_place>,
    caf::replies_to<hand_over_cluster>::with<cluster_handed_over>,
    caf::replies_to<take_over_cluster>::with<done>,
    // Closes everything, answers when nothing is left (within a second), and ends the manager.
    caf::replies_to<stop_all>::with<done>,
    // From its pools.
    caf::reacts_to<acquire_taken>, caf::reacts_to<carry_for>,
    // From what its host does for it.
    caf::reacts_to<wake_up>>;

/// The connections to one cluster, with the queue in front of them.
using pool_actor = announcer_actor::extend<
    // From holders, and through the manager.
    caf::reacts_to<acquire_for>, caf::reacts_to<passed_acquire>, caf::reacts_to<cancel_acquire_for>,
    // From holders.
    caf::reacts_to<confirm_lease>, caf::replies_to<release_lease_for>::with<done>,
    // From the manager.
    caf::replies_to<register_cluster>::with<done>, caf::replies_to<remove_cluster>::with<done>,
    caf::replies_to<stop_all>::with<done>, caf::reacts_to<turns_replaced>, caf::reacts_to<permits_replaced>,
    // From `permits_actor`.
    caf::reacts_to<permit_given>, caf::reacts_to<permit_delayed>,
    // From its connections and probes.
    caf::reacts_to<connection_opened>, caf::reacts_to<connection_failed>, caf::reacts_to<connection_lost>,
    caf::reacts_to<connection_closed>, caf::reacts_to<lease_cleared>, caf::reacts_to<probe_passed>,
    caf::reacts_to<probe_failed>, caf::reacts_to<connection_doubted>, caf::reacts_to<connection_answered>,
    caf::reacts_to<channel_refused>, caf::reacts_to<channel_late>, caf::reacts_to<connection_waits>,
    caf::reacts_to<connection_hindered>, caf::reacts_to<carriage_ended>,
    // From its connections, for the manager; from the manager, for itself.
    caf::reacts_to<carry_for>,
    // From its own timer.
    caf::reacts_to<wake_up>>;

/// One authenticated SSH transport. Who has to know what becomes of an order that it had not read when it
/// ended monitors it: what has no answer before the `down_msg` was never sent.
using connection_actor = caf::typed_actor<
    // From holders, under a lease; answered to the sender: `runner_actor`, `sink_actor`.
    caf::reacts_to<run_command>, caf::reacts_to<open_stream>, caf::reacts_to<cancel_command>,
    caf::reacts_to<grant_stream_credit>, caf::reacts_to<send_stream_input>, caf::reacts_to<end_stream_input>,
    // From probes, and from holders who want to know.
    caf::replies_to<probe_request>::with<probe_answer>,
    // From its pool.
    caf::reacts_to<begin_lease>, caf::reacts_to<end_lease>, caf::reacts_to<give_up_channel>,
    caf::reacts_to<carry_connection>, caf::reacts_to<carrier_waits>, caf::reacts_to<carrier_hindered>,
    caf::reacts_to<change_probes>, caf::reacts_to<close_connection>, caf::reacts_to<turns_replaced>,
    // From `turns_actor`.
    caf::reacts_to<turn_given>,
    // From the readiness loop and its own timer.
    caf::reacts_to<wake_up>>;

/// What a session is to our own actors: a holder, a runner and a sink besides.
using inner_session_actor = session_actor::extend<
    // From pools.
    caf::reacts_to<lease_granted>, caf::reacts_to<acquire_refused>, caf::reacts_to<lease_lost>,
    // From the network.
    caf::reacts_to<outsider_gone>,
    // From connections.
    caf::reacts_to<run_ended>, caf::reacts_to<stream_chunk>, caf::reacts_to<stream_room>,
    caf::reacts_to<stream_end>>;

/// Gives connections their turns to compute, or probes theirs to begin; one of each per manager.
using turns_actor = caf::typed_actor<caf::reacts_to<turn_request>, caf::reacts_to<turn_over>>;

/// Gives pools leave to log in; one per manager. From pools, and its own timer.
using permits_actor =
    caf::typed_actor<caf::reacts_to<permit_request>, caf::reacts_to<return_permit>, caf::reacts_to<wake_up>,
                     // From the manager.
                     caf::replies_to<get_budget>::with<site_budget>, caf::reacts_to<join_budget>>;

} // namespace moorage
