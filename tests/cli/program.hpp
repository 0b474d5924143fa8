// The program `moorage` as a child process.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace moorage::cli_tests {

/// How a run ended, with all that it wrote.
struct finished {
  int code = -1;  ///< -1: a signal ended it
  int signal = 0; ///< 0: it exited
  std::string output;
  std::string error_output;
};

struct program_spec {
  std::vector<std::string> arguments;
  /// Where the program looks for the user's files: $HOME and $XDG_RUNTIME_DIR, so that nothing of the real
  /// user's is seen. Must exist.
  std::string home;
  std::string input = {};                              ///< its whole standard input
  std::map<std::string, std::string> environment = {}; ///< besides HOME, PATH and XDG_RUNTIME_DIR
  bool keep_input_open = false;                        ///< no end of file after `input`
  std::string executable = {};                         ///< empty: the program
};

/// A running program; killed with SIGKILL if it is still there at the end. One thread at a time.
class program {
public:
  explicit program(const program_spec& spec);
  ~program();
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Until the text has been written to stdout or stderr, either; false when the time is up or it has ended.
  bool wrote(const std::string& text, std::chrono::milliseconds patience = std::chrono::seconds{20});
  /// What has been read of its stdout so far.
  const std::string& output() const { return so_far_.output; }
  const std::string& error_output() const { return so_far_.error_output; }
  /// As `| head` does: nobody reads its stdout from now on.
  void close_output();
  void close_input();
  /// Until so many bytes of stdout wait to be read, reading none; false when the time is up.
  bool keeps_unread(std::size_t bytes, std::chrono::milliseconds patience = std::chrono::seconds{20}) const;
  /// Whether it ends in time while nobody reads what it writes.
  bool ends_unread(std::chrono::milliseconds patience) const;
  /// Waits for its end; on no end in time it is killed, which shows as signal 9.
  finished wait(std::chrono::milliseconds patience = std::chrono::seconds{30});

private:
  bool read_more(std::chrono::steady_clock::time_point deadline);
  void feed();

  pid_t pid_ = -1;
  int exited_ = -1; ///< a pidfd
  int input_ = -1;
  int output_ = -1;
  int error_output_ = -1;
  std::string unfed_;
  bool keep_input_open_ = false;
  finished so_far_;
};

/// Runs it to its end.
finished run(const program_spec& spec, std::chrono::milliseconds patience = std::chrono::seconds{30});

} // namespace moorage::cli_tests
