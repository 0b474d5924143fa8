#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

struct ssh_session_struct;

namespace moorage::support {

/// What a stock client saw of one command. `error` is empty when all went well.
struct plain_result {
  std::string out;
  std::string err;
  int status = -1;     ///< -1: none arrived
  std::string signal;  ///< without SIG
  bool closed = false; ///< CLOSE arrived
  std::string error;
};

/// libssh's client used in the plain, blocking way: the stock client that the fixtures are tested with. Every
/// wait ends after `patience`. One thread.
class plain_client {
public:
  explicit plain_client(std::chrono::milliseconds patience = std::chrono::seconds(10))
      : patience_(patience) {}
  ~plain_client();
  plain_client(const plain_client&) = delete;
  plain_client& operator=(const plain_client&) = delete;

  /// From now on; also of a connection that is open.
  void have_patience(std::chrono::milliseconds patience);

  /// Each of these returns libssh's error text, empty on success.
  std::string connect(const std::string& host, std::uint16_t port, const std::string& user = "tester");
  std::string login_with_new_key(); ///< an ed25519 key made for the occasion
  std::string login_with_key_file(const std::string& file);
  std::string login_with_password(const std::string& password);
  std::string login_with_answers(const std::vector<std::string>& answers);
  std::string open_channel(); ///< and leaves it open; any number of them

  /// Opens a channel, sends the environment, runs the command, feeds it stdin, and reads until CLOSE.
  plain_result run(const std::string& command, const std::string& input = "",
                   const std::vector<std::pair<std::string, std::string>>& environment = {},
                   const std::string& signal_to_send = "");

  std::string host_key() const; ///< "ssh-ed25519 AAAA…" of the server
  std::string methods();        ///< what the server lists, as "publickey,password"
  bool connected() const;
  /// Sends as much as the window takes; the number of bytes that went.
  std::uint64_t push(const std::string& command, std::uint64_t bytes);
  /// Waits until the server's side of the connection has visibly ended; false after `patience`.
  bool wait_for_end();
  /// Asks keepalive@openssh.com; true when anything came back in time.
  bool keepalive_answered();
  void disconnect(); ///< says goodbye
  void drop();       ///< closes the socket without a word

private:
  std::string error() const;
  std::string auth_outcome(int rc) const;
  void await_close(plain_result& result);

  std::chrono::milliseconds patience_;
  ssh_session_struct* session_ = nullptr;
};

} // namespace moorage::support
