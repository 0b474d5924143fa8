// Servers that flood us, and the acquires of another pool meanwhile.
#include <cstdio>
#include <fmt/format.h>
#include <iostream>
#include <unistd.h>

#include "tests/bench/burner.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/own_process.hpp"
#include "tests/bench/pools.hpp"
#include "tests/support/floods.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

/// The floods that cost us most, and that cost their sender most: libssh answers each of the first, and
/// decrypts the last.
constexpr const char* measured_floods[] = {"keep-alives", "channels of no known kind",
                                           "SSH_MSG_IGNORE, large"};

} // namespace

int flood_role(const std::vector<std::string>& arguments) {
  support::scripted_sshd server{[&](support::scripted_peer& peer) {
    peer.welcome();
    auto channel = support::serve_one_command(peer);
    peer.drop_what_comes(true);
    for (const auto& each : support::floods(channel))
      if (each.name == arguments.at(0))
        peer.flood(each.payload);
  }};
  fmt::print("{}\n{}\n", server.port(), ::getpid());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);)
    ;
  return 0;
}

namespace {

void acquire_beside(const std::vector<std::string>& kinds, int pairs, bool quick, figures& into) {
  fake_cluster cluster;
  runtime rt{quiet({still(cluster.at(), "alpha", 5)})};
  wait_idle(rt, "alpha", 5);
  for (const auto& kind : kinds) {
    own_process sender{"flood", {kind}};
    auto hostile = still(cluster.at(), "hostile", 1);
    hostile.port = static_cast<std::uint16_t>(std::stoul(sender.read_line()));
    hostile.strict_host_keys = host_key_policy::off;
    auto process = static_cast<pid_t>(std::stol(sender.read_line()));
    figure made;
    made.name = fmt::format("flooded-acquire/{}", kind);
    made.what = fmt::format("acquire p99 while another pool's server floods us: {}", kind);
    made.baseline = "the same beside a thread that uses as much processor time as the flood's sender";
    made.unit = "us";
    made.bar = bar_kind::at_most;
    made.limit = 1.5;
    double share = 0;
    auto p99 = [&] {
      samples taken;
      for (auto end = steady::now() + (quick ? 100ms : 1'000ms); steady::now() < end;) {
        auto began = steady::now();
        auto lease = rt.acquire("alpha", 20s);
        taken.add(steady::now() - began);
      }
      return microseconds_of(taken.quantile(0.99));
    };
    auto flooded = [&] {
      rt.register_cluster(hostile).value();
      auto lease = rt.acquire("hostile", 20s);
      auto running = lease.open({"hang", {}, {}, {}, 0});
      let_pass(200ms); // the first of it may come faster than what follows
      auto began = steady::now();
      auto spent = cpu_of_process(process);
      auto result = p99();
      share = static_cast<double>((cpu_of_process(process) - spent).count()) /
              static_cast<double>((steady::now() - began).count());
      if (rt.pool("hostile").value().leases != 1)
        throw std::runtime_error("the flooded connection ended");
      rt.remove_cluster("hostile").value();
      return result;
    };
    auto burnt = [&] {
      burner beside{share};
      return p99();
    };
    flooded(); // says how much the burner burns, and what is allocated once
    measure_pairs(made, pairs, [&](bool first) { return in_order(first, flooded, burnt); });
    made.note = fmt::format("the sender is a process of its own; it used {:.0f} % of a core", share * 100);
    into.push_back(std::move(made));
  }
}

} // namespace

void acquire_beside_floods(const effort& effort, figures& into) {
  acquire_beside({std::begin(measured_floods), std::end(measured_floods)}, effort.pairs(), effort.quick,
                 into);
}

void acquire_beside_every_flood(const effort& effort, figures& into) {
  std::vector<std::string> kinds;
  for (const auto& each : support::floods(0))
    kinds.emplace_back(each.name);
  acquire_beside(kinds, effort.quick ? 1 : 5, effort.quick, into);
}

} // namespace moorage::bench
