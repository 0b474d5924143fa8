#include "runtime/runtime.hpp"

#include <optional>

#include "actors/durations.hpp"
#include "runtime/actors.hpp"
#include "runtime/answer_slot.hpp"
#include "runtime/client.hpp"
#include "runtime/runtime_parts.hpp"
#include "runtime/scheduler_thread.hpp"

namespace moorage {

struct runtime_access {
  static const runtime_parts& parts(const runtime& of) { return *of.parts_; }
};

namespace {

using clock = std::chrono::steady_clock;

/// A pool answers by the deadline it was given; what is added here is for the way there and back. Only a frozen node
/// needs longer, and is then given up.
constexpr std::chrono::seconds answer_margin{5};

failure would_block() {
  return {errc::would_block_scheduler,
          "a blocking call on a thread of the actor system; use the future, callback or message form there"};
}

/// Asks the manager and waits.
template <class Answer, class Request>
result<Answer> ask(client_gate& gate, Request request) {
  if (on_scheduler_thread())
    return would_block();
  auto slot = std::make_shared<answer_slot<result<Answer>>>();
  gate.post(
      [slot, request = std::move(request)](client_state& client) mutable {
        client.ask_manager<Answer>(std::move(request),
                                   [slot](result<Answer> answer) { slot->give(std::move(answer)); });
      },
      [slot](failure reason) { slot->give(std::move(reason)); });
  if (auto answer = slot->wait_until(clock::now() + answer_margin))
    return std::move(*answer);
  return gate.no_answer();
}

template <class Request>
result<void> order(client_gate& gate, Request request) {
  auto answer = ask<done>(gate, std::move(request));
  return answer ? result<void>{} : result<void>{answer.reason()};
}

/// The part of an answer that the caller wants.
template <class Answer, class Part, class Request>
result<Part> ask_part(client_gate& gate, Request request, Part Answer::*part) {
  auto answer = ask<Answer>(gate, std::move(request));
  if (!answer)
    return answer.reason();
  return std::move((*answer).*part);
}

} // namespace

manager_actor manager_of(const runtime& of) {
  return runtime_access::parts(of).manager;
}

caf::actor_system& system_of(const runtime& of) {
  return *runtime_access::parts(of).system;
}

// --- life ---------------------------------------------------------------------------------------------------------

runtime::runtime(std::shared_ptr<runtime_parts> parts) : parts_(std::move(parts)) {}

runtime::runtime(runtime&&) noexcept = default;

runtime& runtime::operator=(runtime&& other) noexcept {
  if (this != &other)
    runtime_parts::end(std::exchange(parts_, std::move(other.parts_)));
  return *this;
}

runtime::~runtime() {
  runtime_parts::end(std::move(parts_));
}

result<runtime> runtime::try_connect(const std::string& socket, std::chrono::milliseconds timeout) {
  if (on_scheduler_thread())
    return would_block();
  auto parts = std::make_shared<runtime_parts>();
  if (auto refused = parts->join(socket, timeout); refused.code != errc::none)
    return refused;
  return runtime{std::move(parts)};
}

runtime runtime::connect(const std::string& socket, std::chrono::milliseconds timeout) {
  return try_connect(socket, timeout).take();
}

void runtime::stop() {
  runtime_parts::end(parts_);
}

secret_store& runtime::secrets() {
  return *parts_->secrets;
}

result<std::string> runtime::serve(const std::string& socket, socket_news told) {
  if (!parts_->own_system || parts_->link)
    return failure{errc::invalid_request, "only a runtime that brought its own actor system can serve"};
  log_let_go let_go;
  auto publish = [system = parts_->system, manager = parts_->manager](const std::string& path) {
    return publish_node(*system, manager, path);
  };
  auto first = publish(socket.empty() ? usual_node_socket() : socket);
  if (!first)
    return to_failure(first.error());
  parts_->published = std::make_unique<node_keeper>(std::move(*first), publish, std::move(told));
  return parts_->published->path();
}

bool runtime::wait_for_loss(std::chrono::milliseconds timeout) {
  return parts_->loss.wait_for(timeout) == std::future_status::ready;
}

// --- leases -------------------------------------------------------------------------------------------------------

void runtime::acquire(const std::string& cluster, acquire_options options,
                      std::function<void(result<lease>)> callback) {
  if (options.stop.stop_requested()) {
    callback(failure{errc::cancelled, "the acquire was cancelled before it began"});
    return;
  }
  using withdrawal = std::stop_callback<std::function<void()>>;
  auto gate = parts_->gate;
  auto place = client_gate::enter(gate);
  if (!place) {
    callback(client_gate::too_many());
    return;
  }
  auto call = gate->next_call();
  // Shared with the answer, so that whichever side is done last lets go of the token.
  auto withdraw = std::make_shared<std::optional<withdrawal>>();
  moorage::acquire request{
      cluster, nullptr, call, options.patience, std::move(options.label), options.wait_for_ready};
  gate->post(
      [request = std::move(request), callback, withdraw, place](client_state& client) mutable {
        client.acquire_lease(std::move(request), [callback, withdraw, place = std::move(place)](
                                                     result<lease> answer) { callback(std::move(answer)); });
      },
      [callback](failure reason) { callback(std::move(reason)); });
  if (options.stop.stop_possible())
    withdraw->emplace(options.stop, [gate, call] {
      gate->post([call](client_state& client) { client.cancel_acquire_of(call); });
    });
}

result<lease> runtime::try_acquire(const std::string& cluster, acquire_options options) {
  if (on_scheduler_thread())
    return would_block();
  auto deadline = clock::time_point::max();
  if (options.patience.count() >= 0 && options.patience < std::chrono::hours{24})
    deadline = clock::now() + options.patience + answer_margin;
  auto slot = std::make_shared<answer_slot<result<lease>>>();
  acquire(cluster, std::move(options), [slot](result<lease> answer) { slot->give(std::move(answer)); });
  if (auto answer = slot->wait_until(deadline))
    return std::move(*answer);
  return parts_->gate->no_answer();
}

lease runtime::acquire(const std::string& cluster, acquire_options options) {
  return try_acquire(cluster, std::move(options)).take();
}

lease runtime::acquire(const std::string& cluster, std::chrono::nanoseconds patience, std::string label) {
  return acquire(cluster, acquire_options{patience, std::move(label), {}});
}

std::future<lease> runtime::acquire_async(const std::string& cluster, acquire_options options) {
  auto promise = std::make_shared<std::promise<lease>>();
  auto future = promise->get_future();
  acquire(cluster, std::move(options), [promise](result<lease> answer) {
    if (answer)
      promise->set_value(std::move(*answer));
    else
      promise->set_exception(std::make_exception_ptr(error{answer.reason()}));
  });
  return future;
}

namespace {

result<probe_answer> ask_probe(client_gate& gate, lease_key key, bool as_pool,
                               std::chrono::milliseconds patience) {
  if (on_scheduler_thread())
    return would_block();
  auto slot = std::make_shared<answer_slot<result<probe_answer>>>();
  auto give = [slot](result<probe_answer> answer) { slot->give(std::move(answer)); };
  gate.post([key = std::move(key), as_pool, give](client_state& client) { client.probe(key, as_pool, give); },
            [give](failure reason) { give(std::move(reason)); });
  if (auto answer = slot->wait_until(clock::now() + patience))
    return std::move(*answer);
  return failure{errc::connection_lost, "no answer within " + to_text(patience)};
}

} // namespace

result<probe_answer> runtime::probe(const lease& lease) {
  auto patience = std::chrono::milliseconds{0};
  if (auto known = clusters())
    for (const auto& each : *known)
      if (each.name == lease.cluster())
        patience = each.probe_timeout;
  return ask_probe(*parts_->gate, lease.key(), true, patience + answer_margin);
}

result<std::chrono::nanoseconds> runtime::round_trip(const lease& lease) {
  auto answer = ask_probe(*parts_->gate, lease.key(), false, answer_margin);
  if (!answer)
    return answer.reason();
  return answer->rtt;
}

// --- clusters and administration ----------------------------------------------------------------------------------

result<void> runtime::register_cluster(cluster_settings settings) {
  return order(*parts_->gate, moorage::register_cluster{std::move(settings)});
}

result<void> runtime::remove_cluster(const std::string& cluster) {
  return order(*parts_->gate, moorage::remove_cluster{cluster});
}

result<std::vector<cluster_settings>> runtime::clusters() {
  return ask_part(*parts_->gate, list_clusters{}, &cluster_list::clusters);
}

result<std::vector<pool_status>> runtime::pools() {
  return ask_part(*parts_->gate, get_pools{}, &pool_list::pools);
}

result<pool_status> runtime::pool(const std::string& cluster) {
  return ask<pool_status>(*parts_->gate, get_pool{cluster});
}

result<std::vector<connection_status>> runtime::connections(const std::string& cluster) {
  return ask_part(*parts_->gate, get_connections{cluster}, &connection_list::connections);
}

result<std::vector<lease_status>> runtime::leases(const std::string& cluster) {
  return ask_part(*parts_->gate, get_leases{cluster}, &lease_list::leases);
}

result<std::vector<waiter_status>> runtime::waiters(const std::string& cluster) {
  return ask_part(*parts_->gate, get_waiters{cluster}, &waiter_list::waiters);
}

result<void> runtime::pause(const std::string& cluster) {
  return order(*parts_->gate, pause_pool{cluster});
}

result<void> runtime::resume(const std::string& cluster) {
  return order(*parts_->gate, resume_pool{cluster});
}

result<void> runtime::probe(const std::string& cluster) {
  return order(*parts_->gate, probe_pool{cluster});
}

result<void> runtime::evict(const std::string& cluster, connection_id connection) {
  return order(*parts_->gate, evict_connection{cluster, connection});
}

result<void> runtime::revoke(const std::string& cluster, lease_id lease) {
  return order(*parts_->gate, revoke_lease{cluster, lease});
}

result<void> runtime::resize(const std::string& cluster, std::uint32_t size) {
  return order(*parts_->gate, resize_pool{cluster, size});
}

result<void> runtime::reset(const std::string& cluster) {
  return order(*parts_->gate, reset_pool{cluster});
}

result<void> runtime::disconnect(const std::string& cluster) {
  return order(*parts_->gate, disconnect_pool{cluster});
}

// --- events -------------------------------------------------------------------------------------------------------

result<subscription> runtime::subscribe(const std::string& cluster,
                                        std::function<void(const event_record&)> callback) {
  if (on_scheduler_thread())
    return would_block();
  subscription made;
  made.gate_ = parts_->gate;
  made.number_ = parts_->gate->next_call();
  made.callback_ = std::make_shared<event_callback>(std::move(callback));
  auto slot = std::make_shared<answer_slot<result<void>>>();
  auto give = [slot](result<void> answer) { slot->give(std::move(answer)); };
  parts_->gate->post([number = made.number_, cluster, callback = made.callback_,
                      give](client_state& client) { client.watch(number, cluster, callback, give); },
                     [give](failure reason) { give(std::move(reason)); });
  auto answer = slot->wait_until(clock::now() + answer_margin);
  if (!answer)
    return parts_->gate->no_answer();
  if (!*answer)
    return answer->reason();
  return made;
}

subscription& subscription::operator=(subscription&& other) noexcept {
  std::swap(gate_, other.gate_);
  std::swap(number_, other.number_);
  std::swap(callback_, other.callback_);
  return *this;
}

subscription::~subscription() {
  if (callback_)
    callback_->end();
  if (gate_)
    gate_->post([number = number_](client_state& client) { client.unwatch(number); });
}

} // namespace moorage
