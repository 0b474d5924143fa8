#include "tests/bench/clients.hpp"

#include <atomic>
#include <barrier>
#include <fcntl.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "tests/bench/measure.hpp"

extern char** environ;

namespace moorage::bench {

using namespace std::chrono_literals;

double rate_of(int threads, int times, const std::function<void()>& once) {
  std::atomic<int> next = 0;
  std::atomic<bool> failed = false;
  std::barrier start{threads + 1};
  std::vector<std::thread> crew;
  for (int i = 0; i < threads; ++i)
    crew.emplace_back([&] {
      start.arrive_and_wait();
      try {
        while (next++ < times && !failed)
          once();
      } catch (const std::exception& problem) {
        say(problem.what());
        failed = true;
      }
    });
  start.arrive_and_wait();
  auto began = steady::now();
  for (auto& thread : crew)
    thread.join();
  auto took = std::chrono::duration<double>(steady::now() - began).count();
  if (failed)
    throw std::runtime_error("a command failed");
  return times / took;
}

void run_to_success(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const auto& word : words)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  int status = 0;
  int problem = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (problem != 0 || waitpid(child, &status, 0) != child || status != 0)
    throw std::runtime_error(words[0] + " failed, status " + std::to_string(status));
}

control_master::control_master(support::real_sshd& sshd)
    : sshd_(sshd), control_("ControlPath=" + sshd.folder() + "/master"),
      process_({sshd.ssh_command({"-o", "ControlMaster=yes", "-o", control_, "-N"})}) {
  auto check = sshd.ssh_command({"-o", control_, "-O", "check"});
  for (auto end = steady::now() + 30s; support::run_to_end({check}) != 0;)
    if (steady::now() > end)
      throw std::runtime_error("OpenSSH's master does not come up");
}

std::vector<std::string> control_master::client(const std::string& command) const {
  auto words = sshd_.ssh_command({"-o", control_, "-o", "ControlMaster=no"});
  words.push_back(command);
  return words;
}

} // namespace moorage::bench
