// A runtime's calls that do not wait: each is what the call of that name of `runtime` says
// (runtime/runtime.hpp), its errors included, and gives a `pending` (runtime/pending.hpp) in place of an
// answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/events.hpp"
#include "messages/evidence.hpp"
#include "messages/explanation.hpp"
#include "messages/placement.hpp"
#include "messages/settings.hpp"
#include "messages/status.hpp"
#include "runtime/lease.hpp"
#include "runtime/pending.hpp"
#include "runtime/result.hpp"
#include "runtime/subscription.hpp"

namespace moorage {

class client_gate;
class known_nodes;

#pragma GCC visibility push(default) // not of what is declared above, which is ours

/// Made by `runtime::async`. May be kept: when the runtime has stopped everything is refused `stopping`.
/// Every member may be called from any thread, an actor's as well.
class async_runtime {
public:
  // --- leases
  pending<result<lease>> acquire(std::string_view cluster, acquire_options options = {}) const;
  template <class Rep, class Period>
  pending<result<lease>> acquire(std::string_view cluster, std::chrono::duration<Rep, Period> patience,
                                 std::string label = {}) const {
    return acquire(cluster, {.patience = in_nanoseconds(patience), .label = std::move(label)});
  }

  // --- one command
  pending<exec_result> run(std::string_view cluster, exec_request request,
                           acquire_options options = {}) const;
  template <command_text Text>
  pending<exec_result> run(std::string_view cluster, Text&& command, acquire_options options = {}) const {
    return run(cluster, exec_request{.command = std::string{std::forward<Text>(command)}},
               std::move(options));
  }
  template <class Rep, class Period>
  pending<exec_result> run(std::string_view cluster, exec_request request,
                           std::chrono::duration<Rep, Period> patience) const {
    return run(cluster, std::move(request), acquire_options{.patience = in_nanoseconds(patience)});
  }
  template <command_text Text, class Rep, class Period>
  pending<exec_result> run(std::string_view cluster, Text&& command,
                           std::chrono::duration<Rep, Period> patience) const {
    return run(cluster, exec_request{.command = std::string{std::forward<Text>(command)}}, patience);
  }

  // --- clusters
  pending<result<void>> register_cluster(cluster_settings settings) const;
  pending<result<void>> remove_cluster(std::string_view cluster) const;
  pending<result<std::vector<cluster_settings>>> clusters() const;

  // --- administration
  pending<result<std::vector<pool_status>>> pools() const;
  pending<result<pool_status>> pool(std::string_view cluster) const;
  pending<result<std::vector<connection_status>>> connections(std::string_view cluster) const;
  pending<result<std::vector<lease_status>>> leases(std::string_view cluster) const;
  pending<result<std::vector<waiter_status>>> waiters(std::string_view cluster) const;
  pending<result<explanation>> explain(std::string_view cluster) const;
  pending<result<std::vector<event_record>>> errors(std::string_view cluster) const;
  pending<result<std::string>> pause(std::string_view cluster, bool keep = false) const;
  pending<result<std::string>> suspend(std::string_view cluster) const;
  pending<result<std::string>> resume(std::string_view cluster, bool all = false) const;
  pending<result<std::string>> drain(std::string_view cluster, std::chrono::milliseconds within) const;
  pending<result<std::string>> probe(std::string_view cluster) const;
  pending<result<std::string>> evict(std::string_view cluster, connection_id connection) const;
  pending<result<std::string>> revoke(std::string_view cluster, lease_id lease) const;
  pending<result<std::string>> resize(std::string_view cluster, std::uint32_t size) const;
  pending<result<std::string>> set(std::string_view cluster, std::string_view key,
                                   std::string_view value) const;
  pending<result<std::string>> reset(std::string_view cluster) const;
  pending<result<std::string>> reconnect(std::string_view cluster, std::chrono::milliseconds spread) const;
  pending<result<std::string>> disconnect(std::string_view cluster) const;
  pending<result<std::string>> record(std::string_view cluster) const;
  pending<result<std::string>> shut_down(std::chrono::milliseconds within) const;
  pending<result<std::string>> reload() const;

  pending<result<subscription>> subscribe(std::string_view cluster,
                                          std::function<void(const event_record&)> callback,
                                          event_filter wanted = {}) const;

  pending<result<std::chrono::nanoseconds>> round_trip(const lease& lease) const;
  pending<result<probe_answer>> probe(const lease& lease) const;

private:
  friend class runtime;
  friend struct pending_access;
  explicit async_runtime(std::shared_ptr<client_gate> gate, bool waited = false, bool leads = true)
      : gate_(std::move(gate)), waited_(waited), leads_(leads) {}
  /// Which its calls may go to; none: those of `gate_` alone.
  std::shared_ptr<known_nodes> nodes() const;
  struct event_terms;
  static pending<result<subscription>> subscribe_at(const std::shared_ptr<client_gate>& there,
                                                    const event_terms& how);
  static pending<result<subscription>> follow_events(const std::shared_ptr<client_gate>& home,
                                                     const std::shared_ptr<known_nodes>& nodes,
                                                     event_terms how);
  static pending<result<subscription>> subscribe_everywhere(const std::shared_ptr<client_gate>& home,
                                                            const std::shared_ptr<known_nodes>& nodes,
                                                            const event_terms& how);
  pending<result<cluster_place>> locate(locate_cluster what) const;
  pending<result<std::chrono::nanoseconds>> hand_over(hand_over_cluster order) const;
  pending<result<std::string>> take_over(take_over_cluster order) const;

  std::shared_ptr<client_gate> gate_;
  /// Whoever asks waits for the answer: there are no more such calls than threads, which bounds them.
  bool waited_ = false;
  bool leads_ = true;
};

} // namespace moorage

#pragma GCC visibility pop
