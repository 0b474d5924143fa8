#pragma once

#include "tests/bench/bare_loop.hpp"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

namespace moorage::bench {

/// One connection of the bare loop, and the one channel on it. Each step is called again until it says that
/// it is done; false means: when the socket is ready. Failures throw.
class bare_connection {
public:
  bare_connection(const bare_target& target, ssh_key key, std::size_t index)
      : target_(target), key_(key), index_(index) {}
  ~bare_connection();
  bare_connection(const bare_connection&) = delete;
  bare_connection& operator=(const bare_connection&) = delete;

  std::size_t index() const { return index_; }
  int fd() const { return fd_; }

  void start_connect();
  bool log_in();
  /// Runs one command; true when it has ended and was as expected.
  bool run(const std::string& command, const std::string& output, int status);
  /// Opens a channel and closes it; true when it was confirmed.
  bool probe();
  /// Takes what comes between two commands, such as the answer to a CLOSE.
  void drain();
  /// True while something waits for the socket to take it, and after every write until libssh has polled once
  /// more.
  bool write_pending() const;
  void say_goodbye();

private:
  enum class stage { tcp, key_exchange, authentication, idle, opening, requesting, running };

  [[noreturn]] void fail_with(const std::string& what, const std::string& why) const;
  [[noreturn]] void fail(const char* what) const { fail_with(what, ssh_get_error(session_)); }
  bool done(int rc, const char* what) const;
  void start_session();
  void check_host_key();
  void start_channel();
  void end_channel();

  const bare_target& target_;
  ssh_key key_;
  std::size_t index_;
  int fd_ = -1;
  stage stage_ = stage::tcp;
  ssh_session session_ = nullptr;
  ssh_event event_ = nullptr;
  ssh_channel channel_ = nullptr;
  ssh_channel_callbacks_struct callbacks_{};
  std::string output_;
  int status_ = -1;
  bool closed_ = false;
};

} // namespace moorage::bench
