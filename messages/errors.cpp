#include "messages/error_words.hpp"

#include <array>

namespace moorage {

namespace {

struct entry {
  const char* name;
  const char* words;
};

constexpr std::array entries{
    entry{"none", "nothing is wrong"},
    entry{"unknown_cluster", "no such cluster is registered"},
    entry{"invalid_settings", "a setting was refused"},
    entry{"queue_full", "the queue is full"},
    entry{"acquire_timeout", "no lease was free in time"},
    entry{"cancelled", "it was cancelled"},
    entry{"auth_denied", "the log-in was denied"},
    entry{"host_key_unknown", "the server's host key is not known"},
    entry{"host_key_changed", "the server shows another host key than the known one"},
    entry{"connect_failed", "the cluster could not be reached"},
    entry{"local_failure", "something on this machine is in the way"},
    entry{"already_released", "the lease was given back before"},
    entry{"lease_ended", "the lease had ended"},
    entry{"unknown_lease", "there is no such lease"},
    entry{"connection_lost", "the connection was lost"},
    entry{"cluster_removed", "the cluster was removed"},
    entry{"stopping", "it is stopping"},
    entry{"internal", "a bug in moorage: please report it"},
    entry{"node_lost", "the node went away"},
    entry{"no_node", "no node listens there"},
    entry{"node_running", "a node listens there already"},
    entry{"would_block_scheduler", "a call that waits was made where none may wait"},
    entry{"exec_refused", "the server refused to start the command"},
    entry{"unknown_connection", "there is no such connection"},
    entry{"invalid_request", "the request makes no sense"},
    entry{"command_timeout", "the command took too long"},
    entry{"host_key_revoked", "the server's host key is revoked"},
    entry{"known_hosts_unreadable", "a file of known host keys cannot be read whole"},
    entry{"too_many_requests", "too many requests wait for answers"},
    entry{"receiver_gone", "what was asked had ended"},
    entry{"request_timeout", "no answer came in the asker's own time"},
    entry{"no_reply", "the server did not answer"},
    entry{"disconnected", "an administrator disconnected the cluster"},
    entry{"no_credentials", "there was nothing to log in with"},
};

static_assert(entries.size() == static_cast<std::size_t>(errc::count_), "every errc has a name and words");

} // namespace

std::string to_string(errc code) {
  auto index = static_cast<std::size_t>(code);
  return index < entries.size() ? entries[index].name : "errc " + std::to_string(index);
}

std::string in_words(errc code) {
  auto index = static_cast<std::size_t>(code);
  return index < entries.size() ? entries[index].words
                                : "an error of another version, number " + std::to_string(index);
}

std::string in_words(const failure& reason) {
  return reason.text.empty() ? in_words(reason.code) : reason.text;
}

} // namespace moorage
