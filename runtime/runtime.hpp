// The embedding API: a runtime in a host application, or a link to a node's.
//
//   moorage::runtime rt{moorage::load_config("moorage.toml")};
//   auto lease = rt.acquire("lumi", 5s);
//   auto result = lease.run("squeue --me");
//   if (result.ended.succeeded()) …
//
// Every member may be called from any host thread, several at once. See runtime/lease.hpp for the rules of blocking
// calls and callbacks. For actors there is runtime/actors.hpp: the same by messages.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "messages/events.hpp"
#include "messages/evidence.hpp"
#include "messages/settings.hpp"
#include "messages/status.hpp"
#include "runtime/config.hpp"
#include "runtime/lease.hpp"
#include "runtime/result.hpp"
#include "runtime/runtime_options.hpp"
#include "runtime/secrets.hpp"

namespace caf {
class actor_system;
class actor_system_config;
} // namespace caf

namespace moorage {

class callback_strand;
class client_gate;
struct runtime_parts;

#pragma GCC visibility push(default) // not of what is declared above, which is ours

/// How long an acquire may wait.
struct acquire_options {
  /// Zero: now or not at all; negative: the cluster's `acquire_timeout`.
  std::chrono::nanoseconds patience{-1};
  /// Who this is, for people who wonder who holds the leases.
  std::string label;
  /// Withdraws the acquire, which then ends with `cancelled`.
  std::stop_token stop;
  /// Rides out an outage: while the cluster cannot be reached for a cause that may pass, the acquire stays in the queue and
  /// is told the last error when its patience ends. Without it [false] it is told as soon as the pool gives an
  /// opening up, after three tries.
  bool wait_for_ready = false;
};

/// Events go to its callback, in order and one at a time, until it is destroyed or its runtime stops, which wait for a call
/// that is under way (but for the call that does it); so a callback must not wait for whoever destroys it. A callback that
/// throws is told of the next event. A slow one misses events, and is told how many: 256 wait for it at most.
class subscription {
public:
  subscription() = default;
  subscription(subscription&&) noexcept = default;
  subscription& operator=(subscription&& other) noexcept;
  ~subscription();

private:
  friend class runtime;
  std::shared_ptr<client_gate> gate_;
  std::uint64_t number_ = 0;
  std::shared_ptr<callback_strand> callback_;
};

class runtime {
public:
  /// Brings an actor system of its own, and pools for the configuration's clusters. Nothing is connected before
  /// somebody asks, or `min_idle` does. Throws `error` when the system lets us have no thread or descriptor.
  explicit runtime(configuration config = {}, runtime_options options = {});
  /// Lives in the host's actor system, whose configuration went through `configure` before the system was made; else
  /// throws `error` (`invalid_request`). The runtime must go first.
  runtime(caf::actor_system& system, configuration config, runtime_options options = {});
  /// The same work done by a node that listens on a Unix-domain socket (empty: the usual one).
  static runtime connect(const std::string& socket = {},
                         std::chrono::milliseconds timeout = std::chrono::seconds{3},
                         runtime_options options = {});
  static result<runtime> try_connect(const std::string& socket = {},
                                     std::chrono::milliseconds timeout = std::chrono::seconds{3},
                                     runtime_options options = {});

  /// Every member may be called from any host thread, several at once; only `serve`, moving and destroying
  /// it are for one, while no other stops it. What was moved from refuses everything, `invalid_request`; `secrets` and what
  /// runtime/actors.hpp gives throw that.
  runtime(runtime&&) noexcept;
  runtime& operator=(runtime&&) noexcept;
  /// `stop()`.
  ~runtime();

  /// Prepares a host's configuration: adds our message types and errors (a host's own type ids start at
  /// `moorage::next_type_id`, messages/type_ids.hpp) and marks the scheduler's threads. Policy `sharing` is
  /// recommended: the default costs ten times as much for a call from a host thread; and no more threads than half the
  /// processors (`scheduler.max-threads`, at least 2), as a runtime's own system has: more only wake each other.
  static void configure(caf::actor_system_config& config);

