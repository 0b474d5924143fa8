#include "tests/support/agents.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace moorage::support {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.size() >= sizeof where.sun_path)
    throw std::runtime_error("too long for a Unix socket: " + path);
  std::strcpy(where.sun_path, path.c_str());
  return where;
}

/// The listening socket is made here and handed to nobody: ssh-agent makes its
/// own, so wait until a connect works.
bool answers(const std::string& path) {
  auto where = address_of(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected = connect(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
  close(fd);
  return connected;
}

process_spec agent_spec(const std::string& socket) {
  process_spec spec;
  spec.argv = {"ssh-agent", "-D", "-a", socket};
  return spec;
}

} // namespace

ssh_agent::ssh_agent(const std::vector<std::string>& key_files) : process_(agent_spec(socket())) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!answers(socket())) { // it creates the socket at once; there is nothing to wait on but the socket
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("ssh-agent does not start");
    poll(nullptr, 0, 1);
  }
  for (const auto& file : key_files)
    add(file);
}

void ssh_agent::add(const std::string& key_file) {
  process_spec spec;
  spec.argv = {"ssh-add", "-q", key_file};
  spec.environment = {"SSH_AUTH_SOCK=" + socket()};
  if (run_to_end(spec) != 0)
    throw std::runtime_error("ssh-add refuses " + key_file);
}

struct hung_agent::shared {
  manner how;
  std::atomic<int> accepted{0};
};

hung_agent::hung_agent(manner how) : shared_(new shared{how}) {
  auto where = address_of(socket());
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 ||
      listen(listener_, how == manner::never_accepts ? 0 : 64) != 0)
    throw std::runtime_error("cannot listen on " + socket() + ": " + std::strerror(errno));
  if (how == manner::never_accepts)
    return;
  wake_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this, listener = listener_, wake = wake_] {
    std::vector<int> taken;
    pollfd waits[2] = {{listener, POLLIN, 0}, {wake, POLLIN, 0}};
    while (poll(waits, 2, -1) >= 0 && !waits[1].revents) {
      int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0)
        continue;
      ++shared_->accepted;
      if (shared_->how == manner::hangs_up)
        close(fd);
      else
        taken.push_back(fd);
    }
    for (int fd : taken)
      close(fd);
  });
}

hung_agent::~hung_agent() {
  if (thread_.joinable()) {
    eventfd_write(wake_, 1);
    thread_.join();
    close(wake_);
  }
  close(listener_);
}

int hung_agent::accepted() const {
  return shared_->accepted;
}

} // namespace moorage::support
