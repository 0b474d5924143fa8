#include "tests/actors/virtual_world.hpp"

#include "actors/turns.hpp"
#include "messages/timeout_words.hpp"

#include <algorithm>

namespace moorage::test {

namespace {

/// Makes the configuration ready before the system is made of it.
caf::actor_system_config& prepared(caf::actor_system_config& config) {
  config.set("scheduler.policy", caf::atom("testing"));
  add_message_types(config);
  return config;
}

/// Work for a holder, done by it.
struct chore {
  std::function<void(caf::event_based_actor*)> what;
};

} // namespace

// --- the network --------------------------------------------------------------------------------------------------

bool scripted_transport::is_in(const std::vector<std::size_t>& list) const {
  return std::find(list.begin(), list.end(), number_) != list.end();
}

bool scripted_transport::pump(time_point now, std::vector<transport_event>& events) {
  due_ = time_point::max();
  more_ = false;
  if (opening_ && !open_ && !closing_)
    pump_opening(now, events);
  if (open_ && !running_.empty() && is_in(network_->close_at_command)) {
    for (auto& [stream, run] : std::exchange(running_, {}))
      events.push_back(
          stream_over{stream, {outcome_kind::never_sent, 0, {}, {errc::connection_lost, "closed"}}});
    events.push_back(transport_failed{{ssh_stage::session, ssh_failure::reset, "closed by peer"}, {}, {}});
    return false;
  }
  if (open_)
    pump_timeouts(now);
  if (open_ && !is_in(network_->silent))
    pump_open(now, events);
  note_owed(now);
  if (network_->cancel_hangs && !cancelled_.empty())
    due(now + 10ms);
  else
    for (auto& event : std::exchange(cancelled_, {}))
      events.push_back(std::move(event));
  for (auto& event : std::exchange(soon_, {}))
    events.push_back(std::move(event));
  if (open_ && is_in(network_->broken)) {
    for (auto& [stream, run] : std::exchange(running_, {}))
      events.push_back(
          stream_over{stream, {outcome_kind::maybe_ran, 0, {}, {errc::connection_lost, "reset"}}});
    events.push_back(transport_failed{{ssh_stage::session, ssh_failure::reset, "reset by peer"}, {}, {}});
  }
  return more_ && !open_;
}

void scripted_transport::pump_opening(time_point now, std::vector<transport_event>& events) {
  if (network_->open_hangs)
    return;
  if (!opens_at_)
    opens_at_ = now + network_->open_takes;
  if (now < *opens_at_) {
    due(*opens_at_);
    return;
  }
  if (network_->open_fails) {
    events.push_back(transport_failed{network_->open_fails, {}, network_->warnings});
    return;
  }
  if (computing(now, events))
    return;
  open_ = true;
  ++network_->opened;
  heard_ = now;
  events.push_back(transport_opened{{}, network_->warnings, network_->banner});
}

/// True: it is not open yet.
bool scripted_transport::computing(time_point now, std::vector<transport_event>& events) {
  if (computed_ == network_->computes)
    return false;
  if (deadline_ == time_point::min()) { // this pump did not say that it would
    deadline_ = now + network_->open_timeout;
    more_ = true;
    return true;
  }
  if (now >= deadline_) {
    events.push_back(transport_failed{{ssh_stage::key_exchange, ssh_failure::timed_out, "too late"}, {}, {}});
    return true;
  }
  if (now >= heard_from_peer_) {
    network_->computed.push_back(number_);
    ++computed_;
    heard_from_peer_ = now + network_->peer_takes;
    more_ = network_->peer_takes == 0ns;
  }
  due(std::min(heard_from_peer_, deadline_));
  return computed_ < network_->computes;
}

void scripted_transport::pump_timeouts(time_point now) {
  std::vector<stream_id> late;
  for (auto& [stream, run] : running_) {
    if (run.timeout.count() == 0)
      continue;
    if (!run.overdue)
      run.overdue = now + run.timeout;
    if (*run.overdue <= now)
      late.push_back(stream);
    else
      due(*run.overdue);
  }
  for (auto stream : late)
    cancel(stream, {errc::command_timeout, "too late: " + longer_than_timeout(running_.at(stream).timeout)});
}

void scripted_transport::note_owed(time_point now) {
  auto owed = open_ && (parked_ || !asked_.empty() ||
                        std::any_of(running_.begin(), running_.end(),
                                    [](const auto& entry) { return !entry.second.ends; }));
  owed_since_ = owed ? std::min(owed_since_, now) : time_point::max();
}

void scripted_transport::pump_open(time_point now, std::vector<transport_event>& events) {
  if (std::exchange(parked_, false)) {
    ++answers_;
    heard_ = now;
  }
  for (auto& [question, answered] : asked_)
    if (!answered)
      answered = now + network_->answer_takes;
  std::erase_if(asked_, [&](const auto& entry) {
    if (now < *entry.second) {
      due(*entry.second);
      return false;
    }
    heard_ = now;
    ++answers_;
    events.push_back(question_answered{entry.first, network_->refusal});
    return true;
  });
  for (auto& [stream, run] : running_)
    if (!run.ends) {
      run.ends = now + network_->run_takes;
      heard_ = now;
      ++answers_;
    }
  if (network_->endless) {
    for (auto& [stream, run] : running_)
      for (std::uint64_t size = 0; run.credit > 0; run.credit -= size) {
        size = std::min<std::uint64_t>(run.credit, 32u << 10);
        events.push_back(stream_output{stream, output_kind::output, std::string(size, 'x')});
      }
    return;
  }
  std::erase_if(running_, [&](const auto& entry) {
    const auto& [stream, run] = entry;
    if (now < *run.ends) {
      due(*run.ends);
      return false;
    }
    heard_ = now;
    events.push_back(stream_output{stream, output_kind::output, run.command});
    events.push_back(stream_over{stream, {outcome_kind::exited, 0, {}, {}}});
    return true;
  });
}

// --- the world ----------------------------------------------------------------------------------------------------

namespace {

class scripted_recording final : public recording_file {
public:
  scripted_recording(std::shared_ptr<scripted_recordings> all, std::size_t number)
      : all_(std::move(all)), path_("/recordings/" + std::to_string(number)) {}
  const std::string& path() const override { return path_; }
  std::optional<failure> result() override {
    return all_->written ? std::optional{all_->fails} : std::nullopt;
  }

private:
  std::shared_ptr<scripted_recordings> all_;
  std::string path_;
};

} // namespace

virtual_world::virtual_world(cluster_settings settings, bool sleeps,
                             const std::function<void(manager_world&)>& change)
    : system(prepared(config)), sched(dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())),
      cluster(std::move(settings)) {
  manager_world world;
  world.transports = [network = network](const cluster_settings&, waker wake) -> std::unique_ptr<transport> {
    return std::make_unique<scripted_transport>(network, std::move(wake));
  };
  world.connects_at_once = world.probes_at_once = 0;
  world.write_recording = [to = recordings](recording what, std::function<void()> wake) {
    to->begun.push_back(std::move(what));
    to->wake = std::move(wake);
    to->written = false;
    return std::make_unique<scripted_recording>(to, to->begun.size());
  };
  world.report_bug = [this](const std::string& where, const std::string& what) {
    bugs.push_back(where.empty() ? what : where + ": " + what);
  };
  if (sleeps)
    world.asleep = [this] { return asleep; };
  if (change)
    change(world);
  manager = system.spawn(moorage::manager, std::vector{cluster}, std::move(world));
  sched.run();
}

