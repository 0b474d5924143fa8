#include "runtime/node/socket.hpp"

#include "messages/type_ids.hpp"
#include "runtime/node/network.hpp"
#include "runtime/node/schema.hpp"
#include "runtime/node/servants.hpp"
#include "runtime/system/account.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace moorage {

namespace {

/// CAF's broker files what is published under a number, which for TCP is the port. Ours stay below 1024,
/// where no unprivileged TCP port of a host's own can be in the way. edge: host threads publish.
std::uint16_t next_port() {
  static std::atomic<std::uint16_t> last{0};
  return static_cast<std::uint16_t>(last++ % (connections_port - 1) + 1);
}

/// A folder that is ours, and in which nobody else can put one of theirs in the place of ours.
bool is_our_folder(const std::string& path) {
  struct stat facts {};
  return path.starts_with('/') && ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode) &&
         facts.st_uid == ::geteuid() && (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// Empty: we have none, or it is somebody else's.
std::string our_home() {
  auto home = environment("HOME");
  if (is_our_folder(home))
    return home;
  home = user_account_of(::geteuid()).home;
  return is_our_folder(home) ? home : "";
}

/// Its host name as far as it can be part of a file's name, and a number that tells apart machines of one
/// name.
std::string name_of_this_machine() {
  utsname facts{};
  ::uname(&facts);
  std::string name = facts.nodename;
  std::string id;
  std::ifstream{"/etc/machine-id"} >> id;
  std::uint32_t hash = 2166136261u; // FNV-1a
  for (auto each : name + ' ' + id)
    hash = (hash ^ static_cast<unsigned char>(each)) * 16777619u;
  constexpr std::size_t longest = 24; // a socket's path has 107 bytes in all
  name.resize(std::min(name.size(), longest));
  for (auto& each : name)
    if (std::isalnum(static_cast<unsigned char>(each)) == 0 && each != '-')
      each = '_';
  std::array<char, 9> number{};
  std::snprintf(number.data(), number.size(), "%08x", hash);
  return name + '-' + number.data();
}

/// Creates the folders above the one of the socket, for us alone.
void create_folders_above(const std::string& socket) {
  auto folder = std::filesystem::path{socket}.parent_path().parent_path();
  std::string made;
  for (auto& part : folder) {
    made = (std::filesystem::path{made} / part).string();
    ::mkdir(made.c_str(), 0700); // what cannot be made is told when the socket is
  }
}

/// More than the greeting that names this interface will have.
std::size_t announced_size(const std::set<std::string>& interface) {
  constexpr std::size_t besides = 512; // our id, the application's names, counts
  constexpr std::size_t length = 3;    // of one name
  auto result = besides;
  for (auto& each : interface)
    result += each.size() + length;
  return result;
}

} // namespace

// -- configuration
// ----------------------------------------------------------------------------------------------------

std::string node_application() {
  return "moorage.node.3";
}

void configure_node(caf::actor_system_config& config) {
  config.set("middleman.heartbeat-interval", caf::timespan{node_heartbeat});
  config.set("middleman.connection-timeout", caf::timespan{node_silence_max});
  using names = std::vector<std::string>;
  auto applications = caf::get_or(config, "middleman.app-identifiers", names{});
  if (auto ours = node_application();
      std::find(applications.begin(), applications.end(), ours) == applications.end())
    applications.push_back(std::move(ours));
  config.set("middleman.app-identifiers", applications);
}

void end_node_system(caf::actor_system* system) {
  system->await_all_actors_done();
  if (auto net = network_of(*system))
    net->multiplexer->post([net] {
      auto broker = static_cast<caf::io::basp_broker*>(caf::actor_cast<caf::abstract_actor*>(net->broker));
      if (broker->getf(caf::abstract_actor::is_terminated_flag))
        return;
      broker->context(net->multiplexer);
      broker->quit();
      broker->finalize();
      // What a broker's own clean-up leaves out: its mailbox is closed.
      static_cast<void>(broker->caf::scheduled_actor::cleanup({}, net->multiplexer));
    });
  delete system;
}

std::string usual_node_socket() {
  auto runtime_folder = environment("XDG_RUNTIME_DIR");
  for (auto& folder : {runtime_folder, "/run/user/" + std::to_string(::geteuid())})
    if (is_our_folder(folder))
      return folder + "/moorage/node.sock";
  auto home = our_home();
  auto state = environment("XDG_STATE_HOME");
  if (!is_our_folder(state) && home.empty())
    return {};
  auto folder = is_our_folder(state) ? state : home + "/.local/state";
  return folder + "/moorage/node-" + name_of_this_machine() + ".sock";
}

// -- published_node
// ---------------------------------------------------------------------------------------------------

/// The socket's first descriptor is the doorman's; `file.fd` is a second one.
struct published_node::state {
  listening_socket file;
  std::shared_ptr<borrowed_socket> borrowed; ///< none: the socket is ours
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

bool published_node::given() const {
  return state_->borrowed != nullptr;
}

bool published_node::in_place() const {
  return state_->borrowed || is_in_place(state_->file);
}

void published_node::withdraw() {
  if (state_->borrowed)
    state_->borrowed->wanted = false;
  else
    remove_file(state_->file);
}

void published_node::close() {
  if (!state_->file.fd)
    return;
  withdraw(); // first, so that no starting node ever finds a file with nobody behind it
  if (state_->borrowed)
    state_->file.fd.reset();
  else
    end(state_->file.fd);
}

namespace {

caf::error unfit_to_publish(const caf::actor_system& system, const node_service& what,
                            const std::string& where) {
  if (!what.open)
    return make_error(errc::invalid_request, "there is no actor to publish on " + where);
  if (!system.has_middleman())
    return no_network();
  if (auto size = announced_size(what.interface); size > link_filter::handshake_max)
    return make_error(errc::invalid_request, "the interface of the actor takes " + std::to_string(size) +
                                                 " bytes to announce, and a link takes " +
                                                 std::to_string(link_filter::handshake_max) +
                                                 ": publish an actor with a smaller one");
  return {};
}

} // namespace

caf::expected<published_node> published_node::begin(caf::actor_system& system, node_service what,
                                                    std::unique_ptr<state> from) {
  auto net = network_of(system);
  if (!net)
    return no_network();
  auto first = std::exchange(from->file.fd, second_of(from->file.fd.get()));
  published_node result{std::move(from)};
  if (!result.state_->file.fd) {
    result.withdraw();
    return make_error(errc::local_failure, "out of descriptors while publishing on " + result.path());
  }
  auto port = next_port();
  caf::io::doorman_ptr doorman = caf::make_counted<node_doorman>(*net->multiplexer, std::move(first), port,
                                                                 std::move(what), result.state_->borrowed);
  // Nothing is published with the doorman itself: each connection has what it is given published for itself.
  caf::anon_send(net->broker, caf::publish_atom_v, std::move(doorman), port, caf::strong_actor_ptr{},
                 std::set<std::string>{});
  return result;
}

caf::expected<published_node> publish_node(caf::actor_system& system, node_service what,
                                           const std::string& path) {
  if (auto error = unfit_to_publish(system, what, path))
    return error;
  if (path == usual_node_socket())
    create_folders_above(path);
  auto listening = listen_at(path, what.others);
  if (!listening)
    return std::move(listening.error());
  auto state = std::make_unique<published_node::state>();
  state->file = std::move(*listening);
  return published_node::begin(system, std::move(what), std::move(state));
}

caf::expected<published_node> publish_node(caf::actor_system& system, node_service what, int listening) {
  if (auto error = unfit_to_publish(system, what, "a socket that was handed over"))
    return error;
  auto second = second_of(listening);
  if (!second)
    return make_error(errc::local_failure,
                      "cannot use the socket that was handed over: " + std::string{std::strerror(errno)});
  auto taken = take_listening(std::move(second));
  if (!taken)
    return std::move(taken.error());
  auto state = std::make_unique<published_node::state>();
  state->file = std::move(*taken);
  state->borrowed = std::make_shared<borrowed_socket>();
  return published_node::begin(system, std::move(what), std::move(state));
}

caf::expected<pid_t> node_process(const std::string& path) {
  constexpr std::chrono::seconds patience{1};
  auto socket = connect_to(path, std::chrono::steady_clock::now() + patience);
  if (!socket)
    return std::move(socket.error());
  return peer_of(socket->get()).pid;
}

} // namespace moorage
