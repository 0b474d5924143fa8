// The embedding API: a runtime in a host application, or a link to a node's.
//
//   moorage::runtime rt{moorage::load_config("moorage.toml")};
//   auto lease = rt.acquire("lumi", 5s);
//   auto result = lease.run("squeue --me");
//   if (result.ended.succeeded()) …
//
// or, for one command, `rt.run("lumi", "squeue --me")`.
//
// Every member may be called from any host thread, several at once. See runtime/lease.hpp for the rules of
// blocking calls and callbacks; `async()` has each call in the form that does not wait. For actors there is
// runtime/actors.hpp: the same by messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/events.hpp"
#include "messages/evidence.hpp"
#include "messages/explanation.hpp"
#include "messages/settings.hpp"
#include "messages/status.hpp"
#include "runtime/async.hpp"
#include "runtime/config.hpp"
#include "runtime/lease.hpp"
#include "runtime/result.hpp"
#include "runtime/runtime_options.hpp"
#include "runtime/secrets.hpp"
#include "runtime/subscription.hpp"

namespace caf {
class actor_system;
class actor_system_config;
} // namespace caf

namespace moorage {

class client_gate;
struct runtime_parts;

#pragma GCC visibility push(default) // not of what is declared above, which is ours

class runtime {
public:
  /// Brings an actor system of its own, and pools for the configuration's clusters. Nothing is connected
  /// before somebody asks, or `min_idle` does. Throws `error` when the system lets us have no thread or
  /// descriptor.
  explicit runtime(configuration config = {}, runtime_options options = {});
  /// Lives in the host's actor system, whose configuration went through `configure` before the system was
  /// made; else throws `error` (`invalid_request`). The runtime must go first.
  runtime(caf::actor_system& system, configuration config, runtime_options options = {});
  /// The same work done by a node that listens on a Unix-domain socket (empty: the usual one), which answers
  /// within `timeout`.
  ///
  /// When the node goes away, all that waits for it is answered (`node_lost`; a command `maybe_ran`) and its
  /// leases have ended. Until it is back calls are refused at once, `node_lost`, with how long it has been
  /// away and why; only an acquire with `wait_for_ready` waits for it, one that waited already among them,
  /// within its patience (30 s for the cluster's own, which then begins anew). Meanwhile it is tried to
  /// connect again, after 100 ms, then 1.6 times as long up to 5 s, each pause up to a fifth longer or
  /// shorter, each try for `timeout` at most, until `stop`. Once the node is back calls go on, and each
  /// subscription does, with an event `node_lost` and one `node_back` among its own; what happened in between
  /// is not told. What was registered at the node and is not in its configuration it does not know any more;
  /// a subscription to that cluster alone is told `node_lost` once more and is to be made anew.
  /// `runtime_options::reconnect` turns all this off: then the runtime ends with its node.
  static runtime connect(const std::string& socket = {},
                         std::chrono::milliseconds timeout = std::chrono::seconds{3},
                         runtime_options options = {});
  static result<runtime> try_connect(const std::string& socket = {},
                                     std::chrono::milliseconds timeout = std::chrono::seconds{3},
                                     runtime_options options = {});
  /// The same of a node that listens over TLS. The node's rules ([[access]] of its configuration) say what
  /// may be done with our certificate; the rest is refused, `not_permitted`. The files are read at each try
  /// to connect, so that a certificate may be exchanged meanwhile. A node that is silent for 15 s has gone.
  ///
  /// A cluster that is on another of the site's nodes is found there: the runtime is led to that node, by the
  /// same files, and stays linked to it; it follows when the cluster is moved. Where that node cannot be
  /// reached, what is about its clusters is refused, `node_lost` or `no_node`, but for an acquire with
  /// `wait_for_ready`, and all else goes on. With `others` lists are of every node that can be reached,
  /// orders to `every_pool` go to each, and `shut_down` and `reload`, which are for one, are refused.
  /// `timeout` is of each node.
  static runtime connect(const node_address& node,
                         std::chrono::milliseconds timeout = std::chrono::seconds{5},
                         runtime_options options = {});
  static result<runtime> try_connect(const node_address& node,
                                     std::chrono::milliseconds timeout = std::chrono::seconds{5},
                                     runtime_options options = {});

  /// Every member may be called from any host thread, several at once; only `serve`, moving and destroying it
  /// are for one, while no other stops it. What was moved from refuses everything, `invalid_request`;
  /// `secrets` and what runtime/actors.hpp gives throw that.
  runtime(runtime&&) noexcept;
  runtime& operator=(runtime&&) noexcept;
  /// `stop()`.
  ~runtime();

