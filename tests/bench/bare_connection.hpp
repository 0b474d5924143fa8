#pragma once

#include "tests/bench/bare_loop.hpp"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <vector>

namespace moorage::bench {

/// One connection of the bare loop, and the channels on it, by number. Each step is called again until it
/// says that it is done; false means: when the socket is ready. Failures throw.
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
  /// So many channels at once; none may be open.
  void channels(std::size_t count) { channels_.resize(count); }
  /// Runs one command on that channel; true when it has ended and was as expected. Looks at what `drain` has
  /// taken, and may itself take something that is another channel's: `packets` tells.
  bool run(std::size_t on, const std::string& command, const std::string& output, int status);
  /// Opens the first channel and closes it; true when it was confirmed.
  bool probe();
  /// Takes what has come, for whatever channel, the answer to a CLOSE included.
  void drain();
  std::uint64_t packets() const { return taken_.in_packets; } ///< taken so far
  /// True while something waits for the socket to take it, and after every write until libssh has polled once
  /// more.
  bool write_pending() const;
  void say_goodbye();

private:
  enum class stage { tcp, key_exchange, authentication, open };
  struct channel {
    enum class stage { idle, opening, requesting, running };
    stage at = stage::idle;
    ssh_channel handle = nullptr;
    ssh_channel_callbacks_struct callbacks{};
    std::string output;
    int status = -1;
    bool closed = false;
  };

  [[noreturn]] void fail_with(const std::string& what, const std::string& why) const;
  [[noreturn]] void fail(const char* what) const { fail_with(what, ssh_get_error(session_)); }
  bool done(int rc, const char* what) const;
  void start_session();
  void check_host_key();
  void start(channel& c);
  static void end(channel& c);

  const bare_target& target_;
  ssh_key key_;
  std::size_t index_;
  int fd_ = -1;
  stage stage_ = stage::tcp;
  ssh_session session_ = nullptr;
  ssh_event event_ = nullptr;
  ssh_counter_struct taken_{};
  std::vector<channel> channels_{1}; ///< not moved while one is open: libssh knows where its callbacks are
};

} // namespace moorage::bench
