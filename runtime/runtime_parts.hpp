// The runtime's inside: who is made first, and who must go first.
#pragma once

#include <caf/all.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "messages/interfaces.hpp"
#include "runtime/answer_slot.hpp"
#include "runtime/blocking.hpp"
#include "runtime/client.hpp"
#include "runtime/log.hpp"
#include "runtime/node_socket.hpp"
#include "runtime/readiness.hpp"
#include "runtime/runtime.hpp"
#include "runtime/secrets.hpp"

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

/// Members end in the reverse order: the actor system before everything that its actors use.
struct runtime_parts {
  runtime_parts() = default;
  ~runtime_parts();
  runtime_parts(const runtime_parts&) = delete;
  runtime_parts& operator=(const runtime_parts&) = delete;

  /// Pools of our own, in `system`.
  void begin(const configuration& config);
  /// A node's pools.
  failure join(const std::string& socket, std::chrono::milliseconds timeout);
  void make_own_system();
  void start_client(bool remote);
  void stop();

  std::shared_ptr<memory_secret_store> secrets = std::make_shared<memory_secret_store>();
  std::shared_ptr<event_log> log;
  std::unique_ptr<blocking_threads> threads;
  std::unique_ptr<readiness> loop;
  std::unique_ptr<caf::actor_system_config> own_config;
  std::unique_ptr<caf::actor_system> own_system;
  caf::actor_system* system = nullptr;
  std::shared_ptr<client_gate> gate = std::make_shared<client_gate>();
  std::shared_ptr<answer_slot<bool>> loss = std::make_shared<answer_slot<bool>>();
  std::shared_ptr<life_count> transports = std::make_shared<life_count>();
  manager_actor manager;
  caf::actor client;
  std::optional<published_node> published;
  std::optional<node_link> link;
  bool stopped = false;
};

} // namespace moorage
