// What an outsider may say, and should be ready to hear, on one page. An outsider is the threads of a host
// together, an actor of a host, or a process on a link; each has one door, its session (runtime/actors.hpp
// gives it). What is said between our own actors is in messages/internal_interfaces.hpp. Errors are those of
// messages/errors.hpp, made by `make_error`.
//
// Who sends is who is answered, and the answers come from the session. A session watches whoever of its
// senders holds something: when it ends, its leases are given back, its acquires withdrawn, its commands
// ended.
#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "messages/admin.hpp"
#include "messages/clusters.hpp"
#include "messages/commands.hpp"
#include "messages/done.hpp"
#include "messages/evidence.hpp"
#include "messages/explanation.hpp"
#include "messages/leases.hpp"
#include "messages/orders.hpp"
#include "messages/placement.hpp"
#include "messages/type_ids.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// What may be asked about one pool, which each of these names by its cluster.
using asked_actor = caf::typed_actor<
    // How it does: its state, its counters, what it waits for.
    caf::replies_to<get_pool>::with<pool_status>,
    // Each of its connections; each lease, with its label; each waiter, in the queue's order.
    caf::replies_to<get_connections>::with<connection_list>, caf::replies_to<get_leases>::with<lease_list>,
    caf::replies_to<get_waiters>::with<waiter_list>,
    // Why each waits, why nothing is opened, why a connection is passed over; its latest errors.
    caf::replies_to<get_explanation>::with<explanation>, caf::replies_to<get_errors>::with<error_list>>;

#define MOORAGE_ANSWERED(order) caf::replies_to<order>::with<done>
/// And what may be done to it.
using admin_actor = asked_actor::extend<
    // Those of messages/orders.hpp, which says what each does; `done` when the pool has taken it, or every
    // pool, if it is for `every_pool`. An order is its sender's.
    MOORAGE_ORDERS(MOORAGE_ANSWERED, MOORAGE_COMMA)>;
#undef MOORAGE_ANSWERED

/// The one door of an outsider. A lease is named by its cluster and its id; all else by numbers of the
/// sender's own.
using session_actor = admin_actor::extend<
    // Wants a lease: one `lease_grant` or `acquire_refused` comes. `too_many_requests` beyond the session's
    // bounds.
    caf::reacts_to<acquire>,
    // The same, on a machine of the cluster, or to know on which it is: one `machine_grant` or
    // `acquire_refused` comes.
    caf::reacts_to<acquire_machine>,
    // Does not want it any more: the acquire is answered `cancelled`, unless it was granted already.
    caf::reacts_to<cancel_acquire>,
    // Gives a lease back, with word that its connection is bad if it is: `done`, or an error that says why it
    // is not held any more.
    caf::replies_to<release_lease>::with<done>,
    // Runs a command: one `run_ended` comes, with what became of it.
    caf::reacts_to<run_command>,
    // All of these in one: acquires, runs, gives back. One `run_ended` comes.
    caf::reacts_to<run_once>,
    // Starts a command as a stream: `stream_chunk`s within the credit, `stream_room` for input, one
    // `stream_end`.
    caf::reacts_to<open_stream>,
    // The same, and gives the lease back when the command has ended.
    caf::reacts_to<open_last_stream>,
    // Ends either early. What names nothing under way of the sender's is ignored, here and in the next three.
    caf::reacts_to<cancel_command>,
    // Takes more of a stream's output; writes its standard input, within the room; ends it.
    caf::reacts_to<grant_stream_credit>, caf::reacts_to<send_stream_input>, caf::reacts_to<end_stream_input>,
    // Says what of streams' output has arrived, so that what is under way stays little.
    caf::reacts_to<took_stream_output>,
    // Asks the connection of a lease whether it is well: how long that took, or why it is not.
    caf::replies_to<probe_lease>::with<probe_answer>,
    // Hears `event_record`s, as many as the credit says; more of them.
    caf::replies_to<subscribe>::with<done>, caf::reacts_to<grant_event_credit>,
    // Drains every pool and ends; reads the configuration again.
    caf::replies_to<shut_down_pools>::with<done>, caf::replies_to<reload_configuration>::with<done>,
    // Says on which node a cluster is; gives it up to another node; takes it from one.
    caf::replies_to<locate_cluster>::with<cluster_place>,
    caf::replies_to<hand_over_cluster>::with<cluster_handed_over>,
    caf::replies_to<take_over_cluster>::with<done>,
    // Registers a cluster or changes its settings; removes it; lists what is registered; how each pool does.
    caf::replies_to<register_cluster>::with<done>, caf::replies_to<remove_cluster>::with<done>,
    caf::replies_to<list_clusters>::with<cluster_list>, caf::replies_to<get_pools>::with<pool_list>>;

/// What who asks for leases should be ready to hear; others are free to have a larger interface.
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

#pragma GCC visibility pop
