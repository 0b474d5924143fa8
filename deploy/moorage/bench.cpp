// `moorage bench`: leases and commands a second.
#include <algorithm>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "deploy/moorage/advice.hpp"
#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/present.hpp"
#include "deploy/moorage/reach.hpp"
#include "deploy/moorage/signals.hpp"
#include "deploy/moorage/waiting.hpp"
#include "messages/durations.hpp"

namespace moorage::cli {

using clock = std::chrono::steady_clock;
using json = nlohmann::ordered_json;

namespace {

struct measurement {
  std::vector<std::chrono::nanoseconds> times; ///< of those that went well
  std::uint64_t failed = 0;
  failure first_failure;
  std::chrono::nanoseconds took{0};

  double rate() const { return took.count() == 0 ? 0 : static_cast<double>(times.size()) / seconds_of(took); }
  /// Sorted times only.
  std::chrono::nanoseconds quantile(double part) const {
    if (times.empty())
      return {};
    auto place = static_cast<std::size_t>(part * static_cast<double>(times.size() - 1));
    return times[place];
  }
};

using piece_of_work = std::function<failure(std::stop_token)>;

// The same piece of work over and over, by so many callers at once, until the time is up.
measurement measure(const piece_of_work& piece, std::uint32_t callers, std::chrono::nanoseconds time,
                    std::stop_token stop) {
  std::vector<measurement> each(callers);
  auto begin = clock::now();
  {
    std::vector<std::jthread> threads;
    threads.reserve(callers);
    for (auto& own : each)
      threads.emplace_back([&own, &piece, begin, time, stop] {
        while (!stop.stop_requested() && clock::now() - begin < time) {
          auto start = clock::now();
          auto trouble = piece(stop);
          if (trouble.code == errc::none) {
            own.times.push_back(clock::now() - start);
            continue;
          }
          ++own.failed;
          if (own.first_failure.code == errc::none)
            own.first_failure = std::move(trouble);
          // What is refused at once would be asked again at once, for nothing but heat.
          if (own.failed > 100)
            return;
        }
      });
  }
  measurement all;
  all.took = clock::now() - begin;
  for (auto& own : each) {
    all.times.insert(all.times.end(), own.times.begin(), own.times.end());
    all.failed += own.failed;
    if (all.first_failure.code == errc::none)
      all.first_failure = std::move(own.first_failure);
  }
  std::sort(all.times.begin(), all.times.end());
  return all;
}

table::cell failed_cell(const measurement& of) {
  return {std::to_string(of.failed), of.failed > 0 ? colour::bad : colour::none};
}

void add_row(table& to, const char* name, const measurement& of) {
  to.add({name, std::to_string(static_cast<std::uint64_t>(of.rate())), measured(of.quantile(0.5)),
          measured(of.quantile(0.99)), measured(of.quantile(1)), failed_cell(of)});
}

json row(const measurement& of) {
  return {{"per_second", of.rate()},
          {"count", of.times.size()},
          {"failed", of.failed},
          {"p50_seconds", seconds_of(of.quantile(0.5))},
          {"p99_seconds", seconds_of(of.quantile(0.99))},
          {"max_seconds", seconds_of(of.quantile(1))}};
}

std::uint32_t slots_of(const options& from, const pool_status& pool, const configuration& config) {
  const auto* cluster = config.find(from.cluster);
  return pool.size * (cluster == nullptr ? config.defaults : *cluster).settings.channels_per_connection;
}

std::uint32_t callers_for(const options& from, const pool_status& pool, const configuration& config) {
  return from.bench.callers > 0 ? from.bench.callers
                                : std::clamp<std::uint32_t>(2 * slots_of(from, pool, config), 1, 256);
}

// Every caller holds a lease at once, so that the pool is as large as it gets before anything is measured.
failure warm_up(runtime& pools, const options& from, std::uint32_t slots, std::uint32_t callers,
                std::stop_token stop) {
  waiting_words words{from, pools};
  std::vector<pending<result<lease>>> asked;
  for (std::uint32_t i = 0; i < std::min(callers, slots); ++i)
    asked.push_back(pools.async().acquire(
        from.cluster, {.patience = from.patience, .label = "bench: warm-up", .stop = stop}));
  std::vector<lease> held;
  failure trouble;
  std::set<std::string> told; // each of the connections may have the same to say
  for (auto& each : asked) {
    auto granted = words.wait(std::move(each));
    if (!granted) {
      trouble = granted.error();
      continue;
    }
    held.push_back(*std::move(granted));
    tell_of_log_in(from, pools, held.back(), told);
  }
  return trouble;
}

ending not_warm(const options& from, pools_at_hand& reached, const failure& trouble, int signal) {
  if (signal != 0)
    return {refused, signal};
  auto told = tell_refusal(from, trouble, reached);
  return refuse(told.shown, told.advice);
}

} // namespace

ending run_bench(const options& from) {
  if (from.bench.time.count() == 0) {
    complain("--time: a measurement takes time, such as 250ms, 5s or 1min");
    return {wrong_usage, 0};
  }
  signal_watch signals;
  auto config = read_configuration(from);
  if (!config)
    return {wrong_config, 0};
  auto reached = reach_cluster(from, *config, signals);
  if (!reached.pools)
    return signals.caught() != 0 ? ending{failed, signals.caught()} : refuse(reached.reason);
  auto& pools = *reached.pools;
  auto pool = pools.pool(from.cluster);
  if (!pool)
    return refuse(pool.error());
  auto callers = callers_for(from, *pool, *config);
  auto stop = signals.token();
  auto begin = clock::now();
  if (auto trouble = warm_up(pools, from, slots_of(from, *pool, *config), callers, stop);
      trouble.code != errc::none)
    return not_warm(from, reached, trouble, signals.caught());
  auto warm = clock::now() - begin;
  auto acquire = [&](std::stop_token token) {
    return pools.try_acquire(from.cluster, {from.patience, "bench", std::move(token)});
  };
  auto leases = measure(
      [&](std::stop_token token) {
        auto lease = acquire(std::move(token));
        return lease ? lease->release().error() : lease.error();
      },
      callers, from.bench.time, stop);
  auto commands = measure(
      [&](std::stop_token token) -> failure {
        auto lease = acquire(token);
        if (!lease)
          return lease.error();
        auto ended = lease->run({from.bench.command, {}, {}, {}, 0}, std::move(token)).ended;
        static_cast<void>(lease->release());
        return ended.succeeded()
                   ? failure{}
                   : failure{errc::exec_refused, "'" + from.bench.command + "' " + in_words(ended)};
      },
      callers, from.bench.time, stop);
  pools.stop();
  if (signals.caught() != 0)
    return {refused, signals.caught()};
  std::string text;
  if (from.json) {
    text = json_text({{"cluster", from.cluster},
                      {"by_node", reached.of_node},
                      {"callers", callers},
                      {"pool_size", pool->size},
                      {"warm_up_seconds", seconds_of(warm)},
                      {"leases", row(leases)},
                      {"commands", row(commands)}});
  } else {
    table rows{{"", ">A SECOND", ">P50", ">P99", ">MAX", ">FAILED"}};
    add_row(rows, "acquire and release", leases);
    add_row(rows, ("with " + from.bench.command).c_str(), commands);
    text = from.cluster + ": " + std::to_string(callers) + " callers, " + std::to_string(pool->size) +
           " connections at most, warm after " + measured(warm) + "\n" + rows.text(has_colours(1));
  }
  auto end = say(text);
  for (const auto* each : {&leases, &commands})
    if (each->failed > 0 && end.signal == 0)
      return refuse(each->first_failure);
  return end;
}

} // namespace moorage::cli
