#include "runtime/runtime.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <optional>
#include <vector>

#include "actors/session/session.hpp"
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
  session_bounds bounds;
  bounds.environment = parts.gate->environment();
  return parts.system->spawn(session, parts.manager, whom, bounds, parts.gate->name(),
                             access_rights::everything());
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

/// What is offered on the Unix-domain socket: everything to our own user and root, and to others what the
/// rules say.
static node_service service_of(const runtime_parts& parts, const std::shared_ptr<link_count>& links) {
  auto make = [system = parts.system, manager = parts.manager, links](const std::string& from,
                                                                      const access_rights& rights) {
    links->began();
    return caf::actor_cast<caf::strong_actor_ptr>(
        system->spawn(session, manager, caf::strong_actor_ptr{}, session_bounds{}, from, rights));
  };
  node_service service;
  service.open = [make](const std::string& from) { return make(from, access_rights::everything()); };
  service.open_other = [make, all = parts.others, tell = parts.turned_away](const other_user& who) {
    auto session = all->open(machine_user{who.user, who.groups},
                             [&](const access_rights& rights) { return make(who.from, rights); });
    if (!session)
      tell(who.from + ": [[access]] gives it nothing, or it has as many links as a user may have");
    return session;
  };
  service.begun = [all = parts.others](const caf::strong_actor_ptr& session, std::function<void()> cut) {
    all->begun(session, std::move(cut));
  };
  service.closed = [links, all = parts.others](const caf::strong_actor_ptr& session) {
    links->ended();
    all->ended(session);
    caf::anon_send(caf::actor_cast<inner_session_actor>(session), outsider_gone{});
  };
  service.interface = vocabulary::ours().greeting();
  return service;
}

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
  auto rules = access_rules::of(how.access);
  if (!rules)
    return rules.error();
  log_let_go let_go;
  auto links = std::make_shared<link_count>();
  parts_->others = std::make_shared<outsiders>(std::move(*rules));
  auto publish = [offered = service_of(*parts_, links), system = parts_->system, others = parts_->others,
                  given](const std::string& path) {
    auto service = offered;
    service.others = others->admits_users();
    return given ? publish_node(*system, std::move(service), given->get())
                 : publish_node(*system, std::move(service), path);
  };
  auto first = publish(how.socket.empty() ? usual_node_socket() : how.socket);
  if (!first)
    return to_failure(first.error());
  // One after the other, and not on the keeper's own thread: what is told may stop the runtime.
  auto strand = std::make_shared<callback_strand>(parts_->callbacks);
  auto tell = [strand, told = std::move(told)](const failure& what, bool listening) {
    if (told)
      strand->post({}, [told, what, listening] { told(what, listening); });
  };
  // Who paused, suspended or drained a pool means that to last.
  auto held = [to = async()] {
    auto answer = to.pools().to_future();
    if (answer.wait_for(std::chrono::seconds{1}) != std::future_status::ready)
      return true;
    auto pools = answer.get();
    return pools && std::any_of(pools->begin(), pools->end(),
                                [](const auto& pool) { return pool.state != pool_state::running; });
  };
  if (!how.listen.empty() || !how.tcp_listening.empty())
    if (auto refused = parts_->listen_over_tls(*parts_, how, links); refused.code != errc::none)
      return refused;
  parts_->published = std::make_unique<node_keeper>(std::move(*first), publish, std::move(tell),
                                                    node_idleness{how.idle_end, links, std::move(held)});
  return parts_->published->path();
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
