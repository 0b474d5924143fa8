#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/bench/figures.hpp"
#include "tests/bench/own_process.hpp"
#include "tests/bench/pools.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

figure at_most(const std::string& name, const std::string& what, const std::string& unit, double limit) {
  figure made;
  made.name = name;
  made.what = what;
  made.unit = unit;
  made.bar = bar_kind::at_most;
  made.limit = 1;
  made.reference = limit;
  made.baseline = fmt::format("the bar itself, {:g} {}", limit, unit);
  return made;
}

void add(figure& to, double value, samples& all) {
  all.add(value);
  to.ratios.add(value / to.reference);
  to.ours = all.median();
}

constexpr double rounds_per_second = 1.0 / 60; // the default probe interval, before it has grown

} // namespace

int footprint_role(const std::vector<std::string>& arguments) {
  auto count = static_cast<std::uint32_t>(std::stoul(arguments.at(0)));
  auto window = std::chrono::milliseconds{std::stol(arguments.at(1))};
  constexpr std::ptrdiff_t first = 2, next = 7; // addresses
  auto settings = still(address::from({arguments.begin() + first, arguments.begin() + next}), "alpha", count);
  cluster_settings defaults;
  settings.keep_alive_interval = defaults.keep_alive_interval;
  settings.probe_interval = defaults.probe_interval;
  runtime rt{quiet()};
  const bool over_jump = arguments.size() > next;
  if (over_jump) {
    auto gate = still(address::from({arguments.begin() + next, arguments.end()}), "gate", defaults.pool_size);
    gate.min_idle = 0;
    rt.register_cluster(gate).value();
    settings.jump = "gate";
  }
  // One connection first, so that what is allocated once is not counted a thousand times.
  settings.name = "first";
  settings.pool_size = settings.min_idle = settings.connects_at_once = 1;
  rt.register_cluster(settings).value();
  wait_idle(rt, "first", 1);
  rt.remove_cluster("first").value();
  if (over_jump) // its room is for the hundred
    wait_until(rt, "gate", [](const pool_status& status) { return status.idle == status.total; });
  auto before = resident_kib();
  settings.name = "alpha";
  settings.pool_size = settings.min_idle = count;
  settings.connects_at_once = 20;
  rt.register_cluster(settings).value();
  wait_idle(rt, "alpha", count);
  auto after = resident_kib();
  auto cpu = process_cpu();
  let_pass(window);
  auto idle_cpu = process_cpu() - cpu;
  cpu = process_cpu();
  auto goal = rt.pool("alpha").value().counters.probes_passed + count;
  rt.probe("alpha").value();
  wait_until(rt, "alpha", [goal](const pool_status& s) { return s.counters.probes_passed >= goal; });
  auto round_cpu = process_cpu() - cpu;
  nlohmann::json answer{{"kib_each", (after - before) / count},
                        {"kib_each_after_round", (resident_kib() - before) / count},
                        {"idle_share", milliseconds_of(idle_cpu) / static_cast<double>(window.count())},
                        {"round_ms", milliseconds_of(round_cpu)}};
  std::puts(answer.dump().c_str());
  std::fflush(stdout);
  return 0;
}

void thousand_idle(const effort& effort, figures& into) {
  int count = effort.quick ? 100 : 1'000;
  int windows = effort.pairs();
  auto window = effort.quick ? 1'000 : 5'000;
  auto memory =
      at_most("idle-memory", fmt::format("memory of each of {} idle connections", count), "KiB", 40);
  memory.note = "resident set of a process of its own, before and after; the fake sshd is another process";
  auto processor = at_most("idle-processor",
                           fmt::format("processor time of {} idle connections, default intervals", count),
                           "% of a core", 1);
  samples kibs, shares, rounds;
  double idle_share = 0;
  for (int i = 0; i < windows; ++i) {
    fake_cluster cluster;
    auto arguments = cluster.at().words();
    arguments.insert(arguments.begin(), {std::to_string(count), std::to_string(window)});
    own_process other{"footprint", arguments};
    auto answer = nlohmann::json::parse(other.read_line());
    say(fmt::format("idle connections: {}", answer.dump()));
    add(memory, answer["kib_each"], kibs);
    idle_share = answer["idle_share"].get<double>() * 100;
    rounds.add(answer["round_ms"].get<double>());
    add(processor, idle_share + answer["round_ms"].get<double>() / 10 * rounds_per_second, shares);
  }
  processor.note =
      fmt::format("{} s at rest ({:.3g} %) plus the processor time of one round of health checks "
                  "({:.3g} ms), spread over the interval of 60 s",
                  window / 1000, idle_share, rounds.median());
  into.push_back(std::move(memory));
  into.push_back(std::move(processor));
}

void idle_runtime(const effort& effort, figures& into) {
  auto made = at_most("idle-runtime", "processor time of an idle runtime in 10 s", "ms", 1);
  made.note = "10 idle connections, no health check due; the process as a whole";
  fake_cluster cluster;
  runtime rt{quiet({still(cluster.at(), "alpha", 10)})};
  wait_idle(rt, "alpha", 10);
  samples all;
  auto window = effort.quick ? 1'000ms : 10'000ms;
  for (int i = 0; i < effort.pairs(); ++i) {
    auto cpu = process_cpu();
    let_pass(window);
    add(made, milliseconds_of(process_cpu() - cpu) * (10'000.0 / static_cast<double>(window.count())), all);
    say(fmt::format("idle runtime: {:.3g} ms in 10 s", all.median()));
  }
  into.push_back(std::move(made));
}

} // namespace moorage::bench
