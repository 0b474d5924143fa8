#include "runtime/node_socket.hpp"

#include "messages/type_ids.hpp"
#include "runtime/node_servants.hpp"

#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fcntl.h>
#include <future>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace moorage {

namespace {

using clock = std::chrono::steady_clock;
using caf::io::basp_broker;
using caf::io::network::default_multiplexer;

/// CAF's broker files what is published under a number, which for TCP is the port. Ours stay below 1024,
/// where no unprivileged TCP port of a host's own can be in the way. edge: host threads publish.
std::uint16_t next_port() {
  static std::atomic<std::uint16_t> last{0};
  return static_cast<std::uint16_t>(last++ % 1023 + 1);
}

/// What of CAF we work with. Absent in a system without middleman, or with CAF's multiplexer for tests.
struct network {
  default_multiplexer* multiplexer;
  caf::actor broker;
};

std::optional<network> network_of(caf::actor_system& system) {
  if (!system.has_middleman())
    return std::nullopt;
  auto multiplexer = dynamic_cast<default_multiplexer*>(&system.middleman().backend());
  if (multiplexer == nullptr)
    return std::nullopt;
  return network{multiplexer, system.middleman().named_broker<basp_broker>(caf::atom("BASP"))};
}

caf::error no_network() {
  return make_error(errc::invalid_request,
                    "this actor system has no middleman: load caf::io::middleman into its "
                    "configuration");
}

/// A second descriptor of a socket. Through it we end the socket from any thread, whatever has become of the
/// actor system, and the event loop notices.
unique_fd second(int fd) {
  return unique_fd{::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
}

void end(unique_fd& socket) {
  if (socket)
    ::shutdown(socket.get(), SHUT_RDWR);
  socket.reset();
}

bool is_our_folder(const std::string& path) {
  struct stat facts {};
  return path.starts_with('/') && ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) &&
         facts.st_uid == ::geteuid();
}

basp_broker* broker_of(const caf::actor& broker) {
  return static_cast<basp_broker*>(caf::actor_cast<caf::abstract_actor*>(broker));
}

/// Tells the broker of the connection before it is handed over: one that it does not know counts as silent
/// since 1970, and the next heartbeat would cut it in the middle of its handshake.
bool announce(const network& net, caf::io::connection_handle handle, clock::time_point deadline) {
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
  return done->get_future().wait_until(deadline) == std::future_status::ready;
}

/// Waits for the answer to a request. CAF's wait goes by the wall clock, which may be set back meanwhile:
/// hence slices.
bool answered(caf::scoped_actor& self, clock::time_point deadline) {
  constexpr std::chrono::nanoseconds slice = std::chrono::milliseconds{100};
  for (;;) {
    auto left = std::chrono::nanoseconds{deadline - clock::now()};
    auto wait = std::clamp(left, std::chrono::nanoseconds{0}, slice);
    if (self->await_data(std::chrono::high_resolution_clock::now() + wait))
      return true;
    if (left <= slice)
      return false;
  }
}

caf::error no_handshake(const caf::actor_system& system, const std::string& path, const caf::error& reason) {
  std::string text = "what listens on " + path;
  if (reason == caf::sec::disconnect_during_handshake)
    text += " closed the connection during the handshake: it is stopping, out of descriptors, or no node; "
            "try again, "
            "and look at its log";
  else if (reason == caf::sec::incompatible_application_ids)
    text += " is a node of another version or application: use the same version of moorage on both sides";
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
                                         " did not answer within " + std::to_string(timeout.count()) +
                                         " ms: it hangs, is stopped, or is no node; "
                                         "look at its process, or work embedded");
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

// -- configuration
// ----------------------------------------------------------------------------------------------------

void configure_node(caf::actor_system_config& config) {
  config.set("middleman.heartbeat-interval", caf::timespan{node_heartbeat});
  config.set("middleman.connection-timeout", caf::timespan{node_silence_max});
  using names = std::vector<std::string>;
  auto applications = caf::get_or(config, "middleman.app-identifiers", names{});
  if (std::find(applications.begin(), applications.end(), node_application) == applications.end())
    applications.emplace_back(node_application);
  config.set("middleman.app-identifiers", applications);
}

std::string usual_node_socket() {
  auto user = std::to_string(::geteuid());
  auto set = std::getenv("XDG_RUNTIME_DIR");
  for (auto& folder : {std::string{set == nullptr ? "" : set}, "/run/user/" + user})
    if (is_our_folder(folder))
      return folder + "/moorage/node.sock";
  return "/tmp/moorage-" + user + "/node.sock";
}

// -- published_node
// ---------------------------------------------------------------------------------------------------

/// The socket's first descriptor is the doorman's; `file.fd` is a second one.
struct published_node::state {
  listening_socket file;
};

published_node::published_node(std::unique_ptr<state> from) : state_(std::move(from)) {}
published_node::published_node(published_node&&) noexcept = default;

published_node& published_node::operator=(published_node&& other) noexcept {
  if (this != &other) {
    if (state_)
      close();
    state_ = std::move(other.state_);
  }
  return *this;
}

published_node::~published_node() {
  if (state_)
    close();
}

const std::string& published_node::path() const {
  return state_->file.path;
}

void published_node::close() {
  if (!state_->file.fd)
    return;
  remove_file(state_->file); // first, so that no starting node ever finds a file with nobody behind it
  end(state_->file.fd);
}

caf::expected<published_node> publish_node(caf::actor_system& system, const caf::strong_actor_ptr& whom,
                                           std::set<std::string> interface, const std::string& path) {
  if (!whom)
    return make_error(errc::invalid_request, "there is no actor to publish on " + path);
  auto net = network_of(system);
  if (!net)
    return no_network();
  auto listening = listen_at(path);
  if (!listening)
    return std::move(listening.error());
  auto first = std::exchange(listening->fd, second(listening->fd.get()));
  auto state = std::make_unique<published_node::state>();
  state->file = std::move(*listening);
  published_node result{std::move(state)};
  if (!result.state_->file.fd) {
    remove_file(result.state_->file);
    return make_error(errc::local_failure, "out of descriptors while publishing on " + path);
  }
  auto port = next_port();
  caf::io::doorman_ptr doorman = caf::make_counted<node_doorman>(*net->multiplexer, std::move(first), port);
  caf::anon_send(net->broker, caf::publish_atom_v, std::move(doorman), port, whom, std::move(interface));
  return result;
}

// -- node_link
// --------------------------------------------------------------------------------------------------------

struct node_link::state {
  caf::strong_actor_ptr actor;
  std::set<std::string> interface;
  pid_t pid = 0;
  unique_fd socket;       ///< A second descriptor; the first is the scribe's.
  caf::actor_addr broker; ///< Weak, since it may outlive the actor system.
  caf::io::connection_handle handle;

