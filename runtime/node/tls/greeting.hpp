// The first message of a TLS client (RFC 8446, 4.1.2), looked at in the socket before OpenSSL is asked: only
// whether it is there as a whole.
#pragma once

namespace moorage {

enum class first_message { none, begun, whole, unfit };

/// Leaves it in the socket, and asks the kernel to wake whoever waits for it when all of it has come.
first_message look_at_first_message(int fd);
/// The socket is as any other from then on.
void take_first_message(int fd);

} // namespace moorage
