#include "runtime/node/tls/pump.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace moorage {

namespace {

/// How many records are carried each way before it is another link's turn.
constexpr int records_a_turn = 8;

/// What TLS puts into one record; a thread carries one at a time, whichever link it is of.
std::array<char, 16 << 10>& scratch() {
  thread_local std::array<char, 16 << 10> bytes;
  return bytes;
}

bool later(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

} // namespace

tls_pump::tls_pump(ssl_ptr ssl, unique_fd network, unique_fd plain)
    : ssl_(std::move(ssl)), network_(std::move(network)), plain_(std::move(plain)) {}

bool tls_pump::work() {
  write_blocked_ = false;
  for (int i = 0; i < records_a_turn; ++i) {
    auto received = receive();
    if (auto sent = send(); !received && !sent)
      break;
  }
  // What the peer said last is still for us to hear, and ours for it.
  if (network_over_ && !to_plain_.full())
    return false;
  if (plain_over_ && !to_network_.full()) {
    SSL_shutdown(ssl_.get()); // the peer knows then that nothing was cut off
    ERR_clear_error();
    return false;
  }
  return true;
}

void tls_pump::remainder::passed(std::size_t count) {
  begin += count;
  if (!full())
    clear();
}

/// From the network to CAF. True: something went.
bool tls_pump::receive() {
  if (to_plain_.full()) {
    to_plain_.passed(write_plain(to_plain_.rest()));
    return !to_plain_.full();
  }
  if (network_over_)
    return false;
  auto& room = scratch();
  read_wants_write_ = false;
  errno = 0;
  auto got = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
  if (got <= 0)
    return failed(got, true);
  heard_ = true;
  heard_in_all_ += static_cast<std::size_t>(got);
  std::string_view bytes{room.data(), static_cast<std::size_t>(got)};
  bytes.remove_prefix(write_plain(bytes));
  if (!bytes.empty() && !plain_over_)
    to_plain_ = {{bytes.begin(), bytes.end()}};
  return true;
}

bool tls_pump::send() {
  if (to_network_.full()) {
    to_network_.passed(write_network(to_network_.rest()));
    return !network_over_ && !to_network_.full();
  }
  if (plain_over_ || network_over_)
    return false;
  auto& room = scratch();
  auto got = ::recv(plain_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (got <= 0) {
    plain_over_ = got == 0 || !later(errno);
    return false;
  }
  std::string_view bytes{room.data(), static_cast<std::size_t>(got)};
  bytes.remove_prefix(write_network(bytes));
  if (!bytes.empty() && !network_over_)
    to_network_ = {{bytes.begin(), bytes.end()}};
  return true;
}

bool tls_pump::failed(int outcome, bool reading) {
  auto error = errno;
  switch (SSL_get_error(ssl_.get(), outcome)) {
  case SSL_ERROR_WANT_READ:
    (reading ? read_wants_write_ : write_wants_read_) = !reading;
    break;
  case SSL_ERROR_WANT_WRITE:
    (reading ? read_wants_write_ : write_blocked_) = true;
    break;
  case SSL_ERROR_ZERO_RETURN:
    network_over_ = true;
    break;
  case SSL_ERROR_SYSCALL:
    network_over_ = true;
    // A process that just ends leaves these behind.
    if (error != 0 && error != ECONNRESET && error != EPIPE)
      why_ = std::strerror(error);
    break;
  default:
    network_over_ = true;
    if (ERR_GET_REASON(ERR_peek_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING)
      why_ = tls_error(ssl_.get());
  }
  ERR_clear_error();
  if (network_over_)
    to_network_.clear(); // nobody is there to read it
  return false;
}

std::size_t tls_pump::write_network(std::string_view bytes) {
  write_wants_read_ = false;
  errno = 0;
  auto put = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (put > 0)
    return static_cast<std::size_t>(put);
  failed(put, false);
  return 0;
}

std::size_t tls_pump::write_plain(std::string_view bytes) {
  auto put = ::send(plain_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (put > 0)
    return static_cast<std::size_t>(put);
  if (put < 0 && !later(errno)) {
    plain_over_ = true;
    to_plain_.clear();
  }
  return 0;
}

std::uint32_t tls_pump::wants_of_network() const {
  std::uint32_t wants = 0;
  if ((!to_plain_.full() && !network_over_) || write_wants_read_)
    wants |= EPOLLIN | EPOLLRDHUP;
  if (write_blocked_ || read_wants_write_)
    wants |= EPOLLOUT;
  return wants;
}

std::uint32_t tls_pump::wants_of_plain() const {
  std::uint32_t wants = 0;
  if (!to_network_.full() && !plain_over_)
    wants |= EPOLLIN | EPOLLRDHUP;
  if (to_plain_.full())
    wants |= EPOLLOUT;
  return wants;
}

bool tls_pump::heard() {
  return std::exchange(heard_, false);
}

} // namespace moorage
