#include "runtime/runtime.hpp"

#include <optional>

#include "actors/session/session.hpp"
#include "runtime/actors.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/runtime_parts.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

namespace {

failure moved_from() {
  return {errc::invalid_request, "this runtime was moved from: use the one that it was moved to"};
}

} // namespace

struct runtime_access {
  static const runtime_parts& parts(const runtime& of) {
    if (!of.parts_)
      throw error{moved_from()};
    if (of.parts_->system == nullptr)
      throw error{{errc::stopping, "the runtime has stopped"}};
    return *of.parts_;
  }
};

namespace {

/// Asks the manager and waits.
template <class Answer>
result<Answer> ask_by_message(client_gate& gate, caf::message request) {
  if (on_scheduler_thread())
    return would_block();
  auto answer = ask_client<Answer>(gate, answer_margin,
                                   [request = std::move(request)](client_state& client, auto give) mutable {
                                     client.ask_manager<Answer>(std::move(request), std::move(give));
                                   });
  return answer ? std::move(*answer) : gate.no_answer();
}

template <class Answer, class Request>
result<Answer> ask(client_gate& gate, Request request) {
  return ask_by_message<Answer>(gate, caf::make_message(std::move(request)));
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

session_actor session_of(const runtime& of, const caf::strong_actor_ptr& whom) {
  const auto& parts = runtime_access::parts(of);
  std::optional<log_let_go> let_go;
  if (!on_scheduler_thread())
    let_go.emplace();
  return parts.system->spawn(session, parts.manager, whom, session_bounds{});
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

const std::shared_ptr<client_gate>& runtime::gate() const {
  // What was moved from has a gate that was never open.
  static const auto closed = [] {
    auto gate = std::make_shared<client_gate>();
    gate->close(moved_from());
    gate->callbacks()->finish();
    return gate;
  }();
  return parts_ ? parts_->gate : closed;
}

result<runtime> runtime::try_connect(const std::string& socket, std::chrono::milliseconds timeout,
                                     runtime_options options) {
  if (on_scheduler_thread())
    return would_block();
  auto parts = std::make_shared<runtime_parts>(std::move(options));
  if (auto refused = parts->join(socket, timeout); refused.code != errc::none)
    return refused;
  return runtime{std::move(parts)};
}

runtime runtime::connect(const std::string& socket, std::chrono::milliseconds timeout,
                         runtime_options options) {
  return try_connect(socket, timeout, std::move(options)).take();
}

void runtime::stop() {
  runtime_parts::end(parts_);
}

secret_store& runtime::secrets() {
  if (!parts_)
    throw error{moved_from()};
  return *parts_->secrets;
}

result<std::string> runtime::serve(const std::string& socket, socket_news told) {
  if (!parts_)
    return moved_from();
  if (parts_->system == nullptr)
    return failure{errc::stopping, "the runtime has stopped"};
  if (!parts_->own_system || parts_->link)
    return failure{errc::invalid_request, "only a runtime that brought its own actor system can serve"};
  log_let_go let_go;
  auto publish = [system = parts_->system, manager = parts_->manager](const std::string& path) {
    return publish_node(*system, manager, path);
  };
  auto first = publish(socket.empty() ? usual_node_socket() : socket);
  if (!first)
    return to_failure(first.error());
  // One after the other, and not on the keeper's own thread: what is told may stop the runtime.
  auto strand = std::make_shared<callback_strand>(parts_->callbacks);
  auto tell = [strand, told = std::move(told)](const failure& what, bool listening) {
    if (told)
      strand->post({}, [told, what, listening] { told(what, listening); });
  };
  parts_->published = std::make_unique<node_keeper>(std::move(*first), publish, std::move(tell));
  return parts_->published->path();
}

bool runtime::wait_for_loss(std::chrono::milliseconds timeout) {
  return !parts_ || parts_->loss.wait_for(timeout) == std::future_status::ready;
}

// --- clusters and administration ----------------------------------------------------------------------------------

result<void> runtime::register_cluster(cluster_settings settings) {
  return order(*gate(), moorage::register_cluster{std::move(settings)});
}

result<void> runtime::remove_cluster(const std::string& cluster) {
  return order(*gate(), moorage::remove_cluster{cluster});
}

result<std::vector<cluster_settings>> runtime::clusters() {
  return ask_part(*gate(), list_clusters{}, &cluster_list::clusters);
}

result<std::vector<pool_status>> runtime::pools() {
  return ask_part(*gate(), get_pools{}, &pool_list::pools);
}

result<pool_status> runtime::pool(const std::string& cluster) {
  return ask<pool_status>(*gate(), get_pool{cluster});
}

result<std::vector<connection_status>> runtime::connections(const std::string& cluster) {
  return ask_part(*gate(), get_connections{cluster}, &connection_list::connections);
}

result<std::vector<lease_status>> runtime::leases(const std::string& cluster) {
  return ask_part(*gate(), get_leases{cluster}, &lease_list::leases);
}

result<std::vector<waiter_status>> runtime::waiters(const std::string& cluster) {
  return ask_part(*gate(), get_waiters{cluster}, &waiter_list::waiters);
}

result<void> runtime::pause(const std::string& cluster) {
  return order(*gate(), pause_pool{cluster});
}

result<void> runtime::resume(const std::string& cluster) {
  return order(*gate(), resume_pool{cluster});
}

result<void> runtime::probe(const std::string& cluster) {
  return order(*gate(), probe_pool{cluster});
}

result<void> runtime::evict(const std::string& cluster, connection_id connection) {
  return order(*gate(), evict_connection{cluster, connection});
}

result<void> runtime::revoke(const std::string& cluster, lease_id lease) {
  return order(*gate(), revoke_lease{cluster, lease});
}

result<void> runtime::resize(const std::string& cluster, std::uint32_t size) {
  return order(*gate(), resize_pool{cluster, size});
}

result<void> runtime::reset(const std::string& cluster) {
  return order(*gate(), reset_pool{cluster});
}

result<void> runtime::disconnect(const std::string& cluster) {
  return order(*gate(), disconnect_pool{cluster});
}

// --- events -------------------------------------------------------------------------------------------------------

result<subscription> runtime::subscribe(const std::string& cluster,
                                        std::function<void(const event_record&)> callback) {
  if (on_scheduler_thread())
    return would_block();
  if (!callback)
    return failure{errc::invalid_request, "a subscription needs a callback"};
  subscription made;
  made.gate_ = gate();
  made.number_ = made.gate_->next_call();
  made.callback_ = std::make_shared<callback_strand>(made.gate_->callbacks());
  event_sink to{std::move(callback), made.callback_};
  auto answer = ask_client<void>(
      *made.gate_, answer_margin,
      [number = made.number_, cluster, to = std::move(to)](client_state& client, auto give) mutable {
        client.watch(number, cluster, std::move(to), std::move(give));
      });
  if (!answer)
    return gate()->no_answer();
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
