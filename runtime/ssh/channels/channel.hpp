// One SSH channel, for a session or on the way to another machine (direct-tcpip), from the request to open it
// until both sides have closed it.
//
// libssh frees a channel only when told, must not be told while the channel is still opening (the server
// would keep the slot for good) or inside a callback, and goes on calling back until then. So a channel that
// nobody wants any more is not freed but left: it is closed as soon as that can be, drops whatever still
// comes, and is freed when the peer has closed its side.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "actors/carriage.hpp"
#include "messages/exec.hpp"

namespace moorage {

class libssh_session;

/// Whoever wants to know what comes on a channel. Called inside libssh: takes note, and calls no libssh
/// itself.
class channel_reader {
public:
  virtual ~channel_reader() = default;
  /// All that is there to be read of this kind, `fresh` of it new. Returns how many bytes were taken, from
  /// the front.
  virtual std::size_t output(output_kind kind, const char* bytes, std::size_t size) = 0;
  virtual void exit_status(int status) = 0;
  virtual void exit_signal(const std::string& name, const std::string& words) = 0;
};

class session_channel {
public:
  /// `link` and `reader` (may be null) outlive the channel, or `leave` and the link's end come first. `to`:
  /// no session but a way there.
  session_channel(libssh_session& link, channel_reader* reader, std::optional<carriage_target> to = {});
  /// Leaves what libssh holds to the session's end; call `settle` until it is true to give it back before.
  ~session_channel();
  session_channel(const session_channel&) = delete;
  session_channel& operator=(const session_channel&) = delete;

  enum class opening { waiting, open, refused, broken };
  /// Sends the request when first called; later calls cost nothing unless packets have come.
  opening open();
  /// Why the server refused, in its words; where it has none, what its code means.
  const std::string& refusal() const { return refusal_; }
  /// … and by its code (RFC 4254, section 5.1); 0: it is not known.
  unsigned refusal_code() const { return refusal_code_; }

  /// One request at a time: until its reply has come, the same call only looks for it. (libssh would give the
  /// reply to whatever is asked next, and not send that.)
  enum class reply { waiting, yes, no };
  reply set_environment(const std::string& name, const std::string& value);
  reply execute(const std::string& command);
  reply begin_subsystem(const std::string& name);
  /// A reply is still to be collected.
  bool awaits_reply() const { return asked_ != request::none; }
  /// Sends the command a signal ("TERM", RFC 4254, section 6.9) if it can take one now; no reply tells
  /// whether it did. Never after our own close: sshd ends the whole session over a signal on a channel that
  /// both sides have closed.
  void signal(const char* name);
  /// How many bytes libssh took now: 0 while the peer's window or our socket is full, -1 when no more is
  /// wanted.
  int write(const char* bytes, std::size_t size);
  void end_input();
  /// Reads what a reader did not take before; -1: nothing more is to be had.
  int read(output_kind kind, char* bytes, std::size_t size);
  /// Widens the peer's window to this many bytes. Nothing may be unread.
  void widen(std::uint32_t window);

  /// The peer owes an answer: to the opening, or to a request.
  bool owed() const { return stage_ == stage::opening || awaits_reply(); }
  bool end_of_output() const { return end_of_output_; }
  bool closed_by_peer() const { return closed_by_peer_; }

  /// From now on nobody reads.
  void leave() { reader_ = nullptr; }
  /// Closes and frees as far as can be done now. True: it is done with, and the server has its slot back.
  bool settle();

private:
  enum class request : std::uint8_t { none, environment, command };

  static int on_data(ssh_session, ssh_channel, void* bytes, std::uint32_t size, int is_stderr, void* self);
  static void on_eof(ssh_session, ssh_channel, void* self);
  static void on_close(ssh_session, ssh_channel, void* self);
  static void on_exit_status(ssh_session, ssh_channel, int status, void* self);
  static void on_exit_signal(ssh_session, ssh_channel, const char* name, int core, const char* words,
                             const char* language, void* self);
  bool news();
  reply begin_what(const std::string& text, int (*ask)(ssh_channel, const char*));
  reply answer(request asked, int rc);

  libssh_session& link_;
  channel_reader* reader_;
  std::optional<carriage_target> to_;
  ssh_channel channel_ = nullptr;
  ssh_channel_callbacks_struct callbacks_{};
  std::string refusal_;
  unsigned refusal_code_ = 0;
  std::uint64_t heard_ = 0; ///< the link's packets when libssh was last asked for a reply
  enum class stage : std::uint8_t { fresh, opening, open, refused, gone } stage_ = stage::fresh;
  request asked_ = request::none; ///< waits for its reply
  std::size_t left_[2] = {0, 0};  ///< by kind: what libssh holds since the reader did not take it
  bool end_of_output_ = false;
  bool closed_by_peer_ = false;
  bool closed_by_us_ = false;
};

} // namespace moorage
