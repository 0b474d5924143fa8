// Keeps a node reachable. Its socket's file may go while the node lives: $XDG_RUNTIME_DIR is emptied at the
// last log-out, cleaners empty folders, somebody removes the wrong file. Nobody could reach the node then,
// and a second one would open connections of its own beside it.
#pragma once

#include "messages/errors.hpp"
#include "runtime/node/socket.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace moorage {

/// How often the file is looked for: the loss is noticed within a second. One look is one system call.
constexpr std::chrono::milliseconds node_file_look{500};
/// How long it is tried to listen again before the node counts as lost. One that is in use is lost when the
/// last of its users has gone.
constexpr std::chrono::seconds node_file_patience{5};

/// How long a node that is about to end waits for who connected while its file went. Accepting takes a
/// millisecond.
constexpr std::chrono::milliseconds node_last_look{250};

/// Since when no process has been linked. edge: the network's thread counts, and the keeper's looks.
class link_count {
public:
  void began();
  void ended();
  /// 0 while there are links.
  std::chrono::milliseconds none_for() const;

private:
  mutable std::mutex mutex_;
  std::size_t links_ = 0;
  std::chrono::steady_clock::time_point none_since_ = std::chrono::steady_clock::now();
};

/// Whether a node ends by itself, and of whom that depends.
struct node_idleness {
  std::chrono::milliseconds end{0}; ///< 0: it does not
  std::shared_ptr<link_count> links = {};
  /// Whether there is something that would be forgotten with the node. Called on the keeper's thread when all
  /// else says that it may end; may wait for a moment. Empty: there never is.
  std::function<bool()> held = {};
};

class node_keeper {
public:
  /// Listens at the path of the published node again, with the same actor.
  using publisher = std::function<caf::expected<published_node>(const std::string& path)>;
  /// Called on the keeper's thread; must not wait nor throw: the file has gone, and `listening` again (`what`
  /// says so), or for good; or nobody has been linked for so long that the node is to end (not `listening`,
  /// the code is `none`).
  using teller = std::function<void(const failure& what, bool listening)>;

  node_keeper(published_node first, publisher again, teller tell, node_idleness idleness = {});
  /// close()
  ~node_keeper();
  node_keeper(const node_keeper&) = delete;
  node_keeper& operator=(const node_keeper&) = delete;

  const std::string& path() const { return path_; }
  /// Lets processes of other users open the socket's file from now on, or not any more; nothing of a socket
  /// that was given. `publisher` has to know it too. Errors: `local_failure`.
  failure admit_others(bool others);
  /// Looks no more and listens no more. May be called twice, by one thread at a time, and not by `tell`.
  void close();

private:
  void watch();
  bool restore();
  bool is_idle() const;
  bool is_used() const;
  bool may_try(bool taken) const;
  bool leave();
  bool wait(std::chrono::milliseconds span);

  std::string path_;
  bool given_;
  published_node node_; ///< the watching thread's until it has ended
  publisher again_;
  teller tell_;
  node_idleness idleness_;
  // edge: the thread that closes, and the watching one.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  std::thread thread_;
};

} // namespace moorage
