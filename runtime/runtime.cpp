#include "runtime/runtime.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <optional>
#include <vector>

#include "runtime/actors.hpp"
#include "runtime/client/cluster_move.hpp"
#include "runtime/runtime_parts.hpp"
#include "runtime/system/descriptors.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

struct runtime_access {
  static const runtime_parts& parts(const runtime& of) {
    if (!of.parts_)
      throw error{moved_from()};
    if (of.parts_->system == nullptr)
      throw error{{errc::stopping, "the runtime has stopped"}};
    return *of.parts_;
  }
};

session_actor session_of(const runtime& of, const caf::strong_actor_ptr& whom) {
  const auto& parts = runtime_access::parts(of);
  if (!parts.manager) {
    if (auto there = parts.link->session())
      return there;
    throw error{{errc::node_lost,
                 "the node is away, so there is no session; the event node_back tells of its return"}};
  }
  std::optional<log_let_go> let_go;
  if (!on_scheduler_thread())
    let_go.emplace();
  return parts.open_session(parts, whom);
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

failure runtime::may_not_wait() {
  return on_scheduler_thread() ? would_block() : failure{};
}

result<runtime> runtime::try_connect(const std::string& socket, std::chrono::milliseconds timeout,
                                     runtime_options options) {
  if (on_scheduler_thread())
    return would_block();
  auto where = own_node(socket, options.socket_user);
  if (!where)
    return where.error();
  auto parts = std::make_shared<runtime_parts>(std::move(options));
  if (auto refused = parts->join(std::move(*where), timeout); refused.code != errc::none)
    return refused;
  return runtime{std::move(parts)};
}

runtime runtime::connect(const std::string& socket, std::chrono::milliseconds timeout,
                         runtime_options options) {
  return try_connect(socket, timeout, std::move(options)).value();
}

void runtime::stop() {
  runtime_parts::end(parts_);
}

secret_store& runtime::secrets() {
  if (!parts_)
    throw error{moved_from()};
  return *parts_->secrets;
}

// --- serving

result<std::string> runtime::serve(const std::string& socket, socket_news told) {
  return serve(serving{.socket = socket}, std::move(told));
}

result<std::string> runtime::serve(const serving& how, socket_news told) {
  // Ours from here on, whatever comes of it.
  auto given = how.listening >= 0 ? std::make_shared<unique_fd>(how.listening) : nullptr;
  std::vector<unique_fd> given_tcp;
  for (auto each : how.tcp_listening)
    given_tcp.emplace_back(each);
  if (!parts_)
    return moved_from();
  if (parts_->system == nullptr)
    return failure{errc::stopping, "the runtime has stopped"};
  if (!parts_->own_system || !parts_->manager)
    return failure{errc::invalid_request, "only a runtime that brought its own actor system can serve"};
  return parts_->serve(*parts_, async(), how, given, std::move(told));
}

std::vector<std::string> runtime::listens_on() const {
  return parts_ && parts_->listener ? parts_->listener->addresses() : std::vector<std::string>{};
}

result<void> runtime::renew(const node_files& files, std::vector<access_entry> access) {
  if (!parts_)
    return moved_from();
  if (!parts_->others || !parts_->published)
    return failure{errc::invalid_request, "this runtime does not serve"};
  auto rules = access_rules::of(std::move(access));
  if (!rules)
    return rules.error();
  const auto users = rules->admits_users();
  if (auto closed = users ? parts_->published->admit_others(true) : failure{}; closed.code != errc::none)
    return closed;
  if (parts_->listener)
    if (auto wrong = parts_->listener->reload(files); wrong.code != errc::none) {
      if (users && !parts_->others->admits_users())
        static_cast<void>(parts_->published->admit_others(false)); // who comes is turned away either way
      return wrong;
    }
  parts_->others->renew(std::move(*rules));
  return users ? failure{} : parts_->published->admit_others(false);
}

std::vector<std::pair<std::string, failure>> runtime::unreachable() const {
  return gate()->nodes() ? gate()->nodes()->unreachable() : std::vector<std::pair<std::string, failure>>{};
}

/// See messages/placement.hpp. The new node awaits it before the old one lets it go, so that whoever waited
/// there can wait here; every node that can be reached hears where it goes.
result<std::string> runtime::move(std::string_view cluster, std::string_view to,
                                  std::chrono::milliseconds within) {
  if (auto refused = may_not_wait(); refused.code != errc::none)
    return refused;
  const auto& all = gate()->nodes();
  if (!all)
    return failure{errc::invalid_request,
                   "only a runtime that is connected to a node over TLS can move a cluster"};
  return cluster_move{all, std::string{cluster}, std::string{to}, within}.carry_out();
}

std::string runtime::node_version() const {
  return parts_ && parts_->link ? version_in_words(vocabulary::ours(), parts_->link->speaks())
                                : std::string{};
}

bool runtime::wait_for_loss(std::chrono::milliseconds timeout) const {
  return !parts_ || parts_->wait_for_loss(timeout);
}

void runtime::on_loss(std::function<void(const failure& why)> callback) {
  if (!callback)
    return;
  auto strand = std::make_shared<callback_strand>(gate()->callbacks());
  auto call = [callback = std::move(callback)](const event_record& lost) {
    callback({errc::node_lost, lost.text});
  };
  gate()->post([number = gate()->next_call(), to = event_sink{std::move(call), std::move(strand)}](
                   client_state& client) mutable { client.watch_loss(number, std::move(to)); });
}

} // namespace moorage
