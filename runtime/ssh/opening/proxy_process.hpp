// The process of a proxy command, from its start to its end, which is its connection's too.
//
// What it says on its standard error is read for as long as it lives, so that it never waits for us, and
// thrown away but for the last of it, which a failure's text shows. A file in place of the pipe would need no
// reading, but would grow for as long as the connection lasts.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include <sys/types.h>

#include "actors/pool/protocol.hpp"
#include "runtime/system/descriptors.hpp"
#include "runtime/system/readiness.hpp"

namespace moorage {

/// Owned by one transport. Nothing in it blocks.
class proxy_process {
public:
  /// Kept of what it says.
  static constexpr std::size_t words_max = 4'096;
  /// Read of it in one look, after which it is left alone for a while.
  static constexpr std::size_t look_max = 64u << 10;
  static constexpr std::chrono::milliseconds look_pause{5};

  /// A child of ours that leads a session; a descriptor for it (none: it had ended before there could be
  /// one), and the non-blocking end of a pipe from its standard error.
  proxy_process(pid_t pid, unique_fd process, unique_fd errors);
  /// Kills it and all of its process group by a signal that nobody can ignore, and leaves no zombie. Closing
  /// its standard input would be kinder, but then somebody would have to stay to see to its end.
  ~proxy_process();
  proxy_process(const proxy_process&) = delete;
  proxy_process& operator=(const proxy_process&) = delete;

  /// From now on `wake` is called when a look is due. False: the system watches no more descriptors.
  bool watch_by(readiness& loop, std::function<void()> wake);
  /// Hears what it has said, and sees whether it has ended. Costs nothing while nothing has happened.
  void look(time_point now);
  time_point next_due() const { return listens_again_; }

  pid_t pid() const { return pid_; }
  /// Seen by a look. What it had started is killed then.
  bool exited() const { return exited_; }
  /// It has ended without complaint, by an exit with 0.
  bool content() const;
  /// "exited with 1", "was ended by signal 9 (Killed)", "is still running".
  std::string state() const;
  /// The last of what it said, fit to be printed, with its lines; without the last one's end.
  std::string words() const;

private:
  void see_end();
  bool listen();

  pid_t pid_;
  unique_fd process_;
  unique_fd errors_;
  watch end_watch_; // after the descriptors: they must stop watching first
  watch words_watch_;
  std::string said_;
  bool cut_ = false; ///< it has said more than that
  bool exited_ = false;
  int how_ = 0; ///< CLD_EXITED and the like; 0: not known
  int status_ = 0;
  time_point listens_again_ = time_point::max();
};

} // namespace moorage
