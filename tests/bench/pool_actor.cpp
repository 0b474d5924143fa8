// A pool actor's messages, one at a time on this thread in virtual time, while all of its peers hang.
#include <fmt/format.h>
#include <numeric>

#include "actors/pool/shell.hpp"
#include "tests/actors/virtual_world.hpp"
#include "tests/bench/figures.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

class busy_world {
public:
  explicit busy_world(std::uint32_t size) : size_(size), world_(settings_for(size)), self_(world_.system) {
    world_.network->silent.resize(size);
    std::iota(world_.network->silent.begin(), world_.network->silent.end(), 0);
    holder_ = world_.system.spawn(
        [](caf::event_based_actor* self,
           std::shared_ptr<std::vector<lease_granted>> granted) -> caf::behavior {
          self->set_default_handler(caf::drop);
          return {[granted](lease_granted& grant) {
            caf::anon_send(caf::actor_cast<pool_actor>(grant.pool), confirm_lease{grant.lease});
            granted->push_back(std::move(grant));
          }};
        },
        granted_);
  }
  ~busy_world() { caf::anon_send_exit(holder_, caf::exit_reason::kill); }

  /// What every pool goes through when its peers hang.
  void bad_day();
  /// What comes for many at once: the end of a thousand waiters' patience, of a thousand leases' holder.
  void many_ends();

  samples each; ///< processor time of each message, in ns

private:
  static cluster_settings settings_for(std::uint32_t size) {
    auto settings = test::plain_cluster(size);
    settings.min_idle = size;
    settings.connects_at_once = size;
    settings.queue_depth = 10 * size;
    settings.probes_at_once = 0;
    return settings;
  }
  /// Handles every message there is, the pool's ones on the clock.
  void drain();
  void pass(std::chrono::nanoseconds time);
  void acquire_all();
  void queue_up(std::chrono::nanoseconds patience, std::chrono::nanoseconds spread);
  acquire_for request(std::chrono::nanoseconds patience) {
    return {{world_.cluster.name, 0, patience, "bench"}, caf::actor_cast<caf::strong_actor_ptr>(holder_)};
  }

  std::uint32_t size_;
  test::virtual_world world_;
  caf::scoped_actor self_;
  caf::actor holder_;
  std::shared_ptr<std::vector<lease_granted>> granted_ = std::make_shared<std::vector<lease_granted>>();
};

void busy_world::drain() {
  auto& jobs = world_.sched.jobs;
  while (!jobs.empty()) {
    auto* actor = dynamic_cast<caf::local_actor*>(jobs.front());
    if (actor == nullptr || std::string_view{actor->name()} != pool_actor_state::name) {
      world_.sched.run_once();
      continue;
    }
    auto before = thread_cpu();
    world_.sched.run_once(); // one message
    each.add(thread_cpu() - before);
  }
}

void busy_world::pass(std::chrono::nanoseconds time) {
  drain();
  for (; time > 0ns; time -= 100ms) {
    world_.sched.advance_time(100ms);
    drain();
  }
}

void busy_world::acquire_all() {
  for (std::uint32_t i = 0; i < size_; ++i) {
    caf::anon_send(world_.manager, request(1h));
    drain();
  }
  if (granted_->size() != size_)
    throw std::runtime_error("not every acquire was granted");
}

void busy_world::queue_up(std::chrono::nanoseconds patience, std::chrono::nanoseconds spread) {
  for (std::uint32_t i = 0; i < size_; ++i) {
    caf::anon_send(world_.manager, request(patience + i * spread));
    drain();
  }
}

void busy_world::bad_day() {
  self_->request(world_.manager, caf::infinite, probe_pool{world_.cluster.name}, order_sender{});
  drain();
  acquire_all();
  auto grants = *granted_;
  queue_up(10s, 10ms);
  pass(30s); // all probes and all waiters time out
  self_->request(world_.manager, caf::infinite, get_pool{world_.cluster.name});
  for (auto& grant : grants) {
    caf::anon_send(caf::actor_cast<pool_actor>(grant.pool),
                   release_lease_for{grant.lease, caf::actor_cast<caf::strong_actor_ptr>(holder_)});
    drain();
  }
  pass(90s); // the rest: closed, opened anew
}

void busy_world::many_ends() {
  acquire_all();
  queue_up(10s, 0s);
  pass(11s);
  caf::anon_send_exit(holder_, caf::exit_reason::kill);
  drain();
}

} // namespace

void busy_pool(const effort& effort, figures& into) {
  std::uint32_t size = effort.quick ? 100 : 1'000;
  auto measure = [&](const std::string& name, const std::string& what, void (busy_world::*day)()) {
    figure made;
    made.name = name;
    made.what = what;
    made.unit = "ms";
    made.baseline = "the bar itself, 1 ms";
    made.bar = bar_kind::at_most;
    made.limit = 1;
    made.reference = 1;
    samples longest, p999;
    std::size_t messages = 0;
    for (int i = 0; i < effort.pairs(); ++i) {
      busy_world world{size};
      (world.*day)();
      messages = world.each.count();
      longest.add(world.each.quantile(1) / 1e6);
      p999.add(world.each.quantile(0.999) / 1e6);
      made.ratios.add(world.each.quantile(1) / 1e6);
      say(fmt::format("{}: {} messages, the longest took {:.3g} ms", name, messages,
                      world.each.quantile(1) / 1e6));
    }
    made.ours = longest.median();
    made.note = fmt::format("the longest of {} messages to the pool's actor, its effects included; p99.9 "
                            "{:.3g} ms",
                            messages, p999.median());
    into.push_back(std::move(made));
  };
  measure(
      "busy-pool",
      fmt::format("longest message of a pool: {} hung connections, {} leases, {} waiters", size, size, size),
      &busy_world::bad_day);
  measure("busy-pool-at-once",
          fmt::format("the same when {} deadlines, or {} leases of one holder, end at once", size, size),
          &busy_world::many_ends);
}

} // namespace moorage::bench