  // --- leases
  // No more than 200,000 requests of a runtime (acquires, runs, streams) may be without an answer; the next is refused
  // `too_many_requests`.
  lease acquire(const std::string& cluster, std::chrono::nanoseconds patience = std::chrono::nanoseconds{-1},
                std::string label = {});
  lease acquire(const std::string& cluster, acquire_options options);
  result<lease> try_acquire(const std::string& cluster, acquire_options options = {});
  /// The future's `get` throws `error` for a refusal.
  std::future<lease> acquire_async(const std::string& cluster, acquire_options options = {});
  void acquire(const std::string& cluster, acquire_options options,
               std::function<void(result<lease>)> callback);

  // --- clusters
  /// Registers it, or changes the settings of the one with that name.
  result<void> register_cluster(cluster_settings settings);
  result<void> remove_cluster(const std::string& cluster);
  result<std::vector<cluster_settings>> clusters();

  // --- administration
  result<std::vector<pool_status>> pools();
  result<pool_status> pool(const std::string& cluster);
  result<std::vector<connection_status>> connections(const std::string& cluster);
  result<std::vector<lease_status>> leases(const std::string& cluster);
  result<std::vector<waiter_status>> waiters(const std::string& cluster);
  result<void> pause(const std::string& cluster);
  result<void> resume(const std::string& cluster);
  result<void> probe(const std::string& cluster);
  result<void> evict(const std::string& cluster, connection_id connection);
  result<void> revoke(const std::string& cluster, lease_id lease);
  result<void> resize(const std::string& cluster, std::uint32_t size);
  result<void> reset(const std::string& cluster);
  result<void> disconnect(const std::string& cluster);

  /// Events of one cluster's pool, or of all (empty), those to come included.
  result<subscription> subscribe(const std::string& cluster,
                                 std::function<void(const event_record&)> callback);

  /// Opens a channel on the lease's connection and closes it: how long the round trip took.
  result<std::chrono::nanoseconds> round_trip(const lease& lease);
  /// The pool's own health check, now, of the lease's connection: how long it took and what happened, or why it failed,
  /// within the cluster's `probe_timeout`. The pool does not count it.
  result<probe_answer> probe(const lease& lease);

  // --- serving
  /// Offers this runtime's pools to other processes of this user on a Unix-domain socket (empty: the usual one) until it
  /// stops. Only for a runtime that brought its own actor system. Gives back the socket's path. Should the socket's file
  /// be removed or replaced meanwhile, it listens again within a second; `told` hears of it, as callbacks do and in order:
  /// `listening` again, or for good not (another node listens there now, or no file can be made), when it is time to end.
  using socket_news = std::function<void(const failure& what, bool listening)>;
  result<std::string> serve(const std::string& socket = {}, socket_news told = {});
  /// Returns when the node that this runtime is connected to has gone away, or after `timeout`; true if gone, however
  /// often it is asked.
  bool wait_for_loss(std::chrono::milliseconds timeout);

  /// Where passwords and passphrases come from; in memory.
  secret_store& secrets();

  /// Refuses what waits, closes every connection, and ends all actors and threads; less than a second, whatever the
  /// peers do. Leases that are still out become empty words: their commands end with `never_sent` or `maybe_ran`.
  ///
  /// Each callback that is outstanding is called first, with its refusal at the latest, and it waits for those under way
  /// as long as they take: they must not wait for it, nor ask again for ever what is refused `stopping`. But for what a
  /// host's executor has not begun: that is called when the executor comes to it, and nobody waits.
  /// Called in a callback, or on a thread of the actor system, it returns at once and is done by another thread; so is the
  /// end of a runtime that is destroyed there.
  void stop();

private:
  friend struct runtime_access;
  explicit runtime(std::shared_ptr<runtime_parts> parts);
  const std::shared_ptr<client_gate>& gate() const;
  std::shared_ptr<runtime_parts> parts_;
};

} // namespace moorage

#pragma GCC visibility pop
