#pragma once

#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

namespace moorage::support {

/// What to start and where its standard streams go.
struct process_spec {
  std::vector<std::string> argv;             ///< argv[0] is looked up in PATH
  std::vector<std::string> environment = {}; ///< "NAME=value", added to our own environment
  std::string output = {}; ///< file that stdout and stderr are appended to; empty: /dev/null
  int stdin_fd = -1;       ///< given to the process; -1: /dev/null. Stays the caller's.
  int stdout_fd = -1;      ///< takes stdout in place of `output`; -1: no. Stays the caller's.
};

/// A process with everything it ever starts, orphans and daemons included.
///
/// A small guardian between us and the process adopts orphans, and kills all of them when this object goes,
/// or when the test program dies in any way.
/// Freezing and killing reach every member; the guardian itself is never one.
/// Not thread-safe: one thread at a time.
class process_tree {
public:
  explicit process_tree(const process_spec& spec);
  ~process_tree();
  process_tree(process_tree&& other) noexcept;
  process_tree& operator=(process_tree&& other) noexcept;
  process_tree(const process_tree&) = delete;
  process_tree& operator=(const process_tree&) = delete;

  /// The process that was started (not the guardian).
  pid_t main_pid() const { return main_; }

  /// True until the started process has ended.
  bool running() const;

  /// Every living member: the process, its descendants, and adopted orphans.
  std::vector<pid_t> members() const;

  /// The living direct children of the started process.
  std::vector<pid_t> children() const;

  /// SIGSTOPs every member, over again until none is new and all have stopped.
  void freeze();

  /// SIGCONTs every member.
  void thaw();

  /// SIGKILLs every member but the started process; returns once they are gone.
  void kill_all_but_main();

  /// SIGKILLs every member and returns once they are gone. Idempotent.
  void end();

private:
  pid_t guardian_ = -1;
  pid_t main_ = -1;
  int leash_ = -1; ///< the guardian kills everything when this end is closed
};

/// Runs a program to its end and returns its exit code (128 + n when a signal n ended it); its output is
/// appended to `spec.output`.
int run_to_end(const process_spec& spec);

} // namespace moorage::support
