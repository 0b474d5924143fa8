#include "tests/support/fake_server.hpp"

#include "tests/support/fake_connection.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <future>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace moorage::support {
namespace {

constexpr std::size_t remembered_max = 10'000;

std::uint64_t token_of(std::uint64_t connection, fake_server::descriptor which) {
  return connection << 2 | static_cast<std::uint64_t>(which);
}

socklen_t address_of(const std::string& host, std::uint16_t port, sockaddr_storage& into) {
  into = {};
  auto& v4 = reinterpret_cast<sockaddr_in&>(into);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(into);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return sizeof v4;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return sizeof v6;
  }
  throw std::runtime_error("not an address: " + host);
}

} // namespace

fake_server::fake_server(fake_sshd_settings settings)
    : settings_(std::move(settings)), port_(settings_.port) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  watch(wake_, 0, descriptor::wake, EPOLLIN, false);
  change_host_key();
  bind_port();
  if (settings_.listening)
    listen(true);
  thread_ = std::thread([this] { run(); });
}

fake_server::~fake_server() {
  ask([this] { stopping_ = true; });
  thread_.join();
  connections_.clear();
  ssh_bind_free(bind_);
  ssh_key_free(key_);
  for (int fd : {listener_, wake_, epoll_})
    close(fd);
}

void fake_server::bind_port() {
  sockaddr_storage where;
  auto length = address_of(settings_.host, port_, where);
  listener_ = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Accepted sockets inherit it, which saves a call a connection.
  setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&where), length) != 0)
    throw std::runtime_error("cannot bind to " + settings_.host + ": " + std::strerror(errno));
  getsockname(listener_, reinterpret_cast<sockaddr*>(&where), &length);
  port_ = ntohs(where.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(where).sin_port
                                           : reinterpret_cast<sockaddr_in6&>(where).sin6_port);
}

void fake_server::listen(bool on) {
  if (on == listening_)
    return;
  if (on) {
    if (::listen(listener_, 4096) != 0)
      throw std::runtime_error(std::string("cannot listen: ") + std::strerror(errno));
    watch(listener_, 0, descriptor::listener, EPOLLIN, false);
  } else {
    // A bound socket that does not listen refuses, and keeps the port ours.
    unwatch(listener_);
    close(listener_);
    bind_port();
  }
  listening_ = on;
}

void fake_server::change_host_key() {
  ssh_key fresh = nullptr;
  if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &fresh) != SSH_OK)
    throw std::runtime_error("cannot make a host key");
  ssh_bind_free(bind_);
  ssh_key_free(key_);
  key_ = fresh;
  bind_ = ssh_bind_new();
  bool read_config = false; // or every connection would read /etc/ssh/libssh_server_config
  ssh_bind_options_set(bind_, SSH_BIND_OPTIONS_PROCESS_CONFIG, &read_config);
  ssh_bind_options_set(bind_, SSH_BIND_OPTIONS_IMPORT_KEY, ssh_key_dup(key_)); // the bind owns the copy
  char* text = nullptr;
  ssh_pki_export_pubkey_base64(key_, &text);
  unsigned char* hash = nullptr;
  std::size_t length = 0;
  ssh_get_publickey_hash(key_, SSH_PUBLICKEY_HASH_SHA256, &hash, &length);
  char* fingerprint = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length);
  std::lock_guard lock(books_mutex_);
  host_key_ = std::string("ssh-ed25519 ") + text;
  fingerprint_ = fingerprint;
  ssh_string_free_char(text);
  ssh_string_free_char(fingerprint);
  ssh_clean_pubkey_hash(&hash);
}

void fake_server::next(int count, const fake_faults& faults) {
  overrides_.insert(overrides_.end(), static_cast<std::size_t>(count), faults);
}

void fake_server::for_each(const std::function<void(fake_connection&)>& visit) {
  for (auto& [id, connection] : connections_)
    if (!connection->gone())
      visit(*connection);
}

void fake_server::watch(int fd, std::uint64_t connection, descriptor which, std::uint32_t events,
                        bool known) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token_of(connection, which);
  epoll_ctl(epoll_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
}

void fake_server::unwatch(int fd) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void fake_server::after(std::chrono::milliseconds delay, std::uint64_t connection,
                        std::function<void()> then) {
  timers_.emplace(clock::now() + delay, std::pair{connection, std::move(then)});
}

void fake_server::run() {
  while (!stopping_) {
    await_and_dispatch();
    run_tasks();
    if (!frozen_) {
      fire_timers();
      for (auto id : std::exchange(again_, {}))
        if (auto found = connections_.find(id); found != connections_.end())
          found->second->pump();
    }
    for (auto id : std::exchange(retired_, {}))
      connections_.erase(id);
  }
  run_tasks(); // whoever asks while we stop still gets an answer
}

int fake_server::timeout_ms() const {
  if (!again_.empty() || !retired_.empty())
    return 0;
  if (timers_.empty())
    return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - clock::now()).count();
  return static_cast<int>(std::max<long>(left, 0));
}

