// What the operating system must do for a node's socket, without a word about actors: folders that are ours
// alone, listening so that two nodes never share a path, connecting with a deadline, knowing who is at the
// other end. Used by socket.cpp and link.cpp only. Every error text names the path, what was wrong and what
// to do.
#pragma once

#include <caf/error.hpp>
#include <caf/expected.hpp>

#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

#include "runtime/result.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

/// A listening socket and the file that names it. The file is known by device and inode, so that whoever
/// removes it removes this one and not the file of a node that came later.
struct listening_socket {
  unique_fd fd;
  std::string path; ///< Absolute.
  dev_t device = 0;
  ino_t inode = 0;
};

/// Who is at the other end, as the kernel vouches for it. `pid` is 0 for a process of another pid namespace.
struct peer {
  uid_t uid = 0;
  pid_t pid = 0;
};

/// Listens at `path` with file mode 0600, whatever the umask, in a folder that is ours and that nobody else
/// may write to; a missing folder is created 0700 (its parent must exist). A file left behind by a dead node
/// is replaced. Nodes that start at the same moment take turns by a lock on the folder, held for some system
/// calls. Errors: `node_running` if somebody listens there (with the pid), `invalid_request` for a path that
/// cannot be a socket's, `local_failure` for folder and file.
/// `others`: with mode 0666 instead, and a folder that is created can be walked through.
caf::expected<listening_socket> listen_at(const std::string& path, bool others = false);

/// A socket that somebody else made and that listens: a Unix-domain stream socket with a file. From then on
/// it says that this process listens, as far as who connects later asks. Errors: `invalid_request` for any
/// other descriptor.
caf::expected<listening_socket> take_listening(unique_fd given);

/// The file is there, and is the one of `socket`. What cannot be told counts as well: a file system that does
/// not answer is no reason to listen anew.
bool is_in_place(const listening_socket& socket);

/// Removes the file if it is still the one of `socket`. The socket itself stays open.
void remove_file(const listening_socket& socket);

/// Connects; blocks until `deadline` at most, also when the listener's queue is full.
/// Errors: `no_node` if nobody listens, `local_failure` for permissions, `node_lost` if the queue stayed
/// full.
caf::expected<unique_fd> connect_to(const std::string& path, std::chrono::steady_clock::time_point deadline);

/// The process at the other end of a connected stream socket (of a client: the one that called listen).
peer peer_of(int fd);

/// The groups that the peer's process had when it connected, its own first. Linux tells them all since 4.13.
std::vector<gid_t> groups_of(int fd);

/// "pid 1234", and whose it is where not ours; for people.
std::string in_words(const peer& other);

/// Other users cannot walk through the folder of `path`; what is to be done, or nothing.
failure closed_to_others(const std::string& path);

/// Lets processes of other users connect to the file of `path`, or not any more. What they may do there is
/// whoever accepts them to say. Errors: `local_failure`, also of `closed_to_others`.
failure admit_others(const std::string& path, bool others);

/// Only ourselves and root may speak to us, and be spoken to.
bool is_trusted(const peer& other);

} // namespace moorage
