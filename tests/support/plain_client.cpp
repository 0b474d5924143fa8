#include "tests/support/plain_client.hpp"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h> // ssh_send_keepalive

#include <poll.h>
#include <sys/socket.h>

namespace moorage::support {
namespace {

using clock = std::chrono::steady_clock;

} // namespace

plain_client::~plain_client() {
  drop();
}

std::string plain_client::error() const {
  std::string text = ssh_get_error(session_);
  return text.empty() ? "unspecified error" : text;
}

void plain_client::have_patience(std::chrono::milliseconds patience) {
  patience_ = patience;
  long micros = std::chrono::duration_cast<std::chrono::microseconds>(patience_).count();
  if (session_ != nullptr)
    ssh_options_set(session_, SSH_OPTIONS_TIMEOUT_USEC, &micros);
}

std::string plain_client::connect(const std::string& host, std::uint16_t port, const std::string& user) {
  drop();
  session_ = ssh_new();
  bool no = false;
  int yes = 1;
  unsigned int port_number = port;
  long micros = std::chrono::duration_cast<std::chrono::microseconds>(patience_).count();
  long seconds = 0;
  ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &no);
  ssh_options_set(session_, SSH_OPTIONS_HOST, host.c_str());
  ssh_options_set(session_, SSH_OPTIONS_PORT, &port_number);
  ssh_options_set(session_, SSH_OPTIONS_USER, user.c_str());
  ssh_options_set(session_, SSH_OPTIONS_NODELAY, &yes);
  ssh_options_set(session_, SSH_OPTIONS_TIMEOUT, &seconds);
  ssh_options_set(session_, SSH_OPTIONS_TIMEOUT_USEC, &micros);
  ssh_options_set(session_, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
  ssh_options_set(session_, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
  return ssh_connect(session_) == SSH_OK ? "" : error();
}

std::string plain_client::auth_outcome(int rc) const {
  switch (rc) {
  case SSH_AUTH_SUCCESS:
    return "";
  case SSH_AUTH_PARTIAL:
    return "partial";
  case SSH_AUTH_DENIED:
    return "denied";
  default:
    return error();
  }
}

std::string plain_client::methods() {
  int rc = ssh_userauth_none(session_, nullptr);
  if (rc == SSH_AUTH_ERROR)
    return error();
  int bits = ssh_userauth_list(session_, nullptr);
  std::string names;
  for (auto [bit, name] : {std::pair{SSH_AUTH_METHOD_PUBLICKEY, "publickey"},
                           {SSH_AUTH_METHOD_PASSWORD, "password"},
                           {SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"}})
    if (bits & static_cast<int>(bit))
      names += (names.empty() ? "" : ",") + std::string(name);
  return names;
}

std::string plain_client::login_with_new_key() {
  ssh_key key = nullptr;
  ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key);
  int rc = ssh_userauth_publickey(session_, nullptr, key);
  ssh_key_free(key);
  return auth_outcome(rc);
}

std::string plain_client::login_with_key_file(const std::string& file) {
  ssh_key key = nullptr;
  if (ssh_pki_import_privkey_file(file.c_str(), nullptr, nullptr, nullptr, &key) != SSH_OK)
    return "cannot read " + file;
  int rc = ssh_userauth_publickey(session_, nullptr, key);
  ssh_key_free(key);
  return auth_outcome(rc);
}

std::string plain_client::login_with_password(const std::string& password) {
  return auth_outcome(ssh_userauth_password(session_, nullptr, password.c_str()));
}

std::string plain_client::login_with_answers(const std::vector<std::string>& answers) {
  int rc = ssh_userauth_kbdint(session_, nullptr, nullptr);
  while (rc == SSH_AUTH_INFO) {
    int prompts = ssh_userauth_kbdint_getnprompts(session_);
    for (int i = 0; i < prompts; ++i) {
      auto at = static_cast<std::size_t>(i);
      ssh_userauth_kbdint_setanswer(session_, static_cast<unsigned>(i),
                                    at < answers.size() ? answers[at].c_str() : "");
    }
    rc = ssh_userauth_kbdint(session_, nullptr, nullptr);
  }
  return auth_outcome(rc);
}

std::string plain_client::open_channel() {
  ssh_channel channel = ssh_channel_new(session_); // freed with the session
  return channel && ssh_channel_open_session(channel) == SSH_OK ? "" : error();
}

namespace {

/// Set before the channel is opened: an answer may bring the whole command's end with it.
ssh_channel_callbacks_struct listen_into(plain_result& result) {
  ssh_channel_callbacks_struct watch{};
  watch.userdata = &result;
  watch.channel_data_function = [](ssh_session, ssh_channel, void* bytes, std::uint32_t length, int is_stderr,
                                   void* into) {
    auto& r = *static_cast<plain_result*>(into);
    (is_stderr ? r.err : r.out).append(static_cast<const char*>(bytes), length);
    return static_cast<int>(length);
  };
  watch.channel_exit_status_function = [](ssh_session, ssh_channel, int status, void* into) {
    static_cast<plain_result*>(into)->status = status;
  };
  watch.channel_exit_signal_function = [](ssh_session, ssh_channel, const char* signal, int, const char*,
                                          const char*,
                                          void* into) { static_cast<plain_result*>(into)->signal = signal; };
  watch.channel_close_function = [](ssh_session, ssh_channel, void* into) {
    static_cast<plain_result*>(into)->closed = true;
  };
  ssh_callbacks_init(&watch);
  return watch;
}

} // namespace

void plain_client::await_close(plain_result& result) {
  auto deadline = clock::now() + patience_;
  ssh_event event = ssh_event_new();
  ssh_event_add_session(event, session_);
  while (!result.closed && result.error.empty()) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0)
      result.error = "no CLOSE in time";
    else if (ssh_event_dopoll(event, static_cast<int>(left)) == SSH_ERROR || !ssh_is_connected(session_))
      result.error = result.closed ? "" : error();
  }
  ssh_event_remove_session(event, session_);
  ssh_event_free(event);
}

plain_result plain_client::run(const std::string& command, const std::string& input,
                               const std::vector<std::pair<std::string, std::string>>& environment,
                               const std::string& signal_to_send) {
  plain_result result;
  auto watch = listen_into(result);
  ssh_channel channel = ssh_channel_new(session_);
  ssh_set_channel_callbacks(channel, &watch);
  const auto fail = [&](const std::string& where) { result.error = where + ": " + error(); };
  const auto prepare = [&] {
    if (ssh_channel_open_session(channel) != SSH_OK)
      return fail("open");
    for (const auto& [name, value] : environment)
      if (ssh_channel_request_env(channel, name.c_str(), value.c_str()) != SSH_OK)
        return fail("env");
    if (ssh_channel_request_exec(channel, command.c_str()) != SSH_OK)
      return fail("exec");
    if (!input.empty() &&
        ssh_channel_write(channel, input.data(), static_cast<std::uint32_t>(input.size())) < 0)
      return fail("write");
    ssh_channel_send_eof(channel);
    if (!signal_to_send.empty())
      ssh_channel_request_send_signal(channel, signal_to_send.c_str());
    await_close(result);
  };
  prepare();
  ssh_remove_channel_callbacks(channel, &watch);
  ssh_channel_free(channel);
  return result;
}

std::uint64_t plain_client::push(const std::string& command, std::uint64_t bytes) {
  ssh_channel channel = ssh_channel_new(session_);
  if (ssh_channel_open_session(channel) != SSH_OK ||
      ssh_channel_request_exec(channel, command.c_str()) != SSH_OK)
    return 0;
  const std::string block(64 * 1024, 'x');
  ssh_set_blocking(session_, 0);
  std::uint64_t sent = 0;
  for (auto deadline = clock::now() + patience_; sent < bytes && clock::now() < deadline;) {
    int put = ssh_channel_write(channel, block.data(), static_cast<std::uint32_t>(block.size()));
    if (put > 0) {
      sent += static_cast<std::uint64_t>(put);
      deadline = clock::now() + patience_;
      continue;
    }
    pollfd p{ssh_get_fd(session_), POLLIN, 0};
    poll(&p, 1, static_cast<int>(patience_.count()));
    ssh_channel_poll(channel, 0);
  }
  ssh_set_blocking(session_, 1);
  return sent;
}

std::string plain_client::host_key() const {
  ssh_key key = nullptr;
  if (ssh_get_server_publickey(session_, &key) != SSH_OK)
    return "";
  char* text = nullptr;
  ssh_pki_export_pubkey_base64(key, &text);
  std::string result = std::string(ssh_key_type_to_char(ssh_key_type(key))) + " " + text;
  ssh_string_free_char(text);
  ssh_key_free(key);
  return result;
}

bool plain_client::connected() const {
  return session_ && ssh_is_connected(session_);
}

bool plain_client::wait_for_end() {
  ssh_event event = ssh_event_new();
  ssh_event_add_session(event, session_);
  auto deadline = clock::now() + patience_;
  while (ssh_is_connected(session_) && clock::now() < deadline)
    if (ssh_event_dopoll(event, static_cast<int>(patience_.count())) == SSH_ERROR)
      break;
  bool ended = !ssh_is_connected(session_) || ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR);
  ssh_event_remove_session(event, session_);
  ssh_event_free(event);
  return ended;
}

bool plain_client::keepalive_answered() {
  ssh_counter_struct raw{};
  ssh_set_counters(session_, nullptr, &raw);
  for (int i = 0; i < 2; ++i) // libssh sends only every second one
    ssh_send_keepalive(session_);
  bool answered = raw.in_packets > 0;
  ssh_set_counters(session_, nullptr, nullptr);
  return answered;
}

void plain_client::disconnect() {
  if (session_) {
    // libssh drops its goodbye unless it has just seen that the socket takes it.
    ssh_event event = ssh_event_new();
    ssh_event_add_session(event, session_);
    ssh_event_dopoll(event, 0);
    ssh_event_remove_session(event, session_);
    ssh_event_free(event);
    ssh_disconnect(session_);
    ssh_free(session_);
  }
  session_ = nullptr;
}

void plain_client::drop() {
  if (!session_)
    return;
  if (int fd = ssh_get_fd(session_); fd >= 0)
    shutdown(fd, SHUT_RDWR); // libssh's own farewell has nowhere to go then
  ssh_free(session_);
  session_ = nullptr;
}

} // namespace moorage::support
