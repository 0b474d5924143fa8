#include "runtime/node_servants.hpp"

#include "runtime/node_socket.hpp"

#include <caf/io/abstract_broker.hpp>
#include <caf/make_counted.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

namespace moorage {

namespace {

using caf::io::network::operation;

/// Connections accepted in one go, so that a storm of clients does not keep the others waiting.
constexpr int accepted_max = 32;

/// Larger than any descriptor, which is what CAF uses for handles of its own.
/// edge: host threads that connect and CAF's network thread both number connections.
std::atomic<std::int64_t> last_handle{std::int64_t{1} << 32};

std::int64_t next_handle() {
  return ++last_handle;
}

bool is_shut_down(int fd) {
  pollfd state{fd, 0, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
}

/// Holds a servant until the event loop has done with the events of this turn, which point to it; then breaks
/// the ring between servant and event handler that CAF leaves standing if it was closed in the turn in which
/// it was opened. The destructor does it, since a multiplexer that stops destroys what is posted without
/// running it.
template <class Servant>
class parting {
public:
  explicit parting(Servant* servant) : servant_(servant) {}
  parting(parting&&) noexcept = default;
  ~parting() {
    if (servant_)
      servant_->released();
  }
  void operator()() {}

private:
  caf::intrusive_ptr<Servant> servant_;
};

} // namespace

// -- node_stream
// ------------------------------------------------------------------------------------------------------

caf::io::network::rw_state node_stream::policy::write_some(std::size_t& result,
                                                           caf::io::network::native_socket fd,
                                                           const void* bytes, std::size_t size) {
  result = 0;
  auto state = tcp::write_some(result, fd, bytes, size);
  written = result;
  return state;
}

void node_stream::handle_event(operation op) {
  handle_event_impl(op, policy_);
}

void node_stream::finish() {
  do {
    policy_.written = 0;
    if (state_.writing)
      handle_event(operation::write);
  } while (state_.writing && policy_.written > 0);
  if (state_.writing) {
    state_.writing = false;
    backend().del(operation::write, fd(), this);
  }
  ::shutdown(fd(), SHUT_RDWR);
}

// -- node_scribe
// ------------------------------------------------------------------------------------------------------

node_scribe::node_scribe(caf::io::network::default_multiplexer& multiplexer, unique_fd fd)
    : scribe(caf::io::connection_handle::from_int(next_handle())), stream_(multiplexer, fd.release()) {}

void node_scribe::configure_read(caf::io::receive_policy::config config) {
  if (config.second > node_message_max) {
    // What is read from here on is not what the broker asked for, so that it gives the connection up.
    ::shutdown(stream_.fd(), SHUT_RDWR);
    return;
  }
  stream_.configure_read(config);
  if (!std::exchange(launched_, true))
    stream_.start(this);
}

void node_scribe::released() {
  stream_.removed_from_loop(operation::read);
  stream_.removed_from_loop(operation::write);
}

void node_scribe::detach_from(caf::io::abstract_broker* broker) {
  parting<node_scribe> keep{this};
  scribe::detach_from(broker);
  stream_.finish();
  stream_.backend().post(std::move(keep));
}

// -- node_doorman
// -----------------------------------------------------------------------------------------------------

node_doorman::node_doorman(caf::io::network::default_multiplexer& multiplexer, unique_fd fd,
                           std::uint16_t port)
    : doorman(caf::io::accept_handle::from_int(next_handle())), port_(port),
      listener_(multiplexer, fd.release(), *this) {}

void node_doorman::detach_from(caf::io::abstract_broker* broker) {
  parting<node_doorman> keep{this};
  doorman::detach_from(broker);
  ::shutdown(listener_.fd(), SHUT_RDWR);
  listener_.backend().post(std::move(keep));
}

void node_doorman::accepted(unique_fd fd) {
  if (detached() || !is_trusted(peer_of(fd.get())))
    return;
  auto scribe = caf::make_counted<node_scribe>(listener_.backend(), std::move(fd));
  auto handle = scribe->hdl();
  parent()->add_scribe(scribe);
  doorman::new_connection(&listener_.backend(), handle);
}

void node_doorman::ended() {
  remove_from_loop();
  // The broker forgets the published actor and this doorman together, under its port.
  if (!detached())
    caf::anon_send(caf::actor_cast<caf::actor>(parent()), caf::close_atom_v, port_);
}

node_doorman::listener::listener(caf::io::network::default_multiplexer& multiplexer, int fd,
                                 node_doorman& owner)
    : event_handler(multiplexer, fd), owner_(owner), spare_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

void node_doorman::listener::start() {
  if (!kept_) {
    kept_.reset(&owner_);
    activate();
  }
}

void node_doorman::listener::removed_from_loop(operation op) {
  if (op == operation::read)
    kept_.reset(); // may be the last reference: nothing may follow
}

void node_doorman::listener::handle_event(operation op) {
  if (op == operation::propagate_error)
    return owner_.ended();
  for (int i = 0; op == operation::read && i < accepted_max; ++i) {
    unique_fd fd{::accept4(event_handler::fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (fd) {
      owner_.accepted(std::move(fd));
      continue;
    }
    switch (errno) {
    case EAGAIN:
      // So says Linux of a socket that was shut down, too; the event loop would be called for it again and again.
      if (is_shut_down(event_handler::fd()))
        owner_.ended();
      return;
    case EINTR:
    case ECONNABORTED:
      continue;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return turn_away();
    default:
      return owner_.ended();
    }
  }
}

void node_doorman::listener::turn_away() {
  spare_.reset();
  unique_fd{::accept4(fd(), nullptr, nullptr, SOCK_CLOEXEC)}.reset();
  spare_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  // Somebody else in the process took the descriptor: without a pause, the event loop would spin until one is
  // free.
  if (!spare_)
    ::poll(nullptr, 0, 10);
}

} // namespace moorage
