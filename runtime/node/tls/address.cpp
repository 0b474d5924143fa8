#include "runtime/node/tls/address.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <future>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "messages/printable.hpp"

namespace moorage {

namespace {

using clock = std::chrono::steady_clock;

/// How many connections wait to be accepted. The front accepts at once, a few a turn.
constexpr int backlog = 512;
/// How soon a wait sees that it was called off.
constexpr std::chrono::milliseconds slice{50};

using addresses = std::shared_ptr<addrinfo>;

/// Waits for a name server as long as that pleases.
addresses look_up(const host_port& of, int flags, int& error) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* first = nullptr;
  error = ::getaddrinfo(of.host.c_str(), of.port.c_str(), &hints, &first);
  return {first, [](addrinfo* all) {
            if (all != nullptr)
              ::freeaddrinfo(all);
          }};
}

std::string system_words(int error) {
  return std::strerror(error);
}

std::string digits_of(const sockaddr_storage& address, socklen_t size, bool with_port) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(), port.data(),
                    port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return {};
  std::string text = host.data();
  if (!with_port)
    return text;
  return (address.ss_family == AF_INET6 ? "[" + text + "]" : text) + ":" + port.data();
}

/// Size 0: it has gone.
socklen_t read_peer(int fd, sockaddr_storage& address) {
  socklen_t size = sizeof(address);
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 ? size : 0;
}

/// A name server that does not answer is left to itself.
result<addresses> look_up_until(const host_port& of, clock::time_point deadline,
                                const std::stop_token& called_off) {
  auto found = std::make_shared<std::promise<std::pair<addresses, int>>>();
  auto answer = found->get_future();
  try {
    std::thread{[found, of] {
      int error = 0;
      auto all = look_up(of, AI_ADDRCONFIG, error);
      found->set_value({std::move(all), error});
    }}.detach();
  } catch (const std::system_error& none) {
    return failure{errc::local_failure, std::string{"no thread to look up an address with: "} + none.what()};
  }
  while (answer.wait_for(slice) != std::future_status::ready) {
    if (called_off.stop_requested())
      return failure{errc::cancelled, "the connect to " + of.host + " was called off"};
    if (clock::now() >= deadline)
      return failure{errc::node_lost, "the address of " + of.host +
                                          " could not be looked up in time: look at the name service"};
  }
  auto [all, error] = answer.get();
  if (error != 0) // only that there is no such name is the caller's mistake, the rest may pass
    return failure{error == EAI_NONAME ? errc::invalid_request : errc::node_lost,
                   "the node's host " + of.host + " is not known (" + ::gai_strerror(error) +
                       "): look at the name, and at the name service"};
  return all;
}

/// 0, or why not; ETIMEDOUT and ECANCELED as they say.
int connect_one(int fd, const addrinfo& to, clock::time_point until, const std::stop_token& called_off) {
  if (::connect(fd, to.ai_addr, to.ai_addrlen) == 0)
    return 0;
  if (errno != EINPROGRESS)
    return errno;
  for (;;) {
    pollfd state{fd, POLLOUT, 0};
    if (::poll(&state, 1, static_cast<int>(slice.count())) > 0)
      break;
    if (called_off.stop_requested())
      return ECANCELED;
    if (clock::now() >= until)
      return ETIMEDOUT;
  }
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

} // namespace

result<host_port> parse_host_port(std::string_view text) {
  auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  auto port = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find_first_of(":[]") != std::string_view::npos)
    host = {};
  unsigned number = 0;
  auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), number);
  auto sound = wrong == std::errc{} && end == port.data() + port.size() && number <= 65535;
  constexpr std::size_t name_max = 253; // RFC 1035, 2.3.4
  if (host.empty() || host.size() > name_max || host.front() == '-' || !sound ||
      host.find_first_of(std::string_view{" /@\0", 4}) != std::string_view::npos)
    return failure{
        errc::invalid_request,
        "'" + printable(std::string{text}, printable_whole) +
            "' is no node's address: write HOST:PORT, such as gateway.site.org:7443 or [::1]:7443"};
  return host_port{std::string{host}, std::string{port}};
}

