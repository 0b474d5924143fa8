#include "messages/errors.hpp"

#include <array>

namespace moorage {

namespace {

constexpr std::array names{
    "none",
    "unknown_cluster",
    "invalid_settings",
    "queue_full",
    "acquire_timeout",
    "cancelled",
    "auth_denied",
    "host_key_unknown",
    "host_key_changed",
    "connect_failed",
    "local_failure",
    "already_released",
    "lease_ended",
    "unknown_lease",
    "connection_lost",
    "cluster_removed",
    "stopping",
    "internal",
    "node_lost",
    "no_node",
    "node_running",
    "would_block_scheduler",
    "exec_refused",
    "unknown_connection",
    "invalid_request",
    "command_timeout",
    "host_key_revoked",
    "known_hosts_unreadable",
    "too_many_requests",
    "receiver_gone",
    "request_timeout",
    "no_reply",
    "disconnected",
    "no_credentials",
};

static_assert(names.size() == static_cast<std::size_t>(errc::count_), "every errc has a name");

} // namespace

std::string to_string(errc code) {
  auto index = static_cast<std::size_t>(code);
  return index < names.size() ? names[index] : "errc " + std::to_string(index);
}

} // namespace moorage