virtual_world::~virtual_world() {
  caf::anon_send(manager, stop_all{});
  pass(1s);
  caf::anon_send_exit(manager, caf::exit_reason::kill);
  manager = nullptr;
  sched.run();
}

void virtual_world::pass(std::chrono::nanoseconds time, std::chrono::nanoseconds step) {
  sched.run();
  while (time > 0ns) {
    auto part = std::min(time, step);
    sched.advance_time(part);
    sched.run();
    time -= part;
  }
}

turns_actor next_giver(virtual_world& world) {
  for (auto& jobs = world.sched.jobs; !jobs.empty(); world.one_message())
    if (auto* actor = dynamic_cast<caf::local_actor*>(jobs.front());
        actor != nullptr && std::string{actor->name()} == turns_actor_state::name)
      return caf::actor_cast<turns_actor>(actor->ctrl());
  return {};
}

// --- holders ------------------------------------------------------------------------------------------------------

holder::holder(virtual_world& world, std::string label) : world_(world), label_(std::move(label)) {
  auto memory = heard;
  // Arguments, not captures: CAF 0.17.6 dereferences a null pointer to spawn a function that takes none.
  auto act = [](caf::event_based_actor* self, std::shared_ptr<holder::memory> memory) -> caf::behavior {
    self->set_default_handler(caf::drop);
    return {
        [self](const local_call& call) { std::static_pointer_cast<chore>(call.what)->what(self); },
        [memory, self](lease_granted& grant) {
          memory->answered(grant.call, self->clock().now().time_since_epoch());
          if (memory->confirms)
            caf::anon_send(caf::actor_cast<pool_actor>(grant.pool), confirm_lease{grant.lease});
          memory->grants.push_back(std::move(grant));
        },
        [memory, self](acquire_refused& refusal) {
          memory->answered(refusal.call, self->clock().now().time_since_epoch());
          memory->refusals.push_back(std::move(refusal.reason));
        },
        [memory](const lease_lost& lost) { memory->lost.push_back(lost); },
        [memory](run_ended& ended) { memory->results.push_back(std::move(ended.result)); },
    };
  };
  actor_ = world.system.spawn(act, memory);
  world.sched.run();
}

