// known_hosts files: read whole or not at all, and a new key written down under their lock.
#include <fcntl.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "runtime/ssh/file_text.hpp"
#include "runtime/ssh/opening/host_keys.hpp"
#include "runtime/system/descriptors.hpp"
#include "runtime/system/passing.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

/// The user's own ~/.ssh does not exist on a fresh account; folders above it are none of our business.
bool make_folder_of(const std::string& file) {
  auto slash = file.rfind('/');
  if (slash == std::string::npos || slash == 0)
    return true;
  return ::mkdir(file.substr(0, slash).c_str(), 0700) == 0 || errno == EEXIST;
}

/// Asks again and again, so that the thread is ours again when the time is up: flock itself waits without
/// limit.
bool lock(int fd, std::chrono::milliseconds patience) {
  const auto end = clock::now() + patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return false;
    if (clock::now() >= end) {
      errno = EWOULDBLOCK;
      return false;
    }
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

void read_into(const std::string& file, known_hosts& known) {
  auto read = read_file(file, known_hosts_size_max);
  if (read.error == ENOENT || read.error == ENOTDIR)
    return;
  if (!read.problem.empty()) {
    known.problems.push_back(
        {read.problem, read.error == EACCES || read.error == EPERM, is_passing(read.error) ? read.error : 0});
    return;
  }
  if (!S_ISREG(read.mode))
    known.keep_nothing.push_back(file);
  parse_known_hosts(read.view(), file, known);
}

/// All of the line or nothing: a full disk must leave no half of one.
std::string append(int fd, const std::string& file, const std::string& line, off_t size) {
  char last = '\n';
  const bool ended = size == 0 || ::pread(fd, &last, 1, size - 1) != 1 || last == '\n';
  const auto bytes = ended ? line : "\n" + line;
  auto written = ::write(fd, bytes.data(), bytes.size());
  if (written == static_cast<ssize_t>(bytes.size()))
    return {};
  auto text =
      written < 0 ? failed(file + " could not be written") : file + " could not be written: the disk is full";
  struct stat now {};
  // Unless another program, which does not ask for the lock, has added a line of its own meanwhile.
  if (written > 0 && ::fstat(fd, &now) == 0 && now.st_size == size + written && ::ftruncate(fd, size) != 0)
    text += "; half a line is left in it";
  return text;
}

} // namespace

known_hosts read_known_hosts(const std::string& host, std::uint16_t port,
                             const std::vector<std::string>& files) {
  known_hosts known;
  known.host = host;
  known.port = port;
  known.files = files;
  for (const auto& file : files)
    read_into(file, known);
  return known;
}

key_written write_known_host(const known_hosts& known, const host_key& shown,
                             std::chrono::milliseconds patience) {
  const auto& file = known.files.front();
  if (!make_folder_of(file))
    return {failed("the folder of " + file + " could not be made"), {}};
  unique_fd fd{::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600)};
  if (!fd)
    return {failed(file + " could not be opened for writing"), {}};
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return {file + " is not an ordinary file and keeps nothing", {}};
  if (!lock(fd.get(), patience))
    return {errno == EWOULDBLOCK ? file + " is locked by another program"
                                 : failed(file + " could not be locked"),
            {}};
  // Several connections, and several processes, meet a new host at the same time; what the first has written
  // holds.
  known_hosts present;
  present.host = known.host;
  present.port = known.port;
  present.files = {file};
  read_into(file, present);
  auto verdict = judge_host_key(present, shown, host_key_policy::accept_new);
  if (verdict.state == host_key_state::known)
    return {};
  if (verdict.state == host_key_state::unreadable)
    return {present.problems.front().text, {}};
  if (!verdict.accepted)
    return {{}, std::move(verdict.error)};
  if (::fstat(fd.get(), &status) != 0)
    return {failed(file + " could not be read"), {}};
  auto line = known_hosts_line(known, shown);
  if (known.hash_names) {
    auto name = hashed_name(known_hosts_name(known.host, known.port));
    if (name.empty())
      return {"the host's name could not be hashed (hash_known_hosts)", {}};
    line.replace(0, line.find(' '), name);
  }
  return {append(fd.get(), file, line + "\n", status.st_size), {}};
}

std::string address_to_check(int socket, std::uint16_t port, const known_hosts& known) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  char text[NI_MAXHOST];
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) != 0 ||
      (peer.ss_family != AF_INET && peer.ss_family != AF_INET6) ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&peer), length, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) != 0)
    return {};
  std::string address = text;
  const bool loopback = peer.ss_family == AF_INET ? address.starts_with("127.") : address == "::1";
  return loopback || known_hosts_name(address, port) == known_hosts_name(known.host, known.port) ? ""
                                                                                                 : address;
}

void check_address(const known_hosts& known, const host_key& shown, host_key_policy policy,
                   const std::string& address, std::uint16_t port, std::chrono::milliseconds patience,
                   key_written& result) {
  auto of_address = read_known_hosts(address, port, known.files);
  of_address.hash_names = known.hash_names;
  // What stands there without the port says nothing of this one, but that a key is revoked.
  std::erase_if(of_address.entries,
                [](const known_host& each) { return each.without_port && each.marker == host_marker::none; });
  auto name = known_hosts_name(address, port);
  auto verdict = judge_host_key(of_address, shown, host_key_policy::accept_new);
  if (verdict.state == host_key_state::known)
    return;
  if (verdict.accepted) {
    auto written = write_known_host(of_address, shown, patience);
    if (written.problem.empty() && !written.error)
      result.text = ", its address " + name + " written to " + known.files.front();
    else
      result.warnings.push_back("the " + shown.type + " host key for the IP address '" + name +
                                "' could not be added to the known hosts: " +
                                (written.problem.empty() ? written.error.text : written.problem));
    return;
  }
  if (verdict.state != host_key_state::unreadable)
    verdict.error.text = "the " + shown.type + " host key for '" + known_hosts_name(known.host, known.port) +
                         "' differs from the key for the IP address '" + name +
                         "' (check_host_ip): " + verdict.error.text;
  if (policy == host_key_policy::off && verdict.state != host_key_state::revoked)
    result.warnings.push_back(std::move(verdict.error.text));
  else
    result.error = std::move(verdict.error);
}

} // namespace moorage
