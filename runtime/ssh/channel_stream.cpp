#include "runtime/ssh/channel_stream.hpp"

#include <algorithm>
#include <utility>

#include "messages/printable.hpp"
#include "runtime/ssh/channel_command.hpp"
#include "runtime/ssh/transport_link.hpp"
#include "runtime/ssh/wording.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;

/// How long to wait, from the first refusal, for a slot that a channel of ours is about to give back or has given back.
constexpr auto slot_patience = 1s;
/// A busy server clears a session away some time after it closed its channel: asked again after this long, doubling up
/// to 64 times as long.
constexpr auto slot_retry_first = 1ms;
constexpr int slot_doublings_max = 6;

} // namespace

command_stream::command_stream(stream_id id, exec_request request, std::uint64_t credit,
                               stream_surroundings& around)
    : id_(id), around_(around), request_(std::make_unique<exec_request>(std::move(request))), credit_(credit),
      window_(window_at_first), timeout_(request_->timeout) {
  input(std::exchange(request_->input, {}));
}

void command_stream::input(std::string bytes) {
  if (!bytes.empty() && !over() && !input_refused_)
    input_.push_back(std::move(bytes));
}

void command_stream::cancel(failure cause) {
  if (!cancelled_)
    cancelled_ = std::move(cause);
}

time_point command_stream::next_due() const {
  if (over())
    return time_point::max();
  auto due = std::min(overdue_, slot_due_);
  return proof_ == proof::none && !undelivered() ? std::min(due, quiet_at_) : due;
}

void command_stream::advance() {
  if (over())
    return;
  eager_ = false;
  if (phase_ == phase::fresh && timeout_.count() > 0)
    overdue_ = around_.now + timeout_;
  if (!cancelled_ && around_.now >= overdue_)
    cancelled_ =
        failure{errc::command_timeout, around_.destination +
                                           ": the command was given up: it took longer than its timeout of " +
                                           in_words(timeout_)};
  if (cancelled_) {
    if (complete())
      return finish(*ended_);
    return finish({sent() ? outcome_kind::maybe_ran : outcome_kind::never_sent, 0, {}, *cancelled_});
  }
  while (step()) {
  }
}

/// True: go on.
bool command_stream::step() {
  switch (phase_) {
  case phase::fresh:
    if (auto wrong = check_request(*request_); !wrong.empty()) {
      give_up(errc::invalid_request, wrong);
      return false;
    }
    phase_ = phase::opening;
    return true;
  case phase::waiting_for_slot:
    if (around_.channels_ended == slots_seen_ && around_.now < slot_due_)
      return false;
    slot_due_ = time_point::max();
    phase_ = phase::opening;
    return true;
  case phase::opening:
    return open_channel();
  case phase::environment:
    return set_environment();
  case phase::executing:
    if (execute())
      phase_ = phase::running;
    [[fallthrough]];
  case phase::running:
    if (over())
      return false;
    feed();
    drain();
    widen_window();
    look_for_end();
    return false;
  case phase::over:
    return false;
  }
  return false;
}

bool command_stream::open_channel() {
  if (!channel_)
    channel_ = std::make_unique<session_channel>(around_.link, this);
  switch (channel_->open()) {
  case session_channel::opening::open:
    phase_ = phase::environment;
    return true;
  case session_channel::opening::refused:
    if (try_again())
      return phase_ == phase::opening;
    give_up(
        errc::exec_refused,
        "the server refused to open a channel (" + printable(channel_->refusal()) +
            "); it allows only so many sessions on one connection (sshd_config: MaxSessions, 10 by default): "
            "lower channels_per_connection, or wait for commands that still run there");
    return false;
  case session_channel::opening::waiting:
  case session_channel::opening::broken:
    return false;
  }
  return false;
}

