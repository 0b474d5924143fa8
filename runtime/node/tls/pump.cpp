#include "runtime/node/tls/pump.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace moorage {

namespace {

/// How many pieces are carried each way before it is another link's turn, and of how many records one is.
constexpr int pieces_a_turn = 2, records_a_piece = 32;

/// A thread carries one piece at a time, whichever link it is of. Not in the thread's own storage, which each
/// of a host's threads would have as well.
std::array<char, tls_piece>& scratch() {
  thread_local const auto bytes = std::make_unique<std::array<char, tls_piece>>();
  return *bytes;
}

/// None for what a process leaves behind that just ends.
std::string words_of(int error) {
  return error == 0 || error == ECONNRESET || error == EPIPE ? "" : std::strerror(error);
}

} // namespace

tls_pump::tls_pump(ssl_ptr ssl, unique_fd network, unique_fd plain)
    : ssl_(std::move(ssl)), network_(ssl_.get(), std::move(network)), plain_(std::move(plain)) {}

bool tls_pump::work() {
  network_.begin_turn();
  held_back_ = false;
  if (network_.overfull()) // else what the peer said last is read before a write finds it gone
    flush();
  bool in = true, out = true;
  for (int i = 0; i < pieces_a_turn && (in || out); ++i) {
    in = in && receive();
    out = out && send();
  }
  more_ = (in || network_.cut_short() || (held_back_ && !network_.overfull())) && !to_plain_.full();
  if (carried_much_)
    network_.carry_much();
  // What the peer said last is still for us to hear, and ours for it.
  if (network_over_ && !to_plain_.full())
    return false;
  if (plain_over_ && !network_.full()) {
    SSL_shutdown(ssl_.get()); // the peer knows then that nothing was cut off
    ERR_clear_error();
    network_.flush();
    return false;
  }
  return true;
}

void tls_pump::remainder::passed(std::size_t count) {
  begin += count;
  if (!full())
    clear();
}

/// From the network to CAF.
bool tls_pump::receive() {
  if (to_plain_.full()) {
    to_plain_.passed(write_plain(to_plain_.rest()));
    return !to_plain_.full();
  }
  auto& room = scratch();
  std::size_t size = 0;
  int records = 0;
  for (; !network_over_ && !network_.overfull() && size < room.size() && records < records_a_piece;
       ++records) {
    const auto got = SSL_read(ssl_.get(), room.data() + size, static_cast<int>(room.size() - size));
    if (got <= 0) {
      failed(got);
      break;
    }
    network_.made(static_cast<std::size_t>(got));
    size += static_cast<std::size_t>(got);
  }
  held_back_ = held_back_ || network_.overfull();
  if (size == 0)
    return false;
  heard_ = true;
  heard_in_all_ += size;
  std::string_view bytes{room.data(), size};
  bytes.remove_prefix(write_plain(bytes));
  if (!bytes.empty() && !plain_over_)
    to_plain_ = {{bytes.begin(), bytes.end()}};
  carried_much_ = carried_much_ || size == room.size();
  return (size == room.size() || records == records_a_piece) && bytes.empty();
}

bool tls_pump::send() {
  if (network_.full() && (!flush() || network_.full()))
    return false;
  if (plain_over_ || network_over_)
    return false;
  auto& room = scratch();
  const auto got = ::recv(plain_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (got <= 0) {
    plain_over_ = got == 0 || !may_pass(errno);
    return false;
  }
  if (SSL_write(ssl_.get(), room.data(), static_cast<int>(got)) <= 0) { // `network_` has room for all
    lose_network(tls_error(ssl_.get()));
    return false;
  }
  const bool whole = static_cast<std::size_t>(got) == room.size();
  carried_much_ = carried_much_ || whole;
  return flush() && !network_.full() && whole;
}

bool tls_pump::flush() {
  if (network_.flush())
    return true;
  lose_network(words_of(network_.error()));
  return false;
}

void tls_pump::failed(int outcome) {
  switch (SSL_get_error(ssl_.get(), outcome)) {
  case SSL_ERROR_WANT_READ:
  case SSL_ERROR_WANT_WRITE: // the peer does not read what OpenSSL has to say: `network_` is full
    return ERR_clear_error();
  case SSL_ERROR_ZERO_RETURN:
    return lose_network({});
  case SSL_ERROR_SYSCALL:
    return lose_network(words_of(network_.error()));
  default:
    auto words = tls_error(ssl_.get());
    network_.flush(); // OpenSSL's alert
    lose_network(std::move(words));
  }
}

/// Nobody is there to read what is left.
void tls_pump::lose_network(std::string why) {
  ERR_clear_error();
  network_over_ = true;
  network_.clear();
  why_ = std::move(why);
}

std::size_t tls_pump::write_plain(std::string_view bytes) {
  auto put = ::send(plain_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (put > 0)
    return static_cast<std::size_t>(put);
  if (put < 0 && !may_pass(errno)) {
    plain_over_ = true;
    to_plain_.clear();
  }
  return 0;
}

std::uint32_t tls_pump::wants_of_network() const {
  std::uint32_t wants = 0;
  if (!to_plain_.full() && !network_over_ && !network_.overfull())
    wants |= EPOLLIN | EPOLLRDHUP;
  if (network_.full())
    wants |= EPOLLOUT;
  return wants;
}

std::uint32_t tls_pump::wants_of_plain() const {
  std::uint32_t wants = 0;
  if (!network_.full() && !plain_over_)
    wants |= EPOLLIN | EPOLLRDHUP;
  if (to_plain_.full())
    wants |= EPOLLOUT;
  return wants;
}

bool tls_pump::heard() {
  return std::exchange(heard_, false);
}

void tls_pump::rest() {
  if (!std::exchange(carried_much_, false))
    network_.carry_little();
}

} // namespace moorage
