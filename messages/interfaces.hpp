// Every actor's protocol on one page. A host's actors and admins talk to the manager; a lease's holder talks
// to the pool and the connection named in its grant. Errors are those of messages/errors.hpp, made by
// `make_error`.
#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "messages/admin.hpp"
#include "messages/clusters.hpp"
#include "messages/commands.hpp"
#include "messages/done.hpp"
#include "messages/internal.hpp"
#include "messages/leases.hpp"
#include "messages/orders.hpp"
#include "messages/type_ids.hpp"

namespace moorage {

#define MOORAGE_ANSWERED(order) caf::replies_to<order>::with<done>
/// What may be asked about, and done to, one pool. The manager takes the same and delegates by the cluster's
/// name.
using admin_actor = caf::typed_actor<
    caf::replies_to<get_pool>::with<pool_status>, caf::replies_to<get_connections>::with<connection_list>,
    caf::replies_to<get_leases>::with<lease_list>, caf::replies_to<get_waiters>::with<waiter_list>,
    // Those of messages/orders.hpp.
    MOORAGE_ORDERS(MOORAGE_ANSWERED, MOORAGE_COMMA), caf::replies_to<subscribe>::with<done>,
    caf::reacts_to<grant_event_credit>>;
#undef MOORAGE_ANSWERED

/// The way in: one per runtime. Knows the clusters, owns their pools, passes every request to the right one.
using manager_actor = admin_actor::extend<
    caf::reacts_to<acquire>, caf::reacts_to<cancel_acquire>, // answered to the holder: `holder_actor`
    caf::replies_to<register_cluster>::with<done>, caf::replies_to<remove_cluster>::with<done>,
    caf::replies_to<list_clusters>::with<cluster_list>, caf::replies_to<get_pools>::with<pool_list>,
    // Closes everything, answers when nothing is left (within a second), and ends the manager.
    caf::replies_to<stop_all>::with<done>,
    // From its pools.
    caf::reacts_to<acquire_taken>>;

/// The connections to one cluster, with the queue in front of them.
using pool_actor = admin_actor::extend<
    // From askers, and through the manager.
    caf::reacts_to<acquire>, caf::reacts_to<passed_acquire>, caf::reacts_to<cancel_acquire>,
    // From holders.
    caf::reacts_to<confirm_lease>, caf::replies_to<release_lease>::with<done>,
    // From the manager.
    caf::replies_to<register_cluster>::with<done>, caf::replies_to<remove_cluster>::with<done>,
    caf::replies_to<stop_all>::with<done>, caf::reacts_to<turns_replaced>,
    // From its connections and probes.
    caf::reacts_to<opening_ended>, caf::reacts_to<link_lost>, caf::reacts_to<link_closed>,
    caf::reacts_to<lease_cleared>, caf::reacts_to<probe_report>, caf::reacts_to<connection_doubted>,
    caf::reacts_to<connection_answered>,
    // From its own timer.
    caf::reacts_to<wake_up>>;

/// One authenticated SSH transport.
using connection_actor = caf::typed_actor<
    // From holders, under a lease; answered to the sender: `runner_actor`, `sink_actor`.
    caf::reacts_to<run_command>, caf::reacts_to<open_stream>, caf::reacts_to<cancel_command>,
    caf::reacts_to<grant_stream_credit>, caf::reacts_to<send_stream_input>, caf::reacts_to<end_stream_input>,
    // From probes, and from holders who want to know.
    caf::replies_to<probe_request>::with<probe_answer>,
    // From its pool.
    caf::reacts_to<begin_lease>, caf::reacts_to<fence_lease>, caf::reacts_to<change_probes>,
    caf::reacts_to<close_link>, caf::reacts_to<turns_replaced>,
    // From `turns_actor`.
    caf::reacts_to<turn_given>,
    // From the readiness loop and its own timer.
    caf::reacts_to<wake_up>>;

/// Gives connections their turns to compute; one per manager. From connections alone.
using turns_actor = caf::typed_actor<caf::reacts_to<turn_request>, caf::reacts_to<turn_over>>;

/// What a holder should be ready to hear; others are free to have a larger interface.
using holder_actor = caf::typed_actor<caf::reacts_to<lease_grant>, caf::reacts_to<acquire_refused>,
                                      caf::reacts_to<lease_lost>>;

/// What who runs commands must be ready to hear.
using runner_actor = caf::typed_actor<caf::reacts_to<run_ended>>;

/// What the receiver of a stream must be ready to hear.
using sink_actor =
    caf::typed_actor<caf::reacts_to<stream_chunk>, caf::reacts_to<stream_room>, caf::reacts_to<stream_end>>;

/// What a subscriber to events hears.
using subscriber_actor = caf::typed_actor<caf::reacts_to<event_record>>;

} // namespace moorage
