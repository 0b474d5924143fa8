#pragma once

#include "tests/support/fake_faults.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace moorage::support {

class fake_server;

struct fake_sshd_settings {
  fake_faults faults;
  std::string host = "127.0.0.1"; ///< an address of this machine; "::1" works too
  std::uint16_t port = 0;         ///< 0: any free one
  bool listening = true;          ///< false: the port is reserved, and refuses until `listen(true)`
};

/// An SSH server that misbehaves on demand: one thread, no fork, thousands of connections.
///
/// It understands these commands, by itself:
///   true, false, exit N, echo TEXT, echo-stderr TEXT, env NAME, cat (stdin to
///   stdout until EOF), count (reads stdin to EOF, prints the number of bytes),
///   flood N, flood-stderr N (N bytes of `flood_byte`), sleep MS, hang,
///   kill NAME (ends by that signal; NAME without SIG).
/// Commands may be chained with "; ". Anything else ends with status 127 and "NAME: not found" on stderr. A
/// "signal" request ends hang and sleep by that signal.
///
/// Every member may be called from any thread. Those that change something return once the change is in
/// force.
class fake_sshd {
public:
  explicit fake_sshd(fake_sshd_settings settings = {});
  explicit fake_sshd(fake_faults faults) : fake_sshd(fake_sshd_settings{std::move(faults)}) {}
  ~fake_sshd(); ///< closes everything at once
  fake_sshd(const fake_sshd&) = delete;
  fake_sshd& operator=(const fake_sshd&) = delete;

  const std::string& host() const;
  std::uint16_t port() const;
  std::string host_key() const;             ///< "ssh-ed25519 AAAA…", of the next connection
  std::string host_key_fingerprint() const; ///< "SHA256:…"
  std::string known_hosts_line() const;     ///< "[host]:port ssh-ed25519 AAAA…"
  void write_known_hosts(const std::string& file) const;

  // Faults.
  void set(const std::function<void(fake_faults&)>& change); ///< for living and new connections
  void set(const fake_faults& faults);
  fake_faults faults() const;
  /// The next `count` connections take these faults and keep them; `set` does not reach them.
  void next(int count, const fake_faults& faults);
  void listen(bool on); ///< off: the port refuses. What is already connected stays.
  void change_host_key();
  /// Stops reading, writing and accepting; the kernel goes on acknowledging, as with SIGSTOP.
  void freeze();
  void thaw();
  /// Every present connection is never read, written or closed again, and no timer of it fires; new ones
  /// work. The peer sees what a dead link shows.
  void go_half_open();
  void reset_all();      ///< RST to every present connection
  void close_all();      ///< FIN without a word
  void disconnect_all(); ///< SSH_MSG_DISCONNECT, then FIN

  // What it saw.
  fake_counters counters() const;
  /// Waits until the counters satisfy the predicate; false when the time is up.
  bool wait_until(const std::function<bool(const fake_counters&)>& holds,
                  std::chrono::milliseconds patience = std::chrono::seconds(10)) const;
  std::vector<std::chrono::steady_clock::time_point> connect_times() const;
  std::vector<std::string> commands() const; ///< as asked for, in order; the latest 10,000
  std::vector<std::string> users() const;    ///< who logged in, in order; the latest 10,000

  /// The byte at an offset of what `flood` sends: no period that divides a buffer's size.
  static char flood_byte(std::uint64_t offset) { return static_cast<char>('!' + offset % 89); }

private:
  std::unique_ptr<fake_server> server_;
};

} // namespace moorage::support
