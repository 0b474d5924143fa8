#include "deploy/moorage/systemd.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "messages/printable.hpp"

namespace moorage::cli {

namespace {

constexpr int first_descriptor = 3;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool names_us(const std::string& process) {
  return process == std::to_string(getpid());
}

/// The whole of it, or nothing.
std::optional<std::int64_t> number_in(const std::string& text) {
  std::int64_t number = 0;
  const auto* last = text.data() + text.size();
  auto [end, wrong] = std::from_chars(text.data(), last, number);
  if (wrong != std::errc{} || end != last)
    return std::nullopt;
  return number;
}

std::string in_quotes(const std::string& text) {
  constexpr std::size_t longest = 40;
  return "'" + printable(text, longest) + "'";
}

/// -1: it has no such option, since it is no socket.
int option_of(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/// What others reach by a path, and not by a name that anybody on the machine could take.
bool has_file(int fd) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  return getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
         size > offsetof(sockaddr_un, sun_path) && address.sun_path[0] == '/';
}

/// What is wrong with it, and what to do; empty: a node can serve there.
std::string fault_of(int fd) {
  auto family = option_of(fd, SO_DOMAIN);
  if (family < 0)
    return "is no socket: in the .socket unit leave ListenStream= alone, with an absolute path or "
           "ADDRESS:PORT each";
  if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
    return "is neither a Unix-domain nor a TCP socket: in the .socket unit write ListenStream= with an "
           "absolute path or ADDRESS:PORT";
  if (option_of(fd, SO_TYPE) != SOCK_STREAM)
    return "is no stream socket: in the .socket unit write ListenStream= in place of ListenDatagram= or "
           "ListenSequentialPacket=";
  if (option_of(fd, SO_ACCEPTCONN) != 1)
    return "does not listen: in the .socket unit write Accept=no, so that the node is handed the socket and "
           "not one connection";
  if (family == AF_UNIX && !has_file(fd))
    return "is a Unix-domain socket without a file: in the .socket unit write ListenStream= with an absolute "
           "path";
  return {};
}

} // namespace

// --- sockets

void handed_sockets::keep_from_children() const {
  if (local)
    fcntl(local.get(), F_SETFD, FD_CLOEXEC);
  for (const auto& each : tcp)
    fcntl(each.get(), F_SETFD, FD_CLOEXEC);
}

result<handed_sockets> sockets_handed_over() {
  handed_sockets found;
  auto text = variable("LISTEN_FDS");
  if (text.empty() || !names_us(variable("LISTEN_PID")))
    return found;
  auto number = number_in(text);
  if (!number || *number < 0)
    return failure{errc::invalid_request,
                   "LISTEN_FDS is " + in_quotes(text) +
                       ", and has to be how many sockets are handed over: see sd_listen_fds(3)"};
  // Its first fault ends it, be the number what it may.
  for (std::int64_t i = 0; i < *number; ++i) {
    auto fd = first_descriptor + static_cast<int>(i);
    auto fault = fault_of(fd);
    if (fault.empty() && option_of(fd, SO_DOMAIN) == AF_UNIX && found.local)
      fault = "is the second Unix-domain socket, and a node serves one: in the .socket unit leave one "
              "ListenStream= with a path";
    if (!fault.empty()) {
      // What is not ours is not closed here, but by the end.
      static_cast<void>(found.local.release());
      for (auto& each : found.tcp)
        static_cast<void>(each.release());
      return failure{errc::invalid_request,
                     "descriptor " + std::to_string(fd) + ", which was handed over, " + fault};
    }
    if (option_of(fd, SO_DOMAIN) == AF_UNIX)
      found.local.reset(fd);
    else
      found.tcp.emplace_back(fd);
  }
  return found;
}

// --- signs of life

result<std::chrono::microseconds> watchdog_interval() {
  auto text = variable("WATCHDOG_USEC");
  auto process = variable("WATCHDOG_PID");
  if (text.empty() || (!process.empty() && !names_us(process)))
    return std::chrono::microseconds{0};
  auto number = number_in(text);
  if (!number || *number <= 0)
    return failure{errc::invalid_request, "WATCHDOG_USEC is " + in_quotes(text) +
                                              ", which is no time in microseconds: systemd is not told "
                                              "that the node lives"};
  return std::chrono::microseconds{*number};
}

// --- what is told

service_manager::service_manager() : address_(variable("NOTIFY_SOCKET")) {
  constexpr auto longest = sizeof(sockaddr_un::sun_path);
  auto abstract = address_.starts_with('@');
  auto sound =
      (abstract && address_.size() <= longest) || (address_.starts_with('/') && address_.size() < longest);
  if (!sound)
    address_.clear();
  else if (abstract)
    address_.front() = '\0';
}

bool service_manager::tell(const std::string& state, std::chrono::milliseconds patience) const {
  if (!there())
    return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  address_.copy(address.sun_path, sizeof address.sun_path);
  unique_fd sender{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  // A queue that is full is emptied in a moment, or never; 0 would be for ever.
  auto wait = std::chrono::microseconds{std::max(patience, std::chrono::milliseconds{1})}.count();
  timeval limit{static_cast<time_t>(wait / 1'000'000), static_cast<suseconds_t>(wait % 1'000'000)};
  if (!sender || setsockopt(sender.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
    return false;
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  return sendto(sender.get(), state.data(), state.size(), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&address), length) >= 0;
}

} // namespace moorage::cli
