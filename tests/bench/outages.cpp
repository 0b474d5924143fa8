// Twenty clusters when servers go away, or are not there from the beginning.
#include <algorithm>
#include <deque>
#include <fmt/format.h>

#include "tests/bench/figures.hpp"
#include "tests/bench/pools.hpp"
#include "tests/support/listener.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t of_each_cluster = 5; // connections

using time_list = std::vector<steady::time_point>;

cluster_settings usual_pool(const address& at, const std::string& name) {
  auto settings = usual(at, name);
  settings.pool_size = settings.min_idle = of_each_cluster;
  return settings;
}

configuration without_log() {
  configuration config;
  config.log_level = "off";
  return config;
}

// --- an outage ------------------------------------------------------------------------------------------------------

/// What a budget allows at one host and port: reckoned from what the sshd saw, not by the product.
class allowance {
public:
  allowance(double a_second, double burst) : a_second_(a_second), burst_(burst), level_(burst) {}

  void log_in(steady::time_point at) {
    level_ = level_at(at) - 1;
    as_of_ = at;
  }
  /// How long from then on until so many more may have begun.
  nanoseconds until(steady::time_point from, double log_ins) const {
    auto seconds = std::max((log_ins - level_at(from)) / a_second_, 0.0);
    return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double>(seconds));
  }

private:
  double level_at(steady::time_point at) const {
    auto passed = std::chrono::duration<double>(at - as_of_).count();
    return std::min(level_ + passed * a_second_, burst_);
  }

  double a_second_;
  double burst_;
  double level_;
  steady::time_point as_of_;
};

/// The most within any window of that length.
std::size_t most_within(const time_list& times, nanoseconds window) {
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < times.size(); ++last) {
    while (times[last] - times[first] >= window)
      ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

/// Some servers with as many clusters each as makes twenty together, and a runtime of their own.
class outage {
public:
  outage(std::size_t servers, std::size_t clusters, std::uint32_t log_ins_per_minute)
      : servers_(servers),
        clusters_(clusters), budget_{log_ins_per_minute / 60.0, static_cast<double>(of_each_cluster)} {
    for (std::size_t i = 0; i < clusters; ++i) {
      auto settings = usual_pool(servers_[i % servers].at(), fmt::format("cluster-{:02}", i));
      settings.log_ins_per_minute = log_ins_per_minute;
      rt_.register_cluster(settings).value();
    }
    opened_.wait_for(all());
    use_each();
  }

  struct result {
    nanoseconds healed; ///< from the first success on
    nanoseconds allowed;
    std::size_t log_ins = 0; ///< the most at one server within `window`
  };
  result pass(nanoseconds window) {
    opened_.restart();
    for (auto& server : servers_) {
      server.sshd.order("listen no");
      server.sshd.order("reset-all");
    }
    let_pass(2s);
    std::vector<allowance> left;
    for (auto& server : servers_) {
      left.push_back(budget_);
      for (auto at : server.sshd.connect_times())
        left.back().log_in(at);
      server.sshd.order("listen yes");
    }
    auto last = opened_.wait_for(all());
    auto first = opened_.first();
    result got{last - first, 0ns};
    for (const auto& each : left)
      got.allowed = std::max(got.allowed, each.until(first, all() / static_cast<double>(servers_.size())));
    for (auto& server : servers_)
      got.log_ins = std::max(got.log_ins, most_within(server.sshd.connect_times(), window));
    return got;
  }

private:
  int all() const { return static_cast<int>(clusters_ * of_each_cluster); }
  /// A connection that ends before it was of use is no outage but a bad opening.
  void use_each() {
    std::vector<lease> leases;
    for (std::size_t i = 0; i < clusters_; ++i)
      for (std::uint32_t k = 0; k < of_each_cluster; ++k)
        leases.push_back(rt_.acquire(fmt::format("cluster-{:02}", i), 20s));
  }

  std::deque<fake_cluster> servers_;
  std::size_t clusters_;
  allowance budget_;
  runtime rt_{without_log()};
  event_counter opened_{rt_, "", event_kind::opened};
};

void heal(std::size_t servers, std::uint32_t log_ins_per_minute, const effort& effort, figures& into) {
  constexpr std::size_t clusters = 20;
  auto where = servers == 1 ? "at one host and port" : "at a server each";
  // Such that whole log-ins come back within it: how late each arrives then changes no count.
  auto window = std::chrono::duration_cast<nanoseconds>(60s) * of_each_cluster / log_ins_per_minute;
  figure healing;
  healing.name = fmt::format("outage/{}", servers);
  healing.what = fmt::format("{} clusters {} after an outage, from the first success until all are warm",
                             clusters, where);
  healing.baseline = "what the budget allows, reckoned from the connections that the sshd saw";
  healing.unit = "ms";
  healing.bar = bar_kind::at_most;
  healing.limit = 1.2;
  healing.note =
      fmt::format("{} connections each, settings at their defaults but {} log-ins a minute; 2 s without "
                  "the servers, right after the warm-up had used up the budget",
                  of_each_cluster, log_ins_per_minute);
  figure log_ins;
  log_ins.name = fmt::format("outage-log-ins/{}", servers);
  log_ins.what = fmt::format("most TCP connections at one sshd in {:.3g} s of that",
                             std::chrono::duration<double>(window).count());
  log_ins.baseline = "what the budget allows in that time: its burst, and what comes back";
  log_ins.unit = "";
  log_ins.bar = bar_kind::at_most;
  log_ins.limit = 1;
  log_ins.note = "counted by the sshd, warm-up and outage included";
  samples most;
  log_ins.reference = 2 * of_each_cluster;
  measure_pairs(healing, effort.some(5), [&](bool) {
    auto got = outage{servers, clusters, log_ins_per_minute}.pass(window);
    most.add(static_cast<double>(got.log_ins));
    log_ins.ratios.add(static_cast<double>(got.log_ins) / log_ins.reference);
    return pair_of_numbers{milliseconds_of(got.healed), milliseconds_of(got.allowed)};
  });
  log_ins.ours = most.quantile(1);
  into.push_back(std::move(healing));
  into.push_back(std::move(log_ins));
}

// --- black holes ----------------------------------------------------------------------------------------------------

constexpr std::size_t black_holes = 10;
constexpr std::size_t healthy = 10;

/// How long the healthy ones take from the registration of the first cluster on.
nanoseconds warm_up(const std::vector<cluster_settings>& clusters) {
  runtime rt{without_log()};
  event_counter opened{rt, "", event_kind::opened};
  auto began = steady::now();
  for (const auto& settings : clusters)
    rt.register_cluster(settings).value();
  return opened.wait_for(static_cast<int>(healthy * of_each_cluster)) - began;
}

} // namespace

