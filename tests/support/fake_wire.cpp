#include "tests/support/fake_wire.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace moorage::support {
namespace {

constexpr std::size_t waiting_max = 4 << 20; // a link holds so much and no more

} // namespace

fake_wire::fake_wire(int tcp, std::chrono::milliseconds latency, bool one_byte_writes)
    : tcp_(tcp), latency_(latency), one_byte_(one_byte_writes) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair_) != 0)
    throw std::runtime_error("no descriptors left for a fake wire");
}

fake_wire::~fake_wire() {
  close(pair_[0]);
  close(pair_[1]);
}

void fake_wire::read_into(direction& d, int fd, clock::time_point due) {
  while (!d.at_end && d.waiting < waiting_max) {
    char bytes[65536];
    auto got = recv(fd, bytes, sizeof bytes, 0);
    if (got > 0) {
      d.queue.push_back({due, std::string(bytes, static_cast<std::size_t>(got))});
      d.waiting += static_cast<std::size_t>(got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      d.at_end = true;
    } else if (errno == EAGAIN) {
      return;
    }
  }
}

void fake_wire::write_from(direction& d, int fd, clock::time_point now, bool one_byte) {
  d.blocked = false;
  while (!d.queue.empty() && d.queue.front().due <= now) {
    auto& bytes = d.queue.front().bytes;
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      auto put = send(fd, bytes.data() + sent, one_byte ? 1 : bytes.size() - sent, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR)
        continue;
      if (put < 0 && errno == EAGAIN) {
        d.blocked = true;
        break;
      }
      sent += put < 0 ? bytes.size() - sent : static_cast<std::size_t>(put); // a dead end swallows the rest
    }
    d.waiting -= sent;
    bytes.erase(0, sent);
    if (d.blocked)
      return;
    d.queue.pop_front();
  }
}

bool fake_wire::move_in() {
  auto now = clock::now();
  read_into(in_, tcp_, now + latency_);
  write_from(in_, pair_[1], now, false);
  if (in_.at_end && in_.queue.empty() && !told_end_) {
    shutdown(pair_[1], SHUT_WR);
    told_end_ = true;
  }
  return !told_end_;
}

void fake_wire::move_out() {
  auto now = clock::now();
  read_into(out_, pair_[1], now + latency_);
  write_from(out_, tcp_, now, one_byte_);
}

fake_wire::clock::time_point fake_wire::next_due() const {
  auto due = clock::time_point::max();
  for (const auto* d : {&in_, &out_})
    if (!d->queue.empty() && !d->blocked)
      due = std::min(due, d->queue.front().due);
  return due;
}

std::uint32_t fake_wire::tcp_events() const {
  return (!in_.at_end && in_.waiting < waiting_max ? EPOLLIN : 0U) | (out_.blocked ? EPOLLOUT : 0U);
}

std::uint32_t fake_wire::our_events() const {
  return (!out_.at_end && out_.waiting < waiting_max ? EPOLLIN : 0U) | (in_.blocked ? EPOLLOUT : 0U);
}

void fake_wire::flush() {
  read_into(out_, pair_[1], clock::now());
  write_from(out_, tcp_, clock::time_point::max(), one_byte_);
}

} // namespace moorage::support
