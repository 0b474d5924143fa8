#include "runtime/ssh/channels/carried_channel.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "messages/printable.hpp"
#include "runtime/ssh/libssh_session.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;

/// A packet of libssh's.
constexpr std::size_t carried_piece = 32u << 10;

/// Whoever was carried and has gone may have left its last words: so long the peer may take to read them.
constexpr auto last_words_patience = 1s;

// Why a channel was not opened (RFC 4254, section 5.1).
constexpr unsigned prohibited = 1;
constexpr unsigned connect_failed = 2;

} // namespace

carried_channel::carried_channel(stream_id id, std::shared_ptr<carried_socket> what, carriage_target to,
                                 libssh_session& link, readiness& loop, waker wake)
    : id_(id), what_(std::move(what)), to_(std::move(to)), link_(link),
      channel_(std::make_unique<session_channel>(link, this, to_)),
      watch_(loop.add(what_->fd(), std::move(wake))) {
  what_->ask();
}

void carried_channel::advance(time_point now, std::size_t& share) {
  if (over_)
    return;
  eager_ = false;
  if (!watch_.armed())
    readable_ = writable_ = true;
  const bool open = opened();
  if (over_)
    return;
  feed(share);
  if (open) {
    drain();
    look_for_end(now);
  } else if (gone_) {
    finish("what was to be carried was given up");
  }
  if (!over_)
    watch_socket();
}

/// True: bytes may go both ways.
bool carried_channel::opened() {
  if (open_)
    return true;
  switch (channel_->open()) {
  case session_channel::opening::open:
    open_ = true;
    what_->begin();
    break;
  case session_channel::opening::refused:
    refused();
    break;
  case session_channel::opening::waiting:
  case session_channel::opening::broken:
    break;
  }
  return open_;
}

void carried_channel::refused() {
  const auto words = printable(channel_->refusal());
  const auto there = (to_.host.find(':') == std::string::npos ? to_.host : "[" + to_.host + "]") + ":" +
                     std::to_string(to_.port);
  auto text = "it opens no channel to " + there + ": " + words;
  if (channel_->refusal_code() == prohibited)
    text =
        "it forbids forwarding to " + there + " (sshd_config(5): AllowTcpForwarding, PermitOpen): " + words;
  else if (channel_->refusal_code() == connect_failed)
    text = "it cannot reach " + there + ": " + words;
  const failure why{channel_->refusal_code() == prohibited ? errc::channel_refused : errc::connect_failed,
                    text};
  what_->refuse();
  finish(text, &why);
}

/// One piece, while none is held: so that the end of whoever is carried is seen also where nothing can be
/// sent on.
void carried_channel::receive() {
  char bytes[carried_piece];
  const auto got = ::recv(what_->fd(), bytes, sizeof bytes, MSG_DONTWAIT);
  if (got > 0) {
    input_.assign(bytes, static_cast<std::size_t>(got));
    return;
  }
  readable_ = false;
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    readable_ = errno == EINTR;
    return;
  }
  input_ended_ = true;
  gone_ = gone_ || got < 0;
  look_for_hang_up();
}

void carried_channel::look_for_hang_up() {
  pollfd one{what_->fd(), 0, 0};
  gone_ = gone_ || (::poll(&one, 1, 0) > 0 && (one.revents & (POLLHUP | POLLERR)) != 0);
}

/// From the socket to the channel.
void carried_channel::feed(std::size_t& share) {
  std::size_t fed = 0;
  while (!input_over_) {
    if (input_.empty() && readable_ && !input_ended_)
      receive();
    if (input_.empty() || !open_)
      break;
    if (link_.write_pending())
      break;
    if (fed >= carried_piece * 2 || share == 0) {
      eager_ = true;
      break;
    }
    const int taken = channel_->write(input_.data(), input_.size());
    if (taken < 0) {
      input_over_ = true;
      std::string{}.swap(input_);
      break;
    }
    if (taken == 0) {
      look_for_hang_up();
      break;
    }
    const auto size = static_cast<std::size_t>(taken);
    fed += size;
    share -= std::min(share, size);
    if (size == input_.size())
      std::string{}.swap(input_);
    else
      input_.erase(0, size);
  }
  if (open_ && input_ended_ && !gone_ && !input_over_ && input_.empty() && !channel_->closed_by_peer()) {
    input_over_ = true;
    channel_->end_input();
  }
}

/// How many of them are done with.
std::size_t carried_channel::put(const char* bytes, std::size_t size) {
  what_->begin(); // before the first of them
  std::size_t done = 0;
  while (done < size && writable_ && !gone_) {
    const auto sent = ::send(what_->fd(), bytes + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
      done += static_cast<std::size_t>(sent);
    else if (errno == EAGAIN)
      writable_ = false;
    else if (errno != EINTR)
      gone_ = true;
  }
  return gone_ ? size : done;
}

/// From libssh to the socket, inside libssh.
std::size_t carried_channel::output(output_kind kind, const char* bytes, std::size_t size) {
  offended_ = offended_ || kind != output_kind::output;
  if (offended_ || over_ || output_over_)
    return size;
  const auto taken = ahead_.empty() ? put(bytes, size) : 0;
  unread_ = size - taken;
  return taken;
}

/// What the socket did not take at once. libssh refills the window with each reading, however much it still
/// holds: so it is read when nothing read before is left, and then whole.
void carried_channel::drain() {
  while (undelivered() && writable_) {
    if (ahead_.empty()) {
      ahead_.resize(unread_);
      const int got = channel_->read(output_kind::output, ahead_.data(), ahead_.size());
      ahead_.resize(static_cast<std::size_t>(std::max(got, 0)));
      unread_ = got > 0 ? unread_ - ahead_.size() : 0;
      ahead_at_ = 0;
    }
    ahead_at_ += put(ahead_.data() + ahead_at_, ahead_.size() - ahead_at_);
    if (ahead_at_ == ahead_.size())
      std::string{}.swap(ahead_);
  }
}

void carried_channel::look_for_end(time_point now) {
  if (offended_) {
    const failure why{errc::connection_lost, "it sends what no forwarding has"};
    return finish(why.text, &why);
  }
  if (gone_) {
    if (gone_due_ == time_point::max())
      gone_due_ = now + last_words_patience;
    // Until it was read to its end the socket may have more.
    const bool said = input_ended_ && input_.empty();
    if (said || input_over_ || channel_->closed_by_peer() || now >= gone_due_)
      finish("the connection that it carried has closed");
    return;
  }
  if (undelivered())
    return;
  if (channel_->closed_by_peer())
    return finish("it was closed from the other side");
  if (channel_->end_of_output() && !output_over_) {
    output_over_ = true;
    ::shutdown(what_->fd(), SHUT_WR);
  }
}

/// Watches for what is waited for, once it is known not to be there.
void carried_channel::watch_socket() {
  const bool read = !readable_ && !input_ended_ && input_.empty();
  const bool write = !writable_ && undelivered();
  if ((!read && !write) || watch_.arm(read, write))
    return;
  const failure why{errc::connection_lost, "the system watches no more descriptors"};
  finish(why.text, &why);
}

void carried_channel::finish(const std::string& text, const failure* why) {
  if (over_)
    return;
  over_ = true;
  eager_ = false;
  text_ = text;
  watch_.end(); // before the socket goes
  if (why)
    what_->end(*why);
  else
    what_->close();
  what_ = nullptr;
  channel_->leave();
  std::string{}.swap(input_);
  std::string{}.swap(ahead_);
}

} // namespace moorage
