#include <stdexcept>

#include "tests/bench/clients.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/pools.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t connections = 10;
constexpr int callers = 64;

double leased_rate(runtime& rt, int times) {
  return rate_of(callers, times, [&] {
    auto lease = rt.acquire("alpha", 60s);
    auto result = lease.run("true");
    if (!result.ended.succeeded() || !result.output.empty())
      throw std::runtime_error("true: " + to_string(result.ended));
  });
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
  int times = effort.some(400);
  auto measure = [&](std::uint32_t channels, figure made) {
    auto settings = still(address_of(sshd), "alpha", connections);
    settings.channels_per_connection = channels;
    runtime rt{quiet({settings})};
    wait_idle(rt, "alpha", connections);
    auto ours = [&] { return leased_rate(rt, times); };
    auto reference = [&] {
      auto count = static_cast<std::size_t>(times);
      return per_second(count, bare.run("true", count, channels));
    };
    measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, ours, reference); });
    into.push_back(std::move(made));
  };
  auto one = rate_figure("commands", "the bare loop", 0.9);
  one.note =
      "both on the same sshd, 10 connections each; no input, output and status of every command checked";
  measure(1, std::move(one));
  auto four = rate_figure("commands-4", "the bare loop with 4 channels on each", 0.95);
  four.note = "4 leases, or commands of the bare loop, on each connection at once; else as the one before";
  measure(4, std::move(four));
}

void commands_against_control_master(const effort& effort, figures& into) {
  support::real_sshd sshd;
  runtime rt{quiet({still(address_of(sshd), "alpha", connections)})};
  wait_idle(rt, "alpha", connections);
  control_master master{sshd};
  auto client = master.client("true");
  auto made = rate_figure("commands-control-master", "OpenSSH's ControlMaster, 10 clients at once", 2);
  made.note = "a client is a process, as a script would start it; one connection carries all ten";
  int times = effort.some(200);
  auto ours = [&] { return leased_rate(rt, times); };
  auto reference = [&] { return rate_of(10, times, [&] { run_to_success(client); }); };
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, ours, reference); });
  into.push_back(std::move(made));
}

} // namespace moorage::bench
