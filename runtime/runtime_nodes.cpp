// Nodes over TLS: going to one, and being one. In a file of its own so that a program that only ever asks a
// node of its own machine does not link OpenSSL.
#include <algorithm>
#include <chrono>
#include <utility>

#include "actors/session/session.hpp"
#include "messages/printable.hpp"
#include "runtime/actors.hpp"
#include "runtime/node/tls/dial.hpp"
#include "runtime/node/tls/publish.hpp"
#include "runtime/runtime_parts.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

namespace {

/// What cannot be made up, for events and the log.
std::string in_words(const certificate_names& names, const std::string& from) {
  const auto& name = !names.uris.empty()  ? names.uris.front()
                     : !names.dns.empty() ? names.dns.front()
                                          : names.subject;
  constexpr std::size_t longest = 100;
  return printable(name, longest) + " from " + from;
}

} // namespace

// --- going to one

result<runtime> runtime::try_connect(const node_address& node, std::chrono::milliseconds timeout,
                                     runtime_options options) {
  if (on_scheduler_thread())
    return would_block();
  auto parts = std::make_shared<runtime_parts>(std::move(options));
  std::shared_ptr<tls_front> front;
  try {
    front = front_of_process();
  } catch (const std::system_error& none) {
    return failure{errc::local_failure, std::string{"cannot connect over TLS: "} + none.what()};
  }
  node_place where{node.address, [front, node](auto deadline, const std::stop_token& called_off) {
                     return dial_tls(*front, node.address, node.files, deadline, called_off);
                   }};
  if (auto refused = parts->join(std::move(where), timeout); refused.code != errc::none)
    return refused;
  return runtime{std::move(parts)};
}

runtime runtime::connect(const node_address& node, std::chrono::milliseconds timeout,
                         runtime_options options) {
  return try_connect(node, timeout, std::move(options)).value();
}

// --- being one

failure listen_over_tls(runtime_parts& parts, const serving& how, const std::shared_ptr<link_count>& links) {
  tls_service service;
  service.open = [system = parts.system, manager = parts.manager, links,
                  all = parts.others](const certificate_names& names, const std::string& from) {
    return all->open(names, [&](const access_rights& rights) {
      links->began();
      return caf::actor_cast<caf::strong_actor_ptr>(system->spawn(
          session, manager, caf::strong_actor_ptr{}, session_bounds{}, in_words(names, from), rights));
    });
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
  service.refused = [tell = parts.turned_away](const std::string& who_and_why) {
    tell("over TLS: " + who_and_why);
  };
  auto begun = publish_tls(*parts.system, std::move(service), how.listen, how.files, how.tcp_listening);
  if (!begun)
    return begun.error();
  parts.listener = std::move(*begun);
  return {};
}

} // namespace moorage
