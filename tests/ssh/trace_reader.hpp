// What strace(1) tells of a process in which pumps stand between marks.
#pragma once

#include <algorithm>
#include <charconv>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace moorage::support {

/// What one thread did, line by line, and which of it might have blocked.
class trace_reader {
public:
  explicit trace_reader(std::string thread) : thread_(std::move(thread)) {}

  void read(const std::string& line) {
    static const std::regex begun{R"(^(\d+) +(\w+)\((.*)$)"};
    static const std::regex resumed{R"(^(\d+) +<\.\.\. (\w+) resumed>(.*)$)"};
    std::smatch part;
    std::string thread, name, rest;
    if (std::regex_match(line, part, resumed)) {
      thread = part[1], name = part[2];
      rest = std::exchange(unfinished_[thread], {}) + std::string{part[3]};
    } else if (std::regex_match(line, part, begun)) {
      thread = part[1], name = part[2], rest = part[3];
    } else {
      return;
    }
    if (auto cut = rest.find(" <unfinished ...>"); cut != std::string::npos) {
      unfinished_[thread] = rest.substr(0, cut); // its flags and its result are told when it resumes
      return;
    }
    if (follows_others(thread, name, rest))
      return;
    if (thread == thread_ && name == "write" && rest.starts_with("-1, \"pump ")) {
      inside_ = rest.find("begins") != std::string::npos;
      pumps += inside_;
      return;
    }
    if (inside_ && thread == thread_) {
      ++calls;
      if (may_block(name, rest))
        blocking.push_back(name + "(" + rest);
    }
    // Descriptors belong to the process: what any thread makes of one is true for all.
    follow(name, rest);
  }

  int pumps = 0;
  int calls = 0;
  /// Started by any thread of the process. Whose a thread was may be known only once all is read: a child may
  /// be seen before its parent's call has told of it.
  auto processes() const {
    return std::count_if(starters_.begin(), starters_.end(),
                         [this](const std::string& each) { return !others_.contains(each); });
  }
  std::vector<std::string> blocking;

private:
  /// A process that was started has descriptors of its own from its program's start on. Until then, sharing
  /// the caller's memory, it has put three into place, which is seen here as little as what it does later.
  bool follows_others(const std::string& thread, const std::string& name, const std::string& rest) {
    if (name == "execve" && thread != thread_)
      others_.insert(thread);
    const bool other = others_.contains(thread);
    const bool starts_process = name == "fork" || name == "vfork" ||
                                (name.starts_with("clone") && rest.find("CLONE_THREAD") == std::string::npos);
    if (starts_process || (other && name.starts_with("clone")))
      others_.insert(std::to_string(result_of(rest)));
    if (starts_process)
      starters_.push_back(thread);
    return other;
  }

  static int first_number(const std::string& text) { return number_at(text, 0); }

  /// 0 where there is none.
  static int number_at(const std::string& text, std::size_t at) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + text.size(), value);
    return value;
  }

  static int result_of(const std::string& rest) {
    auto equals = rest.rfind(" = ");
    return equals == std::string::npos ? -1 : number_at(rest, rest.find_first_not_of(" =", equals));
  }

  /// Aliases of one open file share their flags.
  void follow(const std::string& name, const std::string& rest) {
    const int fd = first_number(rest);
    const bool nonblocking = rest.find("NONBLOCK") != std::string::npos;
    if (name == "socket" || name == "accept4" || name == "eventfd2")
      open_file(result_of(rest), nonblocking);
    else if (name == "socketpair" || name == "pipe2")
      follow_pair(rest, nonblocking);
    else if (name == "dup" || (name == "fcntl" && rest.find("F_DUPFD") != std::string::npos))
      file_of_[result_of(rest)] = file_of_[fd];
    else if (name == "fcntl" && rest.find("F_SETFL") != std::string::npos)
      nonblocking_[file_of_[fd]] = nonblocking;
    else if (name == "ioctl" && rest.find("FIONBIO") != std::string::npos)
      nonblocking_[file_of_[fd]] = rest.find("[1]") != std::string::npos;
  }

  void follow_pair(const std::string& rest, bool nonblocking) {
    static const std::regex ends{R"(\[(\d+), (\d+)\])"};
    std::smatch part;
    if (!std::regex_search(rest, part, ends))
      return;
    open_file(std::stoi(part[1]), nonblocking);
    open_file(std::stoi(part[2]), nonblocking);
  }

  void open_file(int fd, bool nonblocking) {
    file_of_[fd] = ++files_;
    nonblocking_[files_] = nonblocking;
  }

  bool may_block(const std::string& name, const std::string& rest) {
    static const std::set<std::string> never{
        "epoll_ctl",     "fcntl",       "getsockopt",   "setsockopt",
        "getsockname",   "getpeername", "socket",       "dup",
        "close",         "mmap",        "munmap",       "mprotect",
        "brk",           "madvise",     "mremap",       "getrandom",
        "getpid",        "gettid",      "getuid",       "rt_sigprocmask",
        "clone",         "clone3",      "eventfd2",     "ioctl",
        "socketpair",    "shutdown",    "rseq",         "set_robust_list",
        "clock_gettime", "sched_yield", "epoll_create1"};
    // What a kill meets it need not wait for, and a wait with WNOHANG looks only.
    if (name == "kill")
      return false;
    if (name == "waitid")
      return rest.find("WNOHANG") == std::string::npos;
    static const std::set<std::string> by_descriptor{"read",    "write", "recvfrom", "recvmsg", "sendto",
                                                     "sendmsg", "readv", "writev",   "connect", "accept4"};
    if (never.contains(name))
      return false;
    // libssh switches the descriptor to blocking when it is given it, and back we switch it once it has
    // spoken: these few bytes are the first of a new connection, and its send buffer is empty.
    if (rest.find("\"SSH-2.0-libssh") != std::string::npos)
      return false;
    if (by_descriptor.contains(name))
      return rest.find("MSG_DONTWAIT") == std::string::npos && !nonblocking_[file_of_[first_number(rest)]];
    if (name == "poll")
      return rest.find(", 0)") == std::string::npos;
    // Locks at the edges are held for a few instructions, by nobody who waits for anything.
    if (name == "futex")
      return rest.find("FUTEX_WAKE") == std::string::npos && rest.find(", NULL") == std::string::npos;
    // libssh opens what stands where known_hosts would: a name in the root folder that nobody has.
    if (name == "openat" || name == "newfstatat" || name == "access")
      return rest.find("\"/nonexistent\"") == std::string::npos;
    return true;
  }

  std::string thread_;
  bool inside_ = false;
  std::set<std::string> others_;                  ///< threads of other processes
  std::vector<std::string> starters_;             ///< threads that started a process, for each
  std::map<std::string, std::string> unfinished_; ///< by thread: a call that others' calls came in between
  int files_ = 0;
  std::map<int, int> file_of_; ///< which open file a descriptor stands for; 0: one we have not seen made
  std::map<int, bool> nonblocking_;
};

} // namespace moorage::support
