#include "messages/durations.hpp"
#include "messages/type_ids.hpp"
#include "runtime/node/network.hpp"
#include "runtime/node/servants.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/node/vocabulary.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <poll.h>
#include <stop_token>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace moorage {

namespace {

using clock = std::chrono::steady_clock;
using caf::io::basp_broker;

basp_broker* broker_of(const caf::actor& broker) {
  return static_cast<basp_broker*>(caf::actor_cast<caf::abstract_actor*>(broker));
}

/// Tells the broker of the connection before it is handed over: one that it does not know counts as silent
/// since 1970, and the next heartbeat would cut it in the middle of its handshake.
bool tell_broker(const node_network& net, caf::io::connection_handle handle, clock::time_point deadline) {
  auto done = std::make_shared<std::promise<void>>();
  net.multiplexer->post([broker = net.broker, handle, done] {
    auto self = broker_of(broker);
    if (!self->getf(caf::abstract_actor::is_terminated_flag)) {
      auto& context = self->ctx[handle];
      context.hdl = handle;
      context.last_seen = self->clock().now();
    }
    done->set_value();
  });
  vocabulary::ours(); // takes as long to make as the wait, and is needed for what comes next
  return done->get_future().wait_until(deadline) == std::future_status::ready;
}

/// Waits for the answer to a request. CAF's wait goes by the wall clock, which may be set back meanwhile:
/// hence slices.
bool answered(caf::scoped_actor& self, clock::time_point deadline, const std::stop_token& called_off) {
  const std::chrono::nanoseconds slice = std::chrono::milliseconds{called_off.stop_possible() ? 10 : 100};
  while (!called_off.stop_requested()) {
    auto left = std::chrono::nanoseconds{deadline - clock::now()};
    auto wait = std::clamp(left, std::chrono::nanoseconds{0}, slice);
    if (self->await_data(std::chrono::high_resolution_clock::now() + wait))
      return true;
    if (left <= slice)
      return false;
  }
  return false;
}

caf::error no_handshake(const caf::actor_system& system, const std::string& path, const peer& other,
                        const caf::error& reason, const std::string& refusal) {
  std::string text = "what listens on " + path;
  if (!refusal.empty())
    text += " is no node, since it does not speak CAF's protocol as one does (it " + refusal +
            "): give the path that 'moorage serve' listens on";
  else if (reason == caf::sec::disconnect_during_handshake)
    text += " closed the connection during the handshake: it is stopping, out of descriptors, or no node" +
            (other.uid == ::geteuid() ? std::string{}
                                      : ", or the node of uid " + std::to_string(other.uid) +
                                            ", whose configuration gives us (uid " +
                                            std::to_string(::geteuid()) + ") nothing ([[access]])") +
            "; try again, and look at its log";
  else if (reason == caf::sec::incompatible_application_ids)
    text += " is another application, or a node of another version or build of moorage, whose messages are "
            "not ours: stop it (moorage admin stop) and start it again from the installation that this "
            "program is of";
  else if (reason == caf::sec::malformed_basp_message || reason == caf::sec::serializing_basp_payload_failed)
    text +=
        " is no node, since it does not speak CAF's protocol: give the path that 'moorage serve' listens on";
  else
    text += " broke off the handshake (" + system.render(reason) + "): see its log, and try again";
  return make_error(errc::node_lost, std::move(text));
}

caf::error silent(const std::string& path, pid_t pid, std::chrono::milliseconds timeout) {
  return make_error(errc::node_lost, "what listens on " + path +
                                         (pid > 0 ? " (pid " + std::to_string(pid) + ")" : "") +
                                         " did not answer within " + format_duration(timeout) +
                                         ": it hangs, is stopped, or is no node; "
                                         "look at its process, or work embedded");
}

/// To the Unix-domain socket of a node of ours; who listens there.
caf::expected<unique_fd> connect_to_own(const node_place& where, clock::time_point deadline, peer& other) {
  auto fd = connect_to(where.name, deadline);
  if (!fd)
    return fd;
  other = peer_of(fd->get());
  if (!is_trusted(other) && other.uid != where.trusted)
    return make_error(errc::local_failure,
                      "what listens on " + where.name + " is run by uid " + std::to_string(other.uid) +
                          ", neither by us (uid " + std::to_string(::geteuid()) +
                          ") nor by root, and is not to be trusted: give the path of your own node, or name "
                          "that user as socket_user in [client] of the configuration");
  return fd;
}

caf::expected<unique_fd> dial(const node_place& where, clock::time_point deadline,
                              const std::stop_token& called_off) {
  auto fd = where.dial(deadline, called_off);
  if (!fd)
    return make_error(fd.error());
  return std::move(*fd);
}

/// The first thing that is demanded and not offered.
std::optional<std::string> missing(const std::set<std::string>& offered,
                                   const std::set<std::string>& demanded) {
  for (auto& signature : demanded)
    if (!offered.contains(signature))
      return signature;
  return std::nullopt;
}

} // namespace

