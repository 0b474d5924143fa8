#include <fmt/format.h>

#include "tests/bench/figures.hpp"
#include "tests/bench/pools.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

void health_round(const effort& effort, figures& into) {
  int count = effort.quick ? 10 : 100;
  support::real_sshd sshd;
  bare_loop bare{target_of(sshd)};
  bare.open(static_cast<std::size_t>(count), 10);
  auto size = static_cast<std::uint32_t>(count);
  runtime rt{quiet({still(address_of(sshd), "alpha", size)})};
  wait_idle(rt, "alpha", size);
  event_counter passed{rt, "alpha", event_kind::probe_passed};
  figure made;
  made.name = "health-round";
  made.what = fmt::format("a health round of {} idle connections, method channel", count);
  made.baseline = "the bare loop on the same sshd";
  made.unit = "ms";
  made.bar = bar_kind::at_most;
  made.limit = 1.5;
  made.note = "OpenSSH's sshd; from the order to the last answer's event";
  auto ours = [&] {
    passed.restart();
    auto began = steady::now();
    rt.probe("alpha").value();
    return milliseconds_of(passed.wait_for(count) - began);
  };
  auto reference = [&] { return milliseconds_of(bare.health_round()); };
  ours(), reference(); // what is allocated once
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, ours, reference); });
  into.push_back(std::move(made));
}

void hung_health_round(const effort& effort, figures& into) {
  auto timeout = effort.quick ? 200ms : 1000ms;
  for (std::uint32_t count : {10u, 100u, 1'000u}) {
    if (effort.quick && count > 100)
      continue;
    fake_cluster cluster;
    auto settings = still(cluster.at(), "alpha", count);
    settings.probe_timeout = timeout;
    runtime rt{quiet({settings})};
    wait_idle(rt, "alpha", count);
    figure made;
    made.name = fmt::format("hung-round/{}", count);
    made.what = fmt::format("a health round of {} hung connections", count);
    made.baseline = "the probe timeout";
    made.unit = "ms";
    made.bar = bar_kind::at_most;
    made.limit = 1.05;
    made.note = "a fifth of the default timeout, so that 5 % is strict; seen by asking the pool every 2 ms";
    auto failed_so_far = [&] { return rt.pool("alpha").value().counters.probes_failed; };
    measure_pairs(made, effort.pairs(), [&](bool) {
      cluster.sshd.order("freeze");
      auto goal = failed_so_far() + count;
      auto began = steady::now();
      rt.probe("alpha").value();
      wait_until(rt, "alpha", [goal](const pool_status& s) { return s.counters.probes_failed >= goal; });
      auto took = milliseconds_of(steady::now() - began);
      cluster.sshd.order("thaw");
      // A round that passes clears the failures; the answers that come late are in front of it.
      auto settings_back = settings;
      settings_back.probe_timeout = 60s;
      rt.register_cluster(settings_back).value();
      auto passed = rt.pool("alpha").value().counters.probes_passed + count;
      rt.probe("alpha").value();
      wait_until(rt, "alpha", [passed](const pool_status& s) { return s.counters.probes_passed >= passed; });
      rt.register_cluster(settings).value();
      return pair_of_numbers{took, milliseconds_of(timeout)};
    });
    into.push_back(std::move(made));
  }
}

void warming(const effort& effort, figures& into) {
  int count = effort.quick ? 10 : 100;
  std::uint32_t at_once = effort.quick ? 5 : 20;
  support::real_sshd sshd;
  bare_loop bare{target_of(sshd)};
  runtime rt{quiet()};
  auto settings = still(address_of(sshd), "alpha", static_cast<std::uint32_t>(count));
  settings.connects_at_once = at_once;
  figure made;
  made.name = "warming";
  made.what = fmt::format("warming {} connections, {} at once", count, at_once);
  made.baseline = "the bare loop on the same sshd";
  made.unit = "ms";
  made.bar = bar_kind::at_most;
  made.limit = 1.2;
  made.note = "OpenSSH's sshd; from the registration of the cluster to the last connection's event";
  auto ours = [&] {
    // Anew each time: the end of a hundred connections at once is more than a subscriber is told of.
    event_counter opened{rt, {}, event_kind::opened};
    auto began = steady::now();
    rt.register_cluster(settings).value();
    auto took = milliseconds_of(opened.wait_for(count) - began);
    rt.remove_cluster("alpha").value();
    sshd.wait_for_connections(0, 30s);
    return took;
  };
  auto reference = [&] {
    auto took = milliseconds_of(bare.open(static_cast<std::size_t>(count), at_once));
    bare.close();
    sshd.wait_for_connections(0, 30s);
    return took;
  };
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, ours, reference); });
  into.push_back(std::move(made));
}

} // namespace moorage::bench
