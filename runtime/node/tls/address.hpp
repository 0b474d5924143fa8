// "HOST:PORT" in words and in sockets.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "runtime/result.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

struct host_port {
  std::string host; ///< a name, or an address without its brackets
  std::string port; ///< digits, from 1 on
};

/// "portal.site.org:7443", "10.0.0.1:7443", "[::1]:7443". `invalid_request` otherwise.
result<host_port> parse_host_port(std::string_view text);

/// A TCP socket that listens there and does not block. The host has to be an address of this machine, since a
/// name may stand for others. Errors: `invalid_request`; `node_running` if somebody listens there already;
/// `local_failure`.
result<unique_fd> listen_on(std::string_view address);

/// A second descriptor of a TCP socket that somebody else made and that listens, closed on exec. It does not
/// block from now on, for them neither: that is a thing of the socket's. Errors: `invalid_request` for any
/// other descriptor; `local_failure`.
result<unique_fd> take_listening_tcp(int given);

/// Where it listens, in digits, of use where port 0 asked for any.
std::string address_of_listening(int fd);

/// Who is at the other end, without the port; empty: it has gone.
std::string peer_address(int fd);
/// The same for whoever can have it: of IPv6 the network, in which a host has as many addresses as it likes.
std::string peer_network(int fd);

/// Connects to the first of the host's addresses that takes it, each having its share of what is left until
/// `deadline`. Waits; ends within 50 ms of `called_off`. Its socket does not block. Errors: `no_node` if each
/// refuses; `node_lost` if none answers; `cancelled`; `invalid_request` for a host that nobody knows.
result<unique_fd> connect_tcp(const host_port& to, std::chrono::steady_clock::time_point deadline,
                              const std::stop_token& called_off);

/// What a link needs of its socket: nothing is held back to fill a packet, and what is not acknowledged for
/// `silence_max` ends it (tcp(7), TCP_USER_TIMEOUT), as does a peer that has gone without a word.
void prepare_link(int fd, std::chrono::milliseconds silence_max);

/// Its peer is told by a reset, at once. An end would wait behind what was not acknowledged, so that a peer
/// that hears us, and is not heard, would wait for its own patience.
void reset_when_closed(int fd);

} // namespace moorage
