#include <caf/all.hpp>
#include <fstream>

#include "runtime/actors.hpp"
#include "tests/bench/clients.hpp"
#include "tests/bench/empty_requests.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/other_node.hpp"

namespace moorage::bench {

void exec_against_control_master(const effort& effort, figures& into) {
  support::real_sshd sshd;
  other_node node{sshd};
  auto config = node.folder() / "moorage.toml";
  std::ofstream{config}.flush(); // empty: whoever runs this may have one of his own
  control_master master{sshd};
  auto client = master.client("true");
  std::vector<std::string> exec{MOORAGE_PROGRAM, "exec",  "--config", config, "--socket",
                                node.socket(),   "alpha", "--",       "true"};
  figure made;
  made.name = "exec-control-master";
  made.what = "`moorage exec` of `true` through a node, from its start to its end, p50";
  made.baseline = "`ssh -S` through a ControlMaster";
  made.unit = "ms";
  made.bar = bar_kind::at_most;
  made.limit = 1.3;
  made.note = "a slow login shell is in both, and makes the ratio smaller";
  auto times = effort.some(50);
  auto p50 = [&](const std::vector<std::string>& words) {
    return milliseconds_of(
        nanoseconds{static_cast<std::int64_t>(time_each(times, [&] { run_to_success(words); }).median())});
  };
  measure_pairs(made, effort.pairs(), [&](bool first) {
    return in_order(
        first, [&] { return p50(exec); }, [&] { return p50(client); });
  });
  into.push_back(std::move(made));
}

void acquires_from_threads(const effort& effort, figures& into) {
  constexpr std::uint32_t connections = 64;
  fake_cluster cluster;
  runtime rt{quiet({still(cluster.at(), "alpha", connections)})};
  wait_idle(rt, "alpha", connections);
  auto times = effort.some(20'000);
  auto once = [&] { rt.acquire("alpha", std::chrono::seconds{60}); };
  for (int threads : {1, 8, 64}) {
    figure made;
    made.name = "acquire-rate/" + std::to_string(threads);
    made.what = "acquires a second from " + std::to_string(threads) + " host threads";
    made.baseline = "one host thread";
    made.unit = "/s";
    made.note = "each lease is given back at once, by the destructor";
    measure_pairs(made, effort.pairs(), [&](bool first) {
      return in_order(
          first, [&] { return rate_of(threads, times, once); }, [&] { return rate_of(1, times, once); });
    });
    into.push_back(std::move(made));
  }
}

void acquires_of_a_crowd(const effort& effort, figures& into) {
  constexpr int threads = 64;
  fake_cluster cluster;
  runtime rt{quiet({still(cluster.at(), "alpha", threads)})};
  wait_idle(rt, "alpha", threads);
  empty_requests empty{system_of(rt)};
  auto pair = [&] { rt.acquire("alpha", std::chrono::seconds{60}); };
  auto ask = [&] {
    // Ends with its thread, of which each measurement has new ones.
    thread_local caf::scoped_actor self{empty.system()};
    empty.ask(self);
  };
  auto times = effort.some(20'000);
  figure made;
  made.name = "crowd-acquire";
  made.what = "acquire-and-release pairs a second from 64 host threads";
  made.baseline = "empty CAF requests and replies a second from as many threads";
  made.unit = "/s";
  made.bar = bar_kind::at_least;
  made.limit = 0.5;
  made.note = "all threads ask one actor: the runtime's client, or one of a system of CAF's alone";
  measure_pairs(made, effort.pairs(), [&](bool first) {
    return in_order(
        first, [&] { return rate_of(threads, times, pair); }, [&] { return rate_of(threads, times, ask); });
  });
  into.push_back(std::move(made));
}

} // namespace moorage::bench
