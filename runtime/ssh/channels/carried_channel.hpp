// Another connection, carried on a channel of this one (RFC 4254, section 7.2: direct-tcpip).
//
// Bytes go both ways as they come, and only as fast as they are taken: what the socket does not take stays in
// libssh, which then does not widen the window; what the window does not take stays in the socket. So one of
// them holds, at the worst, a window here and one in libssh (1.3 MB each) of what comes, and one piece of
// what goes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/transport.hpp"
#include "runtime/ssh/channels/channel.hpp"
#include "runtime/ssh/opening/carried_socket.hpp"
#include "runtime/system/readiness.hpp"

namespace moorage {

class carried_channel final : public channel_reader {
public:
  carried_channel(stream_id id, std::shared_ptr<carried_socket> what, carriage_target to,
                  libssh_session& link, readiness& loop, waker wake);

  /// Goes as far as can be gone at once, within `share` bytes of those that go out, which it takes them from.
  void advance(time_point now, std::size_t& share);
  /// Ends it now, with a reason or, by the other side's doing, without.
  void finish(const std::string& text, const failure* why = nullptr);

  stream_id id() const { return id_; }
  bool over() const { return over_; }
  /// Why, for people.
  const std::string& text() const { return text_; }
  /// There is more to do at once.
  bool eager() const { return eager_; }
  time_point next_due() const { return over_ ? time_point::max() : gone_due_; }
  /// What is left of the channel, to be settled.
  std::unique_ptr<session_channel> release() { return std::move(channel_); }

  // channel_reader
  std::size_t output(output_kind kind, const char* bytes, std::size_t size) override;
  void exit_status(int) override {}
  void exit_signal(const std::string&, const std::string&) override {}

private:
  bool opened();
  void refused();
  void receive();
  void feed(std::size_t& share);
  std::size_t put(const char* bytes, std::size_t size);
  void drain();
  void look_for_end(time_point now);
  void look_for_hang_up();
  void watch_socket();
  bool undelivered() const { return unread_ > 0 || !ahead_.empty(); }

  stream_id id_;
  std::shared_ptr<carried_socket> what_;
  carriage_target to_;
  libssh_session& link_;
  std::unique_ptr<session_channel> channel_;
  watch watch_; // after the socket: it must stop watching first
  std::string text_;
  std::string input_; ///< what came from the socket and has not gone
  std::string ahead_; ///< what came from the channel, was taken from libssh, and has not gone
  std::size_t ahead_at_ = 0;
  std::size_t unread_ = 0; ///< what libssh holds behind that
  time_point gone_due_ = time_point::max();
  bool open_ = false;
  bool over_ = false;
  bool eager_ = false;
  bool readable_ = false;
  bool writable_ = false;
  bool input_ended_ = false; ///< the one that is carried says no more
  bool gone_ = false;        ///< … and hears no more
  bool input_over_ = false;  ///< and the peer was told, or wants no more
  bool output_over_ = false; ///< the one that is carried was told that no more comes
  bool offended_ = false;    ///< what came is nothing that a forwarding has
};

} // namespace moorage
