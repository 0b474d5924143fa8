// A second, real process: this test program again, in one of the roles of roles.cpp. Parent and child talk in
// lines.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace node_tests {

using namespace std::chrono_literals;

class other_process {
public:
  /// Starts `role` for the node at `socket`.
  other_process(const std::string& role, const std::string& socket);
  other_process(const other_process&) = delete;
  ~other_process(); ///< Kills and reaps it.

  pid_t pid() const { return pid_; }
  void say(const std::string& line);
  /// Its next line; "(silence)" after `patience`, "(end)" once it is gone.
  std::string line(std::chrono::milliseconds patience = 30s);
  void send_signal(int number);
  /// Kills it with -9, frozen or not, and reaps it.
  void kill();

private:
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
  std::string buffered_;
};

/// A line from an actor, waited for by the test's thread.
class awaited_line {
public:
  std::function<void(std::string)> teller() {
    return [line = line_](const std::string& text) { line->set_value(text); };
  }
  std::string get(std::chrono::milliseconds patience = 30s) {
    auto line = line_->get_future();
    return line.wait_for(patience) == std::future_status::ready ? line.get() : "(silence)";
  }

private:
  std::shared_ptr<std::promise<std::string>> line_ = std::make_shared<std::promise<std::string>>();
};

/// In the child: a line to the parent, from any thread.
void tell_parent(const std::string& line);
/// In the child: the parent's next line; "" once it is gone.
std::string line_from_parent();

/// Open descriptors of this process.
std::size_t open_descriptors();
/// Listening TCP sockets of this process.
std::size_t tcp_listeners();
/// What this process has in memory, in KiB.
long resident_memory();
/// Processor time of this process so far.
std::chrono::microseconds processor_time();
/// Waits until `condition` holds; false if it never does within `patience`.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience = 20s);
/// Lets `span` pass in which nothing is to happen.
void let_pass(std::chrono::milliseconds span);

/// A folder of our own in /tmp, mode 0700, that goes with everything in it.
class own_folder {
public:
  own_folder();
  own_folder(const own_folder&) = delete;
  ~own_folder();
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
  std::string path_;
};

/// A node in another process, at a socket of its own. `how` is added to the role's name.
struct echo_node {
  explicit echo_node(const std::string& how = {});
  own_folder folder;
  std::string socket = folder / "node.sock";
  other_process server;
};

/// The same with a client in a third process, whose actor the node monitors.
struct linked_node : echo_node {
  explicit linked_node(const std::string& how = {});
  other_process client;
};

} // namespace node_tests
