// What strace(1) tells of the scheduler's workers: whether one of them waited for anything but work.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tests/support/traced_process.hpp"

namespace moorage::cli_tests {

/// How long workers were in system calls that can wait, from the lines of `strace -f -ttt -T`. How long a
/// call took is told by the clock, with the waits for a processor in it; so those alone count that may block
/// by their kind, as their descriptor then is, or that wait for a lock. For work they wait in epoll_wait, or
/// each on a condition variable of its own.
class worker_calls {
public:
  void read(const std::string& line) {
    static const std::regex whole{R"(^(\d+) +(\d+\.\d+) (\w+)\((.*)$)"};
    static const std::regex resumed{R"(^(\d+) +(\d+\.\d+) <\.\.\. (\w+) resumed>(.*)$)"};
    std::smatch part;
    if (std::regex_match(line, part, resumed)) {
      auto& of = threads_[part[1]];
      if (!of.name.empty())
        ended(part[1], of, std::exchange(of.name, {}), of.rest + std::string{part[4]});
    } else if (std::regex_match(line, part, whole)) {
      if (!process_)
        process_.emplace(part[1]); // the first line is of the main thread
      auto& of = threads_[part[1]];
      const std::string rest = part[4];
      if (auto cut = rest.find(" <unfinished ...>"); cut != std::string::npos) {
        of.name = part[3];
        of.rest = rest.substr(0, cut);
        of.since = part[2];
      } else {
        ended(part[1], of, part[3], rest);
      }
    } else {
      return;
    }
    last_ = part[2];
  }

  /// How long such a call may take: a tenth of a second, and more on a machine so busy that calls which wait
  /// for nothing take long as well; but never as long as half of what hangs (3 s).
  double longest_allowed() const { return std::min(1.5, 0.1 + 4 * longest_harmless_); }

  /// Once all is read.
  std::vector<std::string> waits() const {
    std::vector<std::string> found;
    for (const auto& [number, of] : threads_) {
      if (!of.worker)
        continue;
      std::set<std::uint64_t> places;
      for (const auto& [took, call] : of.blocking)
        if (took > longest_allowed())
          found.push_back(call);
      for (const auto& [took, address] : of.waits)
        if (took > longest_allowed())
          places.insert(address);
      // One condition variable, whose two words stand side by side.
      if (!places.empty() && *places.rbegin() - *places.begin() > sizeof(std::uint32_t))
        found.push_back("it waits at " + std::to_string(places.size()) + " places");
      // Whatever it is: this is no matter of a processor.
      if (!of.name.empty() && of.name != "futex" && of.name != "epoll_wait" &&
          seconds(last_) - seconds(of.since) > longest_allowed())
        found.push_back(of.name + "(" + of.rest + " did not end");
    }
    return found;
  }
  std::size_t workers() const {
    return static_cast<std::size_t>(
        std::count_if(threads_.begin(), threads_.end(), [](const auto& of) { return of.second.worker; }));
  }
  std::size_t calls() const { return calls_; }

private:
  struct thread {
    bool worker = false;
    std::string name, rest, since; ///< of the call that it is in
    std::vector<std::pair<double, std::string>> blocking;
    std::vector<std::pair<double, std::uint64_t>> waits; ///< where it waited, by address
  };

  static double seconds(const std::string& text) { return text.empty() ? 0 : std::stod(text); }

  void ended(const std::string& number, thread& of, const std::string& name, const std::string& rest) {
    if (!process_ || !process_->is_ours(number, name, rest))
      return;
    if (name == "prctl" && rest.find("PR_SET_NAME, \"moorage.worker\"") != std::string::npos)
      of.worker = true;
    calls_ += of.worker;
    double took = 0; // not told of a call that has no end, as exit has none
    if (const auto at = rest.rfind('<');
        at != std::string::npos && rest.ends_with('>') &&
        std::from_chars(rest.data() + at + 1, rest.data() + rest.size(), took).ec == std::errc{})
      judge(of, name, rest, took);
    process_->follow(number, name, rest);
  }

  void judge(thread& of, const std::string& name, const std::string& rest, double took) {
    static const std::set<std::string> of_nothing{"getpid", "gettid", "mprotect", "madvise",
                                                  "mmap",   "munmap", "brk",      "rt_sigprocmask",
                                                  "socket", "fcntl",  "epoll_ctl"};
    if (of_nothing.contains(name))
      longest_harmless_ = std::max(longest_harmless_, took);
    else if (name == "futex" && rest.find("FUTEX_WAIT_BITSET") != std::string::npos) {
      // A wait on a condition variable names a time or says that there is none; one for a lock does not.
      std::uint64_t address = 0;
      if (rest.starts_with("0x"))
        std::from_chars(rest.data() + 2, rest.data() + rest.size(), address, 16);
      of.waits.emplace_back(took, address);
    } else if (name == "futex" ? rest.find("FUTEX_WAIT") != std::string::npos
                               : name == "close" || // a dead file server's
                                     (name != "epoll_wait" && process_->may_block(name, rest)))
      of.blocking.emplace_back(took, name + "(" + rest);
  }

  std::optional<support::traced_process> process_;
  std::map<std::string, thread> threads_;
  std::string last_;
  std::size_t calls_ = 0;
  double longest_harmless_ = 0;
};

} // namespace moorage::cli_tests
