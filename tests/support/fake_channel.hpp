#pragma once

#include "tests/support/fake_faults.hpp"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace moorage::support {

class fake_connection;

/// One session channel and the make-believe command on it.
class fake_channel {
public:
  fake_channel(fake_connection& connection, ssh_channel channel, std::uint64_t serial);
  ~fake_channel();
  fake_channel(const fake_channel&) = delete;
  fake_channel& operator=(const fake_channel&) = delete;

  ssh_channel raw() const { return channel_; }
  std::uint64_t serial() const { return serial_; }
  void set_env(const std::string& name, const std::string& value) { env_[name] = value; }
  void run(const std::string& command);

  /// Does what can be done now without waiting; true when it did something.
  bool progress();
  bool closed() const { return closed_here_ && closed_there_; }
  /// Forgets the libssh channel: its session frees it.
  void abandon() { channel_ = nullptr; }

private:
  /// What is to be written: text, or `flood` bytes of the pattern.
  struct piece {
    bool to_stderr = false;
    std::string text = {};
    std::uint64_t flood = 0;
    std::uint64_t done = 0;
  };
  enum class waiting_for { nothing, end_of_input, timer, signal };

  static int on_data(ssh_session, ssh_channel, void* data, std::uint32_t length, int is_stderr, void* self);
  static void on_eof(ssh_session, ssh_channel, void* self);
  static void on_close(ssh_session, ssh_channel, void* self);
  static void on_signal(ssh_session, ssh_channel, const char* name, void* self);

  std::uint32_t take_input(const char* bytes, std::uint32_t length);
  bool read_held_input();
  bool write_output();
  bool step();
  void do_step(const std::string& name, const std::string& rest);
  void say(bool to_stderr, std::string text);
  bool finish();
  void close_here();

  fake_connection& connection_;
  ssh_channel channel_;
  const std::uint64_t serial_;
  ssh_channel_callbacks_struct callbacks_{};
  std::map<std::string, std::string> env_;

  bool started_ = false;
  bool wrote_ = false;
  bool struck_ = false;
  bool finished_ = false;
  bool eof_ = false;
  bool input_held_ = false;
  bool closed_here_ = false;
  bool closed_there_ = false;
  bool echoing_ = false;
  std::uint64_t input_bytes_ = 0;
  std::deque<std::string> steps_;
  std::deque<piece> output_;
  std::uint64_t output_bytes_ = 0; ///< of text waiting in `output_`
  waiting_for waits_ = waiting_for::nothing;
  int status_ = 0;
  std::string signal_;
};

} // namespace moorage::support
