#include "actors/pool/shell.hpp"

#include <caf/all.hpp>

#include "actors/connection/connection.hpp"
#include "actors/probe.hpp"
#include "messages/exit_words.hpp"
#include "messages/printable.hpp"

namespace moorage {

namespace {

// Anonymous on purpose: a receiver that does not know the message must not end this pool.
template <class T>
void tell(const caf::strong_actor_ptr& whom, T what) {
  caf::anon_send(caf::actor_cast<caf::actor>(whom), std::move(what));
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
  for (auto& [request, entry] : askers_)
    tell(entry.holder, acquire_refused{settings().name, entry.call, gone});
  for (const auto& lease : core_->leases(self_->clock().now()))
    apply(notify_holder{lease.holder, lease.lease, gone});
  for (auto& [number, connection] : connections_)
    caf::anon_send_exit(connection, caf::exit_reason::kill);
}

void pool_actor_state::begin(cluster_settings settings, pool_world world) {
  transports_ = std::move(world.transports);
  turns_ = std::move(world.turns);
  core_ = std::make_unique<pool_core>(std::move(settings), world.seed, world.first_id);
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
  auto patience = request.patience < nanoseconds{0} ? settings().acquire_timeout : request.patience;
  auto waited = std::clamp(request.waited, nanoseconds{0}, for_ever);
  auto deadline = now + std::min(patience, for_ever) - waited;
  step(acquire_requested{id, holder, deadline, std::move(request.label), request.wait_for_ready, waited});
}

void pool_actor_state::take(passed_acquire& passed) {
  if (auto manager = self_->current_sender())
    self_->send(caf::actor_cast<manager_actor>(manager), acquire_taken{passed.number});
  take(passed.request);
}

void pool_actor_state::take(const cancel_acquire_for& request) {
  auto holder = holder_ids_.find(caf::actor_cast<caf::actor_addr>(request.holder));
  if (holder == holder_ids_.end())
    return;
  auto call = calls_.find({holder->second, request.call});
  if (call != calls_.end())
    step(acquire_cancelled{call->second});
}

void pool_actor_state::take(const release_lease_for& request, caf::typed_response_promise<done> promise) {
  holder_id holder;
  if (auto known = holder_ids_.find(caf::actor_cast<caf::actor_addr>(request.holder));
      known != holder_ids_.end())
    holder = known->second;
  // A release that nobody waits for (a destructor's) must cost no more than it has to.
  auto id = promise.pending() ? remember(std::move(promise)) : request_id{};
  step(lease_released{id, request.lease, holder, request.abandoned});
}

void pool_actor_state::take(const turns_replaced& order) {
  turns_ = caf::actor_cast<turns_actor>(order.by);
  for (auto& [number, connection] : connections_)
    caf::anon_send(connection, order);
}

void pool_actor_state::take(opening_ended& report) {
  steps_ = std::move(report.steps);
  for (auto& warning : report.warnings) {
    warning = printable(warning, printable_whole);
    apply(announce{event_kind::warned, report.connection, {}, warning});
    if (report.error) // who waits is told by the refusal, if it comes to that
      report.error.text += "; besides, " + warning;
  }
  said_ = {report.connection, std::move(report.banner), std::move(report.warnings)};
  error_ = report.error;
  if (report.error) {
    connections_.erase(report.connection);
    // The report may have crossed the order to close, which nobody is left to carry out.
    if (closing_.erase(report.connection) > 0)
      step(connection_closed{report.connection});
    else
      step(connection_failed{report.connection, std::move(report.error)});
  } else {
    step(connection_opened{report.connection});
  }
  steps_.clear();
  error_ = {};
  said_ = {};
}

void pool_actor_state::take(link_lost& report) {
  connections_.erase(report.connection);
  closing_.erase(report.connection);
  error_ = report.error;
  step(connection_lost{report.connection, std::move(report.error)});
  error_ = {};
}

void pool_actor_state::take(const link_closed& report) {
  connections_.erase(report.connection);
  closing_.erase(report.connection);
  step(connection_closed{report.connection});
}

void pool_actor_state::take(const lease_cleared& report) {
  step(lease_ended{report.connection, report.lease, report.was_running});
}

void pool_actor_state::take(const probe_report& report) {
  if (report.passed) {
    step(probe_passed{report.probe, report.connection, report.rtt});
  } else {
    step(probe_failed{report.probe, report.connection, report.text});
  }
}

void pool_actor_state::take(const wake_up& wake) {
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
      ssh_error died{ssh_stage::session, ssh_failure::closed, "its actor ended: " + in_words(down.reason)};
      auto id = number;
      connections_.erase(id);
      closing_.erase(id);
      error_ = died;
      step(connection_lost{id, std::move(died)}); // whatever its state was, this ends it
      error_ = {};
      return;
    }
  }
}

void pool_actor_state::change(const cluster_settings& settings, caf::typed_response_promise<done> promise) {
  if (auto wrong = check_settings(settings); wrong.code != errc::none) {
    promise.deliver(make_error(wrong));
    return;
  }
  request(settings_changed{{}, settings}, std::move(promise));
  for (auto& [number, connection] : connections_)
    caf::anon_send(connection, change_probes{settings.probe, settings.probe_command, settings.probe_timeout});
}

// --- the core and its effects

void pool_actor_state::step(pool_event event) {
  effects_.clear();
  core_->set_announcing(!subscribers_.empty());
  core_->step(self_->clock().now(), event, effects_);
  for (auto& effect : effects_)
    std::visit([this](auto& what) { apply(what); }, effect);
  set_timer();
}

