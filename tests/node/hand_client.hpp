// A client of a node by hand: what CAF says and hears on a link, without an actor system.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "runtime/system/descriptors.hpp"
#include "tests/node/frames.hpp"
#include "tests/support/fair_patience.hpp"

namespace node_tests {

class hand_client {
public:
  struct heard {
    frame_kind kind{};
    std::uint64_t data = 0; ///< of a message: its number as a request, or as an answer
    std::uint64_t target = 0;
    std::string payload;
  };

  /// `link`: a connected socket, or the plain end of one over TLS. `process`: its number in its node id.
  /// `work`: how much of a processor the node must have been able to have, besides, before it is too late.
  hand_client(moorage::unique_fd link, std::uint32_t process, std::chrono::milliseconds work = {})
      : link_(std::move(link)), process_(process), work_(work) {}

  /// As CAF's broker does: its name, again once the node has greeted, and that it watches its session. False:
  /// no node greeted in time.
  bool greet(std::chrono::milliseconds patience = std::chrono::seconds{30}) {
    if (!say(client_greeting(process_)))
      return false;
    auto greeting = next(patience);
    if (!greeting || greeting->kind != frame_kind::server_handshake || !read_greeting(greeting->payload))
      return false;
    auto chosen = client_greeting(process_);
    chosen[flags_place] = 2; // this connection, if there should be more
    return say(chosen + frame(frame_kind::monitor_message, node(process_) + node_, 0, 0, session_));
  }
  /// A request to its session: the type's name and its value as CAF writes it. The answer, or nothing in
  /// time.
  std::optional<heard> ask(std::string_view type, const std::string& value,
                           std::chrono::milliseconds patience = std::chrono::seconds{30}) {
    constexpr std::uint64_t usual = std::uint64_t{1} << 60, answer = std::uint64_t{1} << 63;
    auto number = usual | ++asked_;
    if (!send(type, value, number))
      return std::nullopt;
    for (fair_patience wait{patience, work_};;) {
      auto came = next(wait);
      if (!came || (came->kind == frame_kind::direct_message && came->data == (number | answer)))
        return came;
      if (wait.over()) // of other things there may be no end
        return std::nullopt;
    }
  }
  bool send(std::string_view type, const std::string& value, std::uint64_t number = std::uint64_t{1} << 60) {
    return say(frame(frame_kind::direct_message,
                     sequence_size(0) + message("@<>+" + std::string{type}, value), number, self, session_));
  }
  /// Whatever it is. False: the node has hung up.
  bool say(const std::string& bytes) {
    for (std::string_view rest = bytes; !rest.empty();) {
      auto sent = ::send(link_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent >= 0)
        rest.remove_prefix(static_cast<std::size_t>(sent));
      else if (errno == EAGAIN && !takes_more())
        return false;
      else if (errno != EAGAIN && errno != EINTR)
        return false;
    }
    return true;
  }
  /// The next frame. None: the time is up, or the node has hung up.
  std::optional<heard> next(std::chrono::milliseconds patience) {
    fair_patience wait{patience, work_};
    return next(wait);
  }

  std::uint64_t session() const { return session_; }
  std::uint32_t process() const { return process_; }
  /// The node's own id as it wrote it.
  const std::string& greeted_by() const { return node_; }
  int descriptor() const { return link_.get(); }

  /// The actor that it says it is.
  static constexpr std::uint64_t self = 9;

private:
  using fair_patience = moorage::support::fair_patience;
  static constexpr std::size_t header_size = 32, flags_place = 3, node_size = 32;

  static std::uint64_t read(std::string_view from, std::size_t place, std::size_t size = 8) {
    std::uint64_t result = 0;
    for (auto each : from.substr(place, size))
      result = result << 8 | static_cast<std::uint8_t>(each);
    return result;
  }
  /// Who it is, what applications it knows, which actor it offers; the interface is left.
  bool read_greeting(std::string_view from) {
    auto size = [&from] {
      std::size_t result = 0;
      for (unsigned shift = 0; !from.empty(); shift += 7) {
        auto each = static_cast<std::uint8_t>(from.front());
        from.remove_prefix(1);
        result |= static_cast<std::size_t>(each & 0x7f) << shift;
        if ((each & 0x80) == 0)
          break;
      }
      return result;
    };
    if (from.size() < node_size)
      return false;
    node_ = from.substr(0, node_size);
    from.remove_prefix(node_size);
    for (auto names = size(); names > 0; --names) {
      auto length = size();
      from.remove_prefix(std::min(length, from.size()));
    }
    session_ = from.size() < 8 ? 0 : read(from, 0);
    return session_ != 0;
  }
  std::optional<heard> next(fair_patience& wait) {
    if (!has(header_size, wait))
      return std::nullopt;
    auto announced = read(buffered_, 4, 4);
    if (!has(header_size + announced, wait))
      return std::nullopt;
    heard result{static_cast<frame_kind>(buffered_[0]), read(buffered_, 8), read(buffered_, 24),
                 buffered_.substr(header_size, announced)};
    buffered_.erase(0, header_size + announced);
    return result;
  }
  /// While it waits it says that it lives, as CAF does, so that nobody hangs up on it for its silence.
  bool ready(short what, fair_patience& wait) const {
    pollfd state{link_.get(), what, 0};
    const auto sign_of_life = header(frame_kind::heartbeat, 0);
    do {
      if (::poll(&state, 1, static_cast<int>(wait.slice(std::chrono::seconds{1}).count())) == 1)
        return true;
      if (session_ != 0 && what == POLLIN)
        ::send(link_.get(), sign_of_life.data(), sign_of_life.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (!wait.over());
    return false;
  }
  bool takes_more() const {
    fair_patience wait{std::chrono::seconds{30}, work_};
    return ready(POLLOUT, wait);
  }
  /// False: the time is up, or the node has hung up; what came is kept.
  bool has(std::size_t size, fair_patience& wait) {
    std::array<char, 4096> piece{};
    while (buffered_.size() < size && ready(POLLIN, wait)) {
      auto got = ::recv(link_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        break;
      buffered_.append(piece.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    }
    return buffered_.size() >= size;
  }

  moorage::unique_fd link_;
  std::uint32_t process_;
  std::chrono::milliseconds work_;
  std::uint64_t asked_ = 0;
  std::uint64_t session_ = 0;
  std::string node_;
  std::string buffered_;
};

} // namespace node_tests
