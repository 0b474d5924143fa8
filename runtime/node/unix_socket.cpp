#include "runtime/node/unix_socket.hpp"

#include "messages/type_ids.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace moorage {

namespace {

using namespace std::chrono_literals;

/// How long a starting node waits for another one that starts in the same folder.
constexpr auto folder_lock_patience = 2s;
/// Connections that wait to be accepted. A node accepts at once unless it is frozen.
constexpr int backlog = 128;

std::string reason(int error) {
  return std::strerror(error);
}

caf::error local(const std::string& what, int error) {
  return make_error(errc::local_failure, what + ": " + reason(error));
}

/// The address of `path`, or nothing if the path is too long for one.
std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof(address.sun_path))
    return std::nullopt;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

/// Checks what can be said about a path without touching the file system.
caf::error check_path(const std::string& path) {
  if (path.empty())
    return make_error(errc::invalid_request,
                      "no path for the node's socket was given, and we have neither a runtime "
                      "folder nor a home that is ours alone: give one, such as "
                      "/run/user/1000/moorage/node.sock");
  if (path.empty() || path.back() == '/' || path.find('\0') != std::string::npos)
    return make_error(errc::invalid_request, "'" + path +
                                                 "' is not the path of a socket: give a file, such as "
                                                 "/run/user/1000/moorage/node.sock");
  if (!address_of(path))
    return make_error(errc::invalid_request, path + " has " + std::to_string(path.size()) +
                                                 " bytes; the path of a socket "
                                                 "has at most " +
                                                 std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                                                 ": give a shorter one");
  return {};
}

unique_fd new_stream_socket(int flags) {
  return unique_fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)};
}

int connect_fd(int fd, const sockaddr_un& address) {
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

/// Opens the folder, or creates it, and refuses one in which others could replace the socket by theirs.
caf::expected<unique_fd> open_folder(const std::string& folder, bool others) {
  auto created = ::mkdir(folder.c_str(), 0700) == 0;
  if (!created && errno != EEXIST)
    return local("cannot create the folder " + folder + " for the node's socket", errno);
  unique_fd fd{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!fd && (errno == ELOOP || errno == ENOTDIR))
    return make_error(errc::local_failure,
                      folder + " is not a folder, or only a symbolic link to one: give the real "
                               "folder for the node's socket");
  if (!fd)
    return local("cannot open the folder " + folder + " of the node's socket", errno);
  if (created)
    ::fchmod(fd.get(), others ? 0711 : 0700); // the umask may have taken more than it should
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0)
    return local("cannot examine the folder " + folder, errno);
  if (facts.st_uid != ::geteuid())
    return make_error(errc::local_failure, "the folder " + folder + " belongs to uid " +
                                               std::to_string(facts.st_uid) + ", not to us (uid " +
                                               std::to_string(::geteuid()) +
                                               "): choose another path for the node's socket");
  if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return make_error(errc::local_failure, "others may write to the folder " + folder +
                                               ": run chmod go-w on it, or choose "
                                               "a folder of your own for the node's socket");
  return fd;
}

/// Locks the folder until its descriptor is closed. Without the lock, two starting nodes that both find a
/// dead file would each remove it, the later one removing the earlier one's living socket.
caf::error lock_folder(int folder, const std::string& path) {
  auto deadline = std::chrono::steady_clock::now() + folder_lock_patience;
  while (::flock(folder, LOCK_EX | LOCK_NB) != 0) {
    // A network's file system may have no locks for folders. Then of two nodes that start at the same moment
    // on a dead file the later one may take the place of the earlier one, which notices it (see keeper.hpp).
    if (errno == EBADF || errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP)
      return {};
    if (errno != EWOULDBLOCK && errno != EINTR)
      return local("cannot lock the folder of " + path, errno);
    if (std::chrono::steady_clock::now() >= deadline)
      return make_error(errc::local_failure, "another process has kept the folder of " + path +
                                                 " locked for 2 s: see "
                                                 "whether a node hangs in its start there");
    ::poll(nullptr, 0, 5);
  }
  return {};
}

