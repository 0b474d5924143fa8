#include "runtime/node/tls/greeting.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <sys/socket.h>
#include <sys/types.h>

namespace moorage {

namespace {

/// RFC 8446, 5.1: the type, a version that says nothing, the length.
constexpr std::size_t header = 5;
constexpr unsigned char handshake_record = 22;
/// Of OpenSSL's own 250 to 1,600 are seen, with keys of post-quantum methods among them.
constexpr std::size_t message_min = 64, message_max = 4096;

void wake_at(int fd, std::size_t bytes) {
  auto count = static_cast<int>(bytes);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &count, sizeof(count));
}

} // namespace

first_message look_at_first_message(int fd) {
  std::array<unsigned char, header + message_max> bytes{};
  auto got = ::recv(fd, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
    return first_message::unfit;
  if (got < 0) {
    wake_at(fd, header);
    return first_message::none;
  }
  auto size = static_cast<std::size_t>(got);
  if (bytes[0] != handshake_record || (size > 1 && bytes[1] != 3))
    return first_message::unfit;
  if (size < header) {
    wake_at(fd, header);
    return first_message::begun;
  }
  auto length = std::size_t{bytes[3]} << 8 | bytes[4];
  if (length < message_min || length > message_max)
    return first_message::unfit;
  if (size >= header + length)
    return first_message::whole;
  wake_at(fd, header + length);
  return first_message::begun;
}

void take_first_message(int fd) {
  wake_at(fd, 1);
}

} // namespace moorage
