#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace moorage::bench {

/// Where the baseline connects to, and as whom.
struct bare_target {
  std::string host = "127.0.0.1"; ///< a numeric address, IPv4 or IPv6
  std::uint16_t port = 22;
  std::string user;
  std::string key_file; ///< a private key without passphrase
  std::string host_key; ///< "ssh-ed25519 AAAA…", compared on every connection; empty: any
};

/// The baseline of the benches: one thread, one epoll, non-blocking libssh, and nothing between a socket's
/// readiness and libssh but a switch. It pools nothing, leases nothing and forgives nothing: every failure
/// throws std::runtime_error with libssh's words in it.
///
/// Connections stay open between calls, so that one object can be measured again and again. One thread.
class bare_loop {
public:
  using duration = std::chrono::nanoseconds;

  explicit bare_loop(bare_target target);
  ~bare_loop(); ///< as close()
  bare_loop(const bare_loop&) = delete;
  bare_loop& operator=(const bare_loop&) = delete;

  /// Opens `count` more connections, TCP to log-in, at most `at_once` of them in the making at a time.
  /// Returns the time it took.
  duration open(std::size_t count, std::size_t at_once);

  /// Runs the command `times` times over all open connections, `channels` at once on each, each channel
  /// taking the next as soon as it is free. Every run must succeed and print nothing. Returns the time it
  /// took.
  duration run(const std::string& command, std::size_t times, std::size_t channels = 1);

  /// Opens a session channel on every connection at once, and closes each as soon as it is confirmed. Returns
  /// the time until the last one was.
  duration health_round();

  /// Says goodbye on every connection and closes it.
  duration close();

  std::size_t size() const; ///< open connections

private:
  class loop;
  std::unique_ptr<loop> loop_;
};

/// How many a second, for `times` things done in a time.
inline double per_second(std::size_t times, bare_loop::duration took) {
  return static_cast<double>(times) / std::chrono::duration<double>(took).count();
}

} // namespace moorage::bench
