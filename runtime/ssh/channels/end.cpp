// How a command ends: by itself, by our wish, with its link.
#include <algorithm>
#include <utility>

#include "messages/durations.hpp"
#include "messages/printable.hpp"
#include "runtime/ssh/channels/stream.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;

/// When the end of the command and of its output is known, the server's close is waited for this long: it
/// gives the slot back, and comes at once.
constexpr auto close_patience = 250ms;

/// From SIGTERM to SIGKILL.
constexpr auto kill_patience = 2s;

} // namespace

void command_stream::exit_status(int status) {
  if (!ended_)
    ended_ = outcome{outcome_kind::exited, status, {}, {}};
}

void command_stream::exit_signal(const std::string& name, const std::string&) {
  if (!ended_)
    ended_ = outcome{outcome_kind::signalled, 0, signal_name(name), {}};
}

/// The command's end says nothing about its output: what it left behind may hold the pipes, silent or not.
/// All has come when the server says so, by its close or the end of output; until then output is waited for
/// as long as was asked for.
void command_stream::look_for_end() {
  if (over())
    return;
  if (channel_->closed_by_peer()) {
    linger_due_ = time_point::max();
    if (undelivered())
      return;
    if (ended_ || ending_)
      return finish(known());
    return give_up(errc::connection_lost,
                   "the server closed the channel without a word on how the command ended");
  }
  if (!ended_)
    return;
  if (channel_->end_of_output()) {
    linger_due_ = time_point::max();
    if (close_due_ == time_point::max())
      close_due_ = around_.now + close_patience;
    if (around_.now >= close_due_ && !undelivered())
      finish(known());
    return;
  }
  if (wait_for_close_ || ending_)
    return;
  if (undelivered()) { // how long the reader holds output up does not count: the server may hold more for it
    if (linger_due_ != time_point::max())
      linger_ = std::chrono::ceil<std::chrono::milliseconds>(std::max(linger_due_ - around_.now, 0ns));
    linger_due_ = time_point::max();
    return;
  }
  if (linger_due_ == time_point::max())
    linger_due_ = around_.now + linger_;
  if (around_.now >= linger_due_)
    finish(known());
}

/// The end is known, and all of the output has been delivered.
bool command_stream::complete() const {
  return ended_ && channel_ && !undelivered() && !output_lost_ &&
         (channel_->closed_by_peer() || channel_->end_of_output());
}

/// What there is to say of a command that was sent.
outcome command_stream::known() const {
  if (!ended_) {
    auto cause = *cancelled_;
    if (!channel_->closed_by_peer())
      cause.text +=
          "; it was told to end, has not within " + to_text(answer_patience) + ", and may still run";
    return {outcome_kind::maybe_ran, 0, {}, std::move(cause)};
  }
  auto said = *ended_;
  said.output_open = !complete();
  if (cancelled_ && (terminated_ || said.output_open))
    said.cause = *cancelled_;
  return said;
}

void command_stream::broken(const ssh_error& why) {
  if (over())
    return;
  if (complete())
    return finish(known());
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
    return finish(known());
  if (phase_ == phase::running && !ended_)
    channel_->signal("TERM");
  // Why it was to end says more than that its connection is closed then.
  if (cancelled_ && !ended_)
    return give_up(cancelled_->code, cancelled_->text);
  give_up(errc::connection_lost, ended_ ? "the command has ended, but the connection was closed before all "
                                          "of its output had come"
                                        : "the connection was closed while the command was under way");
}

/// The command is not wanted any more: what has not begun does not, what runs is ended by signals. Only when
/// its channel is closed, by the server or after all patience by us, is it known what became of it.
void command_stream::begin_end() {
  if (!sent())
    return finish({outcome_kind::never_sent, 0, {}, *cancelled_});
  ending_ = true;
  input_.clear();
  input_refused_ = true;
  throw_away();
  answer_due_ = around_.now + answer_patience;
  if (ended_) // nothing is left that a signal would reach
    finish(known());
}

void command_stream::go_on_ending() {
  if (!ended_ && phase_ == phase::running) {
    if (!terminated_) {
      terminated_ = true;
      swept_at_ = kill_due_ = around_.now + kill_patience;
      channel_->signal("TERM");
    } else if (kill_due_ != time_point::max() && around_.now >= std::min(kill_due_, answer_due_)) {
      kill_due_ = time_point::max();
      channel_->signal("KILL");
    }
  }
  if (around_.now >= answer_due_)
    finish(known());
}

std::string command_stream::take_sweep() {
  bool now = ending_ && (over() || (terminated_ && around_.now >= swept_at_));
  return now ? std::exchange(marker_, {}) : std::string{};
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
  ended.variables_refused = std::move(left_out_);
  around_.events->emplace_back(stream_over{id_, std::move(ended)});
}

} // namespace moorage
