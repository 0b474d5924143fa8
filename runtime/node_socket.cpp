#include "runtime/node_socket.hpp"

#include "messages/type_ids.hpp"
#include "runtime/node_network.hpp"
#include "runtime/node_servants.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace moorage {

namespace {

/// CAF's broker files what is published under a number, which for TCP is the port. Ours stay below 1024,
/// where no unprivileged TCP port of a host's own can be in the way. edge: host threads publish.
std::uint16_t next_port() {
  static std::atomic<std::uint16_t> last{0};
  return static_cast<std::uint16_t>(last++ % 1023 + 1);
}

bool is_our_folder(const std::string& path) {
  struct stat facts {};
  return path.starts_with('/') && ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) &&
         facts.st_uid == ::geteuid();
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

} // namespace moorage
