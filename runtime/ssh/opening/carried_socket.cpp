#include "runtime/ssh/opening/carried_socket.hpp"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace moorage {

namespace {

/// What somebody has to mend first is told as what it is: the jump host's own pool has tried what is worth a
/// try. Anything else may pass.
ssh_failure failure_for(errc why) {
  switch (why) {
  case errc::auth_denied:
    return ssh_failure::denied;
  case errc::no_credentials:
    return ssh_failure::no_credentials;
  case errc::host_key_unknown:
    return ssh_failure::host_key_unknown;
  case errc::host_key_changed:
    return ssh_failure::host_key_changed;
  case errc::host_key_revoked:
    return ssh_failure::host_key_revoked;
  case errc::known_hosts_unreadable:
    return ssh_failure::known_hosts_unreadable;
  case errc::unknown_cluster: // no name for a resolver, which may be down
    return ssh_failure::protocol;
  case errc::channel_refused:
  case errc::exec_refused: // by a jump host before that one
    return ssh_failure::closed;
  default:
    return ssh_failure::unreachable;
  }
}

} // namespace

void carriage_note::end(const failure& why) {
  if (ended_.load(std::memory_order_relaxed))
    return;
  reason_ = why.text;
  kind_ = failure_for(why.code);
  ended_.store(true, std::memory_order_release);
}

carried_socket::carried_socket(unique_fd far, std::shared_ptr<carriage_note> note)
    : far_(std::move(far)), note_(std::move(note)) {}

void carried_socket::end(const failure& why) {
  if (!far_) // it has ended, and what is said now explains nothing
    return;
  note_->end(why);
  close();
}

carried_ends make_carriage() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
    return {{}, nullptr, nullptr, errno};
  unique_fd near{pair[0]}, far{pair[1]};
  auto note = std::make_shared<carriage_note>();
  return {std::move(near), std::make_shared<carried_socket>(std::move(far), note), note, 0};
}

} // namespace moorage
