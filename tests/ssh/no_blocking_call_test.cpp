// The proof that a worker thread makes no blocking call while a connection is opened: the opening runs in a
// process of its own under strace, each pump stands between two marks in the trace, and every system call
// between them must be one that cannot block on its descriptor as it then is.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "runtime/ssh/transport.hpp"
#include "tests/ssh/log_in_driver.hpp"
#include "tests/ssh/proxy_driver.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/fake_sshd.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::support {

namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool traceable = false; // their runtimes make system calls of their own
#else
constexpr bool traceable = true;
#endif

/// Seen by strace, and by nobody else: no descriptor is -1.
void mark(const char* text) {
  if (::write(-1, text, std::strlen(text)) >= 0)
    std::abort();
}

/// Opens one transport as a worker would, and drops it, marking each pump. True: it is open.
bool open_marked(const cluster_settings& settings, surroundings around,
                 std::shared_ptr<secret_store> secrets) {
  readiness loop;
  blocking_threads threads;
  bell woken;
  transport_world world{loop, threads, std::move(secrets), system_resolver(), std::move(around)};
  auto link = make_ssh_transport(settings, woken.waker(), world);
  std::vector<transport_event> events;
  link->open();
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (events.empty() && std::chrono::steady_clock::now() < end) {
    mark("pump begins");
    while (link->pump(std::chrono::steady_clock::now(), events)) {
    }
    mark("pump ends");
    const auto wait = std::min<time_point>(link->next_due(), end) - std::chrono::steady_clock::now();
    if (events.empty() && wait > 0ns)
      woken.wait(std::chrono::ceil<std::chrono::milliseconds>(wait));
  }
  mark("pump begins");
  link.reset();
  mark("pump ends");
  if (!events.empty())
    if (const auto* failed = std::get_if<transport_failed>(&events[0]))
      std::fprintf(stderr, "%s\n", to_string(failed->error).c_str());
  return !events.empty() && std::holds_alternative<transport_opened>(events[0]);
}

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

/// What the traced process is told, through its environment: it is to start no process but the product's.
struct told {
  std::string host;
  std::uint16_t port = 0;
  std::string user;
  std::string home; ///< with known_hosts in it
  std::string agent;
  std::string password;   ///< empty: none
  std::string proxy = {}; ///< the proxy command; empty: none

  std::vector<std::string> environment() const {
    return {"TRACED_HOST=" + host,   "TRACED_PORT=" + std::to_string(port),
            "TRACED_USER=" + user,   "TRACED_HOME=" + home,
            "TRACED_AGENT=" + agent, "TRACED_PASSWORD=" + password,
            "TRACED_PROXY=" + proxy};
  }
};

/// Opens one connection in a process of its own under strace, and reads the trace of its main thread.
trace_reader trace(const told& world) {
  scratch_folder folder;
  const auto file = folder / "trace";
  char self[4096] = {};
  REQUIRE(::readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  process_spec spec;
  spec.argv = {"strace", "-f", "-o", file, "-s", "64", self, "traced: one opening"};
  spec.environment = world.environment();
  spec.output = folder / "output";
  const int code = run_to_end(spec);
  INFO(contents_of(folder / "output"));
  REQUIRE(code == 0);
  std::ifstream lines{file};
  std::string line;
  std::optional<trace_reader> reader;
  while (std::getline(lines, line)) {
    if (!reader) // the first line is the main thread's execve
      reader.emplace(line.substr(0, line.find(' ')));
    reader->read(line);
  }
  REQUIRE(reader);
  return *reader;
}

bool strace_works() {
  process_spec spec;
  spec.argv = {"strace", "-f", "-o", "/dev/null", "true"};
  return traceable && run_to_end(spec) == 0;
}

} // namespace

TEST_CASE("traced: one opening", "[.]") {
  auto from = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string{value != nullptr ? value : ""};
  };
  cluster_settings settings;
  settings.host = from("TRACED_HOST");
  settings.port = static_cast<std::uint16_t>(std::stoi(from("TRACED_PORT")));
  settings.user = from("TRACED_USER");
  settings.known_hosts_files = {from("TRACED_HOME") + "/known_hosts"};
  settings.strict_host_keys = host_key_policy::accept_new;
  settings.proxy_command = from("TRACED_PROXY");
  auto secrets = std::make_shared<memory_secret_store>();
  if (auto password = from("TRACED_PASSWORD"); !password.empty()) {
    settings.password_secret = "pw";
    secrets->put("pw", secret{password});
  }
  surroundings around;
  around.use_environment = false;
  around.home = from("TRACED_HOME");
  around.agent_socket = from("TRACED_AGENT");
  CHECK(open_marked(settings, around, secrets));
}

TEST_CASE("no system call of an opening can block the worker") {
  if (!strace_works()) {
    WARN("not traced: strace is missing or not permitted here, or this is a sanitizer's build");
    return;
  }
  scratch_folder home;
  auto judge = [](const trace_reader& seen) {
    CHECK(seen.pumps >= 5);
    CHECK(seen.calls > 50);
    std::string listed;
    for (const auto& line : seen.blocking)
      listed += line + "\n";
    INFO(listed);
    CHECK(listed.empty());
  };
  SECTION("with a hung agent, preloaded known_hosts, and a password in the end") {
    fake_faults faults;
    faults.keys_accepted = {"ssh-ed25519 AAAA"};
    faults.password = true;
    fake_sshd server{faults};
    hung_agent agent{hung_agent::manner::accepts};
    server.write_known_hosts(home / "known_hosts");
    judge(trace({server.host(), server.port(), "alice", home.path(), agent.socket(), "open sesame"}));
  }
  SECTION("with a name to look up, a new host key to write down, and the agent's signature") {
    real_sshd server;
    support::ssh_agent agent{{server.add_client_key("agents", "rsa")}};
    judge(trace({"localhost", server.port(), server.user(), home.path(), agent.socket(), ""}));
  }
  SECTION("through a proxy that talks on its standard error, from its start to its end") {
    real_sshd server;
    support::ssh_agent agent{{server.add_client_key("agents")}};
    const auto seen = trace({"localhost", server.port(), server.user(), home.path(), agent.socket(), "",
                             test::relay("echo well >&2; ")});
    judge(seen);
    CHECK(seen.processes() == 1);
  }
}

TEST_CASE("the reader of traces sees a blocking call where there is one") {
  trace_reader reader{"7"};
  for (const char* line :
       {"7 write(-1, \"pump begins\", 11) = -1 EBADF",
        "7 socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 5",
        "7 sendto(5, \"x\", 1, 0, NULL, 0) = 1", "7 dup(5) = 6", "7 fcntl(6, F_SETFL, O_RDWR) = 0",
        "7 sendto(5, \"x\", 1, 0, NULL, 0) = 1", "7 recvfrom(5, \"\", 1, MSG_DONTWAIT, NULL, NULL) = 0",
        "7 poll([{fd=5, events=POLLIN}], 1, 0) = 0 (Timeout)",
        "7 poll([{fd=5, events=POLLIN}], 1, 10) = 0 (Timeout)",
        "7 openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY) = 3",
        "8 openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY) = 3", "7 write(-1, \"pump ends\", 9) = -1 EBADF",
        "7 openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY) = 3"})
    reader.read(line);
  REQUIRE(reader.blocking.size() == 3);
  CHECK(reader.blocking[0].find("sendto") != std::string::npos);
  CHECK(reader.blocking[1].find("1, 10)") != std::string::npos);
  CHECK(reader.blocking[2].find("openat") != std::string::npos);
}

} // namespace moorage::support
