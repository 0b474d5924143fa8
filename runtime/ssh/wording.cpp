#include "runtime/ssh/wording.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace moorage {

std::string setting_of_method(std::string_view said) {
  auto at = said.find(libssh_no_match);
  if (at == std::string_view::npos)
    return {};
  said.remove_prefix(at + std::strlen(libssh_no_match));
  constexpr std::pair<const char*, const char*> all[] = {{"kex algos", "kex_algorithms"},
                                                         {"server host key algo", "host_key_algorithms"},
                                                         {"encryption ", "ciphers"},
                                                         {"mac algo ", "macs"},
                                                         {"compression ", "compression"}};
  for (auto [method, setting] : all)
    if (said.starts_with(method))
      return setting;
  return {};
}

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
