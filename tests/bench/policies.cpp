// What the pools' policies cost an acquire.
#include <caf/all.hpp>

#include "actors/manager/manager.hpp"
#include "actors/session/session.hpp"
#include "runtime/runtime.hpp"
#include "runtime/ssh/login/credentials_look.hpp"
#include "runtime/ssh/transport.hpp"
#include "runtime/system/asleep.hpp"
#include "runtime/system/recordings.hpp"
#include "tests/bench/figures.hpp"
#include "tests/bench/pools.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t of_the_pool = 5;

cluster_settings with_policies(const address& at) {
  auto settings = usual(at, "alpha");
  settings.pool_size = settings.min_idle = of_the_pool;
  return settings;
}

cluster_settings without_policies(const address& at) {
  auto settings = still(at, "alpha", of_the_pool);
  settings.leak_threshold = settings.overload_target = settings.proving_time = 0ms;
  settings.connection_lifetime = settings.idle_timeout = 30 * 24h;
  return settings;
}

caf::actor_system_config& prepared(caf::actor_system_config& config) {
  config.set("scheduler.policy", caf::atom("sharing")); // which does not poll
  config.set("scheduler.max-threads", std::max<std::size_t>(std::thread::hardware_concurrency(), 2));
  runtime::configure(config);
  return config;
}

/// Where pools live without a runtime, whose pools always have a flight recorder.
struct surroundings_of_pools {
  readiness loop;
  blocking_threads threads;
  transport_world world{loop, threads, nullptr};
  caf::actor_system_config config;
  caf::actor_system system{prepared(config)};
};

/// A pool that is asked by messages through a session, as a host's actor asks.
class asked_by_message {
public:
  asked_by_message(surroundings_of_pools& in, const cluster_settings& settings, bool limits, bool recorder)
      : self_(in.system) {
    manager_world world;
    world.transports = [&in](const cluster_settings& of, waker wake) {
      return make_ssh_transport(of, std::move(wake), in.world);
    };
    world.look_at_credentials = [&in](const cluster_settings& of, bool host_keys, waker wake) {
      return look_at_credentials_of(of, host_keys, std::move(wake), in.world);
    };
    if (recorder)
      world.write_recording = [&in](recording what, waker wake) {
        return begin_recording_file(recordings_folder(), std::move(what), std::move(wake), in.threads);
      };
    if (!limits)
      world.connects_at_once = world.probes_at_once = 0;
    else
      world.asleep = time_asleep;
    world.turns = std::max<std::size_t>(in.system.scheduler().num_workers(), 2) - 1;
    manager_ = in.system.spawn(manager, std::vector{settings}, std::move(world));
    session_ = in.system.spawn(session, manager_, caf::strong_actor_ptr{self_->ctrl()}, session_bounds{},
                               std::string{}, access_rights::everything());
    for (auto end = steady::now() + 60s; idle() < of_the_pool; let_pass(2ms))
      if (steady::now() > end)
        throw std::runtime_error("the connections are not open after a minute");
  }
  ~asked_by_message() {
    self_->request(manager_, caf::infinite, stop_all{}).receive([](const done&) {}, [](const caf::error&) {});
  }

  void acquire_and_release() {
    self_->send(session_, acquire{"alpha", 0, 20s, {}, false});
    lease_id lease;
    while (lease == lease_id{})
      self_->receive([&](const lease_grant& grant) { lease = grant.lease; },
                     [](const acquire_refused& refusal) { throw error{refusal.reason}; }, [](const done&) {});
    self_->send(session_, release_lease{"alpha", lease});
  }

private:
  std::uint32_t idle() {
    std::uint32_t count = 0;
    self_->request(session_, caf::infinite, get_pool{"alpha"})
        .receive([&](const pool_status& status) { count = status.idle; }, [](const caf::error&) {});
    return count;
  }

  caf::scoped_actor self_;
  manager_actor manager_;
  inner_session_actor session_;
};

figure policies_figure(const std::string& name, const std::string& what, const std::string& baseline) {
  figure made;
  made.name = name;
  made.what = what;
  made.baseline = baseline;
  made.unit = "us";
  made.bar = bar_kind::at_most;
  made.limit = 1.1;
  return made;
}

} // namespace

void acquire_with_policies(const effort& effort, figures& into) {
  auto times = effort.some(2'000);
  auto compare = [&](figure made, const std::function<void()>& ours, const std::function<void()>& reference) {
    auto p50 = [times](const std::function<void()>& of) {
      return microseconds_of(time_each(times, of).median());
    };
    p50(ours), p50(reference); // what is allocated once
    measure_pairs(made, effort.pairs(), [&](bool first) {
      return in_order(
          first, [&] { return p50(ours); }, [&] { return p50(reference); });
    });
    into.push_back(std::move(made));
  };
  fake_cluster cluster, plain; // each pool's log-ins have a budget by host and port
  auto with = with_policies(cluster.at()), without = without_policies(plain.at());
  {
    surroundings_of_pools around;
    asked_by_message off{around, without, false, false};
    asked_by_message recorded{around, without, false, true};
    asked_by_message on{around, with, true, true};
    auto all = [&] { on.acquire_and_release(); };
    auto recorder = [&] { recorded.acquire_and_release(); };
    auto none = [&] { off.acquire_and_release(); };
    auto made = policies_figure("policies", "acquire + release by message, every policy at its default, p50",
                                "the same with every policy off, the flight recorder too");
    made.note = "through a session, as a host's actor asks; checks, budget, overload, leak watch, shared "
                "connections, sleep watch";
    compare(std::move(made), all, none);
    made = policies_figure("policies-recorder", "the same with the flight recorder alone",
                           "the same with every policy off, the flight recorder too");
    made.bar = bar_kind::none;
    compare(std::move(made), recorder, none);
  }
  fake_cluster another;
  auto settings = with_policies(another.at());
  configuration usually;
  usually.log_level = "off";
  usually.clusters.push_back({settings, {}});
  runtime on{usually};
  runtime off{quiet({without})};
  wait_idle(on, "alpha", of_the_pool);
  wait_idle(off, "alpha", of_the_pool);
  auto made = policies_figure("policies-host",
                              "acquire + release from a host thread, settings at their defaults, p50",
                              "the same with every policy off that a setting turns off");
  made.note = "the flight recorder, which no setting turns off, is in both";
  compare(
      std::move(made), [&] { on.acquire("alpha", 20s); }, [&] { off.acquire("alpha", 20s); });
}

} // namespace moorage::bench
