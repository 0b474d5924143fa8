// A program that is run for what it says, on a thread that may wait for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <vector>

namespace moorage {

struct program_output {
  bool begun = false;   ///< it was there, and could be run
  bool missing = false; ///< it was not there
  bool done = false;    ///< it ended by itself, with code 0
  bool late = false;    ///< it had not ended when its time was over
  std::string output;
  std::string error_output;
  /// Why it is not done, in words: not found, ended with a code, not ready in time; empty: it is.
  std::string problem;
};

/// Of each of its two outputs; what goes beyond it is not kept, and a problem.
constexpr std::size_t program_output_max = 8u << 20;

/// Looks for the program in $PATH. It reads nothing, has a session of its own (so that it can ask nobody),
/// and has ended when this returns, with all that it started in that session: by itself, or killed.
program_output output_of(const std::vector<std::string>& words, std::chrono::milliseconds timeout,
                         const std::stop_token& stop = {});

} // namespace moorage
