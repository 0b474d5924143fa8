#include <atomic>
#include <barrier>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "tests/bench/figures.hpp"
#include "tests/bench/pools.hpp"

extern char** environ;

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t connections = 10;
constexpr int callers = 64;

/// Has `threads` threads do it until it was done `times` times; how many a second. Threads are not started on the clock.
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

double leased_rate(runtime& rt, int times) {
  return rate_of(callers, times, [&] {
    auto lease = rt.acquire("alpha", 60s);
    auto result = lease.run("true");
    if (!result.ended.succeeded() || !result.output.empty())
      throw std::runtime_error("true: " + to_string(result.ended));
  });
}

/// One ssh process through the master, to its end.
void run_client(const std::vector<std::string>& words) {
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
    throw std::runtime_error("ssh through the master failed, status " + std::to_string(status));
}

figure rate_figure(const std::string& name, const std::string& baseline, double limit) {
  figure made;
  made.name = name;
  made.what = "`true` through leases on 10 connections, 64 callers, against " + baseline;
  made.baseline = baseline;
  made.unit = "/s";
  made.bar = bar_kind::at_least;
  made.limit = limit;
  return made;
}

} // namespace

void commands_against_bare_loop(const effort& effort, figures& into) {
  support::real_sshd sshd;
  bare_loop bare{target_of(sshd)};
  bare.open(connections, connections);
  runtime rt{quiet({still(address_of(sshd), "alpha", connections)})};
  wait_idle(rt, "alpha", connections);
  auto made = rate_figure("commands", "the bare loop", 0.9);
  made.note =
      "both on the same sshd, 10 connections each; no input, output and status of every command checked";
  int times = effort.some(400);
  auto ours = [&] { return leased_rate(rt, times); };
  auto reference = [&] {
    return per_second(static_cast<std::size_t>(times), bare.run("true", static_cast<std::size_t>(times)));
  };
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, ours, reference); });
  into.push_back(std::move(made));
}

void commands_against_control_master(const effort& effort, figures& into) {
  support::real_sshd sshd;
  runtime rt{quiet({still(address_of(sshd), "alpha", connections)})};
  wait_idle(rt, "alpha", connections);
  auto control = "ControlPath=" + sshd.folder() + "/master";
  support::process_tree master{{sshd.ssh_command({"-o", "ControlMaster=yes", "-o", control, "-N"})}};
  auto check = sshd.ssh_command({"-o", control, "-O", "check"});
  for (auto end = steady::now() + 30s; support::run_to_end({check}) != 0;)
    if (steady::now() > end)
      throw std::runtime_error("OpenSSH's master does not come up");
  auto client = sshd.ssh_command({"-o", control, "-o", "ControlMaster=no"});
  client.push_back("true");
  auto made = rate_figure("commands-control-master", "OpenSSH's ControlMaster, 10 clients at once", 2);
  made.note = "a client is a process, as a script would start it; one connection carries all ten";
  int times = effort.some(200);
  auto ours = [&] { return leased_rate(rt, times); };
  auto reference = [&] { return rate_of(10, times, [&] { run_client(client); }); };
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, ours, reference); });
  into.push_back(std::move(made));
}

} // namespace moorage::bench
