#include "runtime/ssh/channels/channel.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <memory>
#include <utility>

#include "messages/ensure.hpp"
#include "runtime/ssh/libssh_session.hpp"

namespace moorage {

namespace {

/// RFC 4254, section 5.1.
std::string meaning_of(unsigned refusal_code) {
  constexpr std::array meanings{"it gives no reason", "it is not allowed", "it did not work",
                                "it knows no such channels", "it has no room for more"};
  return meanings[refusal_code < meanings.size() ? refusal_code : 0];
}

} // namespace

session_channel::session_channel(libssh_session& link, channel_reader* reader,
                                 std::optional<carriage_target> to)
    : link_(link), reader_(reader), to_(std::move(to)) {
  ssh_callbacks_init(&callbacks_);
  callbacks_.userdata = this;
  callbacks_.channel_data_function = on_data;
  callbacks_.channel_eof_function = on_eof;
  callbacks_.channel_close_function = on_close;
  callbacks_.channel_exit_status_function = on_exit_status;
  callbacks_.channel_exit_signal_function = on_exit_signal;
}

session_channel::~session_channel() {
  if (channel_ && link_.session())
    ssh_remove_channel_callbacks(channel_, &callbacks_);
}

/// Have packets come since libssh was last asked? Asking in between costs a system call and cannot help.
bool session_channel::news() {
  return std::exchange(heard_, link_.packets_in()) != link_.packets_in();
}

session_channel::opening session_channel::open() {
  if ((stage_ == stage::fresh || stage_ == stage::opening) && link_.stalled())
    return opening::waiting;
  switch (stage_) {
  case stage::fresh:
    channel_ = ssh_channel_new(link_.session());
    if (!channel_)
      return opening::broken;
    ssh_set_channel_callbacks(channel_, &callbacks_);
    stage_ = stage::opening;
    heard_ = link_.packets_in();
    link_.unasked().expect(unasked_account::per_channel);
    break;
  case stage::opening:
    if (!ssh_channel_is_open(channel_) && !news())
      return opening::waiting;
    break;
  case stage::open:
    return opening::open;
  case stage::refused:
    return opening::refused;
  case stage::gone:
    return opening::broken;
  }
  listening_closely listen; // as below, libssh reads what has come on the way
  // Who asks is nobody's business, and must be said.
  int rc =
      to_ ? ssh_channel_open_forward(channel_, to_->host.c_str(), static_cast<int>(to_->port), "127.0.0.1", 0)
          : ssh_channel_open_session(channel_);
  if (link_.broken()) // also when the channel is open, but not one that can be written to
    return opening::broken;
  // A way may be opened and closed again in what comes at once: libssh takes that for a refusal.
  if (rc == SSH_OK || (to_ && closed_by_peer_)) {
    stage_ = stage::open;
    link_.note_answer();
    return opening::open;
  }
  if (rc == SSH_AGAIN)
    return opening::waiting;
  stage_ = stage::refused;
  link_.note_answer();
  refusal_ = ssh_get_error(link_.session());
  // "Channel opening failure: channel 43 error (1) open failed": the words behind the code are the server's.
  if (auto at = refusal_.find(") "); at != std::string::npos) {
    if (auto code = refusal_.rfind('(', at); code != std::string::npos)
      refusal_code_ = static_cast<unsigned>(std::strtoul(refusal_.c_str() + code + 1, nullptr, 10));
    refusal_ = refusal_.substr(at + 2);
  }
  if (refusal_.find_first_not_of(" \t\r\n") == std::string::npos)
    refusal_ = meaning_of(refusal_code_);
  return opening::refused;
}

session_channel::reply session_channel::answer(request asked, int rc) {
  bool waiting = rc == SSH_AGAIN || link_.broken();
  asked_ = waiting ? asked : request::none;
  if (waiting)
    return reply::waiting;
  link_.note_answer();
  return rc == SSH_OK ? reply::yes : reply::no;
}

session_channel::reply session_channel::set_environment(const std::string& name, const std::string& value) {
  ensure(asked_ == request::none || asked_ == request::environment, "a channel has one request at a time");
  if ((awaits_reply() && !news()) || link_.stalled())
    return reply::waiting;
  if (asked_ == request::none)
    link_.unasked().expect(1);
  heard_ = link_.packets_in();
  listening_closely listen;
  return answer(request::environment, ssh_channel_request_env(channel_, name.c_str(), value.c_str()));
}

session_channel::reply session_channel::execute(const std::string& command) {
  return begin_what(command, &ssh_channel_request_exec);
}

session_channel::reply session_channel::begin_subsystem(const std::string& name) {
  return begin_what(name, &ssh_channel_request_subsystem);
}

session_channel::reply session_channel::begin_what(const std::string& text,
                                                   int (*ask)(ssh_channel, const char*)) {
  ensure(asked_ == request::none || asked_ == request::command, "a channel has one request at a time");
  if ((awaits_reply() && !news()) || link_.stalled())
    return reply::waiting;
  if (asked_ == request::none)
    link_.gather(); // what follows at once: its input, or that there is none
  heard_ = link_.packets_in();
  listening_closely listen;
  return answer(request::command, ask(channel_, text.c_str()));
}

void session_channel::signal(const char* name) {
  if (stage_ == stage::open && !awaits_reply() && !closed_by_us_ && !closed_by_peer_ && !link_.broken())
    ssh_channel_request_send_signal(channel_, name);
}

int session_channel::write(const char* bytes, std::size_t size) {
  // What the server said of the channel's packets may have made this call endless since the last one.
  if (link_.broken())
    return -1;
  if (link_.stalled())
    return 0;
  auto window = std::size_t{ssh_channel_window_size(channel_)};
  size = std::min(size, window); // beyond it libssh would poll for more
  if (size == 0)
    return closed_by_peer_ ? -1 : 0;
  auto sent = link_.packets_out();
  int taken = ssh_channel_write(channel_, bytes, static_cast<std::uint32_t>(size));
  link_.unasked().expect(link_.packets_out() - sent); // each may widen the window
  return taken < 0 ? -1 : taken;
}

void session_channel::end_input() {
  // SSH_AGAIN only says that it waits in the session's buffer.
  ssh_channel_send_eof(channel_);
}

int session_channel::read(output_kind kind, char* bytes, std::size_t size) {
  auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
  const bool error_output = kind == output_kind::error_output;
  int got = ssh_channel_read_nonblocking(channel_, bytes, wanted, error_output);
  auto& left = left_[error_output];
  left -= std::min(left, static_cast<std::size_t>(std::max(got, 0)));
  return got;
}

void session_channel::widen(std::uint32_t window) {
  // Asking for more than the window has makes libssh raise it. What comes meanwhile goes to the callback, so
  // the buffer stays untouched: the system gives it no memory.
  std::unique_ptr<char[]> never_written{new char[window]};
  int got = ssh_channel_read_timeout(channel_, never_written.get(), window, 0, 0);
  if (got > 0 && reader_)
    reader_->output(output_kind::output, never_written.get(), static_cast<std::size_t>(got));
}

bool session_channel::settle() {
  leave();
  if (!link_.session() || link_.broken()) {
    channel_ = nullptr; // freed with the session
    return true;
  }
  if (link_.stalled() || (stage_ == stage::opening && open() == opening::waiting))
    return false;
  if (stage_ == stage::open && !closed_by_us_) {
    // Two messages, and each waits for room: called until it has no more to send.
    for (int i = 0; i < 3 && !closed_by_us_; ++i)
      closed_by_us_ = ssh_channel_close(channel_) == SSH_OK;
    if (!closed_by_us_ && link_.broken()) {
      channel_ = nullptr;
      return true;
    }
  }
  if (stage_ == stage::open && !(closed_by_us_ && closed_by_peer_))
    return false;
  if (channel_) {
    ssh_remove_channel_callbacks(channel_, &callbacks_);
    ssh_channel_free(channel_);
    channel_ = nullptr;
  }
  stage_ = stage::gone;
  return true;
}

int session_channel::on_data(ssh_session, ssh_channel, void* bytes, std::uint32_t size, int is_stderr,
                             void* self) {
  auto& channel = *static_cast<session_channel*>(self);
  auto* reader = channel.reader_;
  if (!reader)
    return static_cast<int>(size);
  auto& left = channel.left_[is_stderr != 0];
  if (size > left) // empty packets are nobody's output
    channel.link_.unasked().expect(1);
  auto kind = is_stderr ? output_kind::error_output : output_kind::output;
  auto taken = reader->output(kind, static_cast<const char*>(bytes), size);
  left = size - taken;
  return static_cast<int>(taken);
}

void session_channel::on_eof(ssh_session, ssh_channel, void* self) {
  static_cast<session_channel*>(self)->end_of_output_ = true;
}

void session_channel::on_close(ssh_session, ssh_channel, void* self) {
  static_cast<session_channel*>(self)->closed_by_peer_ = true;
}

void session_channel::on_exit_status(ssh_session, ssh_channel, int status, void* self) {
  if (auto* reader = static_cast<session_channel*>(self)->reader_)
    reader->exit_status(status);
}

void session_channel::on_exit_signal(ssh_session, ssh_channel, const char* name, int, const char* words,
                                     const char*, void* self) {
  if (auto* reader = static_cast<session_channel*>(self)->reader_)
    reader->exit_signal(name ? name : "", words ? words : "");
}

} // namespace moorage
