// Shows the pools at work on two throwaway sshds: quiet first, then with one of them frozen in the middle of
// a health check. Everything printed is measured in this run.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unistd.h>
#include <utility>

#include "deploy/demonstration/tally.hpp"
#include "runtime/runtime.hpp"
#include "tests/support/real_sshd.hpp"

namespace {

using namespace moorage;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr std::uint32_t pool_size = 4;
constexpr int commands_in_all = 100;
constexpr int acquires_each = 2'000;
constexpr auto frozen_for = 8s;

std::atomic<bool> interrupted = false;

/// Never throws: whoever read it may have gone.
template <class... Parts>
void print(fmt::format_string<Parts...> text, Parts&&... parts) {
  std::fputs(fmt::format(text, std::forward<Parts>(parts)...).c_str(), stdout);
}

class demonstration {
public:
  int run();

private:
  bool go_on() const { return !interrupted; }
  void say(const std::string& line);
  void progress(const std::string& what, int done, int all);
  cluster_settings settings_of(const support::real_sshd& sshd, const std::string& name) const;
  void warm_up();
  void run_commands();
  latencies acquire_many(const std::string& cluster);
  void freeze_one();
  std::optional<steady::duration> first_useful_command(const std::string& cluster, steady::time_point since);
  void print_table();

  support::real_sshd alpha_;
  support::real_sshd beta_;
  std::mutex printing_;
  steady::time_point began_ = steady::now();
  tally tally_;
  std::optional<runtime> runtime_;
  latencies quiet_alpha_, quiet_beta_, frozen_alpha_, frozen_beta_;
  std::optional<steady::duration> useful_alpha_, useful_beta_;
};

void demonstration::say(const std::string& line) {
  std::lock_guard guard{printing_};
  auto since = std::chrono::duration<double>(steady::now() - began_).count();
  print("[{:6.2f} s] {}\n", since, line);
  std::fflush(stdout);
}

void demonstration::progress(const std::string& what, int done, int all) {
  if (isatty(STDOUT_FILENO) == 0 && done != all)
    return;
  std::lock_guard guard{printing_};
  print("{}           {} {}/{}{}", isatty(STDOUT_FILENO) ? "\r" : "", what, done, all,
        done == all ? "\n" : "");
  std::fflush(stdout);
}

cluster_settings demonstration::settings_of(const support::real_sshd& sshd, const std::string& name) const {
  cluster_settings settings;
  settings.name = name;
  settings.host = sshd.host();
  settings.port = sshd.port();
  settings.user = sshd.user();
  settings.key_files = {sshd.client_key()};
  settings.agent = false;
  settings.known_hosts_files = {sshd.known_hosts()};
  settings.pool_size = pool_size;
  settings.channels_per_connection = 1; // each lease of the warm-up is a connection
  settings.connects_at_once = 2;
  settings.probe_timeout = 2s;
  return settings;
}

void demonstration::warm_up() {
  std::vector<pending<result<lease>>> openings;
  std::vector<lease> leases;
  for (auto* cluster : {"alpha", "beta"})
    for (std::uint32_t i = 0; i < pool_size; ++i)
      openings.push_back(runtime_->async().acquire(cluster, 30s, "warm-up"));
  for (auto& opening : openings) {
    leases.push_back(opening.get().value());
    tally_.granted();
    progress("warming up: connections", static_cast<int>(leases.size()), 2 * pool_size);
  }
  for (auto& lease : leases)
    tally_.given_back(lease.release());
}

void demonstration::run_commands() {
  std::atomic<int> next = 0;
  std::atomic<int> done = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller)
    callers.emplace_back([&, caller] {
      while (go_on() && next++ < commands_in_all) {
        auto granted = runtime_->try_acquire(caller % 2 == 0 ? "alpha" : "beta", {30s, "commands", {}});
        if (!granted)
          continue;
        tally_.granted();
        tally_.ran(granted->run("echo hello from $$").ended);
        tally_.given_back(granted->release());
        progress("commands", ++done, commands_in_all);
      }
    });
  for (auto& caller : callers)
    caller.join();
}

latencies demonstration::acquire_many(const std::string& cluster) {
  latencies taken;
  for (int i = 0; i < acquires_each && go_on(); ++i) {
    auto before = steady::now();
    auto granted = runtime_->try_acquire(cluster, {5s, "acquires", {}});
    taken.add(steady::now() - before);
    if (granted) {
      tally_.granted();
      tally_.given_back(granted->release());
    }
  }
  return taken;
}