// -- the links of this process ----------------------------------------------------------------------------------------

/// A connection to a node, shared by all who connected to it from the same system. It ends with the last of
/// them.
struct node_link::connection {
  caf::strong_actor_ptr actor;
  std::set<std::string> interface;
  pid_t pid = 0;
  unique_fd socket;       ///< A second descriptor; the first is the scribe's.
  caf::actor_addr broker; ///< Weak, since it may outlive the actor system.
  caf::io::connection_handle handle;
  decltype(node_place::dial) carried_by; ///< what it holds carries the link

  ~connection() { end(); }

  /// Both ends shut the socket down when they end.
  bool alive() const {
    pollfd state{socket.get(), POLLRDHUP, 0};
    return socket && ::poll(&state, 1, 0) == 0;
  }
  void end();
};

void node_link::connection::end() {
  if (!socket)
    return;
  moorage::end(socket);
  // The broker would notice by itself, but perhaps not before the next connect to the same node, which would
  // then be taken for a superfluous one. What is posted here comes first.
  if (auto alive = caf::actor_cast<caf::actor>(broker))
    alive->home_system().middleman().backend().post([alive, handle = handle] {
      auto self = broker_of(alive);
      if (self->getf(caf::abstract_actor::is_terminated_flag))
        return;
      self->connection_cleanup(handle, caf::sec::none);
      self->close(handle);
    });
}

/// The place of one connection, from a system to a socket. edge: host threads that connect to the same node
/// wait here for each other, so that there is never a second connection to it. CAF closes a second one by
/// itself, but when more than one of them goes at the same time, the other end sends its answers into one
/// that is about to close.
struct node_link::place {
  std::mutex mutex;
  std::condition_variable left;
  bool taken = false;
  std::weak_ptr<connection> current; ///< belongs to who has taken the place

  /// Takes the place until the result goes; nothing when the time is up.
  static std::shared_ptr<void> take(const std::shared_ptr<place>& self, clock::time_point deadline);
  /// Nobody is in it, and it leads nowhere.
  bool idle();
  static std::shared_ptr<place> of(caf::actor_system& system, const node_place& where);
};

std::shared_ptr<void> node_link::place::take(const std::shared_ptr<place>& self, clock::time_point deadline) {
  // Not a timed mutex: ThreadSanitizer of g++ 12 does not know its lock, and calls every unlock a mistake.
  std::unique_lock guard{self->mutex};
  if (!self->left.wait_until(guard, deadline, [&self] { return !self->taken; }))
    return nullptr;
  self->taken = true;
  return {self.get(), [self](void*) {
            {
              std::lock_guard guard{self->mutex};
              self->taken = false;
            }
            self->left.notify_one();
          }};
}

bool node_link::place::idle() {
  std::lock_guard guard{mutex};
  return !taken && current.expired();
}

std::shared_ptr<node_link::place> node_link::place::of(caf::actor_system& system, const node_place& where) {
  struct stat facts {};
  auto name = where.name;
  if (!where.dial && ::stat(name.c_str(), &facts) != 0)
    return std::make_shared<place>(); // there is no such file: the connect will say so
  if (!where.dial)
    name = std::to_string(facts.st_dev) + ' ' + std::to_string(facts.st_ino);
  using key = std::pair<caf::actor_system*, std::string>;
  static std::mutex mutex; // edge: host threads find the places of their connections here
  static std::map<key, std::shared_ptr<place>> places;
  std::lock_guard guard{mutex};
  std::erase_if(places, [](auto& entry) {
    auto& [_, kept] = entry;
    return kept.use_count() == 1 && kept->idle();
  });
  auto& result = places[{&system, std::move(name)}];
  if (!result)
    result = std::make_shared<place>();
  return result;
}

// -- node_link --------------------------------------------------------------------------------------------------------