void heal_after_outage(const effort& effort, figures& into) {
  heal(20, effort.quick ? 60 : 10, effort, into);
  heal(1, effort.quick ? 3'000 : 300, effort, into);
}

void warm_beside_black_holes(const effort& effort, figures& into) {
  std::deque<fake_cluster> sites(healthy);
  std::deque<support::listener> holes;
  std::vector<cluster_settings> alone, all;
  for (std::size_t i = 0; i < black_holes; ++i) {
    auto at = sites.front().at();
    at.port = holes.emplace_back("127.0.0.1", 64).port();
    all.push_back(usual_pool(at, fmt::format("hole-{}", i)));
  }
  for (auto& site : sites) {
    site.sshd.order("set auth_delay=200");
    alone.push_back(usual_pool(site.at(), fmt::format("site-{}", alone.size())));
    all.push_back(alone.back());
  }
  figure made;
  made.name = "black-holes";
  made.what = fmt::format("warming {} clusters beside {} that accept and stay silent", healthy, black_holes);
  made.baseline = "the same clusters alone";
  made.unit = "ms";
  made.bar = bar_kind::at_most;
  made.limit = 1.2;
  made.note =
      fmt::format("{} connections each, settings at their defaults, a runtime each time; the sshds take "
                  "200 ms to let in",
                  of_each_cluster);
  auto ours = [&] { return milliseconds_of(warm_up(all)); };
  auto reference = [&] { return milliseconds_of(warm_up(alone)); };
  ours(), reference(); // what is allocated once
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, ours, reference); });
  into.push_back(std::move(made));
}

} // namespace moorage::bench
