#include "tests/support/raw_peer.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace moorage::support {
namespace {

void put_number(std::string& to, std::size_t value) {
  for (int shift : {24, 16, 8, 0})
    to.push_back(static_cast<char>(value >> shift));
}

} // namespace

std::string clear_packet(const std::string& payload) {
  std::size_t padding = 8 - (payload.size() + 5) % 8;
  padding += padding < 4 ? 8 : 0;
  std::string packet;
  put_number(packet, payload.size() + padding + 1);
  packet.push_back(static_cast<char>(padding));
  return packet + payload + std::string(padding, '\0');
}

std::string ignore_payload(std::size_t size) {
  std::string payload(1, '\x02');
  put_number(payload, size);
  return payload + std::string(size, 'i');
}

std::string debug_payload(const std::string& text) {
  std::string payload("\x04\x00", 2);
  put_number(payload, text.size());
  payload += text;
  put_number(payload, 0); // no language
  return payload;
}

raw_peer::raw_peer(std::string first, std::string again, std::string host, std::uint16_t port)
    : first_(std::move(first)), host_(std::move(host)) {
  for (const auto unit = std::move(again); !unit.empty() && again_.size() < 65'536;)
    again_ += unit;
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  socklen_t size = sizeof where;
  if (::inet_pton(AF_INET, host_.c_str(), &where.sin_addr) != 1 ||
      ::bind(listener_, reinterpret_cast<sockaddr*>(&where), size) != 0 || ::listen(listener_, 64) != 0)
    throw std::runtime_error("no place to listen for a raw peer");
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&where), &size);
  port_ = ntohs(where.sin_port);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { run(); });
}

raw_peer::~raw_peer() {
  ::eventfd_write(stop_, 1);
  thread_.join();
  for (const auto& one : clients_)
    ::close(one.fd);
  ::close(listener_);
  ::close(stop_);
}

/// False: the client has gone.
bool raw_peer::serve(client& one) {
  char taken[65'536];
  auto got = ::recv(one.fd, taken, sizeof taken, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN))
    return false;
  while (one.sent < first_.size() || !again_.empty()) {
    const bool still_first = one.sent < first_.size();
    const auto& from = still_first ? first_ : again_;
    const auto at = still_first ? one.sent : (one.sent - first_.size()) % again_.size();
    auto put = ::send(one.fd, from.data() + at, from.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0)
      return errno == EAGAIN || errno == EINTR;
    one.sent += static_cast<std::uint64_t>(put);
    bytes_sent_ += static_cast<std::uint64_t>(put);
  }
  return true;
}

void raw_peer::run() {
  for (;;) {
    std::vector<pollfd> watched{{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& one : clients_) {
      const bool more = one.sent < first_.size() || !again_.empty();
      watched.push_back({one.fd, static_cast<short>(POLLIN | (more ? POLLOUT : 0)), 0});
    }
    if (::poll(watched.data(), watched.size(), -1) < 0 || watched[0].revents != 0)
      return;
    std::vector<client> kept;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      if (watched[i + 2].revents == 0 || serve(clients_[i]))
        kept.push_back(clients_[i]);
      else
        ::close(clients_[i].fd);
    }
    clients_ = std::move(kept);
    for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
      clients_.push_back({fd, 0});
      ++connects_;
    }
    clients_now_ = static_cast<int>(clients_.size());
  }
}

} // namespace moorage::support
