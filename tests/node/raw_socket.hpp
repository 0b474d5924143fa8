// Unix-domain sockets without manners, for peers that misbehave.
#pragma once

#include <string>

namespace node_tests {

class raw_connection {
public:
  raw_connection() = default;
  explicit raw_connection(int fd) : fd_(fd) {}
  /// Connects without blocking.
  explicit raw_connection(const std::string& path);
  static raw_connection unconnected();
  raw_connection(raw_connection&& other) noexcept;
  raw_connection& operator=(raw_connection&& other) noexcept;
  ~raw_connection();

  void connect(const std::string& path);
  void send(const std::string& bytes);
  /// Takes what has come, without waiting; how many bytes.
  std::size_t taken();
  /// Whether the other end hangs up within 5 s; what it says before is dropped.
  bool ended();

private:
  int fd_ = -1;
};

class raw_listener {
public:
  explicit raw_listener(const std::string& path, int backlog = 16);
  raw_listener(const raw_listener&) = delete;
  ~raw_listener();

  /// Blocks until somebody connects, or for 5 s.
  raw_connection accept();
  /// Leaves the file behind.
  void close();

private:
  int fd_ = -1;
};

/// The header of a server's greeting in CAF's protocol that announces so many bytes to follow.
std::string greeting_header(unsigned announced);

} // namespace node_tests
