// Clusters behind a jump host, which is a cluster too: what the way through its connections costs.
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/bench/clients.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/own_process.hpp"
#include "tests/bench/pools.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

constexpr const char* gate = "gate";

/// Its size is the default, and it opens nothing by itself: its connections come with those that it carries.
cluster_settings jump_host(const support::real_sshd& sshd) {
  auto settings = still(address_of(sshd), gate, cluster_settings{}.pool_size);
  settings.min_idle = 0;
  return settings;
}

cluster_settings behind(const address& at, const std::string& name, std::uint32_t size) {
  auto settings = still(at, name, size);
  settings.jump = gate;
  return settings;
}

/// From the registration to the connection's event, the last of so many.
nanoseconds open(runtime& rt, const cluster_settings& settings, int connections = 1) {
  event_counter opened{rt, {}, event_kind::opened};
  auto began = steady::now();
  rt.register_cluster(settings).value();
  return opened.wait_for(connections) - began;
}

/// Both machines, each an sshd of its own.
struct two_machines {
  support::real_sshd outer, inner;

  void settle(int at_outer) {
    inner.wait_for_connections(0, 30s);
    outer.wait_for_connections(at_outer, 30s);
  }
};

figure opening_figure(const std::string& name, const std::string& what, const std::string& baseline) {
  figure made;
  made.name = name;
  made.what = what;
  made.baseline = baseline;
  made.unit = "ms";
  made.bar = bar_kind::at_most;
  made.limit = 1.3;
  made.note =
      "OpenSSH's sshds, one for each machine; from the registration of the cluster to its connection's event";
  return made;
}

void open_cold(two_machines& machines, runtime& rt, const effort& effort, figures& into) {
  auto made = opening_figure("jump-opening/cold", "opening over one jump host that nothing is connected to",
                             "two direct openings, one after the other, one at each machine");
  auto outer = still(address_of(machines.outer), "outer", 1);
  auto inner = still(address_of(machines.inner), "inner", 1);
  auto ours = [&] {
    rt.register_cluster(jump_host(machines.outer)).value();
    auto took = open(rt, behind(address_of(machines.inner), "inner", 1), 2);
    rt.remove_cluster("inner").value();
    rt.remove_cluster(gate).value();
    machines.settle(0);
    return milliseconds_of(took);
  };
  auto reference = [&] {
    auto took = open(rt, outer) + open(rt, inner);
    rt.remove_cluster("inner").value();
    rt.remove_cluster("outer").value();
    machines.settle(0);
    return milliseconds_of(took);
  };
  ours(), reference(); // what is allocated once
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, ours, reference); });
  into.push_back(std::move(made));
}

void open_warm(two_machines& machines, runtime& rt, const effort& effort, figures& into) {
  auto made = opening_figure("jump-opening/warm", "opening over one jump host with a connection that is open",
                             "one direct opening at the same machine");
  // No reserve (`min_idle`): one that carries is not idle, so that another would be opened meanwhile.
  rt.register_cluster(jump_host(machines.outer)).value();
  rt.acquire(gate, 60s).release().value();
  auto measure = [&](const cluster_settings& settings) {
    auto took = open(rt, settings);
    rt.remove_cluster(settings.name).value();
    machines.settle(1);
    return milliseconds_of(took);
  };
  auto ours = [&] { return measure(behind(address_of(machines.inner), "inner", 1)); };
  auto reference = [&] { return measure(still(address_of(machines.inner), "direct", 1)); };
  ours(), reference();
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, ours, reference); });
  into.push_back(std::move(made));
}

/// OpenSSH's master behind `ssh -J`, and the words of its clients.
class master_behind_jump {
public:
  explicit master_behind_jump(two_machines& machines) {
    std::ofstream{config()} << "Host outer\n"
                            << host_lines(machines.outer) << "Host inner\n"
                            << host_lines(machines.inner)
                            << "Host *\nBatchMode yes\nIdentitiesOnly yes\nIdentityAgent none\n"
                               "GlobalKnownHostsFile /dev/null\nLogLevel ERROR\n";
    auto words = ssh({"-J", "outer", "-o", "ControlMaster=yes", "-N"});
    process_.emplace(support::process_spec{words});
    for (auto end = steady::now() + 30s; support::run_to_end({ssh({"-O", "check"})}) != 0;)
      if (steady::now() > end)
        throw std::runtime_error("OpenSSH's master behind a jump host does not come up");
  }
  std::vector<std::string> client(const std::string& command) const {
    auto words = ssh({"-o", "ControlMaster=no"});
    words.push_back(command);
    return words;
  }

private:
  std::string config() const { return folder_ / "config"; }
  static std::string host_lines(const support::real_sshd& sshd) {
    return fmt::format("HostName {}\nPort {}\nUser {}\nIdentityFile {}\nUserKnownHostsFile {}\n", sshd.host(),
                       sshd.port(), sshd.user(), sshd.client_key(), sshd.known_hosts());
  }
  std::vector<std::string> ssh(const std::vector<std::string>& options) const {
    std::vector<std::string> words{"ssh", "-F", config(), "-S", folder_ / "master"};
    words.insert(words.end(), options.begin(), options.end());
    words.emplace_back("inner");
    return words;
  }

