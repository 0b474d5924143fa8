#include "tests/support/agents.hpp"

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <mutex>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/system/descriptors.hpp"

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

/// The listening socket is made here and handed to nobody: ssh-agent makes its own, so wait until a connect
/// works.
bool answers(const std::string& path) {
  auto where = address_of(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected = connect(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
  close(fd);
  return connected;
}

process_spec agent_spec(const std::string& socket, const std::vector<std::string>& environment) {
  process_spec spec;
  spec.argv = {"ssh-agent", "-D", "-a", socket};
  spec.environment = environment;
  return spec;
}

} // namespace

ssh_agent::ssh_agent(const std::vector<std::string>& key_files, const std::vector<std::string>& environment)
    : process_(agent_spec(socket(), environment)) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!answers(socket())) { // it creates the socket at once; there is nothing to wait on but the socket
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("ssh-agent does not start");
    poll(nullptr, 0, 1);
  }
  for (const auto& file : key_files)
    add(file);
}

void ssh_agent::add(const std::string& key_file, const std::vector<std::string>& options) {
  process_spec spec;
  spec.argv = {"ssh-add", "-q"};
  spec.argv.insert(spec.argv.end(), options.begin(), options.end());
  spec.argv.push_back(key_file);
  spec.environment = {"SSH_AUTH_SOCK=" + socket()};
  if (run_to_end(spec) != 0)
    throw std::runtime_error("ssh-add refuses " + key_file);
}

std::vector<std::string> confirming_agent::environment(const scratch_folder& folder) {
  auto program = folder / "askpass";
  std::ofstream{program} << "#!/bin/sh\necho \"$1\" | tr -d '\\n' >> " << folder / "questions"
                         << "; echo >> " << folder / "questions"
                         << "\nread answer < " << folder / "answer"
                         << "\ntest \"$answer\" = yes\n";
  ::chmod(program.c_str(), 0700);
  ::mkfifo((folder / "answer").c_str(), 0600);
  return {"SSH_ASKPASS=" + program, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0"};
}

confirming_agent::confirming_agent(const std::vector<std::string>& key_files,
                                   const std::vector<std::string>& options)
    : agent_({}, environment(folder_)) {
  auto all = options;
  all.push_back("-c");
  for (const auto& file : key_files)
    agent_.add(file, all);
}

std::size_t confirming_agent::asked() const {
  std::ifstream in{folder_ / "questions"};
  std::string line;
  std::size_t lines = 0;
  while (std::getline(in, line))
    lines += line.find("Allow use of key") != std::string::npos; // else it tells of a touch that it waits for
  return lines;
}

void confirming_agent::answer(bool yes) {
  tell_by_fifo(folder_ / "answer", yes ? "yes\n" : "no\n");
}

void tell_by_fifo(const std::string& fifo, const std::string& text) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (;; poll(nullptr, 0, 10)) {
    unique_fd to{open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
    if (to && write(to.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
      return;
    if (std::chrono::steady_clock::now() >= deadline)
      throw std::runtime_error("nobody reads " + fifo);
  }
}

std::string security_key_provider() {
  std::string path = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";
  return ::access(path.c_str(), R_OK) == 0 ? path : std::string{};
}

struct asking_agent::shared {
  manner how;
  std::mutex mutex;
  std::condition_variable changed;
  int asked = 0;
  bool signs = false;
  bool over = false;
  std::vector<int> clients;
};

namespace {

bool receive_all(int fd, char* into, std::size_t size) {
  while (size > 0) {
    auto got = recv(fd, into, size, 0);
    if (got <= 0)
      return false;
    into += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

/// One message with its length; empty: the other side has gone.
std::string receive_framed(int fd) {
  unsigned char length[4];
  if (!receive_all(fd, reinterpret_cast<char*>(length), sizeof length))
    return {};
  std::size_t size = static_cast<std::size_t>(length[0]) << 24 | length[1] << 16 | length[2] << 8 | length[3];
  std::string message(reinterpret_cast<char*>(length), sizeof length);
  message.resize(sizeof length + size);
  return receive_all(fd, message.data() + sizeof length, size) ? message : std::string{};
}

bool send_all(int fd, const std::string& message) {
  return send(fd, message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
}

int listen_on(const std::string& path) {
  auto where = address_of(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 || listen(fd, 64) != 0)
    throw std::runtime_error("cannot listen on " + path + ": " + std::strerror(errno));
  return fd;
}

} // namespace

asking_agent::asking_agent(const ssh_agent& real, manner how) : real_(real.socket()), shared_(new shared) {
  shared_->how = how;
  listener_ = listen_on(socket());
  thread_ = std::thread([this] {
    std::vector<std::thread> relays;
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      std::lock_guard guard{shared_->mutex};
      shared_->clients.push_back(fd);
      relays.emplace_back([this, fd] { relay(fd); });
    }
    for (auto& each : relays)
      each.join();
  });
}

asking_agent::~asking_agent() {
  {
    std::lock_guard guard{shared_->mutex};
    shared_->over = true;
    for (int fd : shared_->clients)
      shutdown(fd, SHUT_RDWR);
  }
  shared_->changed.notify_all();
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  for (int fd : shared_->clients)
    close(fd);
  close(listener_);
}

void asking_agent::relay(int client) {
  constexpr char sign_request = 13;
  int agent = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto where = address_of(real_);
  bool goes_on = connect(agent, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
  while (goes_on) {
    auto request = receive_framed(client);
    if (request.empty())
      break;
    if (request[4] == sign_request) {
      std::unique_lock guard{shared_->mutex};
      ++shared_->asked;
      shared_->changed.notify_all();
      if (shared_->how == manner::keeps)
        shared_->changed.wait(guard, [this] { return shared_->signs || shared_->over; });
      if (shared_->how == manner::hangs_up || shared_->over)
        break;
    }
    if (request[4] == sign_request && shared_->how == manner::refuses)
      goes_on = send_all(client, std::string{"\0\0\0\x01\x05", 5});
    else
      goes_on = send_all(agent, request) && send_all(client, receive_framed(agent));
  }
  shutdown(client, SHUT_RDWR);
  close(agent);
}

int asking_agent::asked() const {
  std::lock_guard guard{shared_->mutex};
  return shared_->asked;
}

void asking_agent::let_sign() {
  std::lock_guard guard{shared_->mutex};
  shared_->signs = true;
  shared_->changed.notify_all();
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
