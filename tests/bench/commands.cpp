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