  support::scratch_folder folder_;
  std::optional<support::process_tree> process_;
};

figure command_figure(const std::string& name, const std::string& baseline, double limit) {
  figure made;
  made.name = name;
  made.what = "`true` over one jump host, by the API on an open connection, p50";
  made.baseline = baseline;
  made.unit = "ms";
  made.bar = bar_kind::at_most;
  made.limit = limit;
  return made;
}

// --- memory -----------------------------------------------------------------------------------------------------------

figure memory_figure(int count) {
  figure made;
  made.name = "jump-memory";
  made.what = fmt::format("memory of each of {} idle connections over one of a jump host's", count);
  made.baseline = "as many direct ones";
  made.unit = "KiB";
  made.bar = bar_kind::at_most;
  made.limit = 2;
  made.note = "resident set of a process of its own, before and after; the machine behind is the fake sshd";
  return made;
}

figure log_in_figure(int count) {
  figure made;
  made.name = "jump-log-ins";
  made.what = fmt::format("log-ins at the jump host for {} connections to a machine behind it", count);
  made.baseline = "one";
  made.reference = 1;
  made.bar = bar_kind::at_most;
  made.limit = 1;
  made.note = "counted by its sshd; its pool may have as many as is the default";
  return made;
}

/// KiB each, in a process that has had one such connection before.
double footprint(int count, const address& at, const support::real_sshd* outer) {
  std::vector<std::string> arguments{std::to_string(count), "200"};
  auto add = [&arguments](const address& each) {
    auto words = each.words();
    arguments.insert(arguments.end(), words.begin(), words.end());
  };
  add(at);
  if (outer)
    add(address_of(*outer));
  own_process other{"footprint", arguments};
  auto answer = nlohmann::json::parse(other.read_line());
  say(fmt::format("connections{}: {}", outer ? " over a jump host" : "", answer.dump()));
  return answer["kib_each"].get<double>();
}

} // namespace

void openings_over_jump(const effort& effort, figures& into) {
  two_machines machines;
  runtime rt{quiet()};
  open_cold(machines, rt, effort, into);
  open_warm(machines, rt, effort, into);
}

void commands_over_jump(const effort& effort, figures& into) {
  two_machines machines;
  runtime rt{quiet({jump_host(machines.outer), behind(address_of(machines.inner), "inner", 1),
                    still(address_of(machines.inner), "direct", 1)})};
  for (const char* each : {"inner", "direct"})
    wait_idle(rt, each, 1);
  auto times = effort.some(100);
  auto p50 = [times](const std::function<void()>& once) {
    return milliseconds_of(nanoseconds{static_cast<std::int64_t>(time_each(times, once).median())});
  };
  auto by_api = [&](const char* cluster) {
    return p50([&rt, cluster] {
      auto result = rt.acquire(cluster, 60s).run("true");
      if (!result.ended.succeeded())
        throw std::runtime_error("true: " + to_string(result.ended));
    });
  };
  auto ours = [&] { return by_api("inner"); };
  auto direct = command_figure("jump-command", "the same on a direct connection", 1.5);
  direct.note = "acquire, command and release; a slow login shell is in both, and makes the ratio smaller";
  measure_pairs(direct, effort.pairs(),
                [&](bool first) { return in_order(first, ours, [&] { return by_api("direct"); }); });
  into.push_back(std::move(direct));
  master_behind_jump master{machines};
  auto client = master.client("true");
  auto against =
      command_figure("jump-command-control-master", "`ssh -S` through a master behind `ssh -J`", 0.5);
  against.note = "a client is a process, as a script would start it";
  measure_pairs(against, effort.pairs(), [&](bool first) {
    return in_order(first, ours, [&] { return p50([&] { run_to_success(client); }); });
  });
  into.push_back(std::move(against));
}

void hundred_over_jump(const effort& effort, figures& into) {
  int count = effort.quick ? 20 : 100;
  support::real_sshd outer;
  auto memory = memory_figure(count);
  auto log_ins = log_in_figure(count);
  samples counted;
  measure_pairs(memory, effort.quick ? 2 : 7, [&](bool first) {
    fake_cluster inner;
    auto ours = [&] {
      auto before = outer.logins();
      auto each = footprint(count, inner.at(), &outer);
      counted.add(static_cast<double>(outer.logins() - before));
      log_ins.ratios.add(static_cast<double>(outer.logins() - before));
      return each;
    };
    return in_order(first, ours, [&] { return footprint(count, inner.at(), nullptr); });
  });
  log_ins.ours = counted.quantile(1);
  into.push_back(std::move(memory));
  into.push_back(std::move(log_ins));
}

} // namespace moorage::bench
