#include "runtime/ssh/opening/carried_socket.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

namespace moorage {

namespace {

/// What somebody has to mend first: the jump host's own pool has tried what is worth a try.
bool is_for_good(errc why) {
  switch (why) {
  case errc::auth_denied:
  case errc::no_credentials:
  case errc::host_key_unknown:
  case errc::host_key_changed:
  case errc::host_key_revoked:
  case errc::known_hosts_unreadable:
  case errc::unknown_cluster:
  case errc::channel_refused:
    return true;
  default:
    return false;
  }
}

} // namespace

void carriage_note::end(const std::string& why, bool for_good) {
  if (ended_.load(std::memory_order_relaxed))
    return;
  reason_ = why;
  for_good_ = for_good;
  ended_.store(true, std::memory_order_release);
}

carried_socket::carried_socket(unique_fd far, std::shared_ptr<carriage_note> note)
    : far_(std::move(far)), note_(std::move(note)) {}

void carried_socket::end(const failure& why) {
  if (!far_) // it has ended, and what is said now explains nothing
    return;
  note_->end(why.text, is_for_good(why.code));
  close();
}

/// The end of what comes is told by itself, since whoever is carried may hold this side, too.
void carried_socket::close() {
  if (far_)
    ::shutdown(far_.get(), SHUT_WR);
  far_.reset();
}

carried_ends make_carriage() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
    return {{}, nullptr, nullptr, {}, errno};
  unique_fd near{pair[0]}, far{pair[1]};
  unique_fd held{::fcntl(far.get(), F_DUPFD_CLOEXEC, 0)};
  if (!held)
    return {{}, nullptr, nullptr, {}, errno};
  auto note = std::make_shared<carriage_note>();
  return {std::move(near), std::make_shared<carried_socket>(std::move(far), note), note, std::move(held), 0};
}

} // namespace moorage
