// Commands and what became of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/errors.hpp"
#include "messages/ids.hpp"

namespace moorage {

struct environment_variable {
  std::string name; ///< letters, digits and _, not beginning with a digit
  std::string value;

  friend bool operator==(const environment_variable&, const environment_variable&) = default;
};

/// What one message between processes carries of a command's input or output: half of what a link takes.
inline constexpr std::size_t remote_bytes_max = std::size_t{128} << 20;

/// A command for the user's login shell on the cluster (RFC 4254, section 6.5).
struct exec_request {
  std::string command;
  /// Sent as SSH `env` requests; what the server's AcceptEnv refuses is set by a quoted prefix to the
  /// command.
  std::vector<environment_variable> environment;
  /// Standard input, whole; a stream can send more afterwards. Without it the command reads end of file at
  /// once.
  std::string input;
  /// From the request to the end of the command; 0: none. At its end the channel is closed (which does not
  /// reliably end the process: it has no terminal) and the outcome is `maybe_ran`.
  std::chrono::milliseconds timeout{0};
  /// Cap on collected output in bytes; 0: the cluster's `output_max`; at most `remote_bytes_max` to another process.
  /// Streams have no cap.
  std::uint64_t output_max = 0;
  /// How long after the exit status output is still waited for while the channel is open; negative: the cluster's `linger`.
  std::chrono::milliseconds linger{-1};
  /// Wait until the server closes the channel, as ssh(1) does, however long something holds the command's output open.
  bool wait_for_close = false;

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
  std::int32_t code = 0; ///< for `exited`
  std::string signal;    ///< for `signalled`, without SIG: "KILL" (RFC 4254, section 6.10)
  failure cause;         ///< for the two that are not known: why
  /// The command ended, but something still held its output open when `linger` was over: more may have been written.
  bool output_open = false;
  /// Variables that the command did not get: turned down by the server (`environment_fallback`), or names no shell takes.
  std::vector<std::string> variables_refused = {};

  bool succeeded() const { return kind == outcome_kind::exited && code == 0; }
  friend bool operator==(const outcome&, const outcome&) = default;
};

/// "exited 0", "signalled KILL", "maybe ran: …"
std::string to_string(const outcome& value);
std::string to_string(outcome_kind kind);

/// A finished command with its collected output.
struct exec_result {
  outcome ended;
  std::string output;       ///< stdout, byte for byte
  std::string error_output; ///< stderr, byte for byte
  bool output_cut = false;  ///< the cap was reached: more was written than is here
  std::chrono::nanoseconds took{0};

  friend bool operator==(const exec_result&, const exec_result&) = default;
};

enum class output_kind : std::uint8_t { output, error_output };

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, environment_variable& x) {
  return f(x.name, x.value);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, exec_request& x) {
  return f(x.command, x.environment, x.input, x.timeout, x.output_max, x.linger, x.wait_for_close);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, outcome& x) {
  return f(x.kind, x.code, x.signal, x.cause, x.output_open, x.variables_refused);
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, exec_result& x) {
  return f(x.ended, x.output, x.error_output, x.output_cut, x.took);
}

} // namespace moorage