  /// Prepares a host's configuration: adds our message types and errors (a host's own type ids start at
  /// `moorage::next_type_id`, messages/type_ids.hpp) and marks the scheduler's threads. Policy `sharing` is
  /// recommended: the default costs ten times as much for a call from a host thread; and no more threads than
  /// half the processors (`scheduler.max-threads`, at least 2), as a runtime's own system has: more only wake
  /// each other.
  static void configure(caf::actor_system_config& config);

  /// The calls below that wait, as ones that give a `pending`: `rt.async().acquire("lumi", 5s)`.
  async_runtime async() { return async_runtime{gate()}; }

  // --- leases
  // No more than 200,000 requests of a runtime may be without an answer, or have one that nobody has taken;
  // the next is refused `too_many_requests`; a node takes 10,000 of one process, and as many leases.
  // Acquires, runs and streams count, and whatever else is asked without waiting for it.
  lease acquire(std::string_view cluster, acquire_options options = {}) {
    return try_acquire(cluster, std::move(options)).value();
  }
  template <class Rep, class Period>
  lease acquire(std::string_view cluster, std::chrono::duration<Rep, Period> patience,
                std::string label = {}) {
    return try_acquire(cluster, patience, std::move(label)).value();
  }
  result<lease> try_acquire(std::string_view cluster, acquire_options options = {}) {
    return waited_for([&](auto&& to) { return to.acquire(cluster, std::move(options)); });
  }
  template <class Rep, class Period>
  result<lease> try_acquire(std::string_view cluster, std::chrono::duration<Rep, Period> patience,
                            std::string label = {}) {
    return try_acquire(cluster, {.patience = in_nanoseconds(patience), .label = std::move(label)});
  }

  // --- one command
  /// Acquires a lease, runs the command under it and gives it back. Never throws for what becomes of that:
  /// the outcome says it, `never_sent` with the cause when no lease was to be had. The options' patience is
  /// for the lease, the request's `timeout` for the command, and their `stop` ends either.
  exec_result run(std::string_view cluster, exec_request request, acquire_options options = {}) {
    return waited_for([&](auto&& to) { return to.run(cluster, std::move(request), std::move(options)); });
  }
  template <command_text Text>
  exec_result run(std::string_view cluster, Text&& command, acquire_options options = {}) {
    return run(cluster, exec_request{.command = std::string{std::forward<Text>(command)}},
               std::move(options));
  }
  template <class Rep, class Period>
  exec_result run(std::string_view cluster, exec_request request,
                  std::chrono::duration<Rep, Period> patience) {
    return run(cluster, std::move(request), acquire_options{.patience = in_nanoseconds(patience)});
  }
  template <command_text Text, class Rep, class Period>
  exec_result run(std::string_view cluster, Text&& command, std::chrono::duration<Rep, Period> patience) {
    return run(cluster, exec_request{.command = std::string{std::forward<Text>(command)}}, patience);
  }

  // --- clusters
  /// Registers it, or changes the settings of the one with that name.
  result<void> register_cluster(cluster_settings settings) {
    return waited_for([&](auto&& to) { return to.register_cluster(std::move(settings)); });
  }
  /// Registers what a name stands for, as the program has it: a cluster of the configuration, a destination
  /// (`user@host:port`) or a `Host` of ~/.ssh/config, and the jump hosts that lead there. From then on
  /// `acquire` takes the name. Nothing is asked where it is registered already. An acquire never does this by
  /// itself: ssh(1) is run for a `Host` (`ssh -G`), for which this waits, up to ten seconds a host, on the
  /// thread that calls it. Errors: as `find_cluster` and `register_cluster`.
  result<void> register_host(const std::string& name, const configuration& from = {},
                             const std::stop_token& stop = {});
  result<void> remove_cluster(std::string_view cluster) {
    return waited_for([&](auto&& to) { return to.remove_cluster(cluster); });
  }
  result<std::vector<cluster_settings>> clusters() const {
    return waited_for([](auto&& to) { return to.clusters(); });
  }

