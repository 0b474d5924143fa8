// Acquires beside a pool that waits for something on this machine, or on the way, that never answers.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <stop_token>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "tests/bench/figures.hpp"
#include "tests/bench/pools.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/hung_folder.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t hung_connections = 5;

/// One of them, and the runtime that meets it. Between `begin` and `end` it hangs.
struct hanging {
  std::string name;
  std::string what;
  std::function<void()> begin, end;
  std::function<bool()> hangs;
};

/// An ssh in front of the real one, which notes that it has begun and never ends.
class hung_ssh {
public:
  hung_ssh() : path_(std::getenv("PATH")) {
    std::ofstream{folder_ / "ssh"} << "#!/bin/sh\necho $$ >> " << begun_ << "\nexec sleep 600\n";
    ::chmod((folder_ / "ssh").c_str(), 0700);
    ::setenv("PATH", (folder_.path() + ":" + path_).c_str(), 1);
  }
  ~hung_ssh() { ::setenv("PATH", path_.c_str(), 1); }

  /// Those that have begun since the last `forget`, by their process ids.
  std::vector<pid_t> begun() const {
    std::ifstream from{begun_};
    return {std::istream_iterator<pid_t>{from}, {}};
  }
  void forget() { ::unlink(begun_.c_str()); }

private:
  support::scratch_folder folder_;
  std::string begun_ = folder_ / "begun";
  std::string path_;
};

/// The pool `hung`, which opens all of its connections at once.
hanging of_pool(runtime& rt, const std::string& name, const std::string& what, cluster_settings settings) {
  settings.name = "hung";
  return {name, what, [&rt, settings] { rt.register_cluster(settings).value(); },
          [&rt] { rt.remove_cluster("hung").value(); },
          [&rt] {
            const auto status = rt.pool("hung").value();
            return status.opening == hung_connections && status.counters.open_failures == 0;
          }};
}

void acquire_beside(runtime& rt, const hanging& one, const effort& effort, figures& into) {
  figure made;
  made.name = "hanging-acquire/" + one.name;
  made.what = "acquire p99 while another pool waits for " + one.what;
  made.baseline = "the quiet p99";
  made.unit = "us";
  made.bar = bar_kind::at_most;
  made.limit = 1.5;
  auto quiet_p99 = [&] {
    samples taken;
    for (auto end = steady::now() + (effort.quick ? 100ms : 500ms); steady::now() < end;) {
      auto began = steady::now();
      auto lease = rt.acquire("alpha", 20s);
      taken.add(steady::now() - began);
    }
    return microseconds_of(taken.quantile(0.99));
  };
  auto beside_p99 = [&] {
    one.begin();
    double result = 0;
    bool hung = false;
    try {
      let_pass(200ms); // until all that can be done has been done
      result = quiet_p99();
      hung = one.hangs();
    } catch (...) {
      one.end(); // other rows come after it
      throw;
    }
    one.end();
    let_pass(50ms);
    if (!hung)
      throw std::runtime_error("it did not hang");
    return result;
  };
  beside_p99(); // what is allocated once
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, beside_p99, quiet_p99); });
  into.push_back(std::move(made));
}

/// Reads a configuration with a Host of ssh's in it, as a node's reload does.
result<std::string> read_hosts(const std::stop_token& stop) {
  configuration config;
  cluster_config cluster;
  cluster.settings.name = cluster.settings.ssh_host = "lumi";
  config.clusters.push_back(std::move(cluster));
  return std::to_string(ask_openssh(config, stop).size());
}

