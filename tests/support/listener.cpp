#include "tests/support/listener.hpp"

#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace moorage::support {

namespace {

sockaddr_in socket_address(const std::string& host, std::uint16_t port) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = ::inet_addr(host.c_str());
  where.sin_port = htons(port);
  return where;
}

} // namespace

listener::listener(std::string host, int backlog)
    : host_(std::move(host)), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  auto where = socket_address(host_, 0);
  socklen_t size = sizeof where;
  if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&where), size) != 0 ||
      ::listen(fd_.get(), backlog) != 0 ||
      ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&where), &size) != 0)
    throw std::runtime_error("no place to listen at " + host_);
  port_ = ntohs(where.sin_port);
}

bool listener::asked() const {
  pollfd one{fd_.get(), POLLIN, 0};
  return ::poll(&one, 1, 0) > 0;
}

unique_fd listener::accept() const {
  return unique_fd{::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
}

unique_fd listener::connect() const {
  unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  auto where = socket_address(host_, port_);
  (void)::connect(fd.get(), reinterpret_cast<sockaddr*>(&where), sizeof where);
  return fd;
}

} // namespace moorage::support