  // --- administration
  result<std::vector<pool_status>> pools() const {
    return waited_for([](auto&& to) { return to.pools(); });
  }
  result<pool_status> pool(std::string_view cluster) const {
    return waited_for([&](auto&& to) { return to.pool(cluster); });
  }
  result<std::vector<connection_status>> connections(std::string_view cluster) const {
    return waited_for([&](auto&& to) { return to.connections(cluster); });
  }
  result<std::vector<lease_status>> leases(std::string_view cluster) const {
    return waited_for([&](auto&& to) { return to.leases(cluster); });
  }
  result<std::vector<waiter_status>> waiters(std::string_view cluster) const {
    return waited_for([&](auto&& to) { return to.waiters(cluster); });
  }
  /// Why each waiter waits, why nothing is opened, and how each connection stands in the order of grants.
  result<explanation> explain(std::string_view cluster) const {
    return waited_for([&](auto&& to) { return to.explain(cluster); });
  }
  /// The pool's latest events that matter as much as a warning or more (`errors_kept`), the oldest first.
  result<std::vector<event_record>> errors(std::string_view cluster) const {
    return waited_for([&](auto&& to) { return to.errors(cluster); });
  }
  // Orders give back in words what has changed. What each does, and when it is refused, is in
  // messages/orders.hpp. A runtime is one sender, whichever thread gives them. `every_pool` in place of a
  // cluster orders it of all.
  /// The runtime's own pause, which ends with it unless it is to be kept; then any resume ends it.
  result<std::string> pause(std::string_view cluster, bool keep = false) {
    return waited_for([&](auto&& to) { return to.pause(cluster, keep); });
  }
  result<std::string> suspend(std::string_view cluster) {
    return waited_for([&](auto&& to) { return to.suspend(cluster); });
  }
  /// Ends the runtime's own pause and what is nobody's in particular, or every pause there is. Done too when
  /// others' pauses hold still: the words name them.
  result<std::string> resume(std::string_view cluster, bool all = false) {
    return waited_for([&](auto&& to) { return to.resume(cluster, all); });
  }
  /// For maintenance: serves nobody any more, and returns when the cluster has no connection left: once its
  /// leases have ended, or been ended after `within`, and what ran has had its 3 s. It goes on, and the pool
  /// stays drained, whether or not it is waited for: until `resume`, which cuts a drain under way short with
  /// `cancelled` here.
  result<std::string> drain(std::string_view cluster, std::chrono::milliseconds within) {
    return waited_for([&](auto&& to) { return to.drain(cluster, within); });
  }
  result<std::string> probe(std::string_view cluster) {
    return waited_for([&](auto&& to) { return to.probe(cluster); });
  }
  result<std::string> evict(std::string_view cluster, connection_id connection) {
    return waited_for([&](auto&& to) { return to.evict(cluster, connection); });
  }
  result<std::string> revoke(std::string_view cluster, lease_id lease) {
    return waited_for([&](auto&& to) { return to.revoke(cluster, lease); });
  }
  result<std::string> resize(std::string_view cluster, std::uint32_t size) {
    return waited_for([&](auto&& to) { return to.resize(cluster, size); });
  }
  /// Another value of one setting, written as after `-o KEY=`, until the cluster is registered anew.
  result<std::string> set(std::string_view cluster, std::string_view key, std::string_view value) {
    return waited_for([&](auto&& to) { return to.set(cluster, key, value); });
  }
  result<std::string> reset(std::string_view cluster) {
    return waited_for([&](auto&& to) { return to.reset(cluster); });
  }
  /// Returns at once; the open connections are replaced within `spread`, leased ones as they are given back.
  result<std::string> reconnect(std::string_view cluster, std::chrono::milliseconds spread) {
    return waited_for([&](auto&& to) { return to.reconnect(cluster, spread); });
  }
  result<std::string> disconnect(std::string_view cluster) {
    return waited_for([&](auto&& to) { return to.disconnect(cluster); });
  }
  /// Has what the pool did lately written to a file, for `moorage replay`; gives back its path, on the
  /// machine and of the user of whose process the pools are.
  result<std::string> record(std::string_view cluster) {
    return waited_for([&](auto&& to) { return to.record(cluster); });
  }

  /// Moves the cluster to the site's node of that name: drains it where it is, as `drain` does, and opens it
  /// there, with what its log-in budget has left. Whoever waits goes on waiting there. Gives back in words
  /// what has changed. Refused, it stays where it is; broken off (`node_lost`), nothing is opened anywhere
  /// until it is ordered again. It needs the right `admin` on the cluster at both nodes, and a runtime that
  /// is connected over TLS. It holds until either node is started anew, and goes by its configuration again:
  /// so change the cluster's `node` there as well.
  result<std::string> move(std::string_view cluster, std::string_view to, std::chrono::milliseconds within);

  /// Drains every pool, and then ends the process that they are in, or the pools: see `shut_down_pools` in
  /// messages/clusters.hpp. Returns when no connection is left; `cancelled` if somebody resumed a pool.
  result<std::string> shut_down(std::chrono::milliseconds within) {
    return waited_for([&](auto&& to) { return to.shut_down(within); });
  }
  /// Has the host of the pools read its configuration again; gives back what has changed. `invalid_settings`:
  /// it is wrong, and nothing has; `invalid_request`: there is none; `too_many_requests`: it is being read.
  result<std::string> reload() {
    return waited_for([](auto&& to) { return to.reload(); });
  }

