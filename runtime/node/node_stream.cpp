#include "runtime/node/servants.hpp"

#include <algorithm>
#include <sys/socket.h>
#include <vector>

namespace moorage {

using caf::io::network::operation;

namespace {

/// Written at once, it is no more than answers, and a buffer that is larger is given back: what CAF greets
/// with takes 5 KiB, which each of a thousand idle links would keep.
constexpr std::size_t little = 1 << 10;

} // namespace

caf::io::network::rw_state node_stream::policy::write_some(std::size_t& result,
                                                           caf::io::network::native_socket fd,
                                                           const void* bytes, std::size_t size) {
  result = 0;
  auto state = tcp::write_some(result, fd, bytes, size);
  written = result;
  return state;
}

void node_stream::handle_event(operation op) {
  policy_.written = 0;
  handle_event_impl(op, policy_);
  if (op != operation::write)
    return;
  unread_ -= std::min(policy_.written, unread_);
  counted_ = wr_buf().size(); // all of it, or none: CAF has changed it for an empty one
  if (counted_ == 0 && policy_.written <= little && wr_buf().capacity() > little)
    std::vector<char>{}.swap(wr_buf());
  if (policy_.written > 0 && taken_)
    taken_();
}

void node_stream::flush_all(const manager_ptr& manager) {
  unread_ += wr_buf().size() - std::min(counted_, wr_buf().size());
  flush(manager);
  counted_ = wr_buf().size();
}

void node_stream::finish() {
  do {
    if (state_.writing)
      handle_event(operation::write);
  } while (state_.writing && policy_.written > 0);
  if (state_.writing) {
    state_.writing = false;
    backend().del(operation::write, fd(), this);
  }
  ::shutdown(fd(), SHUT_RDWR);
}

} // namespace moorage