std::optional<steady::duration> demonstration::first_useful_command(const std::string& cluster,
                                                                    steady::time_point since) {
  while (go_on()) {
    auto granted = runtime_->try_acquire(cluster, {5s, "first useful", {}});
    if (!granted)
      continue;
    tally_.granted();
    exec_request request{"echo useful", {}, {}, 1s, 0};
    auto result = granted->run(std::move(request));
    tally_.ran(result.ended);
    tally_.given_back(granted->release());
    if (result.ended.succeeded() && result.output == "useful\n")
      return steady::now() - since;
  }
  return std::nullopt;
}

void demonstration::freeze_one() {
  say("freezing beta: SIGSTOP to every process of its sshd");
  beta_.freeze();
  auto since = steady::now();
  runtime_->probe("beta").value();
  say(fmt::format("health check of beta in flight: {} probes", runtime_->pool("beta").value().probing));
  std::jthread useful_beta{[&] { useful_beta_ = first_useful_command("beta", since); }};
  // Whatever happens: that thread waits for it.
  std::shared_ptr<void> thaw_at_last{nullptr, [this](void*) { beta_.thaw(); }};
  useful_alpha_ = first_useful_command("alpha", since);
  frozen_alpha_ = acquire_many("alpha");
  frozen_beta_ = acquire_many("beta");
  while (go_on() && steady::now() - since < frozen_for)
    std::this_thread::sleep_for(20ms); // watching the clock for the freeze's end is all there is to do
  say("thawing beta");
  beta_.thaw();
  useful_beta.join();
}

void demonstration::print_table() {
  auto alpha = runtime_->pool("alpha").value();
  auto beta = runtime_->pool("beta").value();
  auto row = [](const std::string& what, const std::string& a, const std::string& b) {
    print("  {:<44} {:>16} {:>16}\n", what, a, b);
  };
  auto took = [](const auto& time) { return time ? to_text(*time) : std::string{"-"}; };
  print("\n");
  row("", "alpha", "beta (frozen)");
  row("acquire p50 / p99, quiet", quiet_alpha_.text(), quiet_beta_.text());
  row("acquire p50 / p99, beta frozen", frozen_alpha_.text(), frozen_beta_.text());
  row("first useful command after the freeze", took(useful_alpha_), took(useful_beta_));
  row("probes", std::to_string(alpha.counters.probes), std::to_string(beta.counters.probes));
  row("probes passed / failed",
      fmt::format("{} / {}", alpha.counters.probes_passed, alpha.counters.probes_failed),
      fmt::format("{} / {}", beta.counters.probes_passed, beta.counters.probes_failed));
  row("connections opened", std::to_string(alpha.counters.opened), std::to_string(beta.counters.opened));
  row("connections removed", removed_text(alpha.counters), removed_text(beta.counters));
  print("\n{}", tally_.text());
}

int demonstration::run() {
  print("Two throwaway clusters on loopback: alpha (port {}) and beta (port {}), user {}, files in {} "
        "and {}.\n",
        alpha_.port(), beta_.port(), alpha_.user(), alpha_.folder(), beta_.folder());
  configuration config;
  config.log_level = "off";
  for (auto& settings : {settings_of(alpha_, "alpha"), settings_of(beta_, "beta")}) {
    cluster_config cluster;
    cluster.settings = settings;
    config.clusters.push_back(cluster);
  }
  runtime_.emplace(config);
  auto watching = runtime_->subscribe({}, [this](const event_record& event) {
    if (event.what == event_kind::granted || event.what == event_kind::released ||
        event.what == event_kind::refused)
      return; // thousands
    auto line = fmt::format("{:<5} {}", event.cluster, to_string(event.what));
    if (event.connection)
      line += " " + to_string(event.connection);
    if (!event.steps.empty())
      line += " (" + steps_text(event.steps) + ")";
    say(event.text.empty() ? line : line + ": " + event.text);
  });
  warm_up();
  run_commands();
  say("quiet: acquiring and releasing");
  quiet_alpha_ = acquire_many("alpha");
  quiet_beta_ = acquire_many("beta");
  if (go_on())
    freeze_one();
  if (!go_on()) {
    beta_.thaw();
    say("interrupted: stopping and removing everything");
    return 130;
  }
  print_table();
  auto lost = tally_.lost();
  watching = result<subscription>{subscription{}};
  auto stopping = steady::now();
  runtime_->stop();
  print("Stopped in {}. Everything that was started is stopped and removed.\n",
        to_text(steady::now() - stopping));
  return lost == 0 ? 0 : 1;
}

} // namespace

int main() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = true; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);
  // Whoever reads may go first, as `tee` does on the same Ctrl-C: that must not keep us from cleaning up.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return demonstration{}.run();
  } catch (const std::exception& problem) {
    fmt::print(stderr, "quickstart: {}\n", problem.what());
    return 1;
  }
}
