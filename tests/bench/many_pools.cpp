// A thousand pools in one process.
#include <atomic>
#include <caf/all.hpp>
#include <fmt/format.h>
#include <thread>

#include "runtime/actors.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/pools.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t of_each_pool = 5; // connections

configuration many(const address& at, int pools) {
  std::vector<cluster_settings> clusters;
  for (int i = 0; i < pools; ++i)
    clusters.push_back(still(at, fmt::format("pool-{:04}", i), of_each_pool));
  auto config = quiet(std::move(clusters));
  config.connects_at_once = 20; // the sshd is one thread
  return config;
}

void wait_for_all(const runtime& rt, int pools) {
  auto goal = static_cast<std::size_t>(pools) * of_each_pool;
  auto end = steady::now() + 600s;
  for (std::size_t before = 0;; let_pass(500ms)) {
    std::size_t idle = 0;
    if (auto all = rt.pools()) // a processor that all log-ins want may keep it waiting for too long
      for (const auto& pool : *all)
        idle += pool.idle;
    if (idle == goal)
      return;
    if (idle / 1'000 > before / 1'000)
      say(fmt::format("{} of {} connections are open", idle, goal));
    before = idle;
    if (steady::now() > end)
      throw std::runtime_error("the connections are not open after ten minutes");
  }
}

/// A thread that asks how every pool does, again and again.
class asker {
public:
  explicit asker(const runtime& rt)
      : thread_{[this, &rt] {
          for (; !over_; ++asked_)
            rt.pools().value();
        }} {}
  ~asker() {
    over_ = true;
    thread_.join();
  }
  int asked() const { return asked_; }

private:
  std::atomic<bool> over_ = false;
  std::atomic<int> asked_ = 0;
  std::thread thread_;
};

void time_the_order(runtime& rt, int pools, const effort& effort, figures& into) {
  auto& system = system_of(rt);
  auto echo = system.spawn([]() -> caf::behavior { return {[](int number) { return number; }}; });
  figure made;
  made.name = "pools-order";
  made.what = fmt::format("`pools`: how each of {} pools does", pools);
  made.baseline = "as many empty CAF requests and replies, one after the other";
  made.unit = "ms";
  made.bar = bar_kind::at_most;
  made.limit = 3;
  made.note = fmt::format("asked from a host thread; {} idle connections, sshd in another process",
                          static_cast<std::uint32_t>(pools) * of_each_pool);
  {
    caf::scoped_actor self{system};
    auto ask = [&] { self->request(echo, caf::infinite, 1).receive([](int) {}, [](const caf::error&) {}); };
    auto ours = [&] {
      if (rt.pools().value().size() != static_cast<std::size_t>(pools))
        throw std::runtime_error("a pool is missing");
    };
    auto reference = [&] {
      for (int i = 0; i < pools; ++i)
        ask();
    };
    auto p50 = [&](const std::function<void()>& of) { return time_each(effort.some(20), of).median() / 1e6; };
    p50(ours), p50(reference); // what is allocated once
    measure_pairs(made, effort.pairs(), [&](bool first) {
      return in_order(
          first, [&] { return p50(ours); }, [&] { return p50(reference); });
    });
  }
  caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
  into.push_back(std::move(made));
}

} // namespace

void thousand_pools(const effort& effort, figures& into) {
  auto pools = effort.some(1'000);
  fake_cluster cluster;
  runtime rt{many(cluster.at(), pools)};
  wait_for_all(rt, pools);
  time_the_order(rt, pools, effort, into);
  figure made;
  made.name = "pools-beside";
  made.what = fmt::format("acquire p99 on one pool while another thread asks how each of {} does", pools);
  made.baseline = "the quiet p99";
  made.unit = "us";
  made.bar = bar_kind::at_most;
  made.limit = 1.2;
  double rate = 0;
  auto p99 = [&] {
    samples taken;
    for (auto end = steady::now() + (effort.quick ? 100ms : 1'000ms); steady::now() < end;) {
      auto began = steady::now();
      auto lease = rt.acquire("pool-0000", 20s);
      taken.add(steady::now() - began);
    }
    return microseconds_of(taken.quantile(0.99));
  };
  auto beside = [&] {
    asker other{rt};
    auto began = steady::now();
    auto result = p99();
    rate = other.asked() / std::chrono::duration<double>(steady::now() - began).count();
    return result;
  };
  p99(), beside(); // what is allocated once
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, beside, p99); });
  made.note = fmt::format("all of one process; it asked {:.0f} times a second", rate);
  into.push_back(std::move(made));
}

} // namespace moorage::bench