  /// Events of one cluster's pool, or of all (empty), those to come included: those that the filter lets
  /// through, and a node's loss and return whatever it says.
  result<subscription> subscribe(std::string_view cluster, std::function<void(const event_record&)> callback,
                                 event_filter wanted = {}) {
    return waited_for([&](auto&& to) { return to.subscribe(cluster, std::move(callback), wanted); });
  }

  /// Opens a channel on the lease's connection and closes it: how long the round trip took. `connection_lost`
  /// after 5 s.
  result<std::chrono::nanoseconds> round_trip(const lease& lease) const;
  /// The pool's own health check, now, of the lease's connection: how long it took and what happened, or why
  /// it failed, within the cluster's `probe_timeout`. The pool does not count it.
  result<probe_answer> probe(const lease& lease) const;

  // --- serving
  /// Offers this runtime's pools to other processes of this user and of those that `serving::access` names,
  /// on a Unix-domain socket (empty: the usual one) until it stops. Only for a runtime that brought its own
  /// actor system. Gives back the socket's path. Should the socket's file be removed or replaced meanwhile,
  /// it listens again within a second; `told` hears of it, as callbacks do and in order: `listening` again,
  /// or for good not (another node listens there now, or no file can be made), when it is time to end.
  using socket_news = std::function<void(const failure& what, bool listening)>;
  result<std::string> serve(const std::string& socket = {}, socket_news told = {});
  /// The same, as `how` says. That nobody needs it any more is told as not `listening`, with the code `none`.
  result<std::string> serve(const serving& how, socket_news told = {});
  /// Where it listens over TLS, in digits; empty: nowhere.
  std::vector<std::string> listens_on() const;
  /// Of a runtime that serves: reads the files of TLS again, if it listens over that, and goes by these rules
  /// from now on. Links whose certificates are not believed any more are cut; what a link may do was decided
  /// when it began, so links to which the rules give something else are cut as well. An error leaves all as
  /// it was. Blocks for the files, and where the rules name users or groups for the machine's directory of
  /// them.
  result<void> renew(const node_files& files, std::vector<access_entry> access);
  /// Returns when the node that this runtime is connected to has gone away, or after `timeout`. True: it is
  /// away, or has been since this was called, or the runtime has stopped; one that does not come back is away
  /// for good.
  bool wait_for_loss(std::chrono::milliseconds timeout) const;
  /// Of a runtime that is connected to several nodes, those that did not answer the last call that was for
  /// all of them, by their addresses, and why: what its answer lacks.
  std::vector<std::pair<std::string, failure>> unreachable() const;
  /// Of a runtime that is connected to a node of another version, which that is and which is older, such as
  /// "moorage 0.2.0, which is newer than this program's 0.1.0"; else empty. What the node lacks is refused
  /// `other_version` when it is asked for.
  std::string node_version() const;
  /// Called once for each loss of the node, in order, as callbacks are (runtime/lease.hpp), until the runtime
  /// stops; at once, if the node is away when it is registered. One does not replace another: each part of a
  /// host may have its own. What waited for the node has its answer by then. A runtime with pools of its own
  /// calls none.
  void on_loss(std::function<void(const failure& why)> callback);

  /// Where passwords and passphrases come from; in memory.
  secret_store& secrets();

  /// Refuses what waits, closes every connection, and ends all actors and threads; less than a second,
  /// whatever the peers do. Leases that are still out become empty words: their commands end with
  /// `never_sent` or `maybe_ran`.
  ///
  /// Each callback that is outstanding is called first, with its refusal at the latest, and it waits for
  /// those under way as long as they take: they must not wait for it, nor ask again for ever what is refused
  /// `stopping`. But for what a host's executor has not begun: that is called when the executor comes to it,
  /// and nobody waits.
  /// Called in a callback, or on a thread of the actor system, it returns at once and is done by another
  /// thread; so is the end of a runtime that is destroyed there. A process that ends meanwhile waits for that
  /// thread, for 2 s at most.
  void stop();

private:
  friend struct runtime_access;
  explicit runtime(std::shared_ptr<runtime_parts> parts);
  const std::shared_ptr<client_gate>& gate() const;
  /// Code `none`: this thread may wait.
  static failure may_not_wait();
  /// A thread that must not wait asks for nothing.
  template <class Call>
  auto waited_for(Call&& call) const -> decltype(call(async_runtime{nullptr}).get()) {
    using answer = decltype(call(async_runtime{nullptr}).get());
    if (auto refused = may_not_wait(); refused.code != errc::none)
      return refusal_as<answer>::make(std::move(refused), outcome_kind::never_sent);
    return call(async_runtime{gate(), true}).get();
  }
  std::shared_ptr<runtime_parts> parts_;
};

} // namespace moorage

#pragma GCC visibility pop
