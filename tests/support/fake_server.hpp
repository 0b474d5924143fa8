#pragma once

#include "tests/support/fake_sshd.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

struct ssh_bind_struct;
struct ssh_key_struct;

namespace moorage::support {

class fake_connection;

/// The one thread behind a fake sshd: an epoll loop that owns every connection.
/// Each connection has its own libssh poll context, so a wake-up costs the same with two thousand connections
/// as with two.
class fake_server {
public:
  using clock = std::chrono::steady_clock;
  enum class descriptor : std::uint64_t { session = 0, wire = 1, wake = 2, listener = 3 };

  explicit fake_server(fake_sshd_settings settings);
  ~fake_server();
  fake_server(const fake_server&) = delete;
  fake_server& operator=(const fake_server&) = delete;

  // From any thread but the loop's.
  void ask(const std::function<void()>& on_loop); ///< returns once it has run there
  fake_counters counters() const;
  bool wait_until(const std::function<bool(const fake_counters&)>& holds,
                  std::chrono::milliseconds patience) const;
  std::vector<clock::time_point> connect_times() const;
  std::vector<std::string> commands() const;
  std::vector<std::string> users() const;
  std::string host_key() const;
  std::string host_key_fingerprint() const;
  const std::string& host() const { return settings_.host; }
  std::uint16_t port() const { return port_; }

  // On the loop's thread, through ask().
  fake_faults& live() { return settings_.faults; }
  void next(int count, const fake_faults& faults);
  void listen(bool on);
  void change_host_key();
  void freeze(bool on) { frozen_ = on; }
  void for_each(const std::function<void(fake_connection&)>& visit);

  // For connections, on the loop's thread.
  void count(const std::function<void(fake_counters&)>& change);
  void note_command(const std::string& command);
  void note_user(const std::string& user);
  /// Runs on the loop after the delay, unless the connection has gone by then.
  void after(std::chrono::milliseconds delay, std::uint64_t connection, std::function<void()> then);
  /// Pumps the connection once more in the loop's next round.
  void again(std::uint64_t connection) { again_.push_back(connection); }
  void watch(int fd, std::uint64_t connection, descriptor which, std::uint32_t events, bool known);
  void unwatch(int fd);
  void retire(std::uint64_t connection) { retired_.push_back(connection); }
  ssh_bind_struct* bind() { return bind_; }
  int logging_in = 0; ///< connections that have not logged in yet

private:
  void run();
  void await_and_dispatch();
  void dispatch(std::uint64_t token, std::uint32_t events);
  void run_tasks();
  void fire_timers();
  void dispatch_ready(int timeout);
  std::vector<int> accept_all();
  void adopt(int fd);
  void bind_port();
  int timeout_ms() const;

  fake_sshd_settings settings_;
  std::uint16_t port_ = 0;
  int epoll_ = -1;
  int wake_ = -1;
  int listener_ = -1; ///< holds the port even while it refuses
  ssh_bind_struct* bind_ = nullptr;
  ssh_key_struct* key_ = nullptr;
  bool listening_ = false;
  bool accept_due_ = false;
  bool frozen_ = false;
  bool stopping_ = false;
  std::uint64_t last_id_ = 0;
  std::deque<fake_faults> overrides_;
  std::unordered_map<std::uint64_t, std::unique_ptr<fake_connection>> connections_;
  std::multimap<clock::time_point, std::pair<std::uint64_t, std::function<void()>>> timers_;
  std::vector<std::uint64_t> again_;
  std::vector<std::uint64_t> retired_;

  mutable std::mutex tasks_mutex_;
  std::vector<std::function<void()>> tasks_;

  mutable std::mutex books_mutex_;
  mutable std::condition_variable books_changed_;
  mutable int watchers_ = 0;
  fake_counters books_;
  std::vector<clock::time_point> connect_times_;
  std::deque<std::string> commands_;
  std::deque<std::string> users_;
  std::string host_key_;
  std::string fingerprint_;

  std::thread thread_;
};

} // namespace moorage::support
