// The only registration of message types with CAF. A host with types of its own starts its block at
// `moorage::next_type_id`, since two blocks that start at the same id do not compile together:
//
//   CAF_BEGIN_TYPE_ID_BLOCK(my_types, ::moorage::next_type_id)   // with the leading ::, CAF has a moorage of its own
#pragma once

#include <caf/detail/tuple_vals.hpp>
#include <caf/error.hpp>
#include <caf/type_erased_tuple.hpp>
#include <caf/type_id.hpp>
#include <memory>
#include <string>

#include "messages/admin.hpp"
#include "messages/clusters.hpp"
#include "messages/commands.hpp"
#include "messages/done.hpp"
#include "messages/errors.hpp"
#include "messages/events.hpp"
#include "messages/explanation.hpp"
#include "messages/internal.hpp"
#include "messages/leases.hpp"
#include "messages/orders.hpp"
#include "messages/permits.hpp"
#include "messages/placement.hpp"
#include "messages/turns.hpp"

#pragma GCC visibility push(default)

namespace caf {
class actor_system_config;
} // namespace caf

namespace moorage {

/// Something for an actor of this process from a thread of this process. Never leaves the process.
struct local_call {
  std::shared_ptr<void> what;
};

} // namespace moorage

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(moorage::local_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(moorage::carry_for)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(moorage::carry_connection)

// clang-format off
/// What messages are made of.
#define MOORAGE_MESSAGE_PARTS(add) \
  add(request_id) add(lease_id) add(connection_id) add(holder_id) add(probe_id) add(permit_id) add(permit_use) add(errc) add(failure) \
  add(ssh_stage) add(ssh_failure) add(ssh_error) add(opening_step) add(host_key_policy) add(probe_method) \
  add(variable_fallback) add(cluster_settings) add(environment_variable) add(exec_request) add(outcome_kind) \
  add(outcome) add(output_kind) add(severity) add(event_filter) add(event_kind) add(removal_reason) add(connection_state) add(pool_state) \
  add(evidence_kind) add(connection_outcome) add(machine_status) add(connection_status) add(pause_status) add(lease_status) add(waiter_status) add(pool_counters) add(latency_quantiles) \
  add(opening_cause) add(waiting_cause) add(standing) add(opening_explanation) add(connection_explanation) \
  add(waiter_explanation) add(key_fate) add(key_considered)

/// What outsiders say to their session: nothing in it names an actor.
#define MOORAGE_SAID_BY_OUTSIDERS(add) \
  add(acquire) add(acquire_machine) add(cancel_acquire) add(release_lease) add(run_command) add(run_once) add(open_stream) add(open_last_stream) add(cancel_command) \
  add(grant_stream_credit) add(took_stream_output) add(send_stream_input) add(end_stream_input) add(probe_lease) add(register_cluster) \
  add(remove_cluster) add(shut_down_pools) add(reload_configuration) add(list_clusters) add(get_pools) add(get_pool) add(get_connections) add(get_leases) \
  add(get_waiters) add(get_explanation) add(get_errors) MOORAGE_ORDERS(add, ) add(subscribe) add(grant_event_credit) \
  add(locate_cluster) add(hand_over_cluster) add(take_over_cluster)

/// What they hear of it: nor does this.
#define MOORAGE_HEARD_BY_OUTSIDERS(add) \
  add(exec_result) add(pool_status) add(event_record) add(done) add(lease_grant) add(machine_grant) add(acquire_refused) \
  add(lease_lost) add(run_ended) add(stream_chunk) add(stream_room) add(stream_end) add(cluster_list) \
  add(pool_list) add(connection_list) add(lease_list) add(waiter_list) add(explanation) add(error_list) add(probe_answer) \
  add(cluster_place) add(cluster_handed_over)
#define MOORAGE_OUTSIDERS_MESSAGES(add) MOORAGE_SAID_BY_OUTSIDERS(add) MOORAGE_HEARD_BY_OUTSIDERS(add)

/// What our own actors say to each other.
#define MOORAGE_INTERNAL_MESSAGES(add) \
  add(order_sender) add(acquire_for) add(cancel_acquire_for) add(lease_granted) add(confirm_lease) add(release_lease_for) \
  add(subscribe_for) add(grant_event_credit_for) add(end_subscriptions) add(outsider_gone) add(passed_acquire) add(acquire_taken) \
  add(begin_lease) add(end_lease) add(lease_cleared) add(close_connection) add(connection_opened) add(connection_failed) \
  add(connection_lost) add(connection_closed) add(connection_doubted) add(connection_answered) add(channel_refused) add(connection_waits) add(certificate_used) add(channel_late) add(give_up_channel) add(change_probes) \
  add(carry_for) add(carry_connection) add(carriage_ended) add(carrier_waits) add(probe_request) add(probe_passed) add(probe_failed) add(turn_request) add(turn_given) add(turn_over) add(turns_replaced) \
  add(permit_request) add(return_permit) add(permit_given) add(permit_delayed) add(permits_replaced) add(get_budget) add(site_budget) add(join_budget) add(wake_up) add(stop_all) \
  add(local_call) add(carrier_hindered) add(connection_hindered)

/// What is sent.
#define MOORAGE_MESSAGES(add) MOORAGE_OUTSIDERS_MESSAGES(add) MOORAGE_INTERNAL_MESSAGES(add)
// clang-format on

#define MOORAGE_ADD(type) CAF_ADD_TYPE_ID(moorage, (moorage::type))
CAF_BEGIN_TYPE_ID_BLOCK(moorage, first_custom_type_id)
MOORAGE_MESSAGE_PARTS(MOORAGE_ADD)
MOORAGE_MESSAGES(MOORAGE_ADD)
CAF_END_TYPE_ID_BLOCK(moorage)
#undef MOORAGE_ADD

// What CAF makes of each message, its reading and writing among it, is compiled once, in type_ids.cpp, and
// not wherever one is sent: a third of the compiler's work.
// CAF's templates of what outsiders say and hear are shown by the shared library, which hides the rest.
#define MOORAGE_ELSEWHERE(visibility, type)                                                                  \
  extern template class visibility caf::detail::tuple_vals_impl<caf::type_erased_tuple, moorage::type>;      \
  extern template class visibility caf::detail::tuple_vals_impl<caf::detail::message_data, moorage::type>;   \
  extern template class visibility caf::detail::tuple_vals<moorage::type>;
#define MOORAGE_SHOWN(type) MOORAGE_ELSEWHERE(__attribute__((visibility("default"))), type)
#define MOORAGE_HIDDEN(type) MOORAGE_ELSEWHERE(, type)
MOORAGE_OUTSIDERS_MESSAGES(MOORAGE_SHOWN)
MOORAGE_INTERNAL_MESSAGES(MOORAGE_HIDDEN)
#undef MOORAGE_ELSEWHERE
#undef MOORAGE_SHOWN
#undef MOORAGE_HIDDEN

namespace moorage {

/// Where a host's own type ids may start; some 50 are kept free for versions to come.
constexpr caf::type_id_t next_type_id = caf::first_custom_type_id + 200;
static_assert(caf::id_block::moorage::end <= next_type_id);

/// A refusal as CAF's error; `to_failure` takes it apart again, on another node too.
caf::error make_error(errc code, const std::string& text);
inline caf::error make_error(const failure& reason) {
  return make_error(reason.code, reason.text);
}
/// Any error as a refusal: of CAF's own, a receiver that is gone is `receiver_gone`, the asker's own time-out
/// for a request `request_timeout`; what else there may be is `internal`.
failure to_failure(const caf::error& error);

/// Adds our types and the rendering of our errors to a configuration. Idempotent per configuration object
/// only.
void add_message_types(caf::actor_system_config& config);

} // namespace moorage

#pragma GCC visibility pop
