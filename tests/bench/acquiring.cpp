#include <caf/all.hpp>
#include <fmt/format.h>
#include <future>

#include "runtime/actors.hpp"
#include "tests/bench/empty_requests.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/pools.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

/// One acquire and nothing else is timed; the lease goes back before the next.
samples time_acquires(runtime& rt, int times) {
  samples taken;
  for (int i = 0; i < times; ++i) {
    auto began = steady::now();
    auto lease = rt.acquire("alpha", 20s);
    taken.add(steady::now() - began);
  }
  return taken;
}

} // namespace

void quiet_acquire(const effort& effort, figures& into) {
  fake_cluster cluster;
  runtime rt{quiet({still(cluster.at(), "alpha", 5)})};
  wait_idle(rt, "alpha", 5);
  empty_requests empty{system_of(rt)};
  caf::scoped_actor self{empty.system()};
  auto ask = [&] { empty.ask(self); };
  auto by_destructor = [&] { rt.acquire("alpha", 20s); };
  auto answered = [&] { rt.acquire("alpha", 20s).release().value(); };
  auto times = effort.some(2'000);
  auto compare = [&](figure made, const std::function<void()>& ours) {
    made.baseline = "an empty request and its answer in a system of CAF's alone";
    made.unit = "us";
    measure_pairs(made, effort.pairs(), [&](bool first) {
      return in_order(
          first, [&] { return microseconds_of(time_each(times, ours).median()); },
          [&] { return microseconds_of(time_each(times, ask).median()); });
    });
    into.push_back(std::move(made));
  };
  auto compare_both = [&](const std::string& suffix, const std::string& where, bar_kind bar) {
    figure made;
    made.name = "acquire" + suffix;
    made.what = "acquire + release (by the destructor), quiet, p50, " + where;
    made.note = "the next acquire waits behind the release, so both are in it";
    made.bar = bar;
    made.limit = 2.5;
    compare(made, by_destructor);
    made.name = "acquire-answered" + suffix;
    made.what = "acquire + release that waits for its answer, quiet, p50, " + where;
    made.note = "two round trips, each through the runtime's client";
    made.bar = bar_kind::none;
    compare(made, answered);
  };
  compare_both("-anywhere", "where the kernel wants", bar_kind::none);
  on_one_processor here;
  compare_both("", "on one processor", bar_kind::at_most);
}

void acquire_while_hung(const effort& effort, figures& into) {
  for (std::uint32_t count : {10u, 100u, 1'000u}) {
    if (effort.quick && count > 100)
      continue;
    fake_cluster cluster;
    runtime rt{quiet({still(cluster.at(), "alpha", count)})};
    wait_idle(rt, "alpha", count);
    auto times = effort.some(5'000);
    figure made;
    made.name = fmt::format("hung-acquire/{}", count);
    made.what = fmt::format("acquire p99 while {} connections hang in their probes", count);
    made.baseline = "the quiet p99";
    made.unit = "us";
    made.bar = bar_kind::at_most;
    made.limit = 1.2;
    made.note = "fake sshd in another process, frozen; every probe is in flight during the whole block";
    auto quiet_p99 = [&] { return microseconds_of(time_acquires(rt, times).quantile(0.99)); };
    auto hung_p99 = [&] {
      cluster.sshd.order("freeze");
      rt.probe("alpha").value();
      wait_until(rt, "alpha", [count](const pool_status& status) { return status.probing == count; });
      auto taken = time_acquires(rt, times);
      if (rt.pool("alpha").value().probing != count)
        throw std::runtime_error("a probe ended while the sshd was frozen");
      cluster.sshd.order("thaw");
      wait_idle(rt, "alpha", count);
      return microseconds_of(taken.quantile(0.99));
    };
    measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, hung_p99, quiet_p99); });
    into.push_back(std::move(made));
  }
}