/// Removes what a dead node left at the path; refuses if it lives, or if the file is none of ours.
caf::error clear_path(const std::string& path, const sockaddr_un& address) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0)
    return errno == ENOENT ? caf::error{} : local("cannot examine " + path, errno);
  if (!S_ISSOCK(facts.st_mode))
    return make_error(errc::local_failure,
                      path + " exists and is not a socket: remove it, or serve on another path");
  auto fd = new_stream_socket(SOCK_NONBLOCK);
  if (!fd)
    return local("cannot open a socket", errno);
  auto error = connect_fd(fd.get(), address);
  if (error == 0 || error == EAGAIN) {
    auto owner = error == 0 ? peer_of(fd.get()).pid : 0;
    return make_error(errc::node_running, "a node already listens on " + path +
                                              (owner > 0 ? " (pid " + std::to_string(owner) + ")" : "") +
                                              ": use it, stop it, or serve on another path");
  }
  if (error != ECONNREFUSED && error != ENOENT)
    return local("cannot tell whether a node listens on " + path, error);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return local("cannot remove " + path + ", left behind by a node that has gone", errno);
  return {};
}

mode_t mode_for(bool others) {
  return others ? 0666 : 0600;
}

caf::expected<listening_socket> bind_and_listen(std::string path, const sockaddr_un& address, bool others) {
  auto fd = new_stream_socket(SOCK_NONBLOCK);
  if (!fd)
    return local("cannot open a socket", errno);
  // Linux gives the file the mode of the unbound socket: there is no moment at which others could open it.
  if (::fchmod(fd.get(), mode_for(others)) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return local("cannot create the socket " + path, errno);
  struct stat facts {};
  if (::chmod(path.c_str(), mode_for(others)) != 0 || ::listen(fd.get(), backlog) != 0 ||
      ::lstat(path.c_str(), &facts) != 0) {
    auto error = errno;
    ::unlink(path.c_str());
    return local("cannot listen on " + path, error);
  }
  return listening_socket{std::move(fd), std::move(path), facts.st_dev, facts.st_ino};
}

caf::error not_connected(const std::string& path, int error) {
  struct stat facts {};
  switch (error) {
  case ENOENT:
  case ENOTDIR:
    return make_error(errc::no_node, "no node listens on " + path +
                                         " (there is no such file): start one with 'moorage "
                                         "serve', or work embedded");
  case ECONNREFUSED:
    if (::lstat(path.c_str(), &facts) == 0 && !S_ISSOCK(facts.st_mode) && !S_ISLNK(facts.st_mode))
      return make_error(errc::local_failure,
                        path + " is not a socket: give the path that 'moorage serve' listens on");
    return make_error(errc::no_node, "no node listens on " + path +
                                         " (the file was left behind by one that has gone): "
                                         "start one with 'moorage serve', or work embedded");
  case EACCES:
  case EPERM:
    return make_error(errc::local_failure, "we (uid " + std::to_string(::geteuid()) + ") may not open " +
                                               path + ": a node serves only the user who started it");
  case EPROTOTYPE:
    return make_error(errc::local_failure,
                      path + " is a socket of another kind: give the path that 'moorage serve' "
                             "listens on");
  case EAGAIN:
    return make_error(errc::node_lost, "the node that listens on " + path +
                                           " accepts no connection: it hangs, or is "
                                           "stopped; look at its process, or start another on another path");
  default:
    return local("cannot connect to " + path, error);
  }
}

} // namespace

caf::expected<listening_socket> listen_at(const std::string& path, bool others) {
  if (path.find('\0') == std::string::npos && !path.empty() && path.front() != '/') {
    std::error_code error;
    auto absolute = std::filesystem::absolute(path, error);
    if (error)
      return local("cannot tell where " + path + " is", error.value());
    return listen_at(absolute.string(), others); // the working folder may change before the file is removed
  }
  if (auto error = check_path(path))
    return error;
  auto parent = std::filesystem::path{path}.parent_path().string();
  auto folder = open_folder(parent, others);
  if (!folder)
    return std::move(folder.error());
  if (auto closed = others ? closed_to_others(path) : failure{}; closed.code != errc::none)
    return make_error(closed.code, closed.text);
  if (auto error = lock_folder(folder->get(), path))
    return error;
  auto address = *address_of(path);
  if (auto error = clear_path(path, address))
    return error;
  return bind_and_listen(path, address, others);
}

