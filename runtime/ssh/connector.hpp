// A TCP connection to the first address that answers, without blocking.
//
// The addresses are tried one after the other, never side by side: a connection that is opened only to be
// dropped again looks like a knock at the door, and login nodes ban those who knock too often. So that one
// dead address does not eat the whole patience, each but the last is given the lesser of 5 s and an equal
// share of what is left.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "actors/pool_protocol.hpp"
#include "messages/ssh_error.hpp"
#include "runtime/readiness.hpp"
#include "runtime/ssh/agent.hpp"
#include "runtime/ssh/preparation.hpp"

namespace moorage {

/// One connecting. Owned and called by one transport.
class connector {
public:
  /// How long one address may take while others are left: TCP's third SYN goes out after 3 s.
  static constexpr std::chrono::seconds address_patience{5};

  /// `deadline`: when the whole opening must be done. `silence_max`: how long sent bytes may stay
  /// unacknowledged before the kernel gives the link up (TCP_USER_TIMEOUT).
  connector(std::vector<endpoint> endpoints, std::string destination, time_point deadline,
            std::chrono::milliseconds silence_max, readiness& loop, std::function<void()> wake);

  enum class state { waiting, connected, failed };
  state step(time_point now);

  /// After `connected`: the socket, close-on-exec and non-blocking, with TCP_NODELAY and SO_KEEPALIVE; once.
  owned_fd take() { return std::move(socket_); }
  const endpoint& peer() const { return endpoints_[at_]; }
  /// "127.0.0.1:22", with the addresses that failed before it.
  std::string text() const;
  /// After `failed`: the last address's failure, all addresses in its text.
  const ssh_error& error() const { return error_; }
  /// The failure to report when the opening's deadline passes while this waits.
  ssh_error overdue(std::chrono::nanoseconds patience) const;
  time_point next_due() const { return due_; }

private:
  bool begin(time_point now);
  void failed_with(int code);
  void fail_all();

  std::vector<endpoint> endpoints_;
  std::string destination_;
  time_point deadline_;
  std::chrono::milliseconds silence_max_;
  readiness& loop_;
  std::function<void()> wake_;
  std::size_t at_ = 0;
  owned_fd socket_;
  watch watch_; // after the socket: it must stop watching first
  time_point due_ = time_point::max();
  std::string failures_; ///< of the addresses tried: "127.0.0.1:22: Connection refused; …"
  ssh_error error_;
};

/// "this process may open no more files (limit 1024)": what EMFILE and ENFILE mean, and what to do.
ssh_error descriptor_limit_error(ssh_stage stage, const std::string& destination, int code);

/// How a failed system call on a socket is told.
ssh_failure failure_for(int code);

} // namespace moorage
