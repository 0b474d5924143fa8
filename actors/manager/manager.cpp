#include "actors/manager/manager.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/carriage.hpp"
#include "actors/composure.hpp"
#include "actors/pool/shell.hpp"
#include "messages/exit_words.hpp"
#include "messages/printable.hpp"
#include "messages/settings_table.hpp"
#include "messages/settings_text.hpp"

namespace moorage {

namespace {

/// Ids of one pool's life: enough for a thousand acquires a second for thirty years.
constexpr std::uint64_t ids_per_life = 1'000'000'000'000;

} // namespace

manager_actor_state::~manager_actor_state() {
  for (auto& [name, entry] : clusters_)
    caf::anon_send_exit(entry.pool, caf::exit_reason::kill);
  for (auto& pool : removed_)
    caf::anon_send_exit(pool, caf::exit_reason::kill);
  for (auto& one : subscribers_)
    if (one.account)
      caf::anon_send(one.account, stop_all{});
  auto end = [](const auto& each) {
    if (each)
      caf::anon_send_exit(each, caf::exit_reason::kill);
  };
  for (auto& giver : givers_) {
    end(giver.at);
    end(giver.pausing);
  }
  end(permits_);
  end(permits_pausing_);
  if (reload_promise_)
    reload_promise_->deliver(make_error(errc::stopping, "the runtime is stopping"));
}

void manager_actor_state::begin(std::vector<cluster_settings> clusters, manager_world world) {
  world_ = std::move(world);
  start_turns(turn_kind::compute);
  start_turns(turn_kind::probe);
  start_permits(false);
  for (auto& settings : clusters)
    place(std::move(settings));
}

void manager_actor_state::start_pool(const std::string& name, entry& cluster) {
  auto number = pools_started_++;
  pool_world world{world_.transports,
                   world_.look_at_credentials,
                   giver_of(turn_kind::compute).at,
                   giver_of(turn_kind::probe).at,
                   permits_,
                   world_.seed + number * 0x9e3779b97f4a7c15u,
                   lives_[name]++ * ids_per_life + 1,
                   world_.write_recording,
                   world_.asleep,
                   caf::actor_cast<caf::actor>(self_)};
  auto settings = cluster.settings;
  if (cluster.awaited)
    settings.min_idle = 0;
  cluster.pool = self_->spawn(pool, std::move(settings), std::move(world));
  self_->monitor(cluster.pool);
  if (cluster.awaited) // before whatever comes: nothing is opened
    caf::anon_send(cluster.pool, pause_pool{name, true, "its move to this node"}, order_sender{});
  for (auto& one : subscribers_)
    if (hears(one, name))
      subscribe_at(cluster.pool, one);
}

pool_actor manager_actor_state::pool_of(const std::string& cluster) const {
  auto found = clusters_.find(cluster);
  return found != clusters_.end() ? found->second.pool : pool_actor{};
}

caf::error manager_actor_state::unknown(const std::string& cluster) const {
  if (stopping_)
    return make_error(errc::stopping, "the runtime is stopping");
  if (auto away = elsewhere_.find(cluster); away != elsewhere_.end())
    return make_error(why_elsewhere(cluster, away->second.node));
  if (auto wrong = world_.unusable.find(cluster); wrong != world_.unusable.end())
    return make_error(wrong->second);
  std::string names;
  for (auto& [name, entry] : clusters_) {
    if (names.size() > 200) {
      names += ", …";
      break;
    }
    names += (names.empty() ? "" : ", ") + name;
  }
  return make_error(errc::unknown_cluster, "no cluster '" + printable(cluster) + "' is registered" +
                                               (names.empty() ? "; none is" : "; there are: " + names));
}

// --- acquires

void manager_actor_state::pass(acquire_for request) {
  if (!request.holder)
    return; // nobody could be told
  auto found = clusters_.find(request.cluster);
  auto leaves = found != clusters_.end() && !found->second.leaving_to.empty();
  if (stopping_ || found == clusters_.end() || leaves) {
    acquire_refused refusal{request.cluster, request.call,
                            leaves && !stopping_ ? why_elsewhere(request.cluster, found->second.leaving_to)
                                                 : to_failure(unknown(request.cluster))};
    caf::anon_send(caf::actor_cast<caf::actor>(request.holder), std::move(refusal));
    return;
  }
  auto& pool = found->second.pool;
  self_->send(pool, passed_acquire{++passed_, request});
  unread_[pool.address()].acquires.emplace(passed_, unread::passed{std::move(request), self_->clock().now()});
}

void manager_actor_state::cancel(cancel_acquire_for request) {
  auto pool = pool_of(request.cluster);
  if (!pool)
    return;
  caf::anon_send(pool, request);
  if (auto found = unread_.find(pool.address()); found != unread_.end())
    found->second.cancels.push_back({std::move(request), passed_});
}

void manager_actor_state::take(const acquire_taken& read) {
  auto found = unread_.find(caf::actor_cast<caf::actor_addr>(self_->current_sender()));
  if (found == unread_.end())
    return;
  auto& [acquires, cancels] = found->second;
  acquires.erase(read.number);
  if (acquires.empty()) {
    unread_.erase(found);
    return;
  }
  while (!cancels.empty() && cancels.front().after < acquires.begin()->first)
    cancels.pop_front();
}

/// Nobody waits for it here: one that is lost ends what was to be carried, which then asks anew.
void manager_actor_state::carry(carry_for& request) {
  if (auto pool = pool_of(request.cluster))
    caf::anon_send(pool, std::move(request));
  else if (request.what)
    request.what->end(to_failure(unknown(request.cluster)));
}

void manager_actor_state::pass_again(unread lost) {
  for (auto& [number, passed] : lost.acquires) {
    passed.request.waited += self_->clock().now() - passed.at;
    pass(std::move(passed.request));
  }
  for (auto& each : lost.cancels)
    cancel(std::move(each.request));
}

// --- clusters

/// What is wrong if its jumps, as they are registered, led back to it.
failure manager_actor_state::circle_through(const cluster_settings& settings) const {
  auto circle = jump_circle(settings, [this](const std::string& name) -> const cluster_settings* {
    auto found = clusters_.find(name);
    return found == clusters_.end() ? nullptr : &found->second.settings;
  });
  return circle.empty() ? failure{} : failure{errc::invalid_settings, circle};
}

void manager_actor_state::add(const register_cluster& request, caf::typed_response_promise<done> promise) {
  if (stopping_) {
    promise.deliver(unknown(request.settings.name));
    return;
  }
  if (auto wrong = check_settings(request.settings); wrong.code != errc::none) {
    promise.deliver(make_error(wrong));
    return;
  }
  if (auto wrong = circle_through(request.settings); wrong.code != errc::none) {
    promise.deliver(make_error(wrong));
    return;
  }
  if (shutting_down_ > 0 && !clusters_.contains(request.settings.name)) {
    promise.deliver(make_error(errc::stopping, "the pools are being shut down, and no new cluster is taken"));
    return;
  }
  if (note_elsewhere(request.settings, promise))
    return;
  auto [found, fresh] = clusters_.try_emplace(request.settings.name);
  found->second.settings = request.settings;
  found->second.registered = ++registrations_;
  if (fresh) {
    start_pool(found->first, found->second);
    promise.deliver(done{"registered"});
  } else {
    promise.delegate(found->second.pool, request);
  }
}

/// Remembered once the pool has taken it: it is what the cluster's settings say, and what a next life begins
/// with. Not if the cluster was registered anew meanwhile, which the pool hears of after the change.
template <class Order>
void manager_actor_state::pass_change(Order& order, order_sender& sender,
                                      caf::typed_response_promise<done> promise,
                                      std::function<void(cluster_settings&)> change) {
  auto found = clusters_.find(order.cluster);
  if (found == clusters_.end()) {
    promise.deliver(unknown(order.cluster));
    return;
  }
  self_->request(found->second.pool, caf::infinite, order, sender)
      .then(
          [this, name = order.cluster, registered = found->second.registered, change,
           promise](const done& answer) mutable {
            if (auto cluster = clusters_.find(name);
                cluster != clusters_.end() && cluster->second.registered == registered)
              change(cluster->second.settings);
            promise.deliver(answer);
          },
          [promise](caf::error& error) mutable { promise.deliver(std::move(error)); });
}

void manager_actor_state::pass_on(resize_pool& order, order_sender& sender,
                                  caf::typed_response_promise<done> promise) {
  pass_change(order, sender, std::move(promise),
              [size = order.size](cluster_settings& settings) { settings.pool_size = size; });
}

void manager_actor_state::pass_on(set_setting& order, order_sender& sender,
                                  caf::typed_response_promise<done> promise) {
  if (auto found = clusters_.find(order.cluster); order.key == "jump" && found != clusters_.end()) {
    auto changed = found->second.settings;
    changed.jump = order.value;
    if (auto wrong = circle_through(changed); wrong.code != errc::none) {
      promise.deliver(make_error(wrong));
      return;
    }
  }
  pass_change(order, sender, std::move(promise),
              [key = order.key, value = order.value](cluster_settings& settings) {
                change_setting(settings, key, value);
              });
}

void manager_actor_state::remove(const remove_cluster& order, caf::typed_response_promise<done> promise) {
  if (elsewhere_.erase(order.cluster) > 0) {
    promise.deliver(done{});
    return;
  }
  auto node = clusters_.extract(order.cluster);
  if (node.empty()) {
    promise.deliver(unknown(order.cluster));
    return;
  }
  end_pool(order, node.mapped().pool, [promise]() mutable { promise.deliver(done{}); });
}

void manager_actor_state::end_pool(const remove_cluster& order, const pool_actor& pool,
                                   std::function<void()> then) {
  removed_.insert(pool);
  auto end = [this, pool, then = std::move(then)] {
    removed_.erase(pool);
    caf::anon_send_exit(pool, caf::exit_reason::user_shutdown);
    then();
  };
  // An error: it ended by itself, so that nothing is left, as was asked.
  self_->request(pool, caf::infinite, order)
      .then([end](const done&) { end(); }, [end](caf::error&) { end(); });
}

cluster_list manager_actor_state::clusters() const {
  cluster_list result;
  for (auto& [name, entry] : clusters_)
    result.clusters.push_back(entry.settings);
  return result;
}

void manager_actor_state::one_stopped() {
  if (still_stopping_ > 0)
    --still_stopping_;
  if (still_stopping_ > 0)
    return;
  for (auto& [name, entry] : clusters_)
    caf::anon_send_exit(entry.pool, caf::exit_reason::user_shutdown);
  for (auto& promise : stop_promises_)
    promise.deliver(done{});
  stop_promises_.clear();
  self_->quit();
}

void manager_actor_state::stop(caf::typed_response_promise<done> promise) {
  if (promise.pending())
    stop_promises_.push_back(std::move(promise));
  if (stopping_)
    return;
  stopping_ = true;
  still_stopping_ = clusters_.size() + 1; // one for this call itself
  for (auto& [name, entry] : clusters_)
    self_->request(entry.pool, caf::infinite, stop_all{})
        .then([this](const done&) { one_stopped(); }, [this](caf::error&) { one_stopped(); });
  one_stopped();
}

void manager_actor_state::lost(const caf::down_msg& down) {
  forget_subscriber(down.source);
  if (!stopping_)
    giver_lost(down);
  for (auto& [name, entry] : clusters_) {
    if (entry.pool.address() != down.source || stopping_)
      continue;
    auto text = "the pool ended by a bug (" + in_words(down.reason) + "); a fresh one takes its place";
    if (world_.report_bug)
      world_.report_bug(name, text);
    tell_subscribers(name, event_kind::internal, text);
    start_pool(name, entry);
  }
  if (auto node = unread_.extract(down.source); !node.empty())
    pass_again(std::move(node.mapped()));
}

} // namespace moorage