void pool_actor_state::apply(const open_connection& effect) {
  auto connection = self_->spawn(moorage::connection, effect.connection, settings(), pool_actor{self_},
                                 turns_, transports_);
  self_->monitor(connection);
  connections_.insert_or_assign(effect.connection, connection);
}

void pool_actor_state::apply(const close_connection& effect) {
  auto found = connections_.find(effect.connection);
  if (found == connections_.end()) { // between two tries to open there is no actor that could answer
    caf::anon_send(self_, link_closed{effect.connection});
    return;
  }
  closing_.insert(effect.connection);
  caf::anon_send(found->second, close_link{});
}

pool_actor_state::asker pool_actor_state::forget(std::unordered_map<request_id, asker>::iterator entry) {
  auto who = std::move(entry->second);
  if (who.call != 0)
    calls_.erase({who.holder, who.call});
  askers_.erase(entry);
  return who;
}

void pool_actor_state::apply(const grant& effect) {
  auto& connection = connections_.at(effect.connection);
  caf::anon_send(connection, begin_lease{effect.lease, settings().output_max});
  auto found = askers_.find(effect.request);
  if (found == askers_.end())
    return;
  auto who = forget(found);
  // Told once, to the first whom a new connection serves: nobody waited longer for it.
  auto said = said_.connection == effect.connection ? std::exchange(said_, {}) : words_of_opening{};
  tell(who.holder, lease_granted{{settings().name, who.call, effect.lease, effect.connection,
                                  std::move(said.banner), std::move(said.warnings)},
                                 caf::strong_actor_ptr{self_->ctrl()},
                                 caf::actor_cast<caf::strong_actor_ptr>(connection),
                                 settings().output_max});
}

void pool_actor_state::apply(const refuse& effect) {
  if (auto found = askers_.find(effect.request); found != askers_.end()) {
    auto who = forget(found);
    tell(who.holder, acquire_refused{settings().name, who.call, effect.reason});
  } else if (auto node = promises_.extract(effect.request); !node.empty()) {
    node.mapped().deliver(make_error(effect.reason));
  }
}

void pool_actor_state::apply(const acknowledge& effect) {
  if (auto node = promises_.extract(effect.request); !node.empty())
    node.mapped().deliver(done{});
}

void pool_actor_state::apply(const end_lease& effect) {
  if (auto found = connections_.find(effect.connection); found != connections_.end())
    caf::anon_send(found->second, fence_lease{effect.lease, effect.ask, effect.reason});
}

void pool_actor_state::apply(const notify_holder& effect) {
  tell(effect.holder, lease_lost{settings().name, effect.lease, effect.reason});
}

void pool_actor_state::apply(const start_probe& effect) {
  if (auto found = connections_.find(effect.connection); found != connections_.end())
    self_->spawn(probe, pool_actor{self_}, found->second,
                 probe_order{effect.probe, effect.connection, {effect.run}, settings().probe_timeout});
}

void pool_actor_state::apply(const announce& effect) {
  if (subscribers_.empty())
    return;
  event_record record;
  record.cluster = settings().name;
  record.at = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  record.what = effect.what;
  record.connection = effect.connection;
  record.lease = effect.lease;
  // Labels, a peer's words, paths: nothing in them may look like the end of a line, and of a record.
  record.text = printable(effect.text, printable_whole);
  if (effect.what == event_kind::opened || effect.what == event_kind::open_failed) {
    record.steps = steps_;
    for (auto& step : record.steps)
      step.text = printable(step.text, printable_whole);
  }
  if (effect.what == event_kind::open_failed || effect.what == event_kind::lost)
    record.error = {error_.stage, error_.kind, printable(error_.text, printable_whole)};
  record.removed = effect.removed;
  if (effect.what == event_kind::opened && !said_.banner.empty())
    record.text = "the server says: " + printable(said_.banner, printable_whole);
  for (auto& entry : subscribers_)
    if (entry.credit.spend(record.missed))
      moorage::tell(entry.whom, record);
}

void pool_actor_state::set_timer() {
  auto due = core_->next_due();
  if (due >= timer_due_)
    return; // the timer that runs comes earlier and sets the next
  timer_due_ = due;
  self_->delayed_send(self_, std::max(due - self_->clock().now(), std::chrono::nanoseconds{0}),
                      wake_up{++timer_generation_});
}

// --- reads and subscribers

void pool_actor_state::subscribe_to_events(const subscribe_for& request) {
  if (!request.subscriber)
    return;
  for (auto& entry : subscribers_)
    if (entry.whom == request.subscriber) {
      entry.credit.add(request.credit);
      return;
    }
  self_->monitor(caf::actor_cast<caf::actor>(request.subscriber));
  subscribers_.push_back({request.subscriber, {request.credit, 0}});
}

void pool_actor_state::credit_events(const grant_event_credit_for& request) {
  for (auto& entry : subscribers_)
    if (entry.whom == request.subscriber)
      entry.credit.add(request.credit);
}

void pool_actor_state::end_subscriptions_of(const caf::actor_addr& whom) {
  auto ended = std::erase_if(subscribers_, [&whom](const subscriber& entry) {
    return caf::actor_cast<caf::actor_addr>(entry.whom) == whom;
  });
  if (ended > 0 && holder_ids_.count(whom) == 0)
    self_->demonitor(whom);
}

} // namespace moorage
