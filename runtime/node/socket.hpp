// A node offers an actor to other processes of the same user, over a Unix-domain socket that carries CAF's
// network protocol. No TCP port is opened, ever. Both ends live here: `publish_node` and `connect_node`.
//
// Who may connect: whoever can open the file, which is its owner and root (file mode 0600, in a folder that
// nobody else may write to), and both ends ask the kernel who is at the other end. Other users only where the
// service takes them (`open_other`); a link reaches the one actor that it was given (link_filter.hpp).
//
// What both ends need in their configuration: `configure_node`, see there.
//
// When the other end goes away:
//  - Killed or crashed: the kernel closes its socket at once, and every monitor on an actor of its process
//  gets its
//    `down_msg` (reason `remote_link_unreachable`) within a millisecond or so, on both sides.
//  - Frozen (SIGSTOP, Ctrl-Z): only heartbeats notice it, after `node_silence_max`.
//  - Requests that were under way when the link was lost are not answered by CAF, not with an error either,
//  and nor are
//    later ones to the same handle. So whoever sends requests monitors the actor and ends them itself when it
//    goes down. A handle never comes back to life: connect again for a new one.
//  - A process that forks without exec while a link is open gives its child a copy of the link, which then
//  stays open
//    until the child, too, is gone. All our descriptors are closed on exec.
//
// What ends cleanly: a system with links or published sockets is destroyed without waiting for any peer,
// frozen ones included. But CAF keeps every actor that was published, or whose handle was sent to the other
// process, or that itself sent a message there, until the actor ends: such actors must quit, or be sent an
// exit, before ~actor_system.
//
// How nodes are told apart: CAF's node id is made of the hash of all MAC addresses of the machine and the
// UUID of the root file system in /etc/fstab, the process id, and a count of the actor systems in the process
// (0 to 255). Two containers that share a socket but no process ids can collide, since their processes may
// all have the same id. `connect_node` then refuses: give the containers different MAC addresses, or a common
// pid namespace.
//
// One system has one connection to a node: whoever connects again shares it, and it ends with the last
// `node_link`.
#pragma once

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/expected.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "runtime/node_files.hpp"
#include "runtime/result.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

/// How often either end says that it is there. Costs a wake-up each time, and nothing else.
constexpr std::chrono::seconds node_heartbeat{5};
/// After how long a silence the link is given up. Long enough for a Ctrl-Z and a second thought, a debugger's
/// stop or a machine that swaps; short enough that a frozen client does not hold its leases for ever.
constexpr std::chrono::seconds node_silence_max{60};
/// The largest message: CAF sets memory aside for whatever size is announced. A larger one ends the link, so
/// whoever sends cuts collected output to less, and streams the rest.
constexpr std::size_t node_message_max = std::size_t{256} << 20;
/// What both ends must name, or the link is refused in the handshake: the protocol's number, which changes
/// with the meaning of a message. What messages are made of is compared one by one (vocabulary.hpp).
std::string node_application();

/// Sets what both ends of a link must agree on: heartbeats (on one side only, a healthy idle link would be
/// cut after the silence) and the application's name, by which a system that was not configured so is refused
/// in the handshake. A host's own application names are kept: set them before. The caller loads
/// `caf::io::middleman` into `config`.
void configure_node(caf::actor_system_config& config);

/// Waits until the system's actors have ended, as its destructor does, then deletes it. A system that is
/// destroyed without this leaks its broker (2 kB) when a heartbeat falls into that moment: CAF 0.17.6 leaves
/// the mailbox of a broker that it has ended open, and the heartbeat in there refers to the broker.
void end_node_system(caf::actor_system* system);

/// In a configuration: a list of names of types that links let pass besides what outsiders say and hear. For
/// systems that offer something else than pools; of what they let in they must know that it harms nobody.
inline constexpr const char* node_more_types = "moorage.link-types";
/// The same: how many messages a second a node reads from one client [`link_messages_a_second`].
inline constexpr const char* node_messages_a_second = "moorage.link-messages-a-second";