/// Each pair has a reload of its own: one that several share ends amid one of them (`openssh_patience`).
void beside_hung_ssh(const fake_cluster& healthy, const effort& effort, figures& into) {
  hung_ssh in_front;
  auto unwanted = std::make_shared<std::stop_source>();
  runtime_options options;
  options.reload = [unwanted](const std::string&) { return read_hosts(unwanted->get_token()); };
  runtime rt{quiet({still(healthy.at(), "alpha", 5)}), std::move(options)};
  wait_idle(rt, "alpha", 5);
  std::optional<pending<result<std::string>>> reload;
  auto begin = [&] {
    in_front.forget();
    *unwanted = {};
    reload.emplace(rt.async().reload());
    for (auto until = steady::now() + 20s;; let_pass(5ms)) {
      auto over = reload->wait_for(0s) || steady::now() > until;
      if (!in_front.begun().empty())
        return;
      if (over)
        throw std::runtime_error("a reload began no ssh");
    }
  };
  auto end = [&] {
    unwanted->request_stop();
    if (!reload->wait_for(20s))
      throw std::runtime_error("a reload did not end with its ssh");
  };
  auto hangs = [&] {
    auto all = in_front.begun();
    return !all.empty() && !reload->wait_for(0s) &&
           std::all_of(all.begin(), all.end(), [](pid_t each) { return ::kill(each, 0) == 0; });
  };
  hanging ssh{"ssh-config", "an `ssh -G` that does not end, of a reload", begin, end, hangs};
  acquire_beside(rt, ssh, effort, into);
}

void beside_hung_agent(runtime& rt, cluster_settings settings, const effort& effort, figures& into) {
  support::hung_agent agent;
  settings.key_files.clear();
  settings.agent = true;
  settings.agent_socket = agent.socket();
  acquire_beside(rt, of_pool(rt, "agent", "an agent that answers nothing", settings), effort, into);
}

void beside_hung_proxy(runtime& rt, cluster_settings settings, const effort& effort, figures& into) {
  settings.proxy_command = "sleep 600";
  acquire_beside(rt, of_pool(rt, "proxy", "a proxy command that says nothing", settings), effort, into);
}

void beside_hung_files(runtime& rt, const cluster_settings& five, const effort& effort, figures& into) {
  // Another one each time: the threads that are stuck in one come back when it goes.
  std::optional<support::hung_folder> files;
  auto in_files = of_pool(rt, "files", "a file system that hangs in open", five);
  in_files.begin = [&rt, &files, settings = five]() mutable {
    if (!files.emplace())
      throw std::runtime_error(files->why_not());
    settings.name = "hung";
    settings.known_hosts_files = {*files / "known_hosts"};
    rt.register_cluster(settings).value();
  };
  in_files.end = [&files, end = in_files.end] {
    end();
    files.reset();
  };
  acquire_beside(rt, in_files, effort, into);
}

void beside_hung_jump(const cluster_settings& five, const effort& effort, figures& into) {
  support::real_sshd outer;
  auto gate = still(address_of(outer), "gate", 1);
  runtime rt{quiet({five, gate})};
  wait_idle(rt, "alpha", hung_connections);
  wait_idle(rt, "gate", 1);
  auto settings = five;
  settings.jump = "gate";
  auto jump = of_pool(rt, "jump", "a jump host that stands still", settings);
  jump.begin = [&outer, begin = jump.begin] {
    outer.freeze();
    begin();
  };
  jump.end = [&outer, end = jump.end] {
    end();
    outer.thaw();
  };
  acquire_beside(rt, jump, effort, into);
}

/// Rows of which one that cannot be measured keeps none of the others from it.
class rows_apart {
public:
  void measure(const std::string& name, const std::function<void()>& row) {
    try {
      row();
    } catch (const std::exception& problem) {
      why_not_ += fmt::format("{}{}: {}", why_not_.empty() ? "" : "; ", name, problem.what());
    }
  }
  /// Throws what was wrong with all of them.
  void end() const {
    if (!why_not_.empty())
      throw std::runtime_error(why_not_);
  }

private:
  std::string why_not_;
};

} // namespace

void acquire_beside_hanging(const effort& effort, figures& into) {
  fake_cluster healthy;
  auto five = still(healthy.at(), "alpha", hung_connections);
  rows_apart rows;
  {
    runtime rt{quiet({five})};
    wait_idle(rt, "alpha", hung_connections);
    rows.measure("agent", [&] { beside_hung_agent(rt, five, effort, into); });
    rows.measure("proxy", [&] { beside_hung_proxy(rt, five, effort, into); });
    rows.measure("files", [&] { beside_hung_files(rt, five, effort, into); });
  }
  rows.measure("jump", [&] { beside_hung_jump(five, effort, into); });
  rows.measure("ssh-config", [&] { beside_hung_ssh(healthy, effort, into); });
  rows.end();
}

} // namespace moorage::bench
