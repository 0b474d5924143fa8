#include "tests/node/other_process.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <poll.h>
#include <set>
#include <signal.h>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace node_tests {

namespace {

constexpr int line_fd = 3; ///< In the child: where its lines go, apart from what Catch prints.

} // namespace

other_process::other_process(const std::string& role, const std::string& socket) {
  int down[2];
  int up[2];
  if (::pipe2(down, O_CLOEXEC) != 0 || ::pipe2(up, O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe");
  // Out of the way of the numbers that the child is to have.
  auto up_end = ::fcntl(up[1], F_DUPFD_CLOEXEC, 10);
  ::close(up[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, down[0], 0);
  posix_spawn_file_actions_adddup2(&actions, up_end, line_fd);
  std::vector<std::string> settings{"MOORAGE_TEST_ROLE=" + role, "MOORAGE_TEST_SOCKET=" + socket};
  std::vector<char*> environment;
  for (auto& setting : settings)
    environment.push_back(setting.data());
  for (auto variable = environ; *variable != nullptr; ++variable)
    environment.push_back(*variable);
  environment.push_back(nullptr);
  std::vector<std::string> words{"/proc/self/exe", "[.role]"};
  std::vector<char*> arguments{words[0].data(), words[1].data(), nullptr};
  auto error =
      ::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(down[0]);
  ::close(up_end);
  to_ = down[1];
  from_ = up[0];
  if (error != 0)
    throw std::runtime_error("cannot start the second process");
}

other_process::~other_process() {
  kill();
  ::close(to_);
  ::close(from_);
}

void other_process::say(const std::string& line) {
  auto text = line + "\n";
  if (::write(to_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("the second process does not listen");
}

std::string other_process::line(std::chrono::milliseconds patience) {
  auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (auto end = buffered_.find('\n'); end != std::string::npos) {
      auto result = buffered_.substr(0, end);
      buffered_.erase(0, end + 1);
      return result;
    }
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd ready{from_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(std::max<long>(left.count(), 0))) == 0)
      return "(silence)";
    char bytes[4096];
    auto size = ::read(from_, bytes, sizeof(bytes));
    if (size <= 0)
      return "(end)";
    buffered_.append(bytes, static_cast<std::size_t>(size));
  }
}

void other_process::send_signal(int number) {
  ::kill(pid_, number);
  if (number == SIGSTOP) {
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED); // from here on it has stopped
  }
}

void other_process::kill() {
  if (pid_ < 0)
    return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
}

void tell_parent(const std::string& line) {
  auto text = line + "\n";
  if (::write(line_fd, text.data(), text.size()) < 0)
    ::_exit(1);
}

std::string line_from_parent() {
  std::string line;
  std::getline(std::cin, line);
  return line;
}

std::size_t open_descriptors() {
  auto entries = std::filesystem::directory_iterator{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries))) - 1; // the iterator's own
}

std::size_t tcp_listeners() {
  std::set<std::string> ours;
  for (auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    ours.insert(std::filesystem::read_symlink(entry.path(), gone).string());
  }
  std::size_t result = 0;
  for (auto table : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::ifstream rows{table};
    std::string row;
    while (std::getline(rows, row)) {
      std::istringstream words{row};
      std::vector<std::string> columns{std::istream_iterator<std::string>{words}, {}};
      if (columns.size() > 9 && columns[3] == "0A" && ours.contains("socket:[" + columns[9] + "]"))
        ++result;
    }
  }
  return result;
}

long resident_memory() {
  std::ifstream pages{"/proc/self/statm"};
  long all = 0;
  long resident = 0;
  pages >> all >> resident;
  return resident * (::sysconf(_SC_PAGESIZE) / 1024);
}

std::chrono::microseconds processor_time() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return std::chrono::seconds{used.ru_utime.tv_sec + used.ru_stime.tv_sec} +
         std::chrono::microseconds{used.ru_utime.tv_usec + used.ru_stime.tv_usec};
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
  auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline)
      return false;
    let_pass(2ms);
  }
  return true;
}

void let_pass(std::chrono::milliseconds span) {
  ::poll(nullptr, 0, static_cast<int>(span.count()));
}

own_folder::own_folder() {
  char name[] = "/tmp/moorage-node-test-XXXXXX";
  if (::mkdtemp(name) == nullptr)
    throw std::runtime_error("no folder in /tmp");
  path_ = name;
}

own_folder::~own_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

echo_node::echo_node(const std::string& how) : server{"serve" + how, socket} {
  REQUIRE(server.line() == "ready");
}

linked_node::linked_node(const std::string& how) : echo_node{how}, client{"connect" + how, socket} {
  REQUIRE(client.line() == "watched yes");
}

} // namespace node_tests
