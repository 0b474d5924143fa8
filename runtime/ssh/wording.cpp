#include "runtime/ssh/wording.hpp"

#include <cerrno>
#include <cstring>

namespace moorage {

std::string link_end_in_words(std::string said) {
  if (said.starts_with(libssh_disconnect)) { // "…: NUMBER:TEXT"
    auto text = said.find(':', std::strlen(libssh_disconnect));
    return server_ended + (text == std::string::npos ? said : said.substr(text + 1));
  }
  if (!said.starts_with(libssh_socket_error))
    return said;
  auto cause = said.substr(std::strlen(libssh_socket_error));
  // The second is the error of an older call: libssh found its socket closed, and asks it no more.
  auto closed = cause == "disconnected" || cause == std::strerror(EAGAIN);
  return closed ? "the server closed the connection" : cause;
}

} // namespace moorage