/// Where a node listens unless told otherwise: moorage/node.sock in $XDG_RUNTIME_DIR or /run/user/UID; on a
/// machine that gives its users no such folder, moorage/node-MACHINE.sock in $XDG_STATE_HOME or
/// ~/.local/state, MACHINE being a name of this machine's (a home may be shared by many). The first whose
/// outer folder exists and is ours (su and sudo may leave the variables pointing to somebody else's); never
/// in a folder that another user could have made, such as one in /tmp. Nothing is created. Empty: we have no
/// folder of our own.
std::string usual_node_socket();

/// Who connects, as the kernel vouches for it.
struct other_user {
  uid_t user = static_cast<uid_t>(-1);
  std::vector<gid_t> groups; ///< of the process, its own first
  std::string from;          ///< for people, such as "uid 1001's pid 1234"
};

/// What a node offers to those who connect.
struct node_service {
  /// Called for each connection, on the network's thread: the actor that it is given, which is all that it is
  /// told of. `from`: what the kernel says of whoever connects, such as "pid 1234". Must not block. None: it
  /// is turned away.
  std::function<caf::strong_actor_ptr(const std::string& from)> open;
  /// The same for a process of another user, save root. Empty: they are turned away.
  std::function<caf::strong_actor_ptr(const other_user& who)> open_other = {};
  /// Right after `open_other`, with what cuts that link; to be called from any thread, now or later. May be
  /// empty.
  std::function<void(const caf::strong_actor_ptr&, std::function<void()> cut)> begun = {};
  /// Processes of other users can open the socket's file. Of a socket that was given that is its maker's
  /// matter.
  bool others = false;
  /// Told when that connection has ended, or could not begin; on any thread. May be empty.
  std::function<void(const caf::strong_actor_ptr&)> closed = {};
  /// What clients may demand of it, as in `system.message_types(handle)`.
  std::set<std::string> interface = {};
};

/// A node's socket for as long as it is offered. Move-only; used by one thread at a time.
class published_node {
public:
  published_node(published_node&&) noexcept;
  published_node& operator=(published_node&&) noexcept;
  ~published_node(); ///< close()

  /// Absolute.
  const std::string& path() const;
  /// It is somebody else's socket, and file.
  bool given() const;

  /// The file is still there, and still this node's. Of a socket that was given: yes.
  bool in_place() const;

  /// Lets nobody begin to connect any more, but those who did: removes the file, or leaves who comes in the
  /// queue of a socket that was given. Those who connected before may still be accepted.
  void withdraw();

  /// Accepts no more connections, and removes the file if it is still ours. Links that exist live on; they
  /// end with the actor system. Blocks for no peer. May be called before or after the end of the actor
  /// system, and twice.
  void close();

private:
  struct state;
  friend caf::expected<published_node> publish_node(caf::actor_system&, node_service, const std::string&);
  friend caf::expected<published_node> publish_node(caf::actor_system&, node_service, int);
  static caf::expected<published_node> begin(caf::actor_system&, node_service, std::unique_ptr<state>);
  explicit published_node(std::unique_ptr<state> from);

  std::unique_ptr<state> state_;
};

/// Offers `what` to every process that may open `path`. The folder is created 0700 if it is missing (its
/// parent must exist, save for `usual_node_socket()`, for which the folders above are created too). A file
/// that a dead node left behind is replaced.
///
/// Errors: `node_running` if a node listens there already (with its pid); `local_failure` if the folder or
/// the file is not as it must be; `invalid_request` for an impossible path, no service, an interface that a
/// link does not take (`link_filter::handshake_max` bytes), or a system without middleman.
caf::expected<published_node> publish_node(caf::actor_system& system, node_service what,
                                           const std::string& path);

/// The same on a socket that somebody else made and that listens, as systemd hands over. It works on a copy
/// of the descriptor; the file is never removed. Errors: `invalid_request` also for any other descriptor.
caf::expected<published_node> publish_node(caf::actor_system& system, node_service what, int listening);

/// The process that listens at `path`: 0 if it is in another pid namespace. Connects for that, and ends it at
/// once. A socket that was handed over may name whoever made it. Errors: as of `connect_node`.
caf::expected<pid_t> node_process(const std::string& path);

/// A place at which a node listens besides its Unix-domain socket.
class node_listener {
public:
  /// Ends its links.
  virtual ~node_listener() = default;
  /// Where, in digits.
  virtual const std::vector<std::string>& addresses() const = 0;
  /// Reads its files again: for those who come from now on, and whom they do not vouch for any more is cut.
  /// An error leaves all as it was.
  virtual failure reload(const node_files& files) = 0;
  /// Lets nobody begin to connect any more; links live on.
  virtual void withdraw() = 0;
};

