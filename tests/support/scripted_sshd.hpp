#pragma once

#include "tests/support/scripted_keys.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <thread>

namespace moorage::support {

/// One client as a script sees it. Every member blocks until it is done, and throws `gone` once the client
/// has closed or the server is being destroyed: a script needs no end of its own.
class scripted_peer {
public:
  struct gone {};

  scripted_peer(int fd, const raw_key& host_key) : fd_(fd), host_key_(host_key) {}

  void send_raw(const std::string& bytes);
  /// One packet of SSH, by the keys in force. It leaves at the latest when something is waited for, or
  /// `flush`ed.
  void send(const std::string& payload);
  void flush();
  /// The next packet's payload.
  std::string receive();

  /// Both sides' banners: ours without its line's end, which may have anything in it.
  void greet(const std::string& ours = "SSH-2.0-scripted");
  /// The first exchange of keys, or one more, begun by us. What the client sends before it takes part in it
  /// is dropped.
  void exchange_keys();
  /// Asks for new keys by this method, and waits until the client has computed its part.
  bool is_agreed_to(const char* method);
  /// Lets the client in with whatever it tries first.
  void log_in();
  /// All three.
  void welcome();

  /// What the client sends from now on: read and dropped while we send (true), or left lying (false).
  void drop_what_comes(bool on) { drops_ = on; }
  /// Sends these over and over, for ever.
  [[noreturn]] void flood(const std::string& payload);

  /// Waits for the client to ask for a channel and returns its number for it.
  std::uint32_t await_open();
  void confirm(std::uint32_t channel, std::uint32_t window, std::uint32_t packet_max);
  /// Serves commands as a dull server does, for ever: each channel is confirmed with this much, each request
  /// that wants an answer is granted, and an exec is ended at once with the status 0, or never.
  [[noreturn]] void serve(std::uint32_t window, std::uint32_t packet_max, bool commands_end = true);
  /// The same with room for all, but that each exec is ended with this request of its channel's, from its
  /// type on.
  [[noreturn]] void serve_ends(const std::string& request);
  /// The same for one packet of the client's. True: it was an exec request.
  bool serve_one(const std::string& packet, std::uint32_t window, std::uint32_t packet_max);

private:
  void end_command(const std::string& channel, const std::string& request);
  void fill(std::size_t size);
  std::string take(std::size_t size);
  std::string take_line();
  void wait(short events);

  int fd_;
  const raw_key& host_key_;
  std::string out_;
  std::string in_;
  bool drops_ = false;
  std::string our_banner_;
  std::string their_banner_;
  std::string session_id_;
  counter_cipher cipher_in_, cipher_out_;
  std::string mac_in_, mac_out_;
  std::uint32_t number_in_ = 0, number_out_ = 0;
};

/// A server that follows a script, one thread a client: for what no library sends. It speaks one cipher of
/// each kind.
class scripted_sshd {
public:
  /// `receive_buffer`: bytes that the kernel holds for a script that does not read; 0: as many as it likes.
  explicit scripted_sshd(std::function<void(scripted_peer&)> script, std::string host = "127.0.0.1",
                         int receive_buffer = 0);
  ~scripted_sshd(); ///< closes everything at once
  scripted_sshd(const scripted_sshd&) = delete;
  scripted_sshd& operator=(const scripted_sshd&) = delete;

  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  int connects() const { return connects_; }

private:
  void run();

  std::function<void(scripted_peer&)> script_;
  const std::string host_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  const raw_key host_key_{raw_key::kind::ed25519};
  std::atomic<int> connects_{0};
  struct client {
    int fd;
    std::thread thread;
  };
  std::list<client> clients_;
  std::thread acceptor_;
};

// What scripts are made of.
std::string number(std::uint32_t value);
std::string text(const std::string& bytes); ///< with its length before it
std::string flag(bool value);
std::uint32_t number_at(const std::string& bytes, std::size_t at);
std::string text_at(const std::string& bytes, std::size_t at);

} // namespace moorage::support