caf::expected<listening_socket> take_listening(unique_fd given) {
  auto is = [&given](int option, int wanted) {
    int value = -1;
    socklen_t size = sizeof(value);
    return ::getsockopt(given.get(), SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
  };
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  if (!is(SO_DOMAIN, AF_UNIX) || !is(SO_TYPE, SOCK_STREAM) || !is(SO_ACCEPTCONN, 1) ||
      ::getsockname(given.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      size <= offsetof(sockaddr_un, sun_path) || address.sun_path[0] != '/')
    return make_error(
        errc::invalid_request,
        "descriptor " + std::to_string(given.get()) +
            " is no listening Unix-domain stream socket with a file: in a systemd .socket unit write "
            "ListenStream= with an absolute path");
  // Listening once more has who connects from now on see this process, and not the one that made the socket.
  if (::fcntl(given.get(), F_SETFD, FD_CLOEXEC) != 0 || ::fcntl(given.get(), F_SETFL, O_NONBLOCK) != 0 ||
      ::listen(given.get(), backlog) != 0)
    return local("cannot listen on the socket that was handed over", errno);
  auto length = strnlen(address.sun_path, size - offsetof(sockaddr_un, sun_path)); // it may fill its place
  return listening_socket{std::move(given), std::string{address.sun_path, length}};
}

failure closed_to_others(const std::string& path) {
  auto folder = std::filesystem::path{path}.parent_path().string();
  struct stat facts {};
  if (::stat(folder.c_str(), &facts) != 0 || (facts.st_mode & S_IXOTH) != 0)
    return {};
  return {errc::local_failure, "other users are given rights, and cannot reach " + path + ": run chmod o+x " +
                                   folder + ", or serve in another folder"};
}

failure admit_others(const std::string& path, bool others) {
  if (auto closed = others ? closed_to_others(path) : failure{}; closed.code != errc::none)
    return closed;
  if (::chmod(path.c_str(), mode_for(others)) == 0 || errno == ENOENT)
    return {};
  return {errc::local_failure, "cannot change who may connect to " + path + ": " + reason(errno)};
}

bool is_in_place(const listening_socket& socket) {
  struct stat facts {};
  if (::lstat(socket.path.c_str(), &facts) != 0)
    return errno != ENOENT && errno != ENOTDIR;
  return facts.st_dev == socket.device && facts.st_ino == socket.inode;
}

void remove_file(const listening_socket& socket) {
  auto parent = std::filesystem::path{socket.path}.parent_path();
  unique_fd folder{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder || lock_folder(folder.get(), socket.path))
    return; // a file left behind is harmless: nobody listens there, and the next node replaces it
  struct stat facts {};
  if (::lstat(socket.path.c_str(), &facts) == 0 && facts.st_dev == socket.device &&
      facts.st_ino == socket.inode)
    ::unlink(socket.path.c_str());
}

caf::expected<unique_fd> connect_to(const std::string& path, std::chrono::steady_clock::time_point deadline) {
  if (auto error = check_path(path))
    return error;
  auto address = *address_of(path);
  auto fd = new_stream_socket(0);
  if (!fd)
    return local("cannot open a socket", errno);
  for (;;) {
    // The send time-out bounds the wait for a full backlog, which no readiness event announces.
    auto left = std::chrono::ceil<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now());
    auto wait = std::max(left, std::chrono::microseconds{1000}).count();
    timeval limit{static_cast<time_t>(wait / 1'000'000), static_cast<suseconds_t>(wait % 1'000'000)};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    auto error = connect_fd(fd.get(), address);
    if (error == 0)
      break;
    if (error != EINTR)
      return not_connected(path, error);
  }
  return fd;
}

peer peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return {static_cast<uid_t>(-1), 0};
  return {credentials.uid, credentials.pid};
}

std::vector<gid_t> groups_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return {};
  std::vector<gid_t> groups{credentials.gid};
  std::vector<gid_t> further(64);
  for (int tries = 0; tries < 2; ++tries) {
    size = static_cast<socklen_t>(further.size() * sizeof(gid_t));
    auto told = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, further.data(), &size) == 0;
    auto enough = told || errno != ERANGE;
    further.resize(told || !enough ? size / sizeof(gid_t)
                                   : 0); // of what there is no room for it tells the size
    if (enough)
      break;
  }
  groups.insert(groups.end(), further.begin(), further.end());
  return groups;
}

std::string in_words(const peer& other) {
  auto ours = other.uid == ::geteuid();
  std::string whose = ours ? "" : other.uid == 0 ? "root's " : "uid " + std::to_string(other.uid) + "'s ";
  return whose + (other.pid > 0 ? "pid " + std::to_string(other.pid) : "process of another pid namespace");
}

bool is_trusted(const peer& other) {
  return other.uid == 0 || other.uid == ::geteuid();
}

} // namespace moorage
