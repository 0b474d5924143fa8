// Words that several failures share.
#pragma once

#include <string>
#include <string_view>

namespace moorage {

// How libssh begins what it says of a link that ended.
constexpr const char* libssh_disconnect = "Received SSH_MSG_DISCONNECT: ";
constexpr const char* libssh_socket_error = "Socket error: ";

/// Of a key that could only sign in a way that was not allowed: nothing was sent.
constexpr const char* libssh_no_signature = "not allowed to be used by PUBLICKEY_ACCEPTED_TYPES";

/// Two lists of algorithms that have none in common, after which comes of what.
constexpr const char* libssh_no_match = "no match for method ";
/// The setting that such a list is of; "": none.
std::string setting_of_method(std::string_view said);

// How it is told that the server said so itself (RFC 4253, section 11.1).
constexpr const char* server_ended = "the server ended the connection: ";

/// What libssh says of a link that ended, in plain words; anything else as it is.
std::string link_end_in_words(std::string said);

} // namespace moorage
