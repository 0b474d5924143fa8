#include "tests/bench/bare_connection.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace moorage::bench {

bare_connection::~bare_connection() {
  ssh_free(session_);
  if (fd_ >= 0)
    ::close(fd_);
}

void bare_connection::start_connect() {
  sockaddr_storage where{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(where);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(where);
  if (inet_pton(AF_INET, target_.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(target_.port);
  } else if (inet_pton(AF_INET6, target_.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(target_.port);
  } else {
    throw std::runtime_error("not an address: " + target_.host);
  }
  fd_ = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  socklen_t length = where.ss_family == AF_INET ? sizeof v4 : sizeof v6;
  if (fd_ < 0 || (::connect(fd_, reinterpret_cast<sockaddr*>(&where), length) != 0 && errno != EINPROGRESS))
    fail_with("connect", std::strerror(errno));
}

bool bare_connection::log_in() {
  for (;;) {
    switch (stage_) {
    case stage::tcp: {
      int error = 0;
      socklen_t length = sizeof error;
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
      if (error != 0)
        fail_with("connect", std::strerror(error));
      start_session();
      stage_ = stage::key_exchange;
      break;
    }
    case stage::key_exchange:
      if (!done(ssh_connect(session_), "key exchange"))
        return false;
      // libssh switches the descriptor to blocking on the way.
      fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
      check_host_key();
      stage_ = stage::authentication;
      break;
    case stage::authentication: {
      int rc = ssh_userauth_publickey(session_, nullptr, key_);
      if (rc == SSH_AUTH_AGAIN)
        return false;
      if (rc != SSH_AUTH_SUCCESS)
        fail("authentication");
      stage_ = stage::open;
      break;
    }
    default:
      return true;
    }
  }
}

bool bare_connection::run(std::size_t on, const std::string& command, const std::string& output, int status) {
  auto& c = channels_.at(on);
  for (;;) {
    switch (c.at) {
    case channel::stage::idle:
      start(c);
      break;
    case channel::stage::opening:
      if (!done(ssh_channel_open_session(c.handle), "channel open"))
        return false;
      c.at = channel::stage::requesting;
      break;
    case channel::stage::requesting:
      if (!done(ssh_channel_request_exec(c.handle, command.c_str()), "exec"))
        return false;
      ssh_channel_send_eof(c.handle); // it has no input, as ours has none
      c.at = channel::stage::running;
      break;
    case channel::stage::running:
      if (!c.closed)
        return false;
      if (c.output != output || c.status != status)
        fail_with(command, "ended with " + std::to_string(c.status) + ", printed: " + c.output);
      end(c);
      return true;
    }
  }
}

bool bare_connection::probe() {
  auto& c = channels_.front();
  if (c.at == channel::stage::idle)
    start(c);
  if (!done(ssh_channel_open_session(c.handle), "channel open"))
    return false;
  end(c);
  return true;
}

void bare_connection::drain() {
  if (event_ && ssh_event_dopoll(event_, 0) == SSH_ERROR)
    fail("open connection");
}

bool bare_connection::write_pending() const {
  return !session_ || ssh_get_poll_flags(session_) & SSH_WRITE_PENDING;
}

void bare_connection::say_goodbye() {
  if (!session_)
    return;
  if (event_) {
    ssh_event_dopoll(event_, 0); // or libssh drops its goodbye
    ssh_event_remove_session(event_, session_);
    ssh_event_free(event_);
  }
  ssh_disconnect(session_); // frees the channels, and may close the descriptor or not
  ssh_free(session_);
  session_ = nullptr;
}

void bare_connection::fail_with(const std::string& what, const std::string& why) const {
  throw std::runtime_error(what + ": " + why);
}

bool bare_connection::done(int rc, const char* what) const {
  if (rc != SSH_OK && rc != SSH_AGAIN)
    fail(what);
  return rc == SSH_OK;
}

void bare_connection::start_session() {
  session_ = ssh_new();
  bool no = false;
  ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &no);
  ssh_options_set(session_, SSH_OPTIONS_HOST, target_.host.c_str());
  ssh_options_set(session_, SSH_OPTIONS_USER, target_.user.c_str());
  ssh_options_set(session_, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
  ssh_options_set(session_, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
  if (!target_.host_key.empty())
    ssh_options_set(session_, SSH_OPTIONS_HOSTKEYS,
                    target_.host_key.substr(0, target_.host_key.find(' ')).c_str());
  int ssh_fd = fcntl(fd_, F_DUPFD_CLOEXEC, 0); // libssh closes its own on some paths only
  ssh_options_set(session_, SSH_OPTIONS_FD, &ssh_fd);
  ssh_set_blocking(session_, 0);
}

void bare_connection::check_host_key() {
  event_ = ssh_event_new();
  ssh_event_add_session(event_, session_);
  ssh_set_counters(session_, nullptr, &taken_);
  ssh_key seen = nullptr;
  char* text = nullptr;
  if (ssh_get_server_publickey(session_, &seen) != SSH_OK ||
      ssh_pki_export_pubkey_base64(seen, &text) != SSH_OK)
    fail("host key");
  bool same = target_.host_key.empty() || target_.host_key.substr(target_.host_key.find(' ') + 1) == text;
  ssh_string_free_char(text);
  ssh_key_free(seen);
  if (!same)
    fail_with("host key", "not the expected one");
}

void bare_connection::start(channel& c) {
  c = {};
  c.handle = ssh_channel_new(session_);
  c.callbacks.userdata = &c;
  c.callbacks.channel_data_function = [](ssh_session, ssh_channel, void* bytes, std::uint32_t length,
                                         int is_stderr, void* self) {
    if (!is_stderr)
      static_cast<channel*>(self)->output.append(static_cast<const char*>(bytes), length);
    return static_cast<int>(length);
  };
  c.callbacks.channel_exit_status_function = [](ssh_session, ssh_channel, int status, void* self) {
    static_cast<channel*>(self)->status = status;
  };
  c.callbacks.channel_close_function = [](ssh_session, ssh_channel, void* self) {
    static_cast<channel*>(self)->closed = true;
  };
  ssh_callbacks_init(&c.callbacks);
  ssh_set_channel_callbacks(c.handle, &c.callbacks);
  c.at = channel::stage::opening;
}

void bare_connection::end(channel& c) {
  ssh_remove_channel_callbacks(c.handle, &c.callbacks);
  ssh_channel_free(c.handle); // sends CLOSE; libssh keeps it until the answer is in
  c = {};
}

} // namespace moorage::bench
