// Words that several failures share.
#pragma once

#include <string>

namespace moorage {

// How libssh begins what it says of a link that ended.
constexpr const char* libssh_disconnect = "Received SSH_MSG_DISCONNECT: ";
constexpr const char* libssh_socket_error = "Socket error: ";

// How it is told that the server said so itself (RFC 4253, section 11.1).
constexpr const char* server_ended = "the server ended the connection: ";

/// What libssh says of a link that ended, in plain words; anything else as it is.
std::string link_end_in_words(std::string said);

} // namespace moorage
