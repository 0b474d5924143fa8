// Proxy commands for tests, and a look at the processes that they are.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "runtime/system/reaper.hpp"
#include "tests/ssh/transport_driver.hpp"

namespace moorage::test {

/// A little relay, as netcat is one: it ends when either side does. `before`: what its shell does first,
/// without single quotes.
inline std::string relay(const std::string& before = "") {
  return "bash -c '" + before + "exec 3<>/dev/tcp/127.0.0.1/%p; (cat <&3; kill $$) & exec cat >&3'";
}

/// ssh(1) by way of another server.
inline std::string by_way_of(const support::real_sshd& gateway) {
  std::string line;
  for (const auto& word : gateway.ssh_command({"-W", "%h:%p"}))
    line += (line.empty() ? "" : " ") + word;
  return line;
}

inline cluster_settings through(const world& around, const support::real_sshd& server,
                                const std::string& command) {
  auto settings = around.settings_for(server);
  settings.proxy_command = command;
  return settings;
}

/// For proxies that come to no server.
inline cluster_settings through(world& around, const std::string& command) {
  support::fake_sshd for_the_key_file;
  auto settings = around.settings_for(for_the_key_file);
  settings.host = "login.example";
  settings.port = 22;
  settings.strict_host_keys = host_key_policy::off;
  settings.proxy_command = command;
  return settings;
}

struct process_seen {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  char state = '?';
};

/// All processes of this machine, zombies too.
inline std::vector<process_seen> processes() {
  std::vector<process_seen> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file{entry.path() / "stat"};
    std::string line;
    if (!std::getline(file, line)) // no process, or gone meanwhile
      continue;
    process_seen one;
    one.pid = std::stoi(line);
    std::istringstream{line.substr(line.rfind(')') + 1)} >> one.state >> one.parent >> one.group;
    found.push_back(one);
  }
  return found;
}

/// Those of a group that live, and zombies that are ours to take leave of. Orphans are the system's, which
/// takes its time.
inline std::size_t members(pid_t group) {
  std::size_t count = 0;
  for (const auto& each : processes())
    count += (each.group == group || each.pid == group) && (each.state != 'Z' || each.parent == ::getpid());
  return count;
}

/// What was killed is gone a moment later, and nobody is told.
inline bool soon(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + patient;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

/// The process's number, from the step that tells it.
inline pid_t proxy_of(const driven& link) {
  for (const auto& step : link.steps)
    if (auto at = step.text.find("process "); step.stage == ssh_stage::connect && at != std::string::npos)
      return std::stoi(step.text.substr(at + 8));
  return -1;
}

/// Nothing is left of it, and nobody waits for its end.
inline bool gone(pid_t proxy) {
  return proxy > 0 && soon([proxy] { return members(proxy) == 0 && unreaped() == 0; });
}

} // namespace moorage::test