  ~state() { close(); }
  void close();
};

void node_link::state::close() {
  if (!socket)
    return;
  end(socket);
  // The broker would notice by itself, but perhaps not before the next connect to the same node, which would then ride
  // on this dead link. What is posted here comes first.
  if (auto alive = caf::actor_cast<caf::actor>(broker))
    alive->home_system().middleman().backend().post([alive, handle = handle] {
      auto self = broker_of(alive);
      if (self->getf(caf::abstract_actor::is_terminated_flag))
        return;
      self->connection_cleanup(handle, caf::sec::none);
      self->close(handle);
    });
}

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
  state_->close();
}

caf::expected<node_link> connect_node(caf::actor_system& system, const std::string& path,
                                      std::chrono::milliseconds timeout,
                                      const std::set<std::string>& interface) {
  auto deadline = clock::now() + timeout;
  auto net = network_of(system);
  if (!net)
    return no_network();
  auto fd = connect_to(path, deadline);
  if (!fd)
    return std::move(fd.error());
  auto other = peer_of(fd->get());
  if (!is_trusted(other))
    return make_error(errc::local_failure,
                      "what listens on " + path + " is run by uid " + std::to_string(other.uid) +
                          ", neither by us (uid " + std::to_string(::geteuid()) +
                          ") nor by root, and is not to be trusted: give the path of your own node");
  auto state = std::make_unique<node_link::state>();
  state->pid = other.pid;
  state->socket = second(fd->get());
  if (!state->socket)
    return make_error(errc::local_failure, "out of descriptors while connecting to " + path);
  caf::io::scribe_ptr scribe = caf::make_counted<node_scribe>(*net->multiplexer, std::move(*fd));
  state->broker = net->broker.address();
  state->handle = scribe->hdl();
  if (!announce(*net, state->handle, deadline))
    return silent(path, other.pid, timeout);
  caf::scoped_actor self{system, true};
  auto request =
      self->request(net->broker, caf::infinite, caf::connect_atom_v, std::move(scribe), std::uint16_t{1});
  if (!answered(self, deadline))
    return silent(path, other.pid, timeout); // the state's end cuts the connection, and the broker forgets it
  caf::node_id node;
  caf::error failed;
  request.receive(
      [&](caf::node_id& id, caf::strong_actor_ptr& actor, std::set<std::string>& offered) {
        node = std::move(id);
        state->actor = std::move(actor);
        state->interface = std::move(offered);
      },
      [&](caf::error& reason) { failed = std::move(reason); });
  if (failed)
    return no_handshake(system, path, failed);
  if (node == system.node() && other.pid != ::getpid())
    return make_error(errc::local_failure,
                      "the node on " + path + " has the same identity as this process, " + to_string(node) +
                          ", as containers with equal MAC addresses and process ids "
                          "have: give them different MAC addresses, or a common pid namespace");
  if (!state->actor)
    return make_error(errc::node_lost, "the node on " + path +
                                           " offers no actor any more: it is stopping; connect "
                                           "again when it has been restarted");
  if (auto lacks = missing(state->interface, interface))
    return make_error(errc::node_lost, "the node on " + path +
                                           " does not offer what is expected of it, for one " + *lacks +
                                           ": use the same version of moorage on both sides");
  return node_link{std::move(state)};
}

} // namespace moorage
