#include "actors/connection/connection.hpp"

#include <caf/all.hpp>

#include "actors/composure.hpp"
#include "actors/durations.hpp"

namespace moorage {

namespace {

/// Anonymous on purpose: a receiver that does not know the message must not end this connection.
void tell(const caf::strong_actor_ptr& whom, caf::message what) {
  if (whom)
    caf::anon_send(caf::actor_cast<caf::actor>(whom), std::move(what));
}

} // namespace

connection_actor_state::~connection_actor_state() {
  auto gone = this->gone();
  for (auto& [stream, command] : commands_) {
    if (command.probe.pending())
      command.probe.deliver(make_error(gone));
    answer(command, {outcome_kind::maybe_ran, 0, {}, gone});
  }
  for (auto& [number, question] : questions_)
    if (question.promise.pending())
      question.promise.deliver(make_error(gone));
}

void connection_actor_state::start(connection_command command, exec_request request, std::uint64_t credit) {
  stream_id stream{++ids_};
  command.started = self->clock().now();
  command.own_input_left = request.input.size();
  request.timeout = std::min(request.timeout, longest_timeout);
  if (request.timeout.count() > 0)
    command.overdue = after(command.started, request.timeout);
  bool input_ends = command.is != connection_command::what::stream;
  if (command.name.lease) {
    named_.emplace(command.name, stream);
    command.late = after(command.started, lateness());
  }
  commands_.emplace(stream, std::move(command));
  link->start(stream, std::move(request), credit);
  if (input_ends)
    link->end_input(stream);
  drive();
}

/// Why a command of this name cannot be started.
failure connection_actor_state::unfit(const command_name& name) const {
  if (leases_.count(name.lease) == 0)
    return lease_over(name.lease);
  if (named_.count(name) > 0)
    return {errc::invalid_request, "command " + std::to_string(name.call) + " under lease " +
                                       to_string(name.lease) +
                                       " has not ended: give each that runs a number of its own"};
  if (commands_.size() >= commands_max)
    return {errc::too_many_requests, std::to_string(commands_max) +
                                         " commands are under way on the connection to '" + settings.name +
                                         "' already, and no more are sent: wait for some of them"};
  return {};
}

void connection_actor_state::run(run_command& request, const caf::strong_actor_ptr& asker) {
  connection_command command;
  command.name = named(request.lease, request.call);
  command.asker = asker;
  if (auto wrong = unfit(command.name); wrong.code != errc::none)
    return answer(command, {outcome_kind::never_sent, 0, {}, std::move(wrong)});
  command.collect_max = request.what.output_max != 0 ? request.what.output_max : settings.output_max;
  start(std::move(command), std::move(request.what), unlimited_credit);
}

void connection_actor_state::stream(open_stream& request, const caf::strong_actor_ptr& sink) {
  if (!sink)
    return; // sent by nobody, who cannot be told either
  connection_command command;
  command.is = connection_command::what::stream;
  command.name = named(request.lease, request.call);
  command.asker = sink;
  if (auto wrong = unfit(command.name); wrong.code != errc::none)
    return answer(command, {outcome_kind::never_sent, 0, {}, std::move(wrong)});
  command.input_room = stream_input_room;
  self->monitor(caf::actor_cast<caf::actor>(sink));
  tell(sink, caf::make_message(stream_room{request.call, stream_input_room}));
  start(std::move(command), std::move(request.what), request.credit);
}

/// As the sender of the message at hand calls it.
command_name connection_actor_state::named(lease_id lease, std::uint64_t call) const {
  return {lease, call, caf::actor_cast<caf::actor_addr>(self->current_sender())};
}

connection_command* connection_actor_state::find(lease_id lease, std::uint64_t call, stream_id& stream) {
  auto found = named_.find(named(lease, call));
  if (found == named_.end())
    return nullptr; // it ended meanwhile
  stream = found->second;
  return &commands_.at(stream);
}

void connection_actor_state::cancel(const cancel_command& request) {
  stream_id stream;
  if (auto* command = find(request.lease, request.call, stream)) {
    cut_short(*command);
    link->cancel(stream, {errc::cancelled, "the command was cancelled"});
    drive();
  }
}

void connection_actor_state::grant(const grant_stream_credit& credit) {
  stream_id stream;
  if (find(credit.lease, credit.call, stream) != nullptr) {
    link->grant_credit(stream, credit.bytes);
    drive();
  }
}

void connection_actor_state::take_input(send_stream_input& input) {
  stream_id stream;
  auto* command = find(input.lease, input.call, stream);
  if (command == nullptr)
    return;
  // A run has no room at all.
  if (input.bytes.size() > command->input_room) {
    link->cancel(stream, {errc::invalid_request, "more standard input was sent than there was room for"});
  } else {
    command->input_room -= input.bytes.size();
    link->input(stream, std::move(input.bytes));
  }
  drive();
}

void connection_actor_state::end_input(const end_stream_input& request) {
  stream_id stream;
  if (auto* command = find(request.lease, request.call, stream);
      command != nullptr && command->is == connection_command::what::stream) {
    link->end_input(stream);
    drive();
  }
}

void connection_actor_state::lose_sink(const caf::actor_addr& sink) {
  bool any = false;
  for (auto& [stream, command] : commands_) {
    if (command.is == connection_command::what::stream && command.asker &&
        caf::actor_cast<caf::actor_addr>(command.asker) == sink) {
      command.asker = nullptr;
      any = true;
      cut_short(command);
      link->cancel(stream, {errc::cancelled, "the receiver of the stream is gone"});
    }
  }
  if (any)
    drive();
}

void connection_actor_state::close() {
  if (now_in == phase::closing || now_in == phase::over)
    return;
  now_in = phase::closing;
  why_gone_ = "it was closed";
  link->close();
  drive();
}

void connection_actor_state::wake(std::uint64_t generation) {
  if (generation == 0)
    more_queued_ = false;
  else if (generation == timer_generation_)
    timer_due_ = time_point::max();
  drive();
}

void connection_actor_state::drive() {
  if (now_in == phase::over)
    return;
  auto now = self->clock().now();
  watch_opening(now);
  if (waits_for_turn(now)) {
    set_timer(now);
    return;
  }
  events_.clear();
  bool more = link->pump(now, events_);
  give_turn_back();
  watch_cuts(now); // before a command that was given up is told to be over
  auto events = std::move(events_);
  for (auto& event : events) {
    if (now_in == phase::over)
      return;
    std::visit([this](auto& what) { fold(what); }, event);
  }
  events_ = std::move(events);
  if (now_in == phase::over)
    return;
  watch_answers(now);
  watch_silence(now);
  if (now_in == phase::over)
    return;
  watch_channels(now);
  if (more && !more_queued_ && !waits_for_turn(now)) {
    more_queued_ = true;
    caf::anon_send(self, wake_up{0});
  }
  set_timer(now);
}

void connection_actor_state::fold(transport_failed& event) {
  why_gone_ = event.error.text;
  switch (now_in) {
  case phase::opening:
    caf::anon_send(pool, connection_failed{id, std::move(event.error), std::move(event.steps),
                                           std::move(event.warnings), std::move(event.files),
                                           std::move(event.keys), std::move(event.machines)});
    break;
  case phase::open:
    caf::anon_send(pool, connection_lost{id, std::move(event.error)});
    break;
  default:
    caf::anon_send(pool, connection_closed{id});
  }
  be_over();
}

void connection_actor_state::fold(transport_closed&) {
  caf::anon_send(pool, connection_closed{id});
  be_over();
}

void connection_actor_state::fold(stream_output& event) {
  auto found = commands_.find(event.stream);
  if (found == commands_.end())
    return;
  auto& command = found->second;
  if (command.is == connection_command::what::stream) {
    tell(command.asker,
         caf::make_message(stream_chunk{command.name.call, event.kind, std::move(event.bytes)}));
  } else if (command.is == connection_command::what::run) {
    auto& result = command.collected;
    auto room = command.collect_max - result.output.size() - result.error_output.size();
    auto& into = event.kind == output_kind::output ? result.output : result.error_output;
    if (event.bytes.size() > room) {
      event.bytes.resize(room);
      result.output_cut = true;
    }
    into += event.bytes;
  }
}

void connection_actor_state::fold(stream_input_taken& event) {
  auto found = commands_.find(event.stream);
  if (found == commands_.end() || found->second.is != connection_command::what::stream)
    return;
  auto& command = found->second;
  auto own = std::min(event.bytes, command.own_input_left);
  command.own_input_left -= own;
  if (auto bytes = event.bytes - own; bytes > 0) {
    command.input_room += bytes;
    tell(command.asker, caf::make_message(stream_room{command.name.call, bytes}));
  }
}

void connection_actor_state::fold(stream_over& event) {
  auto found = commands_.find(event.stream);
  if (found == commands_.end())
    return;
  // In the table until it is answered: what happens in between must not take it for one that was never sent.
  auto& command = found->second;
  note_cleared(event.stream, command.name.lease, event.ended.kind);
  if (event.ended.cause.code == errc::channel_refused)
    channel_was_refused(command, event.ended.cause);
  auto seen = event.ended.kind == outcome_kind::exited || event.ended.kind == outcome_kind::signalled;
  if (seen && (command.is != connection_command::what::probe || peer_doubted_)) // a probe reports by itself
    hear_answer(command.is == connection_command::what::stream ? evidence_kind::stream
                                                               : evidence_kind::command,
                static_cast<bool>(command.name.lease));
  command.collected.took = self->clock().now() - command.started;
  if (command.probe.pending())
    answer_probe(command, event.ended);
  answer(command, std::move(event.ended));
  auto over = commands_.extract(found);
  if (over.mapped().name.lease)
    named_.erase(over.mapped().name);
  if (over.mapped().is == connection_command::what::stream && over.mapped().asker)
    watch_less(over.mapped().asker);
}

/// One stream less goes to this sink; one demonitor takes every monitor of it along.
void connection_actor_state::watch_less(const caf::strong_actor_ptr& sink) {
  self->demonitor(caf::actor_cast<caf::actor_addr>(sink));
  for (auto& [stream, other] : commands_)
    if (other.is == connection_command::what::stream && other.asker == sink) {
      self->monitor(caf::actor_cast<caf::actor>(sink));
      break;
    }
}

/// The last word on a run or a stream.
void connection_actor_state::answer(connection_command& command, outcome ended) {
  if (command.is == connection_command::what::run) {
    command.collected.ended = std::move(ended);
    tell(command.asker, caf::make_message(run_ended{command.name.call, std::move(command.collected)}));
  } else if (command.is == connection_command::what::stream) {
    tell(command.asker, caf::make_message(stream_end{command.name.call, std::move(ended)}));
  }
}

void connection_actor_state::set_timer(time_point now) {
  auto until = link->computes_until();
  auto due = turn_ == turn::asked && now < until
                 ? until
                 : std::min({link->next_due(), silence_due_, answer_due_, late_due_});
  if (now_in == phase::opening)
    due = std::min(due, hindrance_due_);
  if (due >= timer_due_)
    return; // the timer that runs comes earlier and sets the next
  timer_due_ = due;
  self->delayed_send(self, std::max(due - now, std::chrono::nanoseconds{0}), wake_up{++timer_generation_});
}

failure connection_actor_state::gone() const {
  return {errc::connection_lost,
          "the connection to '" + settings.name + "' ended" + (why_gone_.empty() ? "" : ": " + why_gone_)};
}

void connection_actor_state::be_over() {
  now_in = phase::over;
  self->quit();
}

namespace { // apart from the actor's function: see the pool's
connection_actor::behavior_type behaviour_of(connection_actor_state* state) {
  return {
      [state](run_command& request) { state->run(request, state->self->current_sender()); },
      [state](open_stream& request) { state->stream(request, state->self->current_sender()); },
      [state](const cancel_command& request) { state->cancel(request); },
      [state](const grant_stream_credit& credit) { state->grant(credit); },
      [state](send_stream_input& input) { state->take_input(input); },
      [state](const end_stream_input& request) { state->end_input(request); },
      [state](const probe_request& request) {
        auto promise = state->self->make_response_promise<probe_answer>();
        state->answer_probe(request, promise);
        return promise;
      },
      [state](const begin_lease& order) { state->begin(order); },
      [state](const end_lease& order) { state->end(order); },
      [state](const give_up_channel& order) { state->give_up(order); },
      [state](const change_probes& order) { state->change(order); },
      [state](carry_connection& order) { state->carry(order); },
      [state](const carrier_waits& told) { state->take(told); },
      [state](carrier_hindered& told) { state->take(told); },
      [state](const close_connection&) { state->close(); },
      [state](const turns_replaced& order) { state->ask_anew(order); },
      [state](const turn_given&) { state->take_turn(); },
      [state](const wake_up& wake) { state->wake(wake.generation); },
  };
}

} // namespace

connection_actor::behavior_type connection(connection_actor::stateful_pointer<connection_actor_state> self,
                                           connection_id id, cluster_settings settings, pool_actor pool,
                                           turns_actor turns, transport_factory transports,
                                           const machine_choice& where) {
  auto& state = self->state;
  state.id = id;
  state.settings = std::move(settings);
  state.pool = std::move(pool);
  state.turns = std::move(turns);
  state.began = self->clock().now();
  // Weak: a transport that outlives its welcome must not keep its owner alive.
  auto address = self->address();
  state.link = transports(state.settings, [address] {
    if (auto owner = caf::actor_cast<caf::strong_actor_ptr>(address))
      caf::anon_send(caf::actor_cast<caf::actor>(owner), wake_up{0});
  });
  keep_composure(self);
  self->set_down_handler([self](const caf::down_msg& down) { self->state.lose_sink(down.source); });
  state.link->choose(where);
  state.link->open();
  state.drive();
  return behaviour_of(&state);
}

} // namespace moorage
