// A node offers its sessions over TLS. Each link is an actor's own, made for whoever the certificate names;
// what comes over it passes the same filter as on a Unix-domain socket before CAF sees it.
#pragma once

#include <caf/actor_system.hpp>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/node/socket.hpp"
#include "runtime/node/tls/context.hpp"

namespace moorage {

struct tls_service {
  /// As `node_service` has it: whoever comes has proved these names, and comes from that address. None: they
  /// are turned away.
  std::function<caf::strong_actor_ptr(const certificate_names& names, const std::string& from)> open;
  std::function<void(const caf::strong_actor_ptr&)> closed;
  /// Right after `open`, with what cuts that link; to be called from any thread, now or later. May be empty.
  std::function<void(const caf::strong_actor_ptr&, std::function<void()> cut)> begun;
  std::set<std::string> interface;
  /// Somebody did not prove who they are; such as "10.0.0.7: certificate has expired". On a thread that must
  /// not wait. May be empty.
  std::function<void(const std::string& who_and_why)> refused;
};

/// Listens at `addresses`, "HOST:PORT" each, and on copies of the sockets that somebody else made (`given`),
/// until the result ends, which must be before the actor system does. Errors: of `make_tls_context`,
/// `listen_on` and `take_listening_tcp`; `local_failure` without thread or descriptor; `invalid_request` for
/// a system without middleman.
result<std::unique_ptr<node_listener>> publish_tls(caf::actor_system& system, tls_service what,
                                                   const std::vector<std::string>& addresses,
                                                   const node_files& files,
                                                   const std::vector<int>& given = {});

} // namespace moorage
