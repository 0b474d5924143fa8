// Nodes over TLS: going to one, and being one. In a file of its own so that a program that only ever asks a
// node of its own machine does not link OpenSSL.
#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>

#include "actors/session/session.hpp"
#include "messages/printable.hpp"
#include "runtime/actors.hpp"
#include "runtime/config/access.hpp"
#include "runtime/node/tls/dial.hpp"
#include "runtime/node/tls/publish.hpp"
#include "runtime/runtime_parts.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

namespace {

/// Who is linked over TLS, and what each may do.
class proved_outsiders {
public:
  explicit proved_outsiders(std::vector<access_entry> access) : access_(std::move(access)) {}

  access_rights rights(const certificate_names& names) {
    std::lock_guard guard{mutex_};
    return rights_of(access_, names.subject, names.uris, names.dns);
  }
  void began(const caf::strong_actor_ptr& session, certificate_names names, access_rights rights) {
    std::lock_guard guard{mutex_};
    all_.emplace(session, entry{std::move(names), std::move(rights)});
  }
  void ended(const caf::strong_actor_ptr& session) {
    std::lock_guard guard{mutex_};
    all_.erase(session);
  }
  /// Those whose rights are others now.
  std::vector<caf::strong_actor_ptr> renew(std::vector<access_entry> access) {
    std::lock_guard guard{mutex_};
    access_ = std::move(access);
    std::vector<caf::strong_actor_ptr> changed;
    for (const auto& [session, each] : all_)
      if (!(rights_of(access_, each.names.subject, each.names.uris, each.names.dns) == each.rights))
        changed.push_back(session);
    return changed;
  }

private:
  struct entry {
    certificate_names names;
    access_rights rights;
  };
  std::mutex mutex_; // edge: the network's thread, and host threads that renew
  std::vector<access_entry> access_;
  std::map<caf::strong_actor_ptr, entry> all_;
};

/// What cannot be made up, for events and the log.
std::string in_words(const certificate_names& names, const std::string& from) {
  const auto& name = !names.uris.empty()  ? names.uris.front()
                     : !names.dns.empty() ? names.dns.front()
                                          : names.subject;
  constexpr std::size_t longest = 100;
  return printable(name, longest) + " from " + from;
}

void end_session(const caf::strong_actor_ptr& session) {
  caf::anon_send(caf::actor_cast<inner_session_actor>(session), outsider_gone{});
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
  auto outsiders = std::make_shared<proved_outsiders>(how.access);
  tls_service service;
  service.open = [system = parts.system, manager = parts.manager, links,
                  all = outsiders](const certificate_names& names, const std::string& from) {
    links->began();
    auto rights = all->rights(names);
    auto session = caf::actor_cast<caf::strong_actor_ptr>(system->spawn(
        moorage::session, manager, caf::strong_actor_ptr{}, session_bounds{}, in_words(names, from), rights));
    all->began(session, names, std::move(rights));
    return session;
  };
  service.closed = [links, all = outsiders](const caf::strong_actor_ptr& session) {
    links->ended();
    all->ended(session);
    end_session(session);
  };
  service.interface = parts.system->message_types<session_actor>();
  service.refused = [to = parts.log](const std::string& who_and_why) { to->turned_away(who_and_why); };
  auto begun = publish_tls(*parts.system, std::move(service), how.listen, how.files);
  if (!begun)
    return begun.error();
  parts.listener = std::move(*begun);
  parts.change_access = [outsiders](std::vector<access_entry> access) {
    for (const auto& session : outsiders->renew(std::move(access)))
      end_session(session);
  };
  return {};
}

} // namespace moorage
