#include "tests/bench/measure.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/utsname.h>
#include <thread>
#include <unistd.h>

namespace moorage::bench {

double samples::quantile(double share) const {
  if (values_.empty())
    return 0;
  auto sorted = values_;
  auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  auto at = sorted.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(rank, 1, sorted.size()) - 1);
  std::nth_element(sorted.begin(), at, sorted.end());
  return *at;
}

bool figure::met() const {
  switch (bar) {
  case bar_kind::at_most:
    return ratio() <= limit;
  case bar_kind::at_least:
    return ratio() >= limit;
  default:
    return true;
  }
}

std::string figure::verdict() const {
  if (bar == bar_kind::none)
    return "reported";
  return met() ? "met" : "missed";
}

void measure_pairs(figure& into, int pairs, const std::function<pair_of_numbers(bool)>& one) {
  samples ours, reference;
  for (int i = 0; i < pairs; ++i) {
    auto pair = one(i % 2 == 1);
    ours.add(pair.ours);
    reference.add(pair.reference);
    into.ratios.add(pair.ours / pair.reference);
    say(fmt::format("{}: pair {}/{}: {:.4g} {} against {:.4g}, ratio {:.3g}", into.name, i + 1, pairs,
                    pair.ours, into.unit, pair.reference, pair.ours / pair.reference));
  }
  into.ours = ours.median();
  into.reference = reference.median();
}

samples time_each(int times, const std::function<void()>& what) {
  samples taken;
  for (int i = 0; i < times; ++i) {
    auto began = steady::now();
    what();
    taken.add(steady::now() - began);
  }
  return taken;
}

double milliseconds_of(nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

double microseconds_of(double nanoseconds) {
  return nanoseconds / 1e3;
}

namespace {

nanoseconds cpu_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::chrono::seconds{now.tv_sec} + nanoseconds{now.tv_nsec};
}

} // namespace

nanoseconds process_cpu() {
  return cpu_of(CLOCK_PROCESS_CPUTIME_ID);
}

nanoseconds thread_cpu() {
  return cpu_of(CLOCK_THREAD_CPUTIME_ID);
}

double resident_kib() {
  std::ifstream statm{"/proc/self/statm"};
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
}

void let_pass(std::chrono::milliseconds time) {
  auto end = steady::now() + time;
  for (auto left = time; left.count() > 0;
       left = std::chrono::ceil<std::chrono::milliseconds>(end - steady::now()))
    poll(nullptr, 0, static_cast<int>(left.count()));
}

void say(const std::string& progress) {
  fmt::print(stderr, "{}\n", progress);
}

// --- the result ---------------------------------------------------------------------------------------------------

namespace {

std::string bar_text(const figure& of) {
  switch (of.bar) {
  case bar_kind::at_most:
    return fmt::format("<= {:g}", of.limit);
  case bar_kind::at_least:
    return fmt::format(">= {:g}", of.limit);
  default:
    return "-";
  }
}

} // namespace

std::string table_of(const std::vector<figure>& figures) {
  std::size_t width = 0;
  for (const auto& one : figures)
    width = std::max(width, one.what.size());
  auto row = [width](const auto& what, const auto& ours, const auto& reference, const auto& ratio,
                     const auto& spread, const auto& bar, const auto& verdict) {
    return fmt::format("{:<{}}  {:>16} {:>16} {:>8} {:>16} {:>8}  {}\n", what, width, ours, reference, ratio,
                       spread, bar, verdict);
  };
  auto text = row("figure", "ours", "baseline", "ratio", "p10-p90", "bar", "");
  for (const auto& one : figures)
    text += row(one.what, fmt::format("{:.4g} {}", one.ours, one.unit),
                fmt::format("{:.4g} {}", one.reference, one.unit), fmt::format("{:.3g}", one.ratio()),
                fmt::format("{:.3g}-{:.3g}", one.ratios.quantile(0.1), one.ratios.quantile(0.9)),
                bar_text(one), one.verdict());
  text += "\n";
  for (const auto& one : figures)
    text += fmt::format("{}: against {}{}; {} pairs\n", one.name, one.baseline,
                        one.note.empty() ? "" : "; " + one.note, one.ratios.count());
  return text;
}

nlohmann::json json_of(const std::vector<figure>& figures, const effort& effort) {
  utsname machine{};
  uname(&machine);
  nlohmann::json list = nlohmann::json::array();
  for (const auto& one : figures) {
    nlohmann::json entry{{"name", one.name},
                         {"what", one.what},
                         {"baseline", one.baseline},
                         {"unit", one.unit},
                         {"ours", one.ours},
                         {"reference", one.reference},
                         {"ratio", one.ratio()},
                         {"ratio_p10", one.ratios.quantile(0.1)},
                         {"ratio_p90", one.ratios.quantile(0.9)},
                         {"pairs", one.ratios.count()},
                         {"verdict", one.verdict()},
                         {"note", one.note}};
    if (one.bar != bar_kind::none)
      entry["bar"] = {{"kind", one.bar == bar_kind::at_most ? "at_most" : "at_least"}, {"limit", one.limit}};
    list.push_back(std::move(entry));
  }
  return {{"machine",
           {{"kernel", machine.release},
            {"architecture", machine.machine},
            {"processors", std::thread::hardware_concurrency()}}},
          {"quick", effort.quick},
          {"figures", std::move(list)}};
}

} // namespace moorage::bench
