#include "deploy/moorage/background.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "messages/durations.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage::cli {

namespace {

using start_clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// Set for the program that this one becomes, which begins again.
constexpr const char* given_up = "MOORAGE_WITHOUT_NODE";

/// How often it is looked whether the wait has become pointless.
constexpr auto check_interval = 50ms;

/// What of a node's words is kept.
constexpr std::size_t words_max = 4 << 10;

bool listens(const std::string& socket) {
  return static_cast<bool>(node_process(socket));
}

// Of those who start a node at once one does it, while the others wait. The file goes with the turn. Where
// there can be no such file each starts one, and all but one of these end at once.
class starting_turn {
public:
  starting_turn(const std::string& socket, start_clock::time_point deadline, const signal_watch& signals)
      : path_(socket + ".start") {
    std::filesystem::path above;
    for (const auto& part :
         std::filesystem::path{socket}.parent_path()) // the node sees to what is wrong with it
      mkdir((above /= part).c_str(), 0700);
    file_.reset(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    while (file_ && flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
      auto wanted = errno == EWOULDBLOCK || errno == EINTR;
      if (!wanted || start_clock::now() >= deadline || signals.token().stop_requested()) {
        file_.reset();
        return;
      }
      poll(nullptr, 0, 5);
    }
  }
  starting_turn(const starting_turn&) = delete;
  starting_turn& operator=(const starting_turn&) = delete;
  ~starting_turn() {
    struct stat facts {};
    if (file_ && fstat(file_.get(), &facts) == 0 && facts.st_nlink > 0)
      unlink(path_.c_str());
  }

private:
  std::string path_;
  unique_fd file_;
};

std::vector<std::string> words_of_node(const configuration& config, const std::string& socket) {
  std::error_code unknown;
  std::vector<std::string> words{std::filesystem::read_symlink("/proc/self/exe", unknown).string(), "serve",
                                 "--started"};
  auto add = [&words](const char* option, std::string value) {
    words.emplace_back(option);
    words.push_back(std::move(value));
  };
  add("--idle-end", format_duration(config.node_idle_end));
  add("--socket", std::filesystem::absolute(socket, unknown).string());
  if (!config.file.empty())
    add("--config", std::filesystem::absolute(config.file, unknown).string());
  return words;
}

// Ours, but for what a service manager said to this command alone.
std::vector<std::string> environment_of_node() {
  constexpr std::array<std::string_view, 6> not_for_it{
      "NOTIFY_SOCKET=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "WATCHDOG_PID=", "WATCHDOG_USEC="};
  std::vector<std::string> result;
  for (char** each = environ; *each != nullptr; ++each) {
    std::string_view entry{*each};
    if (std::none_of(not_for_it.begin(), not_for_it.end(),
                     [entry](auto name) { return entry.starts_with(name); }))
      result.emplace_back(entry);
  }
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (auto& each : words)
    result.push_back(each.data());
  result.push_back(nullptr);
  return result;
}

// Its stderr is the pipe, so that the pipe's end is when it listens, or has ended.
int spawn_apart(std::vector<std::string> words, int pipe, pid_t& pid) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, pipe, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawn_file_actions_addchdir_np(&files, "/");
  posix_spawnattr_t manner;
  posix_spawnattr_init(&manner);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&manner, &none);
  posix_spawnattr_setsigdefault(&manner, &all);
  posix_spawnattr_setflags(&manner, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  auto environment = environment_of_node();
  auto error = posix_spawn(&pid, words.front().c_str(), &files, &manner, pointers_to(words).data(),
                           pointers_to(environment).data());
  posix_spawnattr_destroy(&manner);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

// What it says until it lets go of the pipe. False: that was not awaited.
bool hear_out(int pipe, start_clock::time_point deadline, const signal_watch& signals, std::string& said) {
  while (start_clock::now() < deadline && !signals.token().stop_requested()) {
    pollfd ready{pipe, POLLIN, 0};
    std::array<char, 1024> buffer{};
    if (poll(&ready, 1, static_cast<int>(check_interval.count())) <= 0)
      continue;
    auto got = read(pipe, buffer.data(), buffer.size());
    if (got == 0)
      return true;
    if (got > 0)
      said.append(buffer.data(), std::min(static_cast<std::size_t>(got), words_max - said.size()));
  }
  return false;
}

// Its complaints as part of one of ours.
std::string in_one_line(std::string_view said) {
  constexpr std::string_view ours = "moorage: ";
  std::string result;
  while (!said.empty()) {
    auto line = said.substr(0, said.find('\n'));
    said.remove_prefix(std::min(said.size(), line.size() + 1));
    if (line.starts_with(ours))
      line.remove_prefix(ours.size());
    if (!line.empty())
      result += (result.empty() ? "" : "; ") + std::string{line};
  }
  return result;
}

std::string try_to_start(const configuration& config, const std::string& socket,
                         start_clock::time_point deadline, const signal_watch& signals) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    return std::strerror(errno);
  unique_fd ours{ends[0]}, its{ends[1]};
  pid_t pid = 0;
  if (auto error = spawn_apart(words_of_node(config, socket), its.get(), pid); error != 0)
    return std::strerror(error);
  its.reset();
  std::string said;
  auto heard = hear_out(ours.get(), deadline, signals, said);
  if (!heard)
    kill(pid, SIGTERM); // or it would be there in the end, unasked
  auto there = heard && listens(socket);
  waitpid(pid, nullptr, WNOHANG);
  if (there)
    return {};
  if (!heard)
    return signals.token().stop_requested() ? "interrupted" : "it did not listen in time";
  auto why = in_one_line(said);
  return why.empty() ? "it ended without a word" : why;
}

} // namespace

bool may_start_node(const options& from, const configuration& config) {
  return config.node_start == node_start::automatic && from.socket.empty() &&
         std::getenv(given_up) == nullptr;
}

failure start_node(const options& from, const configuration& config, const std::string& socket,
                   const signal_watch& signals) {
  constexpr std::chrono::milliseconds least = 1s, most = 10s;
  auto patience = from.patience.count() < 0 ? most : std::clamp(from.patience, least, most);
  auto deadline = start_clock::now() + patience;
  starting_turn turn{socket, deadline, signals};
  if (listens(socket))
    return {};
  auto wrong = try_to_start(config, socket, deadline, signals);
  if (wrong.empty())
    return {};
  start_no_more();
  return {errc::local_failure, "no node could be started: " + wrong};
}

void start_no_more() {
  setenv(given_up, "1", 1);
}

void tell_starter() {
  unique_fd nowhere{open("/dev/null", O_RDWR | O_CLOEXEC)};
  if (nowhere)
    dup2(nowhere.get(), STDERR_FILENO);
}

} // namespace moorage::cli
