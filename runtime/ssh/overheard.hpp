// What libssh 0.10 says of a server only in its log, and what would ruin us if nobody listened.
//
// A server tells with each channel how large a packet it takes. libssh takes 10 bytes off that for the
// header, without looking: what is then nothing makes one write loop for ever, and what is little makes
// thousands of packets of it. It has no call that tells the size; and a second confirmation of an open
// channel changes it after the fact. A server that sends more than a channel's window is let do so, and all
// of it is stored. And of the words with which a server hangs up nothing is left when a write was due in the
// same moment: libssh complains of its own write in their place; likewise where it has found that nothing is
// in common, and the server has hung up for that, too. What it reads before the banner it forgets. All six
// stand in the log's lines; the tests pin their wording.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace moorage {

/// One connection's ear. Owned by its link.
class overheard {
public:
  /// Each implementation must take payloads of 32,768 bytes (RFC 4253, section 6.1); below this it would be
  /// folly.
  static constexpr std::uint32_t packet_max_least = 1'024;
  /// So much beyond a window is borne, over a connection's life: a tenth of libssh's window, as OpenSSH does.
  static constexpr std::uint64_t overrun_max = 128'000;
  /// Kept of a greeting, and a line more: libssh takes none over 127 bytes.
  static constexpr std::size_t greeting_max = 1'024;

  /// One line of libssh's log: the function that wrote it, and "function: what it says".
  void line(std::string_view function, std::string_view text);
  /// Why the connection must end, in words; empty: nothing is wrong.
  const std::string& offence() const { return offence_; }
  /// The words with which the server hung up, as libssh's error has them; empty: it has not, or not while all
  /// was heard.
  const std::string& farewell() const { return farewell_; }
  /// The server's lines before its banner, as they came; heard by `listening_closely` only.
  const std::string& greeting() const { return greeting_; }
  /// That the two sides have no method in common, and which each has, as libssh's error has it; empty: they
  /// have. Heard by `listening_closely` to everything only.
  const std::string& disagreement() const { return disagreement_; }

private:
  void confirmed(std::uint64_t packet_max);

  std::string offence_;
  std::string farewell_;
  std::string greeting_;
  std::string disagreement_;
  std::uint64_t overrun_ = 0;
};

/// While it lives, the log has the server's hang-up as well: several lines more a packet.
class listening_closely {
public:
  explicit listening_closely(int level = SSH_LOG_PACKET);
  ~listening_closely();
  listening_closely(const listening_closely&) = delete;
  listening_closely& operator=(const listening_closely&) = delete;

private:
  int level_;
};

/// While it lives, what libssh logs on this thread is heard by `ear`; then all is as before.
class listening {
public:
  explicit listening(overheard& ear);
  ~listening();
  listening(const listening&) = delete;
  listening& operator=(const listening&) = delete;

private:
  int level_;
  ssh_logging_callback callback_;
  void* data_;
};

} // namespace moorage
