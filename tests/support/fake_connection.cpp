#include "tests/support/fake_connection.hpp"

#include "tests/support/fake_channel.hpp"
#include "tests/support/fake_wire.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace moorage::support {
namespace {

constexpr const char* our_banner = "SSH-2.0-moorage_fake_sshd\r\n";
constexpr int rounds_max = 16; // then the others get their turn

void put(std::string& packet, const std::string& text) {
  for (int shift : {24, 16, 8, 0})
    packet.push_back(static_cast<char>(text.size() >> shift));
  packet += text;
}

/// A lawful SSH_MSG_KEXINIT in the clear, from a server that will never say more.
std::string lone_kexinit() {
  std::string payload(1, '\x14');
  payload.append(16, 'c'); // the cookie
  const char* ciphers = "aes256-ctr,aes128-ctr";
  const char* macs = "hmac-sha2-256";
  for (const char* names :
       {"curve25519-sha256", "ssh-ed25519", ciphers, ciphers, macs, macs, "none", "none", "", ""})
    put(payload, names);
  payload.append(5, '\0'); // no guess follows; reserved
  std::size_t padding = 8 - (payload.size() + 5) % 8;
  padding += padding < 4 ? 8 : 0;
  std::string packet;
  for (int shift : {24, 16, 8, 0})
    packet.push_back(static_cast<char>((payload.size() + padding + 1) >> shift));
  packet.push_back(static_cast<char>(padding));
  return packet + payload + std::string(padding, '\0');
}

void send_raw(int fd, const std::string& text) {
  (void)!send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

} // namespace

fake_connection::fake_connection(fake_server& server, std::uint64_t id, int fd,
                                 std::optional<fake_faults> own)
    : server_(server), id_(id), fd_(fd), own_(std::move(own)) {
  ++server_.logging_in;
}

fake_connection::~fake_connection() {
  close_socket();
  ssh_free(session_);
}

void fake_connection::begin() {
  const auto& f = faults();
  if (f.startups_max > 0 && server_.logging_in > f.startups_max)
    return end(false);
  if (strike(phase::accepted))
    return;
  watch(EPOLLRDHUP);
  if (f.banner_delay.count() > 0)
    after(f.banner_delay, [this] { speak(); });
  else
    speak();
}

bool fake_connection::greet_raw() {
  const auto& f = faults();
  if (!f.lines_before_banner.empty())
    send_raw(fd_, f.lines_before_banner);
  if (!f.foreign_banner.empty()) {
    send_raw(fd_, f.foreign_banner);
    if (strike(phase::banner))
      return true;
  } else if (f.break_at == phase::banner || f.break_at == phase::key_exchange) {
    send_raw(fd_, our_banner);
    if (strike(phase::banner))
      return true;
    send_raw(fd_, lone_kexinit());
  } else {
    return false;
  }
  state_ = state::reading_raw;
  watch(EPOLLIN | EPOLLRDHUP);
  return true;
}

void fake_connection::read_raw() {
  char bytes[4096];
  for (ssize_t got; (got = recv(fd_, bytes, sizeof bytes, 0)) != -1 || errno == EINTR;) {
    if (got == 0)
      return end(true);
    if (got > 0 && raw_.size() < 4096)
      raw_.append(bytes, static_cast<std::size_t>(got));
  }
  if (errno != EAGAIN)
    return end(true);
  auto line_end = raw_.find('\n');
  if (faults().foreign_banner.empty() && line_end != std::string::npos && raw_.size() > line_end + 1)
    strike(phase::key_exchange);
}

void fake_connection::speak() {
  if (greet_raw())
    return;
  const auto& f = faults();
  if (f.one_byte_writes || f.latency.count() > 0)
    wire_ = std::make_unique<fake_wire>(fd_, f.latency, f.one_byte_writes);
  session_ = ssh_new();
  ssh_set_blocking(session_, 0);
  // libssh closes its descriptor on some paths and not on others: it gets its own.
  int ssh_fd = fcntl(wire_ ? wire_->ssh_side() : fd_, F_DUPFD_CLOEXEC, 0);
  if (ssh_fd < 0 || ssh_bind_accept_fd(server_.bind(), session_, ssh_fd) != SSH_OK)
    return end(false);
  ssh_set_counters(session_, &bytes_, &packets_);
  callbacks_.userdata = this;
  callbacks_.global_request_function = [](ssh_session, ssh_message request, void* self) {
    auto& connection = *static_cast<fake_connection*>(self);
    if (ssh_message_subtype(request) != SSH_GLOBAL_REQUEST_KEEPALIVE)
      return void(ssh_message_reply_default(request));
    connection.server_.count([](fake_counters& c) { ++c.keepalives; });
    if (connection.faults().keepalives_answered)
      ssh_message_global_request_reply_success(request, 0);
  };
  ssh_callbacks_init(&callbacks_);
  ssh_set_callbacks(session_, &callbacks_);
  state_ = state::speaking;
  if (wire_)
    server_.watch(wire_->our_side(), id_, fake_server::descriptor::wire, EPOLLIN, false);
  pump();
}

void fake_connection::ready(fake_server::descriptor, std::uint32_t events) {
  switch (state_) {
  case state::waiting:
  case state::muted:
    // What the client sent stays unread, but that it has gone can be seen. The socket stays open until both
    // directions have ended: a silent peer says no FIN.
    if (std::exchange(counted_open_, false))
      server_.count([](fake_counters& c) { --c.open, ++c.hang_ups; });
    if (events & (EPOLLHUP | EPOLLERR) || state_ == state::waiting)
      close_socket();
    else
      watch(0);
    return;
  case state::reading_raw:
    return read_raw();
  case state::speaking:
    return pump();
  case state::gone:
    return;
  }
}

void fake_connection::watch(std::uint32_t events) {
  if (watched_ && watched_events_ == events)
    return;
  server_.watch(fd_, id_, fake_server::descriptor::session, events, std::exchange(watched_, true));
  watched_events_ = events;
}

void fake_connection::pump() {
  if (state_ != state::speaking || pumping_)
    return;
  pumping_ = true;
  bool wire_lives = !wire_ || wire_->move_in();
  bool more = false;
  if (!exchanged_) {
    int rc = ssh_handle_key_exchange(session_);
    if (rc == SSH_OK) {
      exchanged_ = true;
      server_.count([](fake_counters& c) { ++c.handshakes; });
    } else if (rc != SSH_AGAIN) {
      pumping_ = false;
      return end(true);
    }
  }
  for (int round = 0; exchanged_ && round < rounds_max && state_ == state::speaking; ++round) {
    auto heard = packets_.in_packets;
    more = false;
    while (ssh_message message = state_ == state::speaking ? ssh_message_get(session_) : nullptr) {
      on_message(message);
      more = true;
    }
    note_goodbye(); // before a channel's writing puts another error in its place
    if (state_ == state::speaking)
      more |= progress_channels();
    // libssh also reads while it writes: what came then waits in its queue, and no event will tell.
    more |= packets_.in_packets != heard;
    if (!more)
      break;
  }
  pumping_ = false;
  if (state_ != state::speaking)
    return;
  if (wire_) {
    wire_->move_out();
    server_.watch(wire_->our_side(), id_, fake_server::descriptor::wire, wire_->our_events(), true);
    watch(wire_->tcp_events());
    set_wire_alarm();
  } else {
    watch(EPOLLIN | (ssh_get_poll_flags(session_) & SSH_WRITE_PENDING ? EPOLLOUT : 0U));
  }
  if (ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR) || (!wire_lives && !more))
    return end(true);
  if (more)
    server_.again(id_);
}

