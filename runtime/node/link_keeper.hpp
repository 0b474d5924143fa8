// Keeps a client linked to its node. When the link ends it connects again, with pauses that grow, until it
// has another or is closed.
//
// A connect blocks, in the file system for as long as that pleases, so it is made on a thread of its own that
// can be abandoned: the thread keeps what it uses, the actor system included, and lets it go when it comes
// back.
#pragma once

#include <caf/fwd.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "messages/errors.hpp"
#include "messages/interfaces.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/node/vocabulary.hpp"

namespace moorage {

/// The pause before the first try, growing by `reconnect_growth` to the last, each longer or shorter by up to
/// a fifth: a node's start takes about as long as the first, and the clients of one that was restarted do not
/// come all at once.
constexpr std::chrono::milliseconds reconnect_pause_first{100};
constexpr std::chrono::seconds reconnect_pause_max{5};
constexpr double reconnect_growth = 1.6;
/// How long a close waits for a try that was called off, before the thread is left to itself.
constexpr std::chrono::milliseconds reconnect_abandoned_after{100};

/// A link to a node that one can work with, and what it understands.
struct session_link {
  node_link link;
  vocabulary speaks;
};

/// Errors: as of `connect_node`; `node_lost` also if the two versions have too little in common.
caf::expected<session_link> connect_session(caf::actor_system& system, const node_place& place,
                                            std::chrono::milliseconds timeout,
                                            std::stop_token called_off = {});

class link_keeper {
public:
  /// Told on the keeper's thread; must neither wait nor throw.
  struct hearers {
    /// There is a link again: our session at its other end, and what the node understands.
    std::function<void(session_actor, vocabulary)> back;
    /// A try was in vain, and another follows.
    std::function<void(const failure&)> in_vain;
  };

  /// Of a Unix-domain socket the path is absolute. Each try may take `timeout`.
  link_keeper(session_link first, node_place where, std::chrono::milliseconds timeout);
  /// close()
  ~link_keeper();
  link_keeper(const link_keeper&) = delete;
  link_keeper& operator=(const link_keeper&) = delete;

  /// From now on it connects again after a loss. Throws std::system_error if the system has no thread for it.
  void come_back(std::shared_ptr<caf::actor_system> system, hearers told);
  /// To be called, from any thread, when the session that it gave last has ended.
  std::function<void()> loss_teller() const;

  /// None while the node is away.
  session_actor session() const;
  /// Of the node as it was met last.
  vocabulary speaks() const;
  /// True as soon as there is no link, or has been none meanwhile; false: the link has lasted for `timeout`.
  bool wait_for_loss(std::chrono::milliseconds timeout) const;

  /// Tries no more. Waits for nothing but, for a moment, a try that is being called off.
  void stop_trying();
  /// And ends the link.
  void close();

private:
  struct books;
  static void keep(const std::shared_ptr<books>& mine, const std::shared_ptr<caf::actor_system>& system,
                   const hearers& told);

  std::shared_ptr<books> books_;
  std::thread thread_;
};

} // namespace moorage
