// The runtime's inside: who is made first, and who must go first.
#pragma once

#include <caf/all.hpp>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>

#include "messages/internal_interfaces.hpp"
#include "runtime/client/callbacks.hpp"
#include "runtime/client/client.hpp"
#include "runtime/node/keeper.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/runtime.hpp"
#include "runtime/secrets.hpp"
#include "runtime/system/blocking.hpp"
#include "runtime/system/log.hpp"
#include "runtime/system/readiness.hpp"

namespace moorage {

/// How many transports are alive. In a host's actor system nothing else says when the last connection has ended, and
/// what transports use must not go before. edge: the stopping host thread waits for actors here.
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

/// CAF has every thread that spawns an actor or has a `scoped_actor` keep the system's log alive, and a system waits for its
/// log's end: a host thread that has made a runtime and lives on would hold up, for ever, whoever stops it. To be there
/// for as long as a host thread does such things.
struct log_let_go {
  log_let_go() = default;
  log_let_go(const log_let_go&) = delete;
  log_let_go& operator=(const log_let_go&) = delete;
  ~log_let_go() { caf::logger::set_current_actor_system(nullptr); }
};

/// Members end in the reverse order: the actor system before everything that its actors use.
struct runtime_parts {
  explicit runtime_parts(runtime_options options = {});
  ~runtime_parts();
  runtime_parts(const runtime_parts&) = delete;
  runtime_parts& operator=(const runtime_parts&) = delete;

  /// Pools of our own, in `system`.
  void begin(const configuration& config);
  /// A node's pools.
  failure join(const std::string& socket, std::chrono::milliseconds timeout);
  void make_own_system();
  void start_client();
  /// Once; whoever else calls it meanwhile waits for the end.
  void stop();
  /// What happens to the parts of a runtime that ends on this thread. A thread of the actor system cannot wait for its
  /// own end, nor a callback for its own: there another thread does it, and nobody waits.
  static void end(std::shared_ptr<runtime_parts> parts);

  std::shared_ptr<memory_secret_store> secrets = std::make_shared<memory_secret_store>();
  std::shared_ptr<event_log> log;
  std::unique_ptr<blocking_threads> threads;
  std::unique_ptr<readiness> loop;
  std::unique_ptr<caf::actor_system_config> own_config;
  std::unique_ptr<caf::actor_system> own_system;
  caf::actor_system* system = nullptr;
  std::shared_ptr<callback_threads> callbacks;
  std::shared_ptr<client_gate> gate;
  std::shared_ptr<std::promise<void>> lost = std::make_shared<std::promise<void>>();
  std::shared_future<void> loss = lost->get_future().share();
  std::shared_ptr<life_count> transports = std::make_shared<life_count>();
  manager_actor manager; ///< none: the pools are a node's
  session_actor node;    ///< ours at the node
  caf::actor client;
  std::unique_ptr<node_keeper> published;
  std::optional<node_link> link;

private:
  void take_down();
  std::once_flag stopped_; // edge: host threads that stop the same runtime wait here for each other
};

} // namespace moorage
