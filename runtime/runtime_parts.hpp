// The runtime's inside: who is made first, and who must go first.
#pragma once

#include <caf/all.hpp>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>

#include "messages/internal_interfaces.hpp"
#include "runtime/client/callbacks.hpp"
#include "runtime/client/client.hpp"
#include "runtime/client/known_nodes.hpp"
#include "runtime/node/keeper.hpp"
#include "runtime/node/link_keeper.hpp"
#include "runtime/node/outsiders.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/runtime.hpp"
#include "runtime/secrets.hpp"
#include "runtime/system/blocking.hpp"
#include "runtime/system/log.hpp"
#include "runtime/system/log_let_go.hpp"
#include "runtime/system/readiness.hpp"

namespace moorage {

/// How many transports are alive. In a host's actor system nothing else says when the last connection has
/// ended, and what transports use must not go before. edge: the stopping host thread waits for actors here.
class life_count {
public:
  /// Counts one more, until the token and all its copies are gone.
  static std::shared_ptr<void> enter(const std::shared_ptr<life_count>& self);
  /// False: some are left.
  bool wait_for_none(std::chrono::milliseconds timeout);

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t alive_ = 0;
};

/// The refusal of what is asked of a runtime that has gone elsewhere.
inline failure moved_from() {
  return {errc::invalid_request, "this runtime was moved from: use the one that it was moved to"};
}

/// The node that listens on a Unix-domain socket (empty: on the usual one), and may be that user's (empty:
/// our own or root's only). Errors: `invalid_request`: there is no such user.
result<node_place> own_node(const std::string& socket, const std::string& user);

struct runtime_parts;
/// In runtime_serving.cpp: the session of an actor of this process, and pools that others may come to.
/// `ask` is the runtime of these parts; `given`: the socket to listen on, if it is open already.
session_actor open_session(const runtime_parts& parts, const caf::strong_actor_ptr& whom);
result<std::string> serve_pools(runtime_parts& parts, async_runtime ask, const serving& how,
                                const std::shared_ptr<unique_fd>& given, runtime::socket_news told);

/// Members end in the reverse order: the actor system before everything that its actors use.
struct runtime_parts {
  explicit runtime_parts(runtime_options options = {});
  ~runtime_parts();
  runtime_parts(const runtime_parts&) = delete;
  runtime_parts& operator=(const runtime_parts&) = delete;

  /// Pools of our own, in `system`.
  void begin(configuration config);
  /// A node's pools.
  failure join(node_place where, std::chrono::milliseconds timeout, std::stop_token called_off = {});
  /// `local_failure` if this process may not have what an actor system of our own takes to begin with, and so
  /// many threads beside it.
  failure check_limits(std::size_t threads_beside = 0) const;
  /// The actor system is our own, and its scheduler's threads turn the loop.
  bool has_workers() const { return system == nullptr && scheduler_threads > 1; }
  void make_own_system();
  void start_client(const session_at_node& node, node_loss on_loss);
  /// True: whom the client asks has gone.
  bool wait_for_loss(std::chrono::milliseconds timeout) const;
  /// Once; whoever else calls it meanwhile waits for the end.
  void stop();
  /// What happens to the parts of a runtime that ends on this thread. A thread of the actor system cannot
  /// wait for its own end, nor a callback for its own: there another thread does it, and nobody waits.
  static void end(std::shared_ptr<runtime_parts> parts);

  std::shared_ptr<memory_secret_store> secrets = std::make_shared<memory_secret_store>();
  std::shared_ptr<event_log> log;
  std::unique_ptr<blocking_threads> threads;
  std::unique_ptr<readiness> loop;
  std::shared_ptr<caf::actor_system> own_system; ///< with its configuration
  caf::actor_system* system = nullptr;
  std::shared_ptr<callback_threads> callbacks;
  std::shared_ptr<client_gate> gate;
  std::size_t scheduler_threads; ///< of a system of our own; 0 until it is known what that is for
  bool reconnect = true;
  decltype(runtime_options::reload) reload;
  decltype(runtime_options::shut_down) shut_down;
  std::shared_ptr<std::promise<void>> ended = std::make_shared<std::promise<void>>(); ///< pools of our own
  std::shared_future<void> end_of_pools = ended->get_future().share();
  std::shared_ptr<life_count> transports = std::make_shared<life_count>();
  manager_actor manager; ///< none: the pools are a node's
  caf::actor client;
  std::unique_ptr<node_keeper> published;
  std::unique_ptr<node_listener> listener; ///< over TLS
  std::shared_ptr<outsiders> others;       ///< who comes there, and other users; none: it does not serve
  std::function<void(const std::string&)> turned_away; ///< is told who may not come in, and why
  /// Where pools are, and else none: a program without them does without what they link.
  decltype(&moorage::open_session) open_session = nullptr;
  decltype(&moorage::serve_pools) serve = nullptr;
  std::unique_ptr<link_keeper> link;  ///< to that node
  std::shared_ptr<known_nodes> nodes; ///< others that it may be led to

private:
  void settle_what_was_posted();
  void take_down();
  std::once_flag stopped_; // edge: host threads that stop the same runtime wait here for each other
};

} // namespace moorage
