#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

namespace moorage::support {

/// A pump between the client's TCP socket and a socketpair that libssh speaks through. It delays each
/// direction, and can cut what goes out into single bytes.
class fake_wire {
public:
  using clock = std::chrono::steady_clock;

  /// Takes over neither descriptor; `tcp` is the client's socket.
  fake_wire(int tcp, std::chrono::milliseconds latency, bool one_byte_writes);
  ~fake_wire();
  fake_wire(const fake_wire&) = delete;
  fake_wire& operator=(const fake_wire&) = delete;

  int ssh_side() const { return pair_[0]; } ///< for libssh
  int our_side() const { return pair_[1]; } ///< to be watched

  /// Moves what is due to libssh, which must look afterwards: nothing else tells it.
  /// False once the client has closed and all of it was passed on.
  bool move_in();
  /// Moves what is due to the client.
  void move_out();
  /// When a direction has something to do again without any readiness; max() when not.
  clock::time_point next_due() const;
  std::uint32_t tcp_events() const; ///< what to watch the client's socket for
  std::uint32_t our_events() const;
  /// Sends everything that libssh has written, now.
  void flush();

private:
  struct chunk {
    clock::time_point due;
    std::string bytes;
  };
  struct direction {
    std::deque<chunk> queue;
    std::size_t waiting = 0;
    bool at_end = false;
    bool blocked = false;
  };

  void read_into(direction& d, int fd, clock::time_point due);
  void write_from(direction& d, int fd, clock::time_point now, bool one_byte);

  int tcp_;
  int pair_[2] = {-1, -1};
  std::chrono::milliseconds latency_;
  bool one_byte_;
  bool told_end_ = false;
  direction in_;  ///< client to libssh
  direction out_; ///< libssh to client
};

} // namespace moorage::support
