// Being a node, and giving an actor its session. In a file of its own so that a program that only ever asks a
// node links neither: see runtime_parts::begin().
#include <algorithm>
#include <chrono>
#include <utility>

#include "actors/session/session.hpp"
#include "messages/printable.hpp"
#include "runtime/actors.hpp"
#include "runtime/node/tls/publish.hpp"
#include "runtime/runtime_parts.hpp"

namespace moorage {

session_actor open_session(const runtime_parts& parts, const caf::strong_actor_ptr& whom) {
  session_bounds bounds;
  bounds.environment = parts.gate->environment();
  return parts.system->spawn(session, parts.manager, whom, bounds, parts.gate->name(),
                             access_rights::everything());
}

namespace {

/// Makes a link's session; `from` is who comes, in words.
auto session_maker(const runtime_parts& parts, const std::shared_ptr<link_count>& links) {
  return [system = parts.system, manager = parts.manager, links](const std::string& from,
                                                                 const access_rights& rights) {
    links->began();
    return caf::actor_cast<caf::strong_actor_ptr>(
        system->spawn(session, manager, caf::strong_actor_ptr{}, session_bounds{}, from, rights));
  };
}

/// What is the same of every link, whichever way it came.
template <class Service>
void keep_books(Service& service, const runtime_parts& parts, const std::shared_ptr<link_count>& links) {
  service.begun = [all = parts.others](const caf::strong_actor_ptr& session, std::function<void()> cut) {
    all->begun(session, std::move(cut));
  };
  service.closed = [links, all = parts.others](const caf::strong_actor_ptr& session) {
    links->ended();
    all->ended(session);
    caf::anon_send(caf::actor_cast<inner_session_actor>(session), outsider_gone{});
  };
  service.interface = vocabulary::ours().greeting();
}

/// What is offered on the Unix-domain socket: everything to our own user and root, and to others what the
/// rules say.
node_service service_of(const runtime_parts& parts, const std::shared_ptr<link_count>& links) {
  node_service service;
  keep_books(service, parts, links);
  auto make = session_maker(parts, links);
  service.open = [make](const std::string& from) { return make(from, access_rights::everything()); };
  service.open_other = [make, all = parts.others, tell = parts.turned_away](const other_user& who) {
    auto session = all->open(machine_user{who.user, who.groups},
                             [&](const access_rights& rights) { return make(who.from, rights); });
    if (!session)
      tell(who.from + ": [[access]] gives it nothing, or it has as many links as a user may have");
    return session;
  };
  return service;
}

/// What cannot be made up, for events and the log.
std::string in_words(const certificate_names& names, const std::string& from) {
  const auto& name = !names.uris.empty()  ? names.uris.front()
                     : !names.dns.empty() ? names.dns.front()
                                          : names.subject;
  constexpr std::size_t longest = 100;
  return printable(name, longest) + " from " + from;
}

failure listen_over_tls(runtime_parts& parts, const serving& how, const std::shared_ptr<link_count>& links) {
  tls_service service;
  keep_books(service, parts, links);
  service.open = [make = session_maker(parts, links), all = parts.others](const certificate_names& names,
                                                                          const std::string& from) {
    return all->open(names, [&](const access_rights& rights) { return make(in_words(names, from), rights); });
  };
  service.refused = [tell = parts.turned_away](const std::string& who_and_why) {
    tell("over TLS: " + who_and_why);
  };
  auto begun = publish_tls(*parts.system, std::move(service), how.listen, how.files, how.tcp_listening);
  if (!begun)
    return begun.error();
  parts.listener = std::move(*begun);
  return {};
}

} // namespace

result<std::string> serve_pools(runtime_parts& parts, async_runtime ask, const serving& how,
                                const std::shared_ptr<unique_fd>& given, runtime::socket_news told) {
  auto rules = access_rules::of(how.access);
  if (!rules)
    return rules.error();
  log_let_go let_go;
  auto links = std::make_shared<link_count>();
  parts.others = std::make_shared<outsiders>(std::move(*rules));
  auto publish = [offered = service_of(parts, links), system = parts.system, others = parts.others,
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
  auto strand = std::make_shared<callback_strand>(parts.callbacks);
  auto tell = [strand, told = std::move(told)](const failure& what, bool listening) {
    if (told)
      strand->post({}, [told, what, listening] { told(what, listening); });
  };
  // Who paused, suspended or drained a pool means that to last.
  auto held = [to = std::move(ask)] {
    auto answer = to.pools().to_future();
    if (answer.wait_for(std::chrono::seconds{5}) != std::future_status::ready) // some 90,000 pools
      return true;
    auto pools = answer.get();
    return pools && std::any_of(pools->begin(), pools->end(),
                                [](const auto& pool) { return pool.state != pool_state::running; });
  };
  if (!how.listen.empty() || !how.tcp_listening.empty())
    if (auto refused = listen_over_tls(parts, how, links); refused.code != errc::none)
      return refused;
  parts.published = std::make_unique<node_keeper>(std::move(*first), publish, std::move(tell),
                                                  node_idleness{how.idle_end, links, std::move(held)});
  return parts.published->path();
}

} // namespace moorage
