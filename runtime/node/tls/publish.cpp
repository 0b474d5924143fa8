#include "runtime/node/tls/publish.hpp"

#include <sys/socket.h>
#include <system_error>
#include <utility>

#include "runtime/node/network.hpp"
#include "runtime/node/servants.hpp"
#include "runtime/node/tls/address.hpp"
#include "runtime/node/tls/front.hpp"

namespace moorage {

namespace {

class tls_listener final : public node_listener {
public:
  explicit tls_listener(std::vector<std::string> addresses) : addresses_(std::move(addresses)) {}

  const std::vector<std::string>& addresses() const override { return addresses_; }
  failure reload(const node_files& files) override {
    auto context = make_tls_context(files, tls_side::node);
    if (!context)
      return context.error();
    front_.believe(std::move(*context));
    return {};
  }
  void withdraw() override { front_.close_listeners(); }
  tls_front& front() { return front_; }

private:
  std::vector<std::string> addresses_;
  tls_front front_;
};

/// Gives a proved visitor an actor, on the network's thread.
void receive(const node_network& net, const std::shared_ptr<tls_service>& what, tls_front::visitor who) {
  auto shared = std::make_shared<tls_front::visitor>(std::move(who));
  net.multiplexer->post([net, what, shared] {
    auto whom = what->open(shared->names, shared->from);
    if (!whom) {
      if (what->refused)
        what->refused(shared->from + ": has as many links as one certificate's owner may have");
      return;
    }
    node_service service;
    service.closed = what->closed;
    service.interface = what->interface;
    auto link = offer_link(*net.multiplexer, net.broker, std::move(shared->plain), whom, service);
    if (what->begun)
      what->begun(whom, [net, link] {
        net.multiplexer->post([link] {
          if (link->fd >= 0)
            ::shutdown(link->fd, SHUT_RDWR);
        });
      });
  });
}

} // namespace

result<std::unique_ptr<node_listener>> publish_tls(caf::actor_system& system, tls_service what,
                                                   const std::vector<std::string>& addresses,
                                                   const node_files& files, const std::vector<int>& given) {
  auto net = network_of(system);
  if (!net)
    return to_failure(no_network());
  auto context = make_tls_context(files, tls_side::node);
  if (!context)
    return context.error();
  std::vector<unique_fd> sockets;
  std::vector<std::string> in_digits;
  failure wrong;
  auto add = [&](result<unique_fd> socket) {
    if (!socket) {
      wrong = socket.error();
      return false;
    }
    in_digits.push_back(address_of_listening(socket->get()));
    sockets.push_back(std::move(*socket));
    return true;
  };
  for (auto each : given)
    if (!add(take_listening_tcp(each)))
      return wrong;
  for (const auto& each : addresses)
    if (!add(listen_on(each)))
      return wrong;
  auto shared = std::make_shared<tls_service>(std::move(what));
  tls_front::hearers told;
  told.came = [net = *net, shared](tls_front::visitor who) { receive(net, shared, std::move(who)); };
  told.refused = shared->refused;
  try {
    auto listener = std::make_unique<tls_listener>(std::move(in_digits));
    for (auto& each : sockets)
      listener->front().listen(std::move(each), *context, told);
    return result<std::unique_ptr<node_listener>>{std::move(listener)};
  } catch (const std::system_error& none) {
    return failure{errc::local_failure, std::string{"cannot listen over TLS: "} + none.what()};
  }
}

} // namespace moorage
