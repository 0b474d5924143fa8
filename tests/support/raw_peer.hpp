#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace moorage::support {

/// A listener that sends each client the same raw bytes: something once, then, as fast as the client takes
/// it, something else again and again for ever. It reads what clients send and forgets it. For what may come
/// before any SSH does. One thread.
class raw_peer {
public:
  /// `again` empty: nothing follows `first`, and the connection stays open. `host`: an address of this
  /// machine.
  explicit raw_peer(std::string first, std::string again = {}, std::string host = "127.0.0.1",
                    std::uint16_t port = 0);
  ~raw_peer();
  raw_peer(const raw_peer&) = delete;
  raw_peer& operator=(const raw_peer&) = delete;

  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  int connects() const { return connects_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; } ///< to all clients together
  /// Clients whose end has not been seen.
  int clients() const { return clients_now_; }

private:
  struct client {
    int fd;
    std::uint64_t sent; ///< of `first`, then of `again` over and over
  };
  void run();
  bool serve(client& one);

  const std::string first_;
  std::string again_; ///< repeated to make a good piece at once
  const std::string host_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int stop_ = -1;
  std::vector<client> clients_;
  std::atomic<int> connects_{0};
  std::atomic<int> clients_now_{0};
  std::atomic<std::uint64_t> bytes_sent_{0};
  std::thread thread_;
};

/// SSH's clear binary packet (RFC 4253, section 6), as it goes before any key exchange.
std::string clear_packet(const std::string& payload);
/// SSH_MSG_IGNORE with so many bytes in it.
std::string ignore_payload(std::size_t size);
/// SSH_MSG_DEBUG.
std::string debug_payload(const std::string& text);

} // namespace moorage::support