template <class F>
void holder::act(F what) {
  caf::anon_send(actor_, local_call{std::make_shared<chore>(chore{std::move(what)})});
  world_.sched.run();
}

acquire_for holder::request(std::chrono::nanoseconds patience, bool wait_for_ready) {
  return {{world_.cluster.name, ++calls_, patience, label_, wait_for_ready},
          caf::actor_cast<caf::strong_actor_ptr>(actor_)};
}

void holder::acquire(std::chrono::nanoseconds patience, bool wait_for_ready) {
  caf::anon_send(world_.manager, request(patience, wait_for_ready));
  world_.sched.run();
}

void holder::cancel(std::uint64_t call) {
  caf::anon_send(world_.manager, cancellation(call));
  world_.sched.run();
}

cancel_acquire_for holder::cancellation(std::uint64_t call) const {
  return {{call}, world_.cluster.name, caf::actor_cast<caf::strong_actor_ptr>(actor_)};
}

void holder::release(std::size_t index) {
  act([memory = heard, grant = heard->grants.at(index)](caf::event_based_actor* self) {
    release_lease_for order{grant.lease, caf::strong_actor_ptr{self->ctrl()}};
    self->request(caf::actor_cast<pool_actor>(grant.pool), caf::infinite, order)
        .then([=](const done&) { memory->releases.push_back({}); },
              [=](const caf::error& error) { memory->releases.push_back(to_failure(error)); });
  });
}

void holder::run(const std::string& command, std::size_t index, std::chrono::milliseconds timeout) {
  run_under(++runs_, command, index, timeout);
}

void holder::run_under(std::uint64_t call, const std::string& command, std::size_t index,
                       std::chrono::milliseconds timeout) {
  act([=, grant = heard->grants.at(index)](caf::event_based_actor* self) {
    run_command order;
    order.lease = grant.lease;
    order.call = call;
    order.what.command = command;
    order.what.timeout = timeout;
    self->send(caf::actor_cast<connection_actor>(grant.connection), std::move(order));
  });
}

void holder::cancel_run(std::size_t index) {
  act([call = runs_, grant = heard->grants.at(index)](caf::event_based_actor* self) {
    self->send(caf::actor_cast<connection_actor>(grant.connection),
               cancel_command{grant.cluster, grant.lease, call});
  });
}

void holder::probe(bool as_pool, std::size_t index) {
  act([=, memory = heard, grant = heard->grants.at(index)](caf::event_based_actor* self) {
    self->request(caf::actor_cast<connection_actor>(grant.connection), caf::infinite, probe_request{as_pool})
        .then([=](probe_answer& answer) { memory->probes.push_back(std::move(answer)); },
              [=](const caf::error& error) { memory->probe_errors.push_back(to_failure(error)); });
  });
}

void holder::die() {
  if (!actor_)
    return;
  caf::anon_send_exit(actor_, caf::exit_reason::kill);
  actor_ = nullptr;
  world_.sched.run();
}

} // namespace moorage::test