void fake_server::await_and_dispatch() {
  if (frozen_) {
    pollfd p{wake_, POLLIN, 0};
    poll(&p, 1, -1);
    return;
  }
  accept_due_ = false;
  dispatch_ready(timeout_ms());
  if (!accept_due_)
    return;
  // A client that closes one connection and then opens another has never had both.
  // So take the new ones off the queue, look once more for the ends of old ones, and only then count:
  // whatever ended before an accepted one began is ready by now.
  auto fresh = accept_all();
  dispatch_ready(0);
  for (int fd : fresh)
    adopt(fd);
}

void fake_server::dispatch_ready(int timeout) {
  epoll_event events[256];
  for (int got = 256; got == 256; timeout = 0) {
    got = epoll_wait(epoll_, events, 256, timeout);
    for (int i = 0; i < got; ++i)
      dispatch(events[i].data.u64, events[i].events);
  }
}

void fake_server::dispatch(std::uint64_t token, std::uint32_t events) {
  auto which = static_cast<descriptor>(token & 3);
  if (which == descriptor::wake)
    return;
  if (which == descriptor::listener) {
    accept_due_ = true;
    return;
  }
  if (auto found = connections_.find(token >> 2); found != connections_.end())
    found->second->ready(which, events);
}

std::vector<int> fake_server::accept_all() {
  std::vector<int> fresh;
  for (;;) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      fresh.push_back(fd);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE) { // readiness would not let go: look again in a while
      watch(listener_, 0, descriptor::listener, 0, true);
      after(std::chrono::milliseconds(50), 0, [this] {
        if (listening_)
          watch(listener_, 0, descriptor::listener, EPOLLIN, true);
      });
    }
    return fresh;
  }
}

void fake_server::adopt(int fd) {
  std::optional<fake_faults> own;
  if (!overrides_.empty()) {
    own = std::move(overrides_.front());
    overrides_.pop_front();
  }
  {
    std::lock_guard lock(books_mutex_);
    connect_times_.push_back(clock::now());
  }
  count([](fake_counters& c) {
    ++c.connects;
    c.open_max = std::max(c.open_max, ++c.open);
  });
  auto id = ++last_id_;
  auto& made = connections_[id];
  made = std::make_unique<fake_connection>(*this, id, fd, std::move(own));
  made->begin();
}

void fake_server::fire_timers() {
  while (!timers_.empty() && timers_.begin()->first <= clock::now()) {
    auto [connection, then] = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    if (connection == 0 || connections_.count(connection))
      then();
  }
}

void fake_server::run_tasks() {
  std::uint64_t ignored;
  (void)!read(wake_, &ignored, sizeof ignored);
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard lock(tasks_mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks)
    task();
}

void fake_server::ask(const std::function<void()>& on_loop) {
  std::promise<void> done;
  auto answer = done.get_future();
  {
    std::lock_guard lock(tasks_mutex_);
    tasks_.push_back([&] {
      try {
        on_loop();
        done.set_value();
      } catch (...) {
        done.set_exception(std::current_exception());
      }
    });
  }
  eventfd_write(wake_, 1);
  answer.get();
}

void fake_server::count(const std::function<void(fake_counters&)>& change) {
  std::lock_guard lock(books_mutex_);
  change(books_);
  if (watchers_ > 0)
    books_changed_.notify_all();
}

void fake_server::note_command(const std::string& command) {
  std::lock_guard lock(books_mutex_);
  commands_.push_back(command);
  if (commands_.size() > remembered_max)
    commands_.pop_front();
}

void fake_server::note_user(const std::string& user) {
  std::lock_guard lock(books_mutex_);
  users_.push_back(user);
  if (users_.size() > remembered_max)
    users_.pop_front();
}

fake_counters fake_server::counters() const {
  std::lock_guard lock(books_mutex_);
  return books_;
}

bool fake_server::wait_until(const std::function<bool(const fake_counters&)>& holds,
                             std::chrono::milliseconds patience) const {
  std::unique_lock lock(books_mutex_);
  ++watchers_;
  bool held = books_changed_.wait_for(lock, patience, [&] { return holds(books_); });
  --watchers_;
  return held;
}

std::vector<fake_server::clock::time_point> fake_server::connect_times() const {
  std::lock_guard lock(books_mutex_);
  return connect_times_;
}

std::vector<std::string> fake_server::commands() const {
  std::lock_guard lock(books_mutex_);
  return {commands_.begin(), commands_.end()};
}

std::vector<std::string> fake_server::users() const {
  std::lock_guard lock(books_mutex_);
  return {users_.begin(), users_.end()};
}

std::string fake_server::host_key() const {
  std::lock_guard lock(books_mutex_);
  return host_key_;
}

std::string fake_server::host_key_fingerprint() const {
  std::lock_guard lock(books_mutex_);
  return fingerprint_;
}

} // namespace moorage::support