void acquire_beside_waiters(const effort& effort, figures& into) {
  std::uint32_t count = effort.quick ? 5'000 : 50'000;
  fake_cluster cluster;
  auto crowded = still(cluster.at(), "crowded", 1);
  crowded.queue_depth = count;
  runtime rt{quiet({crowded, still(cluster.at(), "alpha", 5)})};
  wait_idle(rt, "crowded", 1);
  wait_idle(rt, "alpha", 5);
  auto held = rt.acquire("crowded", 20s);
  auto wait_for_waiters = [&rt](std::uint32_t waiters) {
    wait_until(rt, "crowded", [waiters](const pool_status& status) { return status.waiters == waiters; });
  };
  auto times = effort.some(5'000);
  figure made;
  made.name = "crowded-acquire";
  made.what = fmt::format("acquire p99 while {} acquires wait for another pool", count);
  made.baseline = "the quiet p99";
  made.unit = "us";
  made.bar = bar_kind::at_most;
  made.limit = 2;
  made.note = "all of one process";
  auto quiet_p99 = [&] { return microseconds_of(time_acquires(rt, times).quantile(0.99)); };
  auto crowded_p99 = [&] {
    std::stop_source stop;
    for (std::uint32_t i = 0; i < count; ++i)
      rt.async().acquire("crowded", {.patience = 1h, .stop = stop.get_token()}).detach();
    wait_for_waiters(count);
    auto taken = time_acquires(rt, times);
    stop.request_stop();
    wait_for_waiters(0);
    return microseconds_of(taken.quantile(0.99));
  };
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, crowded_p99, quiet_p99); });
  into.push_back(std::move(made));
}

void acquire_while_opening(const effort& effort, figures& into) {
  constexpr std::uint32_t there = 10;
  std::uint32_t opened = effort.quick ? 20 : 100;
  fake_cluster cluster;
  auto small = still(cluster.at(), "alpha", there);
  auto large = still(cluster.at(), "alpha", there + opened);
  large.connects_at_once = opened;
  runtime rt{quiet({small})};
  wait_idle(rt, "alpha", there);
  figure made;
  made.name = "opening-acquire";
  made.what = fmt::format("acquire p99 while {} connections are being opened", opened);
  made.baseline = "the quiet p99";
  made.unit = "us";
  made.note = "the key exchanges take what processors there are: on few of them this measures the machine";
  auto quiet_p99 = [&] { return microseconds_of(time_acquires(rt, effort.some(5'000)).quantile(0.99)); };
  auto opening_p99 = [&] {
    rt.register_cluster(large).value();
    samples taken;
    for (std::uint32_t opening = opened; opening > 0; opening = rt.pool("alpha").value().opening)
      for (int i = 0; i < 50; ++i) {
        auto began = steady::now();
        auto lease = rt.acquire("alpha", 20s);
        taken.add(steady::now() - began);
      }
    wait_idle(rt, "alpha", there + opened);
    rt.register_cluster(small).value();
    wait_idle(rt, "alpha", there);
    return microseconds_of(taken.quantile(0.99));
  };
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, opening_p99, quiet_p99); });
  into.push_back(std::move(made));
}

void acquire_beside_openings(const effort& effort, figures& into) {
  std::uint32_t opened = effort.quick ? 20 : 100;
  fake_cluster cluster;
  support::real_sshd sshd;
  bare_loop bare{target_of(sshd)};
  runtime rt{quiet({still(cluster.at(), "alpha", 5)})};
  wait_idle(rt, "alpha", 5);
  auto beta = still(address_of(sshd), "beta", opened);
  beta.connects_at_once = opened;
  figure made;
  made.name = "beside-openings";
  made.what = fmt::format("acquire p99 while {} connections of another pool are being opened", opened);
  made.baseline = "the same acquires beside the bare loop, which opens as many";
  made.unit = "us";
  made.bar = bar_kind::at_most;
  made.limit = 3;
  made.note = "OpenSSH's sshd, on the same processors; the bare loop has a thread of its own";
  // Asked between acquires, so that the question is in none of them.
  auto p99_until = [&rt](const std::function<bool()>& over) {
    samples taken;
    auto end = steady::now() + 60s;
    do
      for (int i = 0; i < 50; ++i) {
        auto began = steady::now();
        auto lease = rt.acquire("alpha", 20s);
        taken.add(steady::now() - began);
      }
    while (!over() && steady::now() < end);
    if (steady::now() >= end)
      throw std::runtime_error("the connections are not open after a minute");
    return microseconds_of(taken.quantile(0.99));
  };
  auto ours = [&] {
    rt.register_cluster(beta).value();
    auto p99 = p99_until([&] { return rt.pool("beta").value().idle == opened; });
    rt.remove_cluster("beta").value();
    sshd.wait_for_connections(0, 30s);
    return p99;
  };
  auto reference = [&] {
    auto opening = std::async(std::launch::async, [&] { bare.open(opened, opened); });
    auto p99 = p99_until([&] { return opening.wait_for(0s) == std::future_status::ready; });
    opening.get();
    bare.close();
    sshd.wait_for_connections(0, 30s);
    return p99;
  };
  ours(), reference(); // what is allocated once
  measure_pairs(made, effort.pairs(), [&](bool first) { return in_order(first, ours, reference); });
  into.push_back(std::move(made));
}

} // namespace moorage::bench
