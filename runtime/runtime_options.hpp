// What a host may choose about a runtime that is no setting of a configuration's file.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "runtime/config.hpp"
#include "runtime/node_files.hpp"
#include "runtime/result.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// Runs what it is given, once, on a thread of its choice: a host's thread pool, its event loop. It is called
/// by several threads at once, and must not wait for what it was given.
///
/// Each callback is called exactly once all the same: what the executor refuses by an exception, or destroys
/// without having run it, is called by a thread of ours, and what it runs twice is called the first time
/// only. What it keeps and never runs is never called. One that runs what it is given there and then does so
/// on a thread of CAF's scheduler: blocking calls are refused there, and a callback that takes its time holds
/// up everybody.
using callback_executor = std::function<void(std::function<void()> call)>;

struct runtime_options {
  /// Where callbacks are called. None: on threads of the runtime's own. They are made when first needed, up
  /// to 4: enough that one that waits does not hold up the next, and few enough to be nobody's burden. Who
  /// has more callbacks that wait at the same time, or whose callbacks wait for each other, gives an
  /// executor.
  callback_executor executor = {};
  /// For a runtime of `connect`: it comes back by itself when its node does. Off, it ends with its link, as a
  /// program wants that runs one command and would rather say so than wait.
  bool reconnect = true;
  /// Threads of the scheduler in the actor system that the runtime brings; of no use with a system of the
  /// host's. With 1 actors run on the thread that also does the system's input and output, and the system has
  /// as few threads altogether as it can. 0: 1 for a runtime of `connect`, where the pools are the node's and
  /// a command would wait for each further thread to wake; with pools of its own half the processors, at
  /// least 2 and at most 8, since more only wake each other. Who spawns actors of its own in the system of a
  /// runtime of `connect` (`system_of`) that take long over a message sets 2 or more: the link would wait for
  /// them.
  std::size_t threads = 0;
  /// What the host is called where its orders are told of (`event_record::by`, `pause_status::by`), such as
  /// "portal, alice". 100 bytes of it are kept, fit to be printed; a node adds the process that it sees.
  /// Empty: the program's name.
  std::string name = {};
  /// For a runtime of `connect` to a Unix-domain socket: the user, by name or number, whose node may listen
  /// there besides our own and root's. Whoever runs a node sees all that its clients do. Empty: nobody.
  std::string socket_user = {};
  /// Reads the host's configuration again when an admin orders it (`reload_configuration`,
  /// `runtime::reload`), takes over what has changed, and says what that was, or what is wrong. Called on a
  /// thread of the runtime's that may block, one at a time; `by` says who orders it. The runtime's end does
  /// not wait for it, so it must own what it touches. None: such an order is refused.
  std::function<result<std::string>(const std::string& by)> reload = {};
  /// Called when an admin has ordered the end (`shut_down_pools`, `runtime::shut_down`) and no connection is
  /// left, on a thread of CAF's scheduler: it must not block, nor end the runtime itself there. None: the
  /// pools end, and the host goes on without them.
  std::function<void(const std::string& by)> shut_down = {};
};

/// A node of another machine, or of another user, reached over TLS; or the nodes of a site.
struct node_address {
  /// "HOST:PORT"; the host as the node's certificate names it.
  std::string address = {};
  node_files files = {};
  /// Further nodes of the same site, "HOST:PORT" each. The first that can be reached, in this order, is the
  /// runtime's home, which is asked where a cluster is.
  std::vector<std::string> others = {};
};

/// How a runtime's pools are offered to other processes.
struct serving {
  /// The path of the Unix-domain socket. Empty: the usual one. Not looked at with `listening`.
  std::string socket = {};
  /// Once no process has been linked for so long, it listens no more, and the news say that it is time to
  /// end. Who comes at that very moment is served, and the time begins anew. Looked at twice a second. 0:
  /// never, since who serves by hand does not expect it to end.
  std::chrono::milliseconds idle_end{0};
  /// A descriptor of a Unix-domain stream socket that somebody else made and that listens, as
  /// sd_listen_fds(3) tells; it is closed by the runtime. The socket's file stays whoever's it is: it is
  /// neither watched nor removed, and who connects after the end waits for whoever serves there next. -1:
  /// none.
  int listening = -1;
  /// Descriptors of TCP sockets that somebody else made and that listen, of which is taken by TLS exactly
  /// what is taken of the addresses in `listen`, beside these. Each is closed by the runtime, whatever comes
  /// of the call, and never shut down: who connects after the end waits for whoever serves there next. They
  /// do not block from then on, in other processes as well. Any other descriptor is refused
  /// `invalid_request`. Empty: none.
  std::vector<int> tcp_listening = {};
  /// Where it listens over TLS besides, "ADDRESS:PORT" each; port 0 takes a free one. Empty: nowhere, since
  /// what others may do has to be said first. TLS 1.3, with a certificate on each side.
  std::vector<std::string> listen = {};
  /// Of use with `listen` and `tcp_listening`; the first three are needed there.
  node_files files = {};
  /// Who may do what: over TLS by certificate, on the Unix-domain socket other users of this machine. Who is
  /// not in it may do nothing; this process's own user and root everything, there. With a user or group in it
  /// everybody can open the socket's file (mode 0666; of a socket that was given the mode is its maker's
  /// matter), and is asked who they are.
  std::vector<access_entry> access = {};
};

} // namespace moorage

#pragma GCC visibility pop
