// What systemd does for a service, done for a node: sockets that it hands over, and a socket on which it
// hears how the service fares.
#pragma once

#include <catch2/catch.hpp>

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/node/tls/address.hpp"
#include "runtime/system/descriptors.hpp"
#include "tests/cli/clusters.hpp"
#include "tests/support/trial_authority.hpp"

namespace moorage::cli_tests {

/// Out of the way of those that the service is to have, and open in what we start.
inline unique_fd handed(unique_fd made) {
  constexpr int beyond = 100;
  return unique_fd{fcntl(made.get(), F_DUPFD, beyond)};
}

/// '@' stands for an abstract one.
inline unique_fd unix_socket(const std::string& path, int kind, bool listens = false) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  if (path.starts_with('@'))
    address.sun_path[0] = '\0';
  unique_fd made{socket(AF_UNIX, kind | SOCK_CLOEXEC, 0)};
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  REQUIRE(bind(made.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  if (listens)
    REQUIRE(listen(made.get(), 8) == 0);
  return made;
}

/// On a port of its own; one that blocks, as a socket does that nobody has touched.
inline unique_fd tcp_socket(int kind = SOCK_STREAM, bool listens = true) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  unique_fd made{socket(AF_INET, kind | SOCK_CLOEXEC, 0)};
  REQUIRE(bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  if (listens)
    REQUIRE(listen(made.get(), 8) == 0);
  return made;
}

inline bool somebody_waits(const unique_fd& listening,
                           std::chrono::milliseconds patience = std::chrono::seconds{20}) {
  pollfd waiting{listening.get(), POLLIN, 0};
  return poll(&waiting, 1, static_cast<int>(patience.count())) == 1;
}

/// Where a service says how it fares.
class notify_socket {
public:
  explicit notify_socket(const std::string& path) : path_(path), socket_(unix_socket(path, SOCK_DGRAM)) {}

  const std::string& path() const { return path_; }
  int get() const { return socket_.get(); }
  /// What is said next; "": nothing in time.
  std::string next(std::chrono::milliseconds patience = std::chrono::seconds{30}) const {
    std::string said(4096, '\0');
    if (!somebody_waits(socket_, patience))
      return {};
    auto size = recv(socket_.get(), said.data(), said.size(), MSG_DONTWAIT);
    said.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return said;
  }

private:
  std::string path_;
  unique_fd socket_;
};

/// A home whose node has what a service has.
struct service_home : home_with_cluster {
  service_home() : files(authority.node()) { configure(); }

  /// A node's configuration with TLS, `more` in [node], and a client's on another machine, whose certificate
  /// may use the cluster.
  void configure(const std::string& more = {}) const {
    write_config("[node]\nsocket = \"" + path + "\"\n" + lines_of(files) + more +
                 "[[access]]\ncertificate = \"uri:moorage:jobs\"\nclusters = [\"*\"]\nallow = [\"use\"]\n");
  }
  static std::string lines_of(const node_files& files) {
    return "certificate = \"" + files.certificate + "\"\nkey = \"" + files.key + "\"\nauthority = \"" +
           files.authority + "\"\n";
  }
  /// A node that is handed these, and told this; "$$" is its process.
  program_spec node_with(const std::vector<const unique_fd*>& sockets,
                         std::map<std::string, std::string> variables = {}) const;
  /// A command of a client on another machine.
  program_spec distant(const std::string& address, std::vector<std::string> words) {
    auto config = elsewhere / "client.toml";
    std::ofstream{config} << "[client]\nnode = \"" + address + "\"\n" +
                                 lines_of(authority.client("jobs", "--force"));
    return {std::move(words), elsewhere.path(), {}, {{"MOORAGE_CONFIG", config}}};
  }

  support::trial_authority authority;
  node_files files;
  support::scratch_folder elsewhere;
  std::string path = folder / "node.sock";
};

} // namespace moorage::cli_tests