result<unique_fd> listen_on(std::string_view address) {
  auto parsed = parse_host_port(address);
  if (!parsed)
    return parsed.error();
  int error = 0;
  auto found = look_up(*parsed, AI_PASSIVE | AI_NUMERICHOST, error);
  if (error != 0)
    return failure{errc::invalid_request,
                   "cannot listen on " + std::string{address} + ": " + parsed->host +
                       " is no address of this machine in digits; give one, or 0.0.0.0 or [::] for all"};
  unique_fd fd{::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const int yes = 1;
  if (fd)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (fd && found->ai_family == AF_INET6) // what listens on all of IPv4 beside it is not in its way
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
  if (!fd || ::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd.get(), backlog) != 0) {
    error = errno;
    return failure{error == EADDRINUSE ? errc::node_running : errc::local_failure,
                   "cannot listen on " + std::string{address} + ": " + system_words(error) +
                       (error == EADDRINUSE ? "; stop what listens there, or give another port" : "")};
  }
  return fd;
}

result<unique_fd> take_listening_tcp(int given) {
  auto is = [given](int option, std::initializer_list<int> wanted) {
    int value = -1;
    socklen_t size = sizeof(value);
    return ::getsockopt(given, SOL_SOCKET, option, &value, &size) == 0 &&
           std::find(wanted.begin(), wanted.end(), value) != wanted.end();
  };
  if (!is(SO_DOMAIN, {AF_INET, AF_INET6}) || !is(SO_TYPE, {SOCK_STREAM}) || !is(SO_ACCEPTCONN, {1}))
    return failure{errc::invalid_request,
                   "descriptor " + std::to_string(given) +
                       " is no listening TCP socket: in a systemd .socket unit write ListenStream= with "
                       "ADDRESS:PORT"};
  unique_fd fd{::fcntl(given, F_DUPFD_CLOEXEC, 0)};
  // Nor is that taken back at the end: systemd sets it for each process that it starts, as the unit has it,
  // and the next one may be at work already.
  if (!fd || ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK) != 0)
    return failure{errc::local_failure, "cannot use descriptor " + std::to_string(given) +
                                            ", which was handed over: " + system_words(errno)};
  return fd;
}

std::string address_of_listening(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return {};
  return digits_of(address, size, true);
}

std::string peer_address(int fd) {
  sockaddr_storage address{};
  auto size = read_peer(fd, address);
  return digits_of(address, size, false);
}

std::string peer_network(int fd) {
  sockaddr_storage address{};
  auto size = read_peer(fd, address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address).sin6_addr;
  if (address.ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&v6)) {
    constexpr std::size_t network = 8; // RFC 4291, 2.5.4
    std::fill(std::begin(v6.s6_addr) + network, std::end(v6.s6_addr), static_cast<unsigned char>(0));
  }
  return digits_of(address, size, false);
}

result<unique_fd> connect_tcp(const host_port& to, clock::time_point deadline,
                              const std::stop_token& called_off) {
  auto name = to.host + ":" + to.port;
  auto found = look_up_until(to, deadline, called_off);
  if (!found)
    return found.error();
  long left = 0;
  for (const auto* each = found->get(); each != nullptr; each = each->ai_next)
    ++left;
  int error = 0;
  for (const auto* each = found->get(); each != nullptr; each = each->ai_next, --left) {
    unique_fd fd{::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd)
      return failure{errc::local_failure, "cannot open a socket: " + system_words(errno)};
    auto now = clock::now();
    error =
        connect_one(fd.get(), *each, now + std::max(deadline - now, clock::duration{0}) / left, called_off);
    if (error == 0)
      return fd;
    if (error == ECANCELED)
      return failure{errc::cancelled, "the connect to " + name + " was called off"};
  }
  if (error == ECONNREFUSED)
    return failure{errc::no_node, "no node listens on " + name +
                                      ": start one there with listen in [node] of its "
                                      "configuration, or look at the port"};
  return failure{errc::node_lost, "the node on " + name + " cannot be reached (" + system_words(error) +
                                      "): look at the network, and at the firewalls between here and there"};
}

void prepare_link(int fd, std::chrono::milliseconds silence_max) {
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  auto silence = static_cast<unsigned>(silence_max.count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof(silence));
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
}

void reset_when_closed(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

} // namespace moorage
