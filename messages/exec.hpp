// Commands and what became of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/errors.hpp"
#include "messages/ids.hpp"

#pragma GCC visibility push(default)

namespace moorage {

struct environment_variable {
  /// Letters, digits and _, not beginning with a digit. Another is sent as it is; where the server turns it
  /// down no shell could set it, so it is left out, and told in the outcome.
  std::string name = {};
  std::string value = {};
  /// As ssh(1) sends it: where the server turns it down the command runs without it, and nobody is told.
  bool optional = false;

  friend bool operator==(const environment_variable&, const environment_variable&) = default;
};

/// What one message between processes carries of a command's input or output: half of what a link takes.
inline constexpr std::size_t remote_bytes_max = std::size_t{128} << 20;

/// What a clock of nanoseconds can add to "now" without overflow, with much to spare: a hundred years.
inline constexpr std::chrono::milliseconds longest_timeout = std::chrono::hours{24 * 36'500};

/// A command for the user's login shell on the cluster (RFC 4254, section 6.5).
struct exec_request {
  /// Longer than what a server takes in one packet (256 KiB for OpenSSH and libssh, 32 KiB for others: RFC
  /// 4253, section 6.1; less 64 bytes) it is refused before it is sent: pass a script as standard input to
  /// `sh -s`.
  std::string command = {};
  /// Sent as SSH `env` requests; what the server's AcceptEnv refuses is set by a quoted prefix to the
  /// command, or left out and told in the outcome (the cluster's `environment_fallback`). The cluster's
  /// `set_env` and `send_env` add theirs, but none whose name is here.
  std::vector<environment_variable> environment = {};
  /// Standard input, whole; a stream can send more afterwards. Without it the command reads end of file at
  /// once.
  std::string input = {};
  /// From the request to the end of the command; 0: none. Then, as when it is cancelled or its lease ends,
  /// what was not sent never is, and what runs is ended: SIGTERM, and SIGKILL 2 s later if it has not ended.
  /// (OpenSSH passes these on to the process group of an ordinary user's command, not to root's commands nor
  /// to forced ones; what escapes is found where the cluster says `sweep`.) The answer comes when the
  /// command's channel closes, at the latest 3 s after, and says what is known by then, with the cause:
  /// `signalled` or `exited`, or `maybe_ran` and it may still run. Longer than `longest_timeout` it is taken
  /// for that.
  std::chrono::milliseconds timeout{0};
  /// Cap on collected output in bytes; 0: the cluster's `output_max`; at most `remote_bytes_max` to another
  /// process. Streams have no cap.
  std::uint64_t output_max = 0;
  /// All output has come when the server closes the channel, at once as a rule; but it keeps it open while
  /// anything that the command left behind holds its output open, writing or not (a background job, bash's
  /// >(…)). This long after the exit status that is waited for, not counting time in which the reader held
  /// output up; what is written later is lost, and `outcome::output_open` says so. 0: at once; negative: the
  /// cluster's `linger`.
  std::chrono::milliseconds linger{-1};
  /// Wait for all output, however long something holds it open, as ssh(1) does.
  bool wait_for_close = false;
  /// `command` is the name of a subsystem of the server's, such as sftp, and no shell's (RFC 4254, section
  /// 6.5). A variable that the server turns down is left out, and nothing is swept.
  bool subsystem = false;

  friend bool operator==(const exec_request&, const exec_request&) = default;
};

enum class outcome_kind : std::uint8_t {
  exited,     ///< the command ended with `code`
  signalled,  ///< the command was ended by `signal`
  never_sent, ///< not known, and the command did not run: safe to repeat
  maybe_ran   ///< not known, and the command may have run, or may still run: not safe to repeat
};

/// How a command ended. A lost link is never an exit code.
struct outcome {
  outcome_kind kind = outcome_kind::never_sent;
  std::int32_t code = 0;   ///< for `exited`
  std::string signal = {}; ///< for `signalled`, without SIG: "KILL" (RFC 4254, section 6.10)
  failure cause = {};      ///< for the two that are not known, and for a command that we ended: why
  /// The command ended, but its output was still open, or not all read, when the answer was given: more may
  /// have been written than was delivered.
  bool output_open = false;
  /// Variables that the command did not get: turned down by the server (`environment_fallback`), or names no
  /// shell takes.
  std::vector<std::string> variables_refused = {};
  /// How often it went to another connection before it was sent, since one had ended or had no channel for
  /// it.
  std::uint32_t moves = 0;

  bool succeeded() const { return kind == outcome_kind::exited && code == 0; }
  friend bool operator==(const outcome&, const outcome&) = default;
};

/// "exited 0", "signalled KILL", "maybe ran: …"
std::string to_string(const outcome& value);
std::string to_string(outcome_kind kind);

/// A finished command with its collected output.
struct exec_result {
  outcome ended = {};
  std::string output = {};       ///< stdout, byte for byte
  std::string error_output = {}; ///< stderr, byte for byte
  bool output_cut = false;       ///< the cap was reached: more was written than is here
  std::chrono::nanoseconds took{0};

  friend bool operator==(const exec_result&, const exec_result&) = default;
};

enum class output_kind : std::uint8_t { output, error_output };

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, environment_variable& x) {
  return f(x.name, x.value, x.optional);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, exec_request& x) {
  return f(x.command, x.environment, x.input, x.timeout, x.output_max, x.linger, x.wait_for_close,
           x.subsystem);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, outcome& x) {
  return f(x.kind, x.code, x.signal, x.cause, x.output_open, x.variables_refused, x.moves);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, exec_result& x) {
  return f(x.ended, x.output, x.error_output, x.output_cut, x.took);
}

} // namespace moorage

#pragma GCC visibility pop
