#include "tests/node/raw_socket.hpp"

#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace node_tests {

namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

} // namespace

raw_connection raw_connection::unconnected() {
  return raw_connection{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
}

raw_connection::raw_connection(const std::string& path) : raw_connection(unconnected()) {
  connect(path);
}

void raw_connection::connect(const std::string& path) {
  auto address = address_of(path);
  // As many as may wait may not have been accepted yet: a busy node is waited for.
  timeval patience{5, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::fcntl(fd_, F_SETFL, 0);
  auto failed = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0;
  ::fcntl(fd_, F_SETFL, O_NONBLOCK);
  if (failed)
    throw std::runtime_error("cannot connect to " + path);
}

raw_connection::raw_connection(raw_connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

raw_connection& raw_connection::operator=(raw_connection&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

raw_connection::~raw_connection() {
  if (fd_ >= 0)
    ::close(fd_);
}

void raw_connection::send(const std::string& bytes) {
  if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0)
    throw std::runtime_error("cannot send");
}

std::size_t raw_connection::taken() {
  std::vector<char> bytes(std::size_t{1} << 20);
  auto got = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

bool raw_connection::ended() {
  char bytes[4096];
  for (;;) {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, 5'000) <= 0)
      return false;
    if (::recv(fd_, bytes, sizeof(bytes), 0) <= 0)
      return true;
  }
}

raw_listener::raw_listener(const std::string& path, int backlog)
    : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  auto address = address_of(path);
  if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 || ::listen(fd_, backlog) != 0)
    throw std::runtime_error("cannot listen on " + path);
}

raw_listener::~raw_listener() {
  close();
}

raw_connection raw_listener::accept() {
  pollfd ready{fd_, POLLIN, 0};
  if (::poll(&ready, 1, 5'000) <= 0)
    return {};
  return raw_connection{::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)};
}

void raw_listener::close() {
  if (fd_ >= 0)
    ::close(std::exchange(fd_, -1));
}

std::string greeting_header(unsigned announced) {
  // Operation, padding, flags (one byte each but the padding's two), payload length, version, sender,
  // receiver; in network order.
  std::string bytes(32, '\0');
  for (std::size_t i = 0; i < 4; ++i)
    bytes[4 + i] = static_cast<char>(announced >> (24 - 8 * i) & 0xff);
  bytes[15] = 3;
  return bytes;
}

} // namespace node_tests
