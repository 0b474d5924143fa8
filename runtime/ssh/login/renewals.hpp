// Runs of `renew_command`, the command of this machine that gets a new certificate: one at a time for each
// command line, whichever cluster wants it, and not again at once when it was of no use.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/pool/protocol.hpp"
#include "runtime/system/blocking.hpp"

namespace moorage {

/// What came of it.
struct renewal {
  std::string problem = {}; ///< in words; empty: it ended well
  bool called_off = false;  ///< it has not come to its end, for no fault of its own
};

/// What is run, and for whom.
struct renewal_wish {
  std::string command;
  std::string shell;   ///< that runs it
  std::string cluster; ///< for texts
  std::chrono::milliseconds timeout{0};
  time_point seen; ///< when the certificate that is to be renewed was read
};

/// Callable from any thread; nothing in it waits. edge: log-ins of all clusters, and of all runtimes of a
/// process, share a run, whose thread tells them.
class renewals {
public:
  /// After a run that failed, or left the certificate as it was, the next waits for this; twice as long each
  /// time. As long as a person takes to see what is wrong; and no site likes to be asked for certificates
  /// every few seconds.
  static constexpr std::chrono::seconds pause_first{10};
  static constexpr std::chrono::seconds pause_max{600};

  /// For all that is renewed in this process, whoever asks.
  static renewals& of_this_process();

  renewals();

  /// Begins a run, or joins the one that is under way; or says at once that one has ended since the
  /// certificate was read, or that the last one was of no use and the next has to wait. `wake` is called, on
  /// any thread, when the answer is there.
  blocking_answer<renewal> ask(blocking_threads& threads, const renewal_wish& wish, time_point now,
                               std::function<void()> wake);
  /// After a run that ended well the certificate was read again: whether it is near its end no more. Else the
  /// answer says so to people.
  std::string judge(const std::string& command, bool of_use, time_point now);

private:
  struct book {
    bool running = false;
    time_point given_up = time_point::min(); ///< when a run whose thread never ends counts as over
    time_point ended = time_point::min();
    std::string problem; ///< of the last run that was of no use
    std::chrono::seconds pause{0};
    time_point not_before = time_point::min();
    std::vector<std::pair<std::shared_ptr<handed_back<renewal>>, std::function<void()>>> waiting;
  };
  struct books {
    std::mutex mutex;
    std::map<std::string, book> of; ///< by command line
  };
  struct run_end;
  static void no_use(book& b, std::string problem, time_point now);
  static void over(books& all, const std::string& command, const renewal& result);
  std::shared_ptr<books> books_;
};

} // namespace moorage
