#include "tests/support/process_tree.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

extern char** environ;

namespace moorage::support {
namespace {

struct proc_entry {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = 0;
};

// Async-signal-safe, as the guardian needs it: it is forked from a program with threads.
bool parse_stat(const char* text, pid_t pid, proc_entry& into) {
  const char* close = std::strrchr(text, ')'); // the name before it may hold anything
  if (!close || close[1] != ' ' || close[2] == 0)
    return false;
  into = {pid, 0, close[2]};
  for (const char* c = close + 4; *c >= '0' && *c <= '9'; ++c)
    into.parent = into.parent * 10 + (*c - '0');
  return true;
}

bool read_stat(const char* pid_name, proc_entry& into) {
  char path[64] = "/proc/";
  std::strncat(path, pid_name, 20);
  std::strcat(path, "/stat");
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  char text[512];
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0)
    return false;
  text[got] = 0;
  pid_t pid = 0;
  for (const char* c = pid_name; *c; ++c)
    pid = pid * 10 + (*c - '0');
  return parse_stat(text, pid, into);
}

template <class F>
void for_each_process(F&& visit) {
  int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return;
  alignas(8) char names[8192];
  for (long got; (got = syscall(SYS_getdents64, fd, names, sizeof names)) > 0;) {
    for (long at = 0; at < got;) {
      unsigned short length;
      std::memcpy(&length, names + at + 16,
                  sizeof length); // struct linux_dirent64: ino, off, reclen, type, name
      const char* name = names + at + 19;
      proc_entry entry;
      if (*name >= '1' && *name <= '9' && read_stat(name, entry))
        visit(entry);
      at += length;
    }
  }
  close(fd);
}

[[noreturn]] void guard(int leash) {
  char byte;
  while (read(leash, &byte, 1) < 0 && errno == EINTR) {
  }
  // Whatever a dying child leaves behind becomes ours, so killing our direct children until there are none
  // reaches everything.
  for (;;) {
    int seen = 0;
    pid_t self = getpid();
    for_each_process([&](const proc_entry& entry) {
      if (entry.parent != self)
        return;
      ++seen;
      kill(entry.pid, SIGKILL);
    });
    if (seen == 0)
      _exit(0);
    poll(nullptr, 0, 1);
  }
}

struct launch_plan {
  std::vector<char*> argv;
  std::vector<char*> environment;
  int in = -1;
  int out = -1;
  int err = -1;
};

[[noreturn]] void become(const launch_plan& plan) {
  signal(SIGCHLD, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  dup2(plan.in, 0);
  dup2(plan.out, 1);
  dup2(plan.err, 2);
  close_range(3, ~0U, 0);
  execvpe(plan.argv[0], plan.argv.data(), plan.environment.data());
  _exit(127);
}

[[noreturn]] void run_guardian(const launch_plan& plan, int leash, int report) {
  setsid(); // a Ctrl-C at the terminal ends the test, and the leash ends us
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGCHLD, SIG_IGN); // the kernel reaps for us
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t child = fork();
  if (child == 0)
    become(plan);
  (void)!write(report, &child, sizeof child);
  // Nothing else may stay open here: not the leashes of other trees, not a listener of the test, not a pipe
  // whose end somebody waits for.
  dup2(leash, 3);
  close_range(4, ~0U, 0);
  int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(null, 1);
  dup2(null, 2);
  close(null);
  guard(3);
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (auto& s : strings)
    result.push_back(s.data());
  result.push_back(nullptr);
  return result;
}

class open_file {
public:
  open_file(const std::string& path, int flags) : fd_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (fd_ < 0)
      throw std::runtime_error("cannot open " + path + ": " + std::strerror(errno));
  }
  ~open_file() { close(fd_); }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  int fd() const { return fd_; }

private:
  int fd_;
};

std::vector<std::string> whole_environment(const process_spec& spec) {
  std::vector<std::string> all = spec.environment; // the first of two equal names wins with getenv
  for (char** e = environ; *e; ++e)
    all.emplace_back(*e);
  return all;
}

std::string output_path(const process_spec& spec) {
  return spec.output.empty() ? "/dev/null" : spec.output;
}

std::vector<proc_entry> snapshot() {
  std::vector<proc_entry> all;
  for_each_process([&](const proc_entry& entry) { all.push_back(entry); });
  return all;
}

/// Living descendants of the roots; the roots themselves are not in it.
std::vector<proc_entry> descendants(const std::vector<proc_entry>& all, std::vector<pid_t> roots) {
  std::multimap<pid_t, proc_entry> by_parent;
  for (const auto& entry : all)
    by_parent.emplace(entry.parent, entry);
  std::vector<proc_entry> found;
  while (!roots.empty()) {
    pid_t parent = roots.back();
    roots.pop_back();
    auto [from, to] = by_parent.equal_range(parent);
    for (; from != to; ++from) {
      roots.push_back(from->second.pid);
      if (from->second.state != 'Z' && from->second.state != 'X')
        found.push_back(from->second);
    }
  }
  return found;
}

} // namespace

