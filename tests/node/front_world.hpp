// A front by itself, without CAF, and those who come to it.
#pragma once

#include <catch2/catch.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include "runtime/node/tls/address.hpp"
#include "runtime/node/tls/dial.hpp"
#include "runtime/node/tls/front.hpp"
#include "tests/node/other_process.hpp"
#include "tests/support/trial_authority.hpp"

namespace node_tests {

constexpr auto first_word = "moored";

/// A front that says a word to each who has proved who they are, and keeps their ends.
struct front_world {
  /// `clients`: what carries the links of those who dial.
  /// `send_buffer`: of the node's sockets in bytes; 0: as the system has it.
  front_world(moorage::node_files of_node, moorage::node_files of_client,
              std::chrono::milliseconds silence_max = moorage::tls_silence_max,
              std::shared_ptr<moorage::tls_front> carries = moorage::front_of_process(), int send_buffer = 0)
      : files(std::move(of_node)), client(std::move(of_client)), clients(std::move(carries)),
        front(silence_max) {
    auto socket = moorage::listen_on("127.0.0.1:0").value();
    if (send_buffer > 0)
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    address = moorage::address_of_listening(socket.get());
    moorage::tls_front::hearers told;
    told.came = [this](moorage::tls_front::visitor who) {
      std::lock_guard guard{mutex};
      if (::send(who.plain.get(), word.data(), word.size(), MSG_NOSIGNAL) == std::ssize(word))
        came.push_back(std::move(who.plain));
    };
    told.refused = [this](const std::string& text) {
      std::lock_guard guard{mutex};
      refused.push_back(text);
    };
    front.listen(std::move(socket), moorage::make_tls_context(files, moorage::tls_side::node).value(),
                 std::move(told));
  }
  /// From now on what these files say counts.
  void believe(const moorage::node_files& by) {
    front.believe(moorage::make_tls_context(by, moorage::tls_side::node).value());
  }
  std::vector<std::string> refusals() {
    std::lock_guard guard{mutex};
    return refused;
  }
  std::string last_refusal() {
    std::lock_guard guard{mutex};
    return refused.empty() ? "" : refused.back();
  }
  moorage::unique_fd last_visitor() {
    std::lock_guard guard{mutex};
    auto last = std::move(came.back());
    came.pop_back();
    return last;
  }
  moorage::result<moorage::unique_fd> dial() { return dial(client); }
  moorage::result<moorage::unique_fd> dial(const moorage::node_files& with) {
    return moorage::dial_tls(*clients, address, with, std::chrono::steady_clock::now() + 20s, {});
  }
  moorage::unique_fd stranger() {
    return moorage::connect_tcp(moorage::parse_host_port(address).value(),
                                std::chrono::steady_clock::now() + 20s, {})
        .value();
  }

  moorage::node_files files, client;
  std::string word = first_word;
  std::mutex mutex; // the front's thread, and the test
  std::vector<moorage::unique_fd> came;
  std::vector<std::string> refused;
  std::string address;
  std::shared_ptr<moorage::tls_front> clients;
  moorage::tls_front front;
};

struct tried_files {
  moorage::support::trial_authority authority;
  moorage::node_files of_node = authority.node(), of_client = authority.client("portal");
};
/// With files by deploy/certificates.
struct tried_front : tried_files, front_world {
  explicit tried_front(std::chrono::milliseconds silence_max = moorage::tls_silence_max, int send_buffer = 0)
      : front_world(of_node, of_client, silence_max, moorage::front_of_process(), send_buffer) {}
};

inline void say(const moorage::unique_fd& to, const std::string& bytes) {
  REQUIRE(::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == std::ssize(bytes));
}

/// The other end hangs up in that time.
inline bool ended_within(const moorage::unique_fd& fd, std::chrono::milliseconds time) {
  pollfd state{fd.get(), POLLRDHUP, 0};
  return ::poll(&state, 1, static_cast<int>(time.count())) > 0;
}

/// The other end hangs up; what it says before is dropped.
inline bool ends(const moorage::unique_fd& fd, std::chrono::milliseconds within = 30s) {
  auto deadline = std::chrono::steady_clock::now() + within;
  std::array<char, 4096> ignored{};
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd state{fd.get(), POLLIN, 0};
    ::poll(&state, 1, 100);
    auto got = ::recv(fd.get(), ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN))
      return true;
  }
  return false;
}

/// A client that begins its handshake and goes on when it is told to.
struct half_handshake {
  explicit half_handshake(front_world& world)
      : context(moorage::make_tls_context(world.client, moorage::tls_side::client).value()),
        network(world.stranger()), ssl(SSL_new(context.get())) {
    // Not over the socket: a quick answer would be taken in the same call.
    auto* out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
    SSL_connect(ssl.get());
    char* bytes = nullptr;
    auto size = BIO_get_mem_data(out, &bytes);
    say(network, std::string{bytes, static_cast<std::size_t>(size)});
    SSL_set_fd(ssl.get(), network.get());
  }
  /// What comes of it.
  bool finish() {
    std::signal(SIGPIPE, SIG_IGN); // OpenSSL writes to a socket as to a file, and the peer may have hung up
    auto deadline = std::chrono::steady_clock::now() + 20s;
    for (char byte = 0; std::chrono::steady_clock::now() < deadline;) {
      auto outcome = SSL_is_init_finished(ssl.get()) ? SSL_read(ssl.get(), &byte, 1) : SSL_connect(ssl.get());
      if (SSL_is_init_finished(ssl.get()) && outcome > 0 && byte != 0)
        return true;
      auto error = SSL_get_error(ssl.get(), outcome);
      if (outcome <= 0 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return false;
      pollfd state{network.get(), POLLIN, 0};
      ::poll(&state, 1, 100);
    }
    return false;
  }

  moorage::tls_context context;
  moorage::unique_fd network;
  moorage::ssl_ptr ssl;
};

} // namespace node_tests