void fake_connection::set_wire_alarm() {
  bool libssh_waits = ssh_get_poll_flags(session_) & SSH_WRITE_PENDING && wire_->our_events() & EPOLLIN;
  auto due = libssh_waits ? fake_wire::clock::now() : wire_->next_due();
  if (due >= wire_alarm_)
    return;
  wire_alarm_ = due;
  after(std::chrono::ceil<std::chrono::milliseconds>(due - fake_wire::clock::now()),
        [this] { wire_alarm_ = fake_wire::clock::time_point::max(); });
}

void fake_connection::after(std::chrono::milliseconds delay, std::function<void()> then) {
  server_.after(delay, id_, [this, then = std::move(then)] {
    if (state_ == state::muted || state_ == state::gone)
      return;
    then();
    pump();
  });
}

bool fake_connection::strike(phase at) {
  if (faults().break_at != at)
    return false;
  break_off(faults().break_how);
  return true;
}

void fake_connection::break_off(breakage how, const char* words) {
  if (state_ == state::gone)
    return;
  server_.count([](fake_counters& c) { ++c.broken; });
  if (how == breakage::silence)
    return mute();
  if (how == breakage::reset) {
    linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    wire_.reset();
  } else if (how == breakage::disconnect && session_ && state_ == state::speaking) {
    // libssh writes at once only what it has seen room for: let it look first.
    while (ssh_message unanswered = ssh_message_get(session_))
      ssh_message_free(unanswered);
    ssh_session_set_disconnect_message(session_, words);
    ssh_disconnect(session_);
  }
  end(false);
}

void fake_connection::mute() {
  if (state_ == state::gone)
    return;
  state_ = state::muted;
  if (wire_)
    server_.unwatch(wire_->our_side());
  watch(counted_open_ ? EPOLLRDHUP : 0U);
}

void fake_connection::logged_in() {
  if (std::exchange(counted_logging_in_, false))
    --server_.logging_in;
}

void fake_connection::note_goodbye() {
  said_goodbye_ = said_goodbye_ || (session_ && std::strstr(ssh_get_error(session_), "SSH_MSG_DISCONNECT"));
}

void fake_connection::end(bool by_client) {
  if (state_ == state::gone)
    return;
  if (by_client) {
    note_goodbye();
    server_.count([&](fake_counters& c) { ++(said_goodbye_ ? c.goodbyes : c.hang_ups); });
  }
  close_socket();
}

void fake_connection::close_socket() {
  if (state_ == state::gone)
    return;
  state_ = state::gone;
  logged_in();
  for (auto message : held_)
    ssh_message_free(message);
  held_.clear();
  int open_channels = static_cast<int>(channels_.size());
  for (auto& channel : channels_)
    channel->abandon();
  if (wire_)
    wire_->flush();
  // Never free a session under its own callback: the server does it later.
  server_.unwatch(fd_);
  if (!pumping_ && session_)
    ssh_free(std::exchange(session_, nullptr));
  close(fd_);
  server_.count([&](fake_counters& c) {
    c.channels_open -= open_channels;
    if (std::exchange(counted_open_, false))
      --c.open;
  });
  server_.retire(id_);
}

} // namespace moorage::support
