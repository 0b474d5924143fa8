#include "actors/pool/shell.hpp"

#include <algorithm>
#include <caf/all.hpp>

#include "actors/carriage.hpp"
#include "actors/connection/connection.hpp"
#include "actors/probe.hpp"
#include "messages/ensure.hpp"
#include "messages/exit_words.hpp"
#include "messages/printable.hpp"

namespace moorage {

namespace {

// Anonymous on purpose: a receiver that does not know the message must not end this pool.
template <class T>
void tell(const caf::strong_actor_ptr& whom, T what) {
  caf::anon_send(caf::actor_cast<caf::actor>(whom), std::move(what));
}

/// As long as a log-in may keep its server waiting: a person has a time of its own.
std::chrono::milliseconds log_in_max(const cluster_settings& settings) {
  return settings.connect_timeout + (settings.agent ? settings.agent_timeout : std::chrono::milliseconds{0});
}

/// Behind a jump host a name may be another machine's than here. Several hosts are one site, by the name of
/// the first: whose log-ins a site counts, it counts on all of its machines.
std::string site_of(const cluster_settings& settings) {
  return (settings.jump.empty() ? "" : settings.jump + "/") +
         (settings.hosts.empty() ? settings.host : settings.hosts.front());
}

} // namespace

pool_actor_state::~pool_actor_state() {
  if (!core_)
    return;
  failure gone{errc::internal, "the pool of '" + settings().name + "' ended unexpectedly; ask again"};
  if (core_->stopping())
    gone = {errc::stopping, "'" + settings().name + "' is stopping"};
  for (auto& [request, promise] : promises_)
    if (promise.pending())
      promise.deliver(make_error(gone));
  if (written_ && written_->promise.pending())
    written_->promise.deliver(make_error(gone));
  for (auto& [request, entry] : askers_)
    entry.carried ? entry.carried->what->end(gone)
                  : tell(entry.holder, acquire_refused{settings().name, entry.call, gone});
  for (const auto& lease : core_->leases(self_->clock().now()))
    apply(notify_holder{lease.holder, lease.lease, gone});
  for (auto& [number, connection] : connections_)
    caf::anon_send_exit(connection, caf::exit_reason::kill);
}

void pool_actor_state::begin(cluster_settings settings, pool_world world) {
  transports_ = std::move(world.transports);
  looker_ = std::move(world.look_at_credentials);
  turns_ = std::move(world.turns);
  probe_turns_ = std::move(world.probe_turns);
  permits_ = std::move(world.permits);
  manager_ = std::move(world.manager);
  writer_ = std::move(world.write_recording);
  core_ = std::make_unique<pool_core>(std::move(settings), world.seed, world.first_id);
  if (probe_turns_)
    core_->set_probe_wait(probe_turn_patience);
  sleep_ = sleep_watch{std::move(world.asleep)};
  step(time_passed{});
}

// --- messages that become events

request_id pool_actor_state::remember(caf::typed_response_promise<done> promise) {
  request_id request{++requests_};
  promises_.emplace(request, std::move(promise));
  return request;
}

template <class T>
void pool_actor_state::tell(holder_id holder, T what) {
  if (auto found = holders_.find(holder); found != holders_.end())
    if (auto whom = caf::actor_cast<caf::strong_actor_ptr>(found->second))
      moorage::tell(whom, std::move(what));
}

holder_id pool_actor_state::holder_of(const caf::strong_actor_ptr& whom) {
  auto address = caf::actor_cast<caf::actor_addr>(whom);
  auto [entry, fresh] = holder_ids_.try_emplace(address, holder_id{holders_seen_ + 1});
  if (fresh) {
    // Kept until the holder ends: cheaper than to monitor anew with every lease, and bounded by living
    // actors.
    ++holders_seen_;
    holders_.emplace(entry->second, address);
    self_->monitor(caf::actor_cast<caf::actor>(whom));
  }
  return entry->second;
}

holder_id pool_actor_state::known_holder(const caf::strong_actor_ptr& whom) const {
  if (!whom)
    return {}; // CAF takes no hash of nobody
  auto known = holder_ids_.find(caf::actor_cast<caf::actor_addr>(whom));
  return known != holder_ids_.end() ? known->second : holder_id{};
}

void pool_actor_state::take(acquire_for& request) {
  using std::chrono::nanoseconds;
  if (!request.holder)
    return; // nobody could be told
  auto now = self_->clock().now();
  auto holder = holder_of(request.holder);
  request_id id{++requests_};
  if (request.call != 0 && !calls_.try_emplace({holder, request.call}, id).second)
    return; // asked twice, answered once
  askers_.emplace(id, asker{holder, request.call, request.holder});
  // Longer than a year is for ever, and must not overflow the clock.
  constexpr nanoseconds for_ever = std::chrono::hours{24 * 365};
  auto waited = std::clamp(request.waited, nanoseconds{0}, for_ever);
  auto deadline = request.patience < nanoseconds{0} ? cluster_deadline
                                                    : now + std::min(request.patience, for_ever) - waited;
  step(acquire_requested{id,
                         holder,
                         deadline,
                         std::move(request.label),
                         request.wait_for_ready,
                         waited,
                         {},
                         false,
                         std::move(request.machine)});
}

void pool_actor_state::take(passed_acquire& passed) {
  if (auto manager = self_->current_sender())
    self_->send(caf::actor_cast<manager_actor>(manager), acquire_taken{passed.number});
  take(passed.request);
}

void pool_actor_state::take(const cancel_acquire_for& request) {
  auto call = calls_.find({known_holder(request.holder), request.call});
  if (call != calls_.end())
    step(acquire_cancelled{call->second});
}

void pool_actor_state::take(const release_lease_for& request, caf::typed_response_promise<done> promise) {
  auto holder = known_holder(request.holder);
  // A release that nobody waits for (a destructor's) must cost no more than it has to.
  auto id = promise.pending() ? remember(std::move(promise)) : request_id{};
  step(lease_released{id, request.lease, holder, request.abandoned, request.discard, request.reason});
}

void pool_actor_state::take(const turns_replaced& order) {
  if (order.what == turn_kind::probe) {
    probe_turns_ = caf::actor_cast<turns_actor>(order.by);
    return;
  }
  turns_ = caf::actor_cast<turns_actor>(order.by);
  for (auto& [number, connection] : connections_)
    caf::anon_send(connection, order);
}

void pool_actor_state::take(const permits_replaced& order) {
  permits_ = caf::actor_cast<permits_actor>(order.by);
  step(permits_forgotten{});
}

// Its actor has ended, or is about to: a handle to it is of no more use.

void pool_actor_state::take(connection_failed& report) {
  connections_.erase(report.connection);
  step(std::move(report));
}

void pool_actor_state::take(connection_lost& report) {
  connections_.erase(report.connection);
  step(std::move(report));
}

void pool_actor_state::take(const connection_closed& report) {
  connections_.erase(report.connection);
  step(report);
}

void pool_actor_state::take(const wake_up& wake) {
  if (wake.generation == recording_wake)
    return recording_is_written();
  if (wake.generation == 0) {
    auto seen = look_ ? look_->state() : std::optional{std::string{}};
    if (!seen)
      return;
    look_ = nullptr;
    return step(credentials_seen{std::move(*seen), look_for_machines_});
  }
  if (wake.generation == timer_generation_)
    timer_due_ = time_point::max();
  step(time_passed{});
}

void pool_actor_state::take(const caf::down_msg& down) {
  end_subscriptions_of(down.source);
  if (auto node = holder_ids_.extract(down.source); !node.empty()) {
    holders_.erase(node.mapped());
    step(holder_lost{node.mapped()});
    return;
  }
  // A connection says why it ends before it does; one that is still in the table died of something else.
  for (auto& [number, connection] : connections_) {
    if (connection.address() == down.source) {
      connection_lost died{
          number, {ssh_stage::session, ssh_failure::closed, "its actor ended: " + in_words(down.reason)}};
      take(died); // whatever its state was, this ends it
      return;
    }
  }
}

// --- the core and its effects

/// A sleep comes before what is heard after it, so that nobody is granted what it made doubtful as if it were
/// sound.
void pool_actor_state::step(pool_event event) {
  if (auto slept = sleep_.look(); slept > std::chrono::nanoseconds{0})
    carry_out(machine_slept{slept});
  carry_out(event);
  set_timer();
}

void pool_actor_state::carry_out(const pool_event& event) {
  effects_.clear();
  core_->set_announcing(!subscribers_.empty());
  step_core(event);
  for (auto& effect : effects_)
    std::visit([this](auto& what) { apply(what); }, effect);
}

void pool_actor_state::apply(const request_permit& effect) {
  const auto& s = settings();
  if (permits_)
    self_->send(permits_,
                permit_request{effect.permit, effect.held, effect.anew, core_->is_to_carry(), site_of(s),
                               s.port, s.pool_size, s.log_ins_per_minute, s.penalty_max, log_in_max(s)});
  else if (!effect.held)
    self_->send(self_, permit_given{effect.permit});
}

void pool_actor_state::apply(const return_permit& effect) {
  if (permits_)
    self_->send(permits_, effect);
}

void pool_actor_state::apply(const look_at_credentials& effect) {
  // Weak: a look that hangs in the file system must not keep its pool alive.
  auto wake = [address = self_->address()] {
    if (auto owner = caf::actor_cast<caf::strong_actor_ptr>(address))
      caf::anon_send(caf::actor_cast<caf::actor>(owner), wake_up{0});
  };
  look_for_machines_ = effect.machines; // the one before has its end in time alone
  if (looker_)
    look_ = looker_(settings(), effect.host_keys, std::move(wake));
  else
    wake();
}

void pool_actor_state::apply(const open_connection& effect) {
  auto connection = self_->spawn(moorage::connection, effect.connection, settings(), pool_actor{self_},
                                 turns_, transports_, effect.where);
  self_->monitor(connection);
  connections_.insert_or_assign(effect.connection, connection);
}

void pool_actor_state::apply(const close_connection& effect) {
  auto found = connections_.find(effect.connection);
  if (found == connections_.end()) { // between two tries to open there is no actor that could answer
    caf::anon_send(self_, connection_closed{effect.connection});
    return;
  }
  caf::anon_send(found->second, effect);
}

pool_actor_state::asker pool_actor_state::forget(std::unordered_map<request_id, asker>::iterator entry) {
  auto who = std::move(entry->second);
  if (who.call != 0)
    calls_.erase({who.holder, who.call});
  askers_.erase(entry);
  return who;
}

void pool_actor_state::apply(grant& effect) {
  auto& connection = connections_.at(effect.connection);
  caf::anon_send(connection, begin_lease{effect.lease, effect.output_max});
  auto found = askers_.find(effect.request);
  if (found == askers_.end())
    return;
  if (!effect.banner.empty() && !whole_banner_.empty())
    effect.banner = std::move(whole_banner_); // one grant at most has it, after the event
  auto who = forget(found);
  tell(who.holder,
       lease_granted{{{settings().name, who.call, effect.lease, effect.connection, std::move(effect.banner),
                       std::move(effect.warnings), settings().set_env, settings().send_env},
                      std::move(effect.machine)},
                     caf::strong_actor_ptr{self_->ctrl()},
                     caf::actor_cast<caf::strong_actor_ptr>(connection),
                     effect.output_max});
}

void pool_actor_state::apply(const refuse& effect) {
  if (auto found = askers_.find(effect.request); found != askers_.end()) {
    auto who = forget(found);
    if (who.carried)
      return who.carried->what->end(effect.reason);
    tell(who.holder, acquire_refused{settings().name, who.call, effect.reason});
  } else if (auto node = promises_.extract(effect.request); !node.empty()) {
    node.mapped().deliver(make_error(effect.reason));
  }
}

void pool_actor_state::apply(const acknowledge& effect) {
  if (auto node = promises_.extract(effect.request); !node.empty())
    node.mapped().deliver(done{effect.text});
}

void pool_actor_state::apply(const end_lease& effect) {
  if (auto found = connections_.find(effect.connection); found != connections_.end())
    caf::anon_send(found->second, effect);
}

void pool_actor_state::apply(const give_up_channel& effect) {
  if (auto found = connections_.find(effect.connection); found != connections_.end())
    caf::anon_send(found->second, effect);
}

void pool_actor_state::apply(const notify_holder& effect) {
  tell(effect.holder, lease_lost{settings().name, effect.lease, effect.reason});
}

void pool_actor_state::apply(const start_probe& effect) {
  if (auto found = connections_.find(effect.connection); found != connections_.end())
    self_->spawn(probe, pool_actor{self_}, found->second,
                 probe_order{effect.probe, effect.connection, {effect.run}, effect.timeout}, probe_turns_);
}

void pool_actor_state::apply(const change_probes& effect) {
  for (auto& [number, connection] : connections_)
    caf::anon_send(connection, effect);
}

void pool_actor_state::set_timer() {
  auto due = core_->next_due();
  auto now = self_->clock().now();
  if (sleep_.looks() && !connections_.empty())
    due = std::min<time_point>(due, now + sleep_watch::interval);
  if (due >= timer_due_)
    return; // the timer that runs comes earlier and sets the next
  timer_due_ = due;
  self_->delayed_send(self_, std::max<std::chrono::nanoseconds>(due - now, std::chrono::nanoseconds{0}),
                      wake_up{++timer_generation_});
}

// --- reads

void pool_actor_state::verify() const {
  auto now = self_->clock().now();
  auto attended = core_->with_actors();
  ensure(attended.size() == connections_.size(), "the shell has handles of the core's connections alone");
  for (auto id : attended)
    ensure(connections_.count(id) == 1, "the shell has a handle of each connection that has an actor");
  auto waiters = core_->waiters(now);
  ensure(waiters.size() == askers_.size(), "the shell keeps those who wait, and nobody else");
  std::size_t named = 0;
  for (const auto& waiter : waiters) {
    auto asker = askers_.find(waiter.request);
    ensure(asker != askers_.end() && asker->second.holder == waiter.holder, "the shell knows who waits");
    const auto& who = asker->second;
    auto call = calls_.find({who.holder, who.call});
    ensure(who.call == 0 || (call != calls_.end() && call->second == waiter.request),
           "whoever waits under a number can withdraw by it");
    named += who.call != 0;
  }
  ensure(named == calls_.size(), "a number is forgotten with what it named");
  auto unanswered = core_->unanswered();
  ensure(unanswered.size() == promises_.size(), "a promise is kept until the core answers it, and no longer");
  for (auto request : unanswered)
    ensure(promises_.count(request) == 1, "the shell can answer what the core has not answered yet");
  ensure(holders_.size() == holder_ids_.size(), "a holder has one id");
  for (const auto& lease : core_->leases(now))
    ensure(holders_.count(lease.holder) == 1, "the shell can tell each holder of its lease's end");
  for (const auto& pause : core_->status(now).pauses)
    ensure(pause.keep || holders_.count(pause.holder) == 1, "the shell sees who pauses end");
}

} // namespace moorage
