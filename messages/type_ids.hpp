// The only registration of message types with CAF. A host with types of its own starts its block at
// `moorage::next_type_id`, since two blocks that start at the same id do not compile together:
//
//   CAF_BEGIN_TYPE_ID_BLOCK(my_types, ::moorage::next_type_id)   // with the leading ::, CAF has a moorage of its own
#pragma once

#include <caf/error.hpp>
#include <caf/type_id.hpp>
#include <memory>
#include <string>

#include "messages/errors.hpp"
#include "messages/events.hpp"
#include "messages/requests.hpp"
#include "messages/turns.hpp"

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

CAF_BEGIN_TYPE_ID_BLOCK(moorage, first_custom_type_id)
CAF_ADD_TYPE_ID(moorage, (moorage::request_id))
CAF_ADD_TYPE_ID(moorage, (moorage::lease_id))
CAF_ADD_TYPE_ID(moorage, (moorage::connection_id))
CAF_ADD_TYPE_ID(moorage, (moorage::holder_id))
CAF_ADD_TYPE_ID(moorage, (moorage::probe_id))
CAF_ADD_TYPE_ID(moorage, (moorage::errc))
CAF_ADD_TYPE_ID(moorage, (moorage::failure))
CAF_ADD_TYPE_ID(moorage, (moorage::ssh_stage))
CAF_ADD_TYPE_ID(moorage, (moorage::ssh_failure))
CAF_ADD_TYPE_ID(moorage, (moorage::ssh_error))
CAF_ADD_TYPE_ID(moorage, (moorage::opening_step))
CAF_ADD_TYPE_ID(moorage, (moorage::host_key_policy))
CAF_ADD_TYPE_ID(moorage, (moorage::probe_method))
CAF_ADD_TYPE_ID(moorage, (moorage::variable_fallback))
CAF_ADD_TYPE_ID(moorage, (moorage::cluster_settings))
CAF_ADD_TYPE_ID(moorage, (moorage::environment_variable))
CAF_ADD_TYPE_ID(moorage, (moorage::exec_request))
CAF_ADD_TYPE_ID(moorage, (moorage::outcome_kind))
CAF_ADD_TYPE_ID(moorage, (moorage::outcome))
CAF_ADD_TYPE_ID(moorage, (moorage::exec_result))
CAF_ADD_TYPE_ID(moorage, (moorage::output_kind))
CAF_ADD_TYPE_ID(moorage, (moorage::connection_state))
CAF_ADD_TYPE_ID(moorage, (moorage::connection_status))
CAF_ADD_TYPE_ID(moorage, (moorage::lease_status))
CAF_ADD_TYPE_ID(moorage, (moorage::waiter_status))
CAF_ADD_TYPE_ID(moorage, (moorage::pool_counters))
CAF_ADD_TYPE_ID(moorage, (moorage::latency_quantiles))
CAF_ADD_TYPE_ID(moorage, (moorage::pool_status))
CAF_ADD_TYPE_ID(moorage, (moorage::event_record))
CAF_ADD_TYPE_ID(moorage, (moorage::done))
CAF_ADD_TYPE_ID(moorage, (moorage::acquire))
CAF_ADD_TYPE_ID(moorage, (moorage::cancel_acquire))
CAF_ADD_TYPE_ID(moorage, (moorage::lease_grant))
CAF_ADD_TYPE_ID(moorage, (moorage::acquire_refused))
CAF_ADD_TYPE_ID(moorage, (moorage::confirm_lease))
CAF_ADD_TYPE_ID(moorage, (moorage::release_lease))
CAF_ADD_TYPE_ID(moorage, (moorage::lease_lost))
CAF_ADD_TYPE_ID(moorage, (moorage::run_command))
CAF_ADD_TYPE_ID(moorage, (moorage::run_ended))
CAF_ADD_TYPE_ID(moorage, (moorage::cancel_command))
CAF_ADD_TYPE_ID(moorage, (moorage::open_stream))
CAF_ADD_TYPE_ID(moorage, (moorage::stream_chunk))
CAF_ADD_TYPE_ID(moorage, (moorage::stream_room))
CAF_ADD_TYPE_ID(moorage, (moorage::stream_end))
CAF_ADD_TYPE_ID(moorage, (moorage::grant_stream_credit))
CAF_ADD_TYPE_ID(moorage, (moorage::send_stream_input))
CAF_ADD_TYPE_ID(moorage, (moorage::end_stream_input))
CAF_ADD_TYPE_ID(moorage, (moorage::register_cluster))
CAF_ADD_TYPE_ID(moorage, (moorage::remove_cluster))
CAF_ADD_TYPE_ID(moorage, (moorage::list_clusters))
CAF_ADD_TYPE_ID(moorage, (moorage::cluster_list))
CAF_ADD_TYPE_ID(moorage, (moorage::get_pools))
CAF_ADD_TYPE_ID(moorage, (moorage::pool_list))
CAF_ADD_TYPE_ID(moorage, (moorage::get_pool))
CAF_ADD_TYPE_ID(moorage, (moorage::get_connections))
CAF_ADD_TYPE_ID(moorage, (moorage::connection_list))
CAF_ADD_TYPE_ID(moorage, (moorage::get_leases))
CAF_ADD_TYPE_ID(moorage, (moorage::lease_list))
CAF_ADD_TYPE_ID(moorage, (moorage::get_waiters))
CAF_ADD_TYPE_ID(moorage, (moorage::waiter_list))
CAF_ADD_TYPE_ID(moorage, (moorage::pause_pool))
CAF_ADD_TYPE_ID(moorage, (moorage::resume_pool))
CAF_ADD_TYPE_ID(moorage, (moorage::probe_pool))
CAF_ADD_TYPE_ID(moorage, (moorage::evict_connection))
CAF_ADD_TYPE_ID(moorage, (moorage::revoke_lease))
CAF_ADD_TYPE_ID(moorage, (moorage::resize_pool))
CAF_ADD_TYPE_ID(moorage, (moorage::reset_pool))
CAF_ADD_TYPE_ID(moorage, (moorage::disconnect_pool))
CAF_ADD_TYPE_ID(moorage, (moorage::subscribe))
CAF_ADD_TYPE_ID(moorage, (moorage::grant_event_credit))
CAF_ADD_TYPE_ID(moorage, (moorage::passed_acquire))
CAF_ADD_TYPE_ID(moorage, (moorage::acquire_taken))
CAF_ADD_TYPE_ID(moorage, (moorage::begin_lease))
CAF_ADD_TYPE_ID(moorage, (moorage::fence_lease))
CAF_ADD_TYPE_ID(moorage, (moorage::lease_cleared))
CAF_ADD_TYPE_ID(moorage, (moorage::close_link))
CAF_ADD_TYPE_ID(moorage, (moorage::opening_ended))
CAF_ADD_TYPE_ID(moorage, (moorage::link_lost))
CAF_ADD_TYPE_ID(moorage, (moorage::link_closed))
CAF_ADD_TYPE_ID(moorage, (moorage::connection_doubted))
CAF_ADD_TYPE_ID(moorage, (moorage::connection_answered))
CAF_ADD_TYPE_ID(moorage, (moorage::change_probes))
CAF_ADD_TYPE_ID(moorage, (moorage::probe_request))
CAF_ADD_TYPE_ID(moorage, (moorage::probe_answer))
CAF_ADD_TYPE_ID(moorage, (moorage::probe_report))
CAF_ADD_TYPE_ID(moorage, (moorage::turn_request))
CAF_ADD_TYPE_ID(moorage, (moorage::turn_given))
CAF_ADD_TYPE_ID(moorage, (moorage::turn_over))
CAF_ADD_TYPE_ID(moorage, (moorage::wake_up))
CAF_ADD_TYPE_ID(moorage, (moorage::stop_all))
CAF_ADD_TYPE_ID(moorage, (moorage::local_call))
CAF_END_TYPE_ID_BLOCK(moorage)

namespace moorage {

/// Where a host's own type ids may start; 60 are kept free for versions to come.
constexpr caf::type_id_t next_type_id = caf::first_custom_type_id + 150;
static_assert(caf::id_block::moorage::end <= next_type_id);

/// A refusal as CAF's error; `to_failure` takes it apart again, on another node too.
caf::error make_error(errc code, const std::string& text);
inline caf::error make_error(const failure& reason) {
  return make_error(reason.code, reason.text);
}
/// Any error as a refusal: of CAF's own, a receiver that is gone is `receiver_gone`, the asker's own time-out for a
/// request `request_timeout`; what else there may be is `internal`.
failure to_failure(const caf::error& error);

/// Adds our types and the rendering of our errors to a configuration. Idempotent per configuration object
/// only.
void add_message_types(caf::actor_system_config& config);

} // namespace moorage