/// A refusal because of a channel of ours that is closing, or that the server had not yet cleared away, is not for
/// the user: sshd counts a session until it has looked after all that came in one batch.
bool command_stream::try_again() {
  bool just_ended = around_.channel_ended_at >= around_.now - slot_patience;
  if (refusals_++ == 0)
    slot_until_ = around_.now + slot_patience;
  if (around_.now >= slot_until_ || !(around_.channel_ending || just_ended))
    return false;
  channel_->settle();
  channel_ = nullptr;
  if (just_ended && refusals_ == 1)
    return true;
  slots_seen_ = around_.channels_ended;
  slot_due_ = slot_until_;
  if (just_ended)
    slot_due_ = std::min(slot_due_,
                         around_.now + slot_retry_first * (1 << std::min(refusals_ - 2, slot_doublings_max)));
  phase_ = phase::waiting_for_slot;
  return true;
}

bool command_stream::set_environment() {
  if (channel_->closed_by_peer()) {
    give_up(errc::exec_refused, "the server closed the channel before the command was sent");
    return false;
  }
  auto& variables = request_->environment;
  while (variable_at_ < variables.size()) {
    auto& variable = variables[variable_at_];
    if (!around_.refused_variables.count(variable.name)) {
      auto said = channel_->set_environment(variable.name, variable.value);
      if (said == session_channel::reply::waiting)
        return false;
      if (said == session_channel::reply::no)
        around_.refused_variables.insert(variable.name);
    }
    if (around_.refused_variables.count(variable.name))
      prefixed_.push_back(std::move(variable));
    ++variable_at_;
  }
  if (!prefixed_.empty())
    request_->command = with_environment(prefixed_, request_->command);
  phase_ = phase::executing;
  return true;
}

/// True: the server has accepted.
bool command_stream::execute() {
  auto said = channel_->execute(request_->command);
  if (said == session_channel::reply::no) {
    phase_ = phase::environment; // nothing runs: safe to repeat
    give_up(errc::exec_refused,
            "the server refused to start the command; the account may be limited to other services "
            "(sshd_config: ForceCommand, authorized_keys: restrict)");
  }
  return said == session_channel::reply::yes;
}

void command_stream::exit_status(int status) {
  if (!ended_)
    ended_ = outcome{outcome_kind::exited, status, {}, {}};
  quiet_at_ = around_.now + quiet_time;
}

void command_stream::exit_signal(const std::string& name, const std::string&) {
  if (!ended_)
    ended_ = outcome{outcome_kind::signalled, 0, name, {}};
  quiet_at_ = around_.now + quiet_time;
}

void command_stream::look_for_end() {
  if (over() || undelivered())
    return;
  if (channel_->closed_by_peer()) {
    if (ended_)
      return finish(*ended_);
    return give_up(errc::connection_lost,
                   "the server closed the channel without a word on how the command ended");
  }
  if (!ended_ || around_.now < quiet_at_ || proof_ != proof::none)
    return;
  if (channel_->end_of_output())
    return finish(*ended_);
  proof_ = proof::wanted;
}

void command_stream::proved() {
  if (over() || proof_ != proof::asked)
    return;
  if (undelivered())
    proof_ = proof::none;
  else
    finish(*ended_);
}

/// The end is known, and all of the output has been delivered.
bool command_stream::complete() const {
  return ended_ && channel_ && !undelivered() && (channel_->closed_by_peer() || channel_->end_of_output());
}

void command_stream::broken(const ssh_error& why) {
  if (over())
    return;
  if (complete())
    return finish(*ended_);
  if (ended_)
    return give_up(errc::connection_lost,
                   "the command has ended, but the link broke before all of its output had come: " +
                       why.text);
  give_up(errc::connection_lost, why.text);
}

void command_stream::closing() {
  if (over())
    return;
  if (complete())
    return finish(*ended_);
  give_up(errc::connection_lost, ended_ ? "the command has ended, but the connection was closed before all "
                                          "of its output had come"
                                        : "the connection was closed while the command was under way");
}

/// The end without a known outcome.
void command_stream::give_up(errc code, const std::string& text) {
  bool named = text.rfind(around_.destination, 0) == 0;
  finish({sent() ? outcome_kind::maybe_ran : outcome_kind::never_sent,
          0,
          {},
          {code, named ? text : around_.destination + ": " + text}});
}

void command_stream::finish(outcome ended) {
  phase_ = phase::over;
  eager_ = false;
  if (channel_)
    channel_->leave();
  input_.clear();
  request_ = nullptr;
  around_.events->emplace_back(stream_over{id_, std::move(ended)});
}

} // namespace moorage
