#pragma once

#include "tests/support/fake_server.hpp"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace moorage::support {

class fake_channel;
class fake_wire;

/// One TCP connection to the fake sshd. Lives on the server's loop.
class fake_connection {
public:
  fake_connection(fake_server& server, std::uint64_t id, int fd, std::optional<fake_faults> own);
  ~fake_connection();
  fake_connection(const fake_connection&) = delete;
  fake_connection& operator=(const fake_connection&) = delete;

  void begin();
  void ready(fake_server::descriptor which, std::uint32_t events);
  void pump();
  bool gone() const { return state_ == state::gone; }

  /// Applies the breakage if the faults name this phase; true when they do.
  bool strike(phase at);
  void break_off(breakage how, const char* words = "told to disconnect");
  /// Falls silent for good: reads and writes nothing, closes nothing, fires no timer.
  void mute();

  const fake_faults& faults() const { return own_ ? *own_ : server_.live(); }
  fake_server& server() { return server_; }
  std::uint64_t id() const { return id_; }
  ssh_session session() { return session_; }
  /// Runs later on this connection and pumps it; not once it is muted or gone.
  void after(std::chrono::milliseconds delay, std::function<void()> then);
  /// The same for one channel; not once that has gone.
  void after_for(std::chrono::milliseconds delay, std::uint64_t serial,
                 std::function<void(fake_channel&)> then);

private:
  enum class state { waiting, reading_raw, speaking, muted, gone };

  // The link, in fake_connection.cpp.
  void speak();
  bool greet_raw();
  void read_raw();
  void watch(std::uint32_t events);
  void set_wire_alarm();
  void note_goodbye();
  void end(bool by_client);
  void close_socket();
  void logged_in();

  // What the client asks, in fake_requests.cpp and fake_auth.cpp.
  void on_message(ssh_message message);
  void say_to_people(const std::string& banner);
  void on_auth(ssh_message message);
  void judge_auth(ssh_message message);
  void judge_key(ssh_message message);
  void judge_answers(ssh_message message);
  void grant_auth(ssh_message message);
  void deny_auth(ssh_message message);
  bool method_open(const std::string& method) const;
  int methods_open() const;
  void on_channel_open(ssh_message message);
  void accept_channel(ssh_message message);
  void on_channel_request(ssh_message message);
  void on_exec(ssh_message message);
  void start_command(ssh_message message);
  fake_channel* channel_of(ssh_message message);
  bool progress_channels();
  /// Hands the message on after the delay; it is freed when it has been, or with us.
  void later(std::chrono::milliseconds delay, ssh_message message,
             void (fake_connection::*then)(ssh_message));

  fake_server& server_;
  const std::uint64_t id_;
  int fd_;
  std::optional<fake_faults> own_;
  state state_ = state::waiting;
  bool watched_ = false;
  std::uint32_t watched_events_ = 0;
  bool counted_open_ = true;
  bool counted_logging_in_ = true;
  bool exchanged_ = false;
  bool said_goodbye_ = false;
  bool pumping_ = false;
  std::string raw_;
  std::unique_ptr<fake_wire> wire_; ///< between libssh and the socket when the link itself misbehaves

  fake_server::clock::time_point wire_alarm_ = fake_server::clock::time_point::max();

  ssh_session session_ = nullptr;
  ssh_callbacks_struct callbacks_{};
  ssh_counter_struct bytes_{};
  ssh_counter_struct packets_{};
  std::vector<ssh_message> held_;
  std::size_t chain_step_ = 0;
  int auth_failures_ = 0;
  std::string user_;
  std::uint64_t last_serial_ = 0;
  std::vector<std::unique_ptr<fake_channel>> channels_;
};

} // namespace moorage::support