/// The same with one typed actor for all of them, and its interface.
template <class Handle>
caf::expected<published_node> publish_node(caf::actor_system& system, const Handle& whom,
                                           const std::string& path) {
  node_service service;
  if (auto actor = caf::actor_cast<caf::strong_actor_ptr>(whom))
    service.open = [actor](const std::string&) { return actor; };
  service.interface = system.message_types(whom);
  return publish_node(system, std::move(service), path);
}

/// Where a node is, and how one gets there.
struct node_place {
  std::string name; ///< as it is told of: the path of a Unix-domain socket, or "HOST:PORT"
  /// A connected socket, by the deadline, or as soon as it is called off. Empty: `name` is a path.
  std::function<result<unique_fd>(std::chrono::steady_clock::time_point deadline, const std::stop_token&)>
      dial = {};
  /// Of a path: the user that is trusted to listen there besides ourselves and root.
  std::optional<uid_t> trusted = {};
};

/// A link to a node, and the actor that the node offers. Move-only; used by one thread at a time.
class node_link {
public:
  node_link(node_link&&) noexcept;
  node_link& operator=(node_link&&) noexcept;
  ~node_link(); ///< close()

  const caf::strong_actor_ptr& actor() const;
  /// The actor as a typed handle. The interface must have been demanded of `connect_node`.
  template <class Handle>
  Handle actor_as() const {
    return caf::actor_cast<Handle>(actor());
  }
  const std::set<std::string>& interface() const;
  /// The node's process; 0 if it is in another pid namespace.
  pid_t pid() const;

  /// Ends the link, unless another `connect_node` of the same system shares it: every monitor on an actor at
  /// the other end fires, on both sides. Blocks for no peer. May be called before or after the end of the
  /// actor system, and twice.
  void close();

private:
  struct connection;
  struct place;
  struct state;
  friend caf::expected<node_link> connect_node(caf::actor_system&, const node_place&,
                                               std::chrono::milliseconds, const std::set<std::string>&,
                                               std::stop_token);
  explicit node_link(std::unique_ptr<state> from);
  static caf::expected<std::shared_ptr<connection>> connect(caf::actor_system&, const node_place&,
                                                            std::chrono::milliseconds,
                                                            std::chrono::steady_clock::time_point,
                                                            const std::stop_token&);

  std::unique_ptr<state> state_;
};

/// Connects to the node that listens there, and answers within `timeout` whatever is there. With an
/// `interface`, what the node offers must have it (all of it, and perhaps more). Blocks its thread: never
/// call it from an actor. Keep the result as long as the actor is used: its destructor ends the link.
/// `called_off`: a wait for the node's greeting ends within 10 ms.
///
/// Errors: `no_node` if nobody listens there; `node_lost` if what listens does not answer, is no node of
/// ours, or is one of another version; `local_failure` if we may not open it, or it is somebody else's;
/// `invalid_request` for an impossible path or a system without middleman; `cancelled` if it was called off.
caf::expected<node_link> connect_node(caf::actor_system& system, const node_place& place,
                                      std::chrono::milliseconds timeout,
                                      const std::set<std::string>& interface = {},
                                      std::stop_token called_off = {});
inline caf::expected<node_link> connect_node(caf::actor_system& system, const std::string& path,
                                             std::chrono::milliseconds timeout,
                                             const std::set<std::string>& interface = {},
                                             std::stop_token called_off = {}) {
  return connect_node(system, node_place{path}, timeout, interface, std::move(called_off));
}

/// The same, demanding the interface of a typed handle.
template <class Handle>
caf::expected<node_link> connect_node(caf::actor_system& system, const node_place& place,
                                      std::chrono::milliseconds timeout, std::stop_token called_off = {}) {
  return connect_node(system, place, timeout, system.message_types<Handle>(), std::move(called_off));
}
template <class Handle>
caf::expected<node_link> connect_node(caf::actor_system& system, const std::string& path,
                                      std::chrono::milliseconds timeout, std::stop_token called_off = {}) {
  return connect_node(system, node_place{path}, timeout, system.message_types<Handle>(),
                      std::move(called_off));
}

} // namespace moorage
