#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace moorage::support {

/// How far a connection has come when `fake_faults::break_how` strikes.
enum class phase {
  never,          ///< no breakage
  accepted,       ///< TCP is up, nothing was sent
  banner,         ///< our banner is out
  key_exchange,   ///< our KEXINIT is out and the client's bytes are coming in
  authentication, ///< the client makes its first try (the opening "none" is not one, the offer of a key is)
  channel_open,   ///< the client asks for a channel
  exec_request,   ///< the client asks for a command
  command,        ///< in mid-command: right after its first output, or at its start when it has none
};

enum class breakage {
  silence,    ///< says nothing more, reads nothing more, never closes
  reset,      ///< TCP RST
  close,      ///< TCP FIN without a word of SSH
  disconnect, ///< SSH_MSG_DISCONNECT, then FIN; before authentication is asked for: as close
};

enum class reply {
  normal, ///< as a healthy server would
  refuse,
  never, ///< the request stays unanswered; the rest of the connection works
};

/// What the end of a command looks like on the wire.
enum class ending {
  orderly,           ///< output, EOF, status, CLOSE
  data_after_status, ///< status, then a last line "after status\n", EOF, CLOSE
  no_close,          ///< output, status, and neither EOF nor CLOSE: a background child holds the pipes
  no_status,         ///< output, EOF, CLOSE
  by_signal,         ///< output, exit-signal TERM, EOF, CLOSE
};

/// A healthy server by default; each field makes it misbehave in one way.
/// All but the fields marked "at accept" may change under a living connection.
struct fake_faults {
  // The link.
  phase break_at = phase::never;
  breakage break_how = breakage::reset;
  std::chrono::milliseconds banner_delay{0}; ///< at accept
  std::string lines_before_banner;           ///< at accept; sent raw, so end each with "\r\n"
  std::string foreign_banner;                ///< at accept; sent raw instead of any SSH; then silence
  bool one_byte_writes = false;              ///< at accept; every byte leaves in a segment of its own
  std::chrono::milliseconds latency{0};      ///< at accept; added to each direction
  int startups_max =
      0; ///< at accept; with this many connections not yet logged in, more are closed; 0: no limit

  // Authentication. A method in `auth_chain` is one step; when the chain is empty any one of the allowed
  // methods logs in.
  bool publickey = true;
  bool password = false;
  bool keyboard_interactive = false;
  std::vector<std::string> auth_chain;    ///< such as {"publickey", "password"}; SSH calls it partial success
  std::vector<std::string> keys_accepted; ///< "ssh-ed25519 AAAA…"; empty: any key with a good signature
  std::string password_expected = "open sesame";
  std::vector<std::string> prompts = {"Password: "}; ///< keyboard-interactive, all in one round
  std::vector<std::string> answers_expected = {"open sesame"};
  std::string user_expected; ///< empty: any
  int auth_tries_max = 6;    ///< failures, the opening "none" not counted; then DISCONNECT
  reply auth = reply::normal;
  std::chrono::milliseconds auth_delay{0};
  std::vector<std::string>
      banners;                ///< for people (SSH_MSG_USERAUTH_BANNER), at once, before the methods are told
  std::string parting_banner; ///< one more, as the last word before a breakage during authentication

  // Channels and requests.
  int sessions_max = 10; ///< channels open at once on one connection, as MaxSessions
  reply channel_open = reply::normal;
  std::chrono::milliseconds channel_open_delay{0};
  reply exec = reply::normal;
  std::chrono::milliseconds exec_delay{0};
  bool env_accepted = true;
  bool env_answered = true; ///< false: the request stays unanswered; the rest of the connection works
  bool keepalives_answered = true;
  bool consumes_input = true; ///< false: the command's stdin is never read, so its window never grows

  // Commands.
  ending end = ending::orderly;
  std::chrono::milliseconds close_delay{0}; ///< between the status and CLOSE
  std::uint64_t noise_on_stdout = 0;        ///< bytes before each command's own output
  std::uint64_t noise_on_stderr = 0;
};

/// What the server has seen since its start. `open` counts a connection until the client has closed its TCP
/// socket, or we have; so those that are closing are in it.
struct fake_counters {
  int connects = 0; ///< TCP connections accepted
  int open = 0;
  int open_max = 0;    ///< the most that were open at once
  int handshakes = 0;  ///< key exchanges done
  int auth_tries = 0;  ///< requests of any method but "none"; the offer of a key is not one, its signature is
  int auth_offers = 0; ///< keys offered without a signature
  int auth_denials = 0;
  int logins = 0;
  int channel_requests = 0; ///< channel opens asked for
  int channels_opened = 0;
  int channels_open = 0;
  int channels_open_max = 0;
  int channels_refused = 0;
  int execs = 0;          ///< commands asked for
  int commands_ended = 0; ///< commands whose end was put on the wire
  int env_requests = 0;
  int signals = 0;               ///< signal requests received
  int keepalives = 0;            ///< keepalive@openssh.com requests received
  int goodbyes = 0;              ///< connections that the client ended with SSH_MSG_DISCONNECT
  int hang_ups = 0;              ///< connections that ended with FIN or RST without one
  int broken = 0;                ///< connections that we broke: as told, or after too many tries to log in
  std::uint64_t stdin_bytes = 0; ///< read from clients by commands
};

} // namespace moorage::support
