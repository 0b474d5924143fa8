#include "tests/support/own_network.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "tests/support/process_tree.hpp"

namespace moorage::support {

namespace {

unique_fd namespace_now(const char* which) {
  return unique_fd{open((std::string{"/proc/thread-self/ns/"} + which).c_str(), O_RDONLY | O_CLOEXEC)};
}

std::string in_words(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

bool raise_loopback() {
  unique_fd any{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  if (ioctl(any.get(), SIOCGIFFLAGS, &loopback) != 0)
    return false;
  loopback.ifr_flags |= IFF_UP;
  return ioctl(any.get(), SIOCSIFFLAGS, &loopback) == 0;
}

} // namespace

own_network::own_network() : before_(namespace_now("net")) {
  if (!before_)
    why_not_ = in_words("no namespaces here");
  else if (unshare(CLONE_NEWNET) != 0)
    why_not_ = in_words("a network of the test's own cannot be made");
  else if (!raise_loopback())
    why_not_ = in_words("a network of the test's own has no loopback");
}

own_network::~own_network() {
  if (before_)
    static_cast<void>(setns(before_.get(), CLONE_NEWNET));
}

bool own_network::ban(std::uint16_t port, std::uint32_t a_minute, std::uint32_t burst) {
  std::ofstream{folder_ / "rules"}
      << "table ip site {\n  counter asked { }\n  counter dropped { }\n"
         "  set banned { type ipv4_addr; flags dynamic,timeout; timeout 1m; }\n"
         "  set seen { type ipv4_addr; size 100; flags dynamic,timeout; timeout 10m; }\n"
         "  chain arriving {\n    type filter hook input priority 0;\n"
         "    ip saddr 127.0.0.1 tcp dport "
      << port << " tcp flags & (syn | ack) == syn counter name asked\n"
      << "    ip saddr @banned tcp dport " << port << " counter name dropped drop\n"
      << "    ip saddr 127.0.0.1 tcp dport " << port
      << " tcp flags & (syn | ack) == syn add @seen { ip saddr limit rate over " << a_minute
      << "/minute burst " << burst
      << " packets } add @banned { ip saddr } counter name dropped drop\n  }\n}\n";
  process_spec spec;
  spec.argv = {"nft", "-f", folder_ / "rules"};
  spec.output = folder_ / "said";
  return run_to_end(spec) == 0;
}

int own_network::counted(const std::string& name) const {
  process_spec spec;
  spec.argv = {"nft", "list", "counter", "ip", "site", name};
  spec.output = folder_ / ("counter_" + name);
  std::ofstream{spec.output, std::ios::trunc}.close();
  run_to_end(spec);
  auto said = contents_of(spec.output);
  auto at = said.find("packets ");
  return at == std::string::npos ? -1 : std::atoi(said.c_str() + at + 8);
}

own_files::own_files() : before_(namespace_now("mnt")) {
  if (!before_ || unshare(CLONE_NEWNS) != 0 ||
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    why_not_ = in_words("files of the test's own cannot take the place of others");
}

own_files::~own_files() {
  // Threads that this one has started share the view with it, and may linger: they keep it, and the way back
  // is this one's alone.
  if (before_ && unshare(CLONE_FS) == 0)
    static_cast<void>(setns(before_.get(), CLONE_NEWNS));
}

void own_files::place(const std::string& ours, const std::string& theirs) {
  if (why_not_.empty() && mount(ours.c_str(), theirs.c_str(), nullptr, MS_BIND, nullptr) != 0)
    why_not_ = in_words("no file of the test's own in the place of " + theirs);
}

name_service::name_service(std::string name, std::vector<std::string> addresses)
    : name_(std::move(name)), addresses_(std::move(addresses)),
      socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  std::ofstream{folder_ / "resolv"} << "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
  std::ofstream{folder_ / "nsswitch"} << "hosts: dns\npasswd: files\ngroup: files\nshadow: files\n";
  files_.place(folder_ / "resolv", "/etc/resolv.conf");
  files_.place(folder_ / "nsswitch", "/etc/nsswitch.conf");
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(53);
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(socket_.get(), reinterpret_cast<sockaddr*>(&here), sizeof here) != 0)
    why_not_ = in_words("no name service at 127.0.0.1:53");
  else if (!files_)
    why_not_ = files_.why_not();
  else
    server_ = std::jthread{[this](const std::stop_token& stop) { answer_all(stop); }};
}

name_service::~name_service() = default;

void name_service::answer_all(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    pollfd asked{socket_.get(), POLLIN, 0};
    if (poll(&asked, 1, 50) != 1)
      continue;
    char packet[512];
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    auto got = recvfrom(socket_.get(), packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 12)
      continue;
    ++questions_;
    if (how_ == manner::silent)
      continue;
    auto answer = answer_to({packet, static_cast<std::size_t>(got)});
    sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
  }
}

/// RFC 1035, section 4: the question comes back, with each address, of type A, behind it.
std::string name_service::answer_to(std::string question) const {
  std::string asked;
  std::size_t at = 12;
  while (at < question.size() && question[at] != 0) {
    auto length = static_cast<unsigned char>(question[at]);
    asked += (asked.empty() ? "" : ".") + question.substr(at + 1, length);
    at += 1u + length;
  }
  question.resize(at + 5, '\0'); // the end of the name, type, class
  auto of_ipv4 = question[at + 2] == 1;
  constexpr int server_failure = 2, no_such_name = 3;
  auto how = how_.load();
  auto code = how == manner::fails                       ? server_failure
              : how == manner::unknown || asked != name_ ? no_such_name
                                                         : 0;
  auto found = code == 0 && of_ipv4;
  question[2] = '\x81'; // an answer, recursion desired
  question[3] = static_cast<char>(0x80 + code);
  for (std::size_t count = 6; count < 12; ++count)
    question[count] = 0;
  question[7] = found ? static_cast<char>(addresses_.size()) : '\0';
  for (const auto& each : found ? addresses_ : std::vector<std::string>{}) {
    in_addr address{};
    inet_pton(AF_INET, each.c_str(), &address);
    question += std::string{"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04", 12};
    question.append(reinterpret_cast<const char*>(&address), sizeof address);
  }
  return question;
}

} // namespace moorage::support