process_tree::process_tree(const process_spec& spec) {
  auto argv = spec.argv;
  auto environment = whole_environment(spec);
  open_file null("/dev/null", O_RDWR);
  open_file out(output_path(spec), O_WRONLY | O_CREAT | O_APPEND);
  launch_plan plan{pointers(argv), pointers(environment), spec.stdin_fd >= 0 ? spec.stdin_fd : null.fd(),
                   spec.stdout_fd >= 0 ? spec.stdout_fd : out.fd(), out.fd()};
  int leash[2], report[2];
  if (pipe2(leash, O_CLOEXEC) != 0)
    throw std::runtime_error("pipe");
  if (pipe2(report, O_CLOEXEC) != 0) {
    close(leash[0]);
    close(leash[1]);
    throw std::runtime_error("pipe");
  }
  guardian_ = fork();
  if (guardian_ == 0) {
    close(leash[1]);
    run_guardian(plan, leash[0], report[1]);
  }
  close(leash[0]);
  close(report[1]);
  leash_ = leash[1];
  bool told = guardian_ > 0 && read(report[0], &main_, sizeof main_) == sizeof main_ && main_ > 0;
  close(report[0]);
  if (!told) {
    end();
    throw std::runtime_error("cannot start " + spec.argv.at(0));
  }
}

process_tree::~process_tree() {
  end();
}

process_tree::process_tree(process_tree&& other) noexcept
    : guardian_(std::exchange(other.guardian_, -1)), main_(std::exchange(other.main_, -1)),
      leash_(std::exchange(other.leash_, -1)) {}

process_tree& process_tree::operator=(process_tree&& other) noexcept {
  std::swap(guardian_, other.guardian_);
  std::swap(main_, other.main_);
  std::swap(leash_, other.leash_);
  return *this;
}

std::vector<pid_t> process_tree::members() const {
  std::vector<pid_t> pids;
  if (guardian_ > 0)
    for (const auto& entry : descendants(snapshot(), {guardian_}))
      pids.push_back(entry.pid);
  return pids;
}

std::vector<pid_t> process_tree::children() const {
  std::vector<pid_t> pids;
  if (guardian_ > 0)
    for (const auto& entry : snapshot())
      if (entry.parent == main_ && entry.state != 'Z')
        pids.push_back(entry.pid);
  return pids;
}

bool process_tree::running() const {
  auto all = members();
  return std::find(all.begin(), all.end(), main_) != all.end();
}

void process_tree::freeze() {
  // A member may fork between our look and its stop, so look again until everything there is has stopped.
  for (bool stable = false; !stable && guardian_ > 0;) {
    stable = true;
    for (const auto& entry : descendants(snapshot(), {guardian_})) {
      if (entry.state == 'T')
        continue;
      stable = false;
      kill(entry.pid, SIGSTOP);
    }
  }
}

void process_tree::thaw() {
  for (bool stable = false; !stable && guardian_ > 0;) {
    stable = true;
    for (const auto& entry : descendants(snapshot(), {guardian_})) {
      if (entry.state != 'T')
        continue;
      stable = false;
      kill(entry.pid, SIGCONT);
    }
  }
}

void process_tree::kill_all_but_main() {
  if (guardian_ <= 0)
    return;
  auto doomed = children(); // not what the process starts meanwhile, or this might never end
  for (;;) {
    auto all = snapshot();
    // From above: or a parent would tell its peer of a child's end before its own.
    decltype(all) targets;
    for (const auto& entry : all) {
      bool orphan = entry.parent == guardian_ && entry.pid != main_;
      bool root = entry.parent == main_ && std::find(doomed.begin(), doomed.end(), entry.pid) != doomed.end();
      if ((orphan || root) && entry.state != 'Z' && entry.state != 'X')
        targets.push_back(entry);
    }
    auto below = descendants(all, doomed);
    targets.insert(targets.end(), below.begin(), below.end());
    if (targets.empty())
      return;
    for (const auto& entry : targets)
      kill(entry.pid, SIGKILL);
  }
}

void process_tree::end() {
  if (leash_ >= 0)
    close(std::exchange(leash_, -1));
  if (guardian_ > 0)
    while (waitpid(guardian_, nullptr, 0) < 0 && errno == EINTR) {
    }
  guardian_ = -1;
  main_ = -1;
}

int run_to_end(const process_spec& spec) {
  auto argv = spec.argv;
  auto environment = whole_environment(spec);
  open_file null("/dev/null", O_RDWR);
  open_file out(output_path(spec), O_WRONLY | O_CREAT | O_APPEND);
  launch_plan plan{pointers(argv), pointers(environment), spec.stdin_fd >= 0 ? spec.stdin_fd : null.fd(),
                   spec.stdout_fd >= 0 ? spec.stdout_fd : out.fd(), out.fd()};
  pid_t child = fork();
  if (child == 0)
    become(plan);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace moorage::support
