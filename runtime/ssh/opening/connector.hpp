// A TCP connection to the first address that answers, without blocking, and from there on to the first whose
// server speaks.
//
// The addresses are tried one after the other, never side by side: a connection that is opened only to be
// dropped again looks like a knock at the door, and login nodes ban those who knock too often. So that one
// dead address does not eat the whole patience, each but the last is given an equal share of what is left: to
// be connected, the lesser of that and 5 s; to be connected and to have exchanged keys, all of it. A machine
// that hangs takes connections, by its kernel, and never says a word.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "actors/pool/protocol.hpp"
#include "messages/ssh_error.hpp"
#include "runtime/ssh/opening/preparation.hpp"
#include "runtime/system/descriptors.hpp"
#include "runtime/system/readiness.hpp"

namespace moorage {

/// One connecting. Owned and called by one transport.
class connector {
public:
  /// How long one address may take while others are left: TCP's third SYN goes out after 3 s.
  static constexpr std::chrono::seconds address_patience{5};

  /// `deadline`: when the whole opening must be done. `silence_max`: how long sent bytes may stay
  /// unacknowledged before the kernel gives the link up (TCP_USER_TIMEOUT). `bind_address`: of this machine,
  /// to connect from; empty: any. `others_follow`: another machine is tried after these addresses.
  connector(std::vector<endpoint> endpoints, std::string destination, time_point deadline,
            std::chrono::milliseconds silence_max, readiness& loop, std::function<void()> wake,
            std::string bind_address = {}, bool others_follow = false);

  enum class state { waiting, connected, failed };
  state step(time_point now);

  /// After `connected`: the socket, close-on-exec and non-blocking, with TCP_NODELAY and SO_KEEPALIVE; once.
  unique_fd take() { return std::move(socket_); }
  const endpoint& peer() const { return endpoints_[at_]; }
  /// After `connected`: when another address should have its turn if the server here has not spoken; the last
  /// one's is never.
  time_point share_due() const { return share_due_; }
  /// Leaves the present address, whose server did so, to try the next. The socket that was taken is closed.
  void pass_over(const std::string& what);
  /// There are addresses after the present one.
  bool has_others() const { return at_ + 1 < endpoints_.size(); }
  /// Those that failed, by their digits, and how.
  const std::vector<std::pair<std::string, std::string>>& failed() const { return failed_; }
  /// "; before it 127.0.0.2:22: Connection refused", or nothing: for texts on the present address.
  std::string tried_before() const;
  /// "127.0.0.1:22", with the addresses that failed before it.
  std::string text() const;
  /// After `failed`: the last address's failure, all addresses in its text, at the stage that any has come
  /// to.
  const ssh_error& error() const { return error_; }
  /// The failure to report when the opening's deadline passes while this waits.
  ssh_error overdue(std::chrono::milliseconds patience) const;
  /// What this waits for, and what became of the addresses before.
  std::string awaited() const;
  time_point next_due() const { return due_; }

private:
  bool begin(time_point now);
  bool bind_to(const endpoint& to);
  void failed_with(int code, const std::string& doing = {});
  void note(const std::string& what);
  void fail_all();

  std::vector<endpoint> endpoints_;
  std::string destination_;
  time_point deadline_;
  std::chrono::milliseconds silence_max_;
  readiness& loop_;
  std::function<void()> wake_;
  std::string bind_address_;
  bool others_follow_;
  std::vector<std::pair<std::string, std::string>> failed_;
  bool not_bound_ = false; ///< the last address failed for that
  std::size_t at_ = 0;
  unique_fd socket_;
  watch watch_; // after the socket: it must stop watching first
  time_point due_ = time_point::max();
  time_point share_due_ = time_point::max();
  /// The farthest that any address came: one that was passed over took the connection, and counts it.
  ssh_stage reached_ = ssh_stage::connect;
  std::string failures_; ///< of the addresses tried: "127.0.0.1:22: Connection refused; …"
  ssh_error error_;
};

/// "the process that has the pools (pid 4711) may open no more files (limit 1024)": what to do besides.
ssh_error descriptor_limit_error(ssh_stage stage, const std::string& destination, int code);

/// How a failed system call on a socket is told.
ssh_failure failure_for(int code);

} // namespace moorage
