// One link that 64 streams and small requests share.
#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <stdexcept>
#include <thread>

#include "tests/bench/figures.hpp"
#include "tests/bench/other_node.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t connections = 17, channels = 4; // the last one is for the small requests
constexpr int streams = 64;

/// Streams without an end, each with a thread that reads as fast as it can; what each has got.
class endless_streams {
public:
  explicit endless_streams(runtime& through) {
    for (int i = 0; i < streams; ++i) {
      leases_.push_back(through.acquire("alpha", 20s));
      running_.push_back(leases_.back().open("cat /dev/zero"));
    }
    for (int i = 0; i < streams; ++i)
      readers_.emplace_back([this, place = static_cast<std::size_t>(i)] {
        for (stream::chunk chunk; running_[place].read(chunk);)
          received_[place] += chunk.bytes.size();
      });
  }
  ~endless_streams() {
    for (auto& each : running_)
      each.cancel();
    for (auto& each : readers_)
      each.join();
  }

  std::vector<double> received() const { return {received_.begin(), received_.end()}; }

private:
  std::vector<lease> leases_;
  std::vector<stream> running_;
  std::vector<std::atomic<std::uint64_t>> received_ = std::vector<std::atomic<std::uint64_t>>(streams);
  std::vector<std::thread> readers_;
};

std::vector<double> operator-(std::vector<double> all, const std::vector<double>& earlier) {
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] -= earlier[i];
  return all;
}

struct small_request {
  const char* name;
  const char* what;
  void (*once)(runtime&);
};

constexpr small_request small_requests[] = {
    {"ask", "asking how a pool does", [](runtime& rt) { rt.pool("alpha").value(); }},
    {"acquire", "acquire + release", [](runtime& rt) { rt.acquire("alpha", 20s).release().value(); }},
};

std::string in_milliseconds(const samples& taken) {
  return fmt::format("p50 {:.3g} ms, p99 {:.3g} ms", taken.quantile(0.5) / 1e6, taken.quantile(0.99) / 1e6);
}

void share(const std::string& way, runtime& rt, const effort& effort, figures& into) {
  constexpr double bar_ms = 20;
  constexpr auto warm = std::size(small_requests);
  const auto times = effort.some(300);
  samples quiet_times[warm], of_all[warm];
  std::vector<figure> made(warm);
  for (std::size_t i = 0; i < warm; ++i) {
    auto& each = made[i];
    each.name = fmt::format("shared-link-{}/{}", small_requests[i].name, way);
    each.what =
        fmt::format("p99 of {} beside {} streams on one link over {}", small_requests[i].what, streams, way);
    each.baseline = "the bar itself, 20 ms";
    each.unit = "ms";
    each.reference = bar_ms;
    each.bar = bar_kind::at_most;
    each.limit = 1;
    quiet_times[i] = time_each(times, [&] { small_requests[i].once(rt); });
    say(fmt::format("{}: quiet {}", each.name, in_milliseconds(quiet_times[i])));
  }
  figure even;
  even.name = "shared-link-streams/" + way;
  even.what = fmt::format("bytes of the one of these {} streams over {} that got the fewest", streams, way);
  even.baseline = "the one that got the most";
  even.unit = "MiB/s";
  even.bar = bar_kind::at_least;
  even.limit = 0.5;
  endless_streams load{rt};
  let_pass(2s);
  samples sums, p99s[warm];
  measure_pairs(even, effort.pairs(), [&](bool) {
    auto before = load.received();
    auto began = steady::now();
    for (std::size_t i = 0; i < warm; ++i) {
      samples taken;
      for (int n = 0; n < times; ++n) {
        auto asked = steady::now();
        small_requests[i].once(rt);
        taken.add(steady::now() - asked);
        of_all[i].add(steady::now() - asked);
      }
      p99s[i].add(taken.quantile(0.99) / 1e6);
      made[i].ratios.add(taken.quantile(0.99) / 1e6 / bar_ms);
      say(fmt::format("{}: {}", made[i].name, in_milliseconds(taken)));
    }
    if (auto left = began + 2s - steady::now(); left > 0s && !effort.quick)
      let_pass(std::chrono::ceil<std::chrono::milliseconds>(left));
    auto got = load.received() - before;
    auto per = std::chrono::duration<double>(steady::now() - began).count() * (1 << 20);
    double sum = 0;
    for (auto each : got)
      sum += each;
    sums.add(sum / per);
    auto [least, most] = std::minmax_element(got.begin(), got.end());
    return pair_of_numbers{*least / per, *most / per};
  });
  even.note = fmt::format("{:.0f} MiB/s together", sums.median());
  for (std::size_t i = 0; i < warm; ++i) {
    made[i].ours = p99s[i].median();
    made[i].note = fmt::format("quiet {}; all of them together {}", in_milliseconds(quiet_times[i]),
                               in_milliseconds(of_all[i]));
    into.push_back(std::move(made[i]));
  }
  into.push_back(std::move(even));
}

} // namespace

void requests_beside_streams(const effort& effort, figures& into) {
  support::real_sshd sshd;
  other_node node{sshd, connections, channels};
  {
    auto rt = runtime::connect(node.socket());
    share("the Unix socket", rt, effort, into);
  }
  auto rt = runtime::connect(node.over_tls());
  share("TLS", rt, effort, into);
}

} // namespace moorage::bench
