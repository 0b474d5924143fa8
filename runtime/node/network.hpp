// What publishing a node and connecting to one have in common. Used by socket.cpp and link.cpp only.
#pragma once

#include "messages/type_ids.hpp"
#include "runtime/node/unix_socket.hpp"

#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>

#include <fcntl.h>
#include <optional>
#include <sys/socket.h>

namespace moorage {

/// What of CAF we work with. Absent in a system without middleman, or with CAF's multiplexer for tests.
struct node_network {
  caf::io::network::default_multiplexer* multiplexer;
  caf::actor broker;
};

inline std::optional<node_network> network_of(caf::actor_system& system) {
  if (!system.has_middleman())
    return std::nullopt;
  auto multiplexer = dynamic_cast<caf::io::network::default_multiplexer*>(&system.middleman().backend());
  if (multiplexer == nullptr)
    return std::nullopt;
  return node_network{multiplexer, system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"))};
}

inline caf::error no_network() {
  return make_error(errc::invalid_request,
                    "this actor system has no middleman: load caf::io::middleman into its "
                    "configuration");
}

/// A second descriptor of a socket. Through it we end the socket from any thread, whatever has become of the
/// actor system, and the event loop notices.
inline unique_fd second_of(int fd) {
  return unique_fd{::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
}

inline void end(unique_fd& socket) {
  if (socket)
    ::shutdown(socket.get(), SHUT_RDWR);
  socket.reset();
}

} // namespace moorage