/// What the node said of itself stays known after the link's end.
struct node_link::state {
  caf::strong_actor_ptr actor;
  std::set<std::string> interface;
  pid_t pid = 0;
  std::shared_ptr<connection> shared;
};

node_link::node_link(std::unique_ptr<state> from) : state_(std::move(from)) {}
node_link::node_link(node_link&&) noexcept = default;
node_link& node_link::operator=(node_link&&) noexcept = default;
node_link::~node_link() = default;
const caf::strong_actor_ptr& node_link::actor() const {
  return state_->actor;
}
const std::set<std::string>& node_link::interface() const {
  return state_->interface;
}
pid_t node_link::pid() const {
  return state_->pid;
}
void node_link::close() {
  state_->shared.reset();
}

/// Makes the connection and waits for the node's greeting.
caf::expected<std::shared_ptr<node_link::connection>>
node_link::connect(caf::actor_system& system, const node_place& where, std::chrono::milliseconds timeout,
                   clock::time_point deadline, const std::stop_token& called_off) {
  auto net = network_of(system);
  if (!net)
    return no_network();
  const auto& path = where.name;
  peer other{::geteuid(), 0};
  auto fd = where.dial ? dial(where, deadline, called_off) : connect_to_own(where, deadline, other);
  if (!fd)
    return std::move(fd.error());
  auto made = std::make_shared<connection>();
  made->carried_by = where.dial;
  made->pid = other.pid;
  made->socket = second_of(fd->get());
  if (!made->socket)
    return make_error(errc::local_failure, "out of descriptors while connecting to " + path);
  auto scribe = caf::make_counted<node_scribe>(*net->multiplexer, std::move(*fd), link_filter::peer::server);
  auto greeting = scribe->greeting();
  made->broker = net->broker.address();
  made->handle = scribe->hdl();
  if (!tell_broker(*net, made->handle, deadline))
    return silent(path, other.pid, timeout);
  caf::scoped_actor self{system, true};
  auto request = self->request(net->broker, caf::infinite, caf::connect_atom_v,
                               caf::io::scribe_ptr{std::move(scribe)}, std::uint16_t{1});
  if (!answered(self, deadline, called_off)) // its destructor cuts the connection, and the broker forgets it
    return called_off.stop_requested()
               ? make_error(errc::cancelled, "the connect to " + path + " was called off")
               : silent(path, other.pid, timeout);
  caf::node_id node;
  caf::error failed;
  request.receive(
      [&](caf::node_id& id, caf::strong_actor_ptr& actor, std::set<std::string>& offered) {
        node = std::move(id);
        made->actor = std::move(actor);
        made->interface = std::move(offered);
      },
      [&](caf::error& reason) { failed = std::move(reason); });
  if (failed)
    return no_handshake(system, path, other, failed, greeting->refusal);
  if (node == system.node() && other.pid != ::getpid())
    return make_error(errc::local_failure,
                      "the node on " + path + " has the same identity as this process, " + to_string(node) +
                          ", as containers with equal MAC addresses and process ids "
                          "have: give them different MAC addresses, or a common pid namespace");
  if (!made->actor)
    return make_error(errc::node_lost, "the node on " + path +
                                           " offers no actor any more: it is stopping; connect "
                                           "again when it has been restarted");
  return made;
}

caf::expected<node_link> connect_node(caf::actor_system& system, const node_place& where,
                                      std::chrono::milliseconds timeout,
                                      const std::set<std::string>& interface, std::stop_token called_off) {
  auto deadline = clock::now() + timeout;
  auto place = node_link::place::of(system, where);
  auto taken = node_link::place::take(place, deadline);
  if (!taken)
    return silent(where.name, 0, timeout);
  auto shared = place->current.lock();
  if (!shared || !shared->alive()) {
    if (shared)
      shared->end();
    auto made = node_link::connect(system, where, timeout, deadline, called_off);
    if (!made)
      return std::move(made.error());
    shared = std::move(*made);
    place->current = shared;
  }
  if (auto lacks = missing(shared->interface, interface))
    return make_error(errc::node_lost, "the node on " + where.name +
                                           " does not offer what is expected of it, for one " + *lacks +
                                           ": use the same version of moorage on both sides");
  auto state = std::make_unique<node_link::state>(
      node_link::state{shared->actor, shared->interface, shared->pid, shared});
  return node_link{std::move(state)};
}

} // namespace moorage
