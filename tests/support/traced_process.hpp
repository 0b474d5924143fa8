// What strace(1) tells of a process: which calls are its own, and which of them might have blocked.
#pragma once

#include <algorithm>
#include <charconv>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace moorage::support {

/// Calls are told of in their order, once each has ended: `rest` is what follows the opening bracket, with
/// the result.
class traced_process {
public:
  explicit traced_process(std::string main_thread) : main_(main_thread), threads_{std::move(main_thread)} {}

  /// False: it is another process's. Descriptors belong to the process: what any thread makes of one is true
  /// for all, so of ours every call is to be followed.
  bool is_ours(const std::string& thread, const std::string& name, const std::string& rest) {
    return !follows_others(thread, name, rest);
  }

  void follow(const std::string& thread, const std::string& name, const std::string& rest) {
    const int fd = first_number(rest);
    const bool nonblocking = rest.find("NONBLOCK") != std::string::npos;
    if (name == "socket" || name == "accept4" || name == "eventfd2")
      open_file(result_of(rest), nonblocking);
    else if (name == "socketpair" || name == "pipe2")
      follow_pair(rest, nonblocking);
    else if (name == "dup" || (name == "fcntl" && rest.find("F_DUPFD") != std::string::npos))
      file_of_[result_of(rest)] = known(fd); // aliases of one open file share its flags
    else if (name == "dup3" && threads_.contains(thread))
      file_of_[result_of(rest)] = known(fd);
    else if (name == "fcntl" && rest.find("F_SETFL") != std::string::npos)
      nonblocking_[known(fd)] = nonblocking;
    else if (name == "ioctl" && rest.find("FIONBIO") != std::string::npos)
      nonblocking_[known(fd)] = rest.find("[1]") != std::string::npos;
    else if (name == "close" && threads_.contains(thread)) // not who is about to be another process
      file_of_.erase(fd);
  }

  /// By its kind, and on its descriptor as that now is.
  bool may_block(const std::string& name, const std::string& rest) const {
    static const std::set<std::string> never{
        "epoll_ctl",     "fcntl",       "getsockopt",    "setsockopt",
        "getsockname",   "getpeername", "socket",        "dup",
        "close",         "mmap",        "munmap",        "mprotect",
        "brk",           "madvise",     "mremap",        "getrandom",
        "getpid",        "gettid",      "getuid",        "rt_sigprocmask",
        "clone",         "clone3",      "eventfd2",      "ioctl",
        "socketpair",    "shutdown",    "rseq",          "set_robust_list",
        "clock_gettime", "sched_yield", "epoll_create1", "prctl"};
    // What a kill meets it need not wait for, and a wait with WNOHANG looks only.
    if (name == "kill" || name == "dup3")
      return false;
    if (name == "waitid")
      return rest.find("WNOHANG") == std::string::npos;
    static const std::set<std::string> by_descriptor{"read",    "write", "recvfrom", "recvmsg", "sendto",
                                                     "sendmsg", "readv", "writev",   "connect", "accept4"};
    if (never.contains(name))
      return false;
    // libssh switches the descriptor to blocking when it is given it: one of a pair of ours, whose place a
    // socket takes once it has spoken. These few bytes are the first, and what takes them is empty.
    if (rest.find("\"SSH-2.0-libssh") != std::string::npos)
      return false;
    if (by_descriptor.contains(name))
      return rest.find("MSG_DONTWAIT") == std::string::npos && !is_nonblocking(first_number(rest));
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

  /// Started by any thread of the process. Whose a thread was may be known only once all is read: a child may
  /// be seen before its parent's call has told of it.
  auto processes() const {
    return std::count_if(starters_.begin(), starters_.end(),
                         [this](const std::string& each) { return !others_.contains(each); });
  }

private:
  /// A process that was started has descriptors of its own from its program's start on. Until then, sharing
  /// the caller's memory, it has put three into place, which is seen here as little as what it does later.
  bool follows_others(const std::string& thread, const std::string& name, const std::string& rest) {
    if (name == "execve" && thread != main_)
      others_.insert(thread);
    const bool other = others_.contains(thread);
    const bool clones = name.starts_with("clone");
    const bool starts_thread = clones && rest.find("CLONE_THREAD") != std::string::npos;
    const bool starts_process = name == "fork" || name == "vfork" || (clones && !starts_thread);
    if (starts_process || (other && clones))
      others_.insert(std::to_string(result_of(rest)));
    else if (starts_thread)
      threads_.insert(std::to_string(result_of(rest)));
    if (starts_process)
      starters_.push_back(thread);
    return other;
  }

  static int first_number(const std::string& text) { return number_at(text, 0); }

  /// 0 where there is none.
  static int number_at(const std::string& text, std::size_t at) {
    int value = 0;
    if (at < text.size())
      std::from_chars(text.data() + at, text.data() + text.size(), value);
    return value;
  }

  static int result_of(const std::string& rest) {
    auto equals = rest.rfind(" = ");
    return equals == std::string::npos ? -1 : number_at(rest, rest.find_first_not_of(" =", equals));
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

  /// Which open file it stands for. One that we have not seen made may block.
  int known(int fd) {
    if (!file_of_.contains(fd))
      open_file(fd, false);
    return file_of_.at(fd);
  }

  bool is_nonblocking(int fd) const {
    auto found = file_of_.find(fd);
    return found != file_of_.end() && nonblocking_.at(found->second);
  }

  std::string main_;
  std::set<std::string> threads_;     ///< that were seen to be started
  std::set<std::string> others_;      ///< threads of other processes
  std::vector<std::string> starters_; ///< threads that started a process, for each
  int files_ = 0;
  std::map<int, int> file_of_;
  std::map<int, bool> nonblocking_;
};

} // namespace moorage::support
